CREATE TABLE answer (
	principal VARCHAR NOT NULL,
	request_id VARCHAR NOT NULL,
	digest BLOB NOT NULL,
	answer BLOB NOT NULL,
	created DOUBLE NOT NULL,
	PRIMARY KEY (principal, request_id)
);
CREATE INDEX answer_created ON answer (created);
CREATE TABLE "database" (
	epoch VARCHAR NOT NULL,
	position BIGINT NOT NULL,
	forgotten BIGINT NOT NULL,
	PRIMARY KEY (epoch)
);
CREATE TABLE operation (
	id VARCHAR NOT NULL,
	provider VARCHAR NOT NULL,
	principal VARCHAR NOT NULL,
	request_id VARCHAR NOT NULL,
	method VARCHAR NOT NULL,
	digest BLOB NOT NULL,
	request BLOB NOT NULL,
	body BLOB NOT NULL,
	state INTEGER NOT NULL,
	done BOOLEAN NOT NULL,
	cancel BOOLEAN NOT NULL,
	holds VARCHAR,
	owner VARCHAR NOT NULL,
	lease DOUBLE,
	created DOUBLE NOT NULL,
	ended DOUBLE,
	position BIGINT NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT operation_holds UNIQUE (holds)
);
CREATE INDEX operation_ended ON operation (ended);
CREATE INDEX operation_lease ON operation (lease);
CREATE INDEX operation_newest ON operation (created, id);
CREATE INDEX operation_owner ON operation (owner);
CREATE INDEX operation_position ON operation (position);
CREATE INDEX operation_request ON operation (request_id);
CREATE TABLE provider (
	id VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	display_name VARCHAR NOT NULL,
	config BLOB NOT NULL,
	auth BLOB NOT NULL,
	is_default BOOLEAN NOT NULL,
	version INTEGER NOT NULL,
	origin VARCHAR NOT NULL,
	created DOUBLE NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE record (
	id INTEGER NOT NULL,
	principal VARCHAR NOT NULL,
	peer VARCHAR NOT NULL,
	method VARCHAR NOT NULL,
	resource VARCHAR NOT NULL,
	request_id VARCHAR NOT NULL,
	digest BLOB NOT NULL,
	request BLOB NOT NULL,
	operation VARCHAR,
	began DOUBLE NOT NULL,
	ended DOUBLE,
	outcome BLOB,
	targets VARCHAR NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX record_began ON record (began);
CREATE INDEX record_operation ON record (operation);
CREATE INDEX record_resource ON record (resource);
CREATE TABLE spend (
	provider VARCHAR NOT NULL,
	day INTEGER NOT NULL,
	billed BIGINT NOT NULL,
	PRIMARY KEY (provider, day)
);
CREATE TABLE operation_line (
	id INTEGER NOT NULL,
	operation VARCHAR NOT NULL,
	revision BIGINT NOT NULL,
	"key" VARCHAR,
	entry BLOB NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT operation_line_key UNIQUE (operation, "key"),
	FOREIGN KEY(operation) REFERENCES operation (id) ON DELETE CASCADE
);
CREATE INDEX operation_line_revision ON operation_line (operation, revision);
CREATE TABLE operation_step (
	operation VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	failed BOOLEAN NOT NULL,
	outcome BLOB,
	PRIMARY KEY (operation, name),
	FOREIGN KEY(operation) REFERENCES operation (id) ON DELETE CASCADE
);
CREATE TABLE operation_target (
	operation VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	PRIMARY KEY (operation, name),
	FOREIGN KEY(operation) REFERENCES operation (id) ON DELETE CASCADE
);
CREATE INDEX operation_target_name ON operation_target (name);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
