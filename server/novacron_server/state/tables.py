"""The tables, as they are after all migrations; a test holds the two together.

Protobuf messages are kept as bytes, beside the columns that lists filter and order by. Times are seconds since 1970.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData()

database = Table(
    "database",
    metadata,
    # Made with the database: two databases never agree on a position in a stream.
    Column("epoch", String, primary_key=True),
    # That of the newest change of any operation, and the greatest one of an operation that was forgotten.
    Column("position", BigInteger, nullable=False),
    Column("forgotten", BigInteger, nullable=False),
)

provider = Table(
    "provider",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("display_name", String, nullable=False),
    Column("config", LargeBinary, nullable=False),
    # Sealed; empty for the machine's own identity.
    Column("auth", LargeBinary, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("origin", String, nullable=False),
    Column("created", Double, nullable=False),
)

answer = Table(
    "answer",
    metadata,
    Column("principal", String, primary_key=True),
    Column("request_id", String, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created", Double, nullable=False),
    Index("answer_created", "created"),
)

operation = Table(
    "operation",
    metadata,
    Column("id", String, primary_key=True),
    Column("provider", String, nullable=False),
    Column("principal", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("method", String, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    # Empty once done: it may hold secrets (user_data), and only a recovery needs it.
    Column("request", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", Integer, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("cancel", Boolean, nullable=False),
    # Name of the resource that no other operation may touch meanwhile; NULL once done, and for what has no name yet.
    Column("holds", String),
    # Process that runs it, and until when nobody else may, on the database's clock; "" and NULL once done.
    Column("owner", String, nullable=False),
    Column("lease", Double),
    Column("created", Double, nullable=False),
    Column("ended", Double),
    # Of its newest change, among those of all operations.
    Column("position", BigInteger, nullable=False),
    UniqueConstraint("holds", name="operation_holds"),
    Index("operation_newest", "created", "id"),
    Index("operation_request", "request_id"),
    Index("operation_owner", "owner"),
    Index("operation_lease", "lease"),
    Index("operation_ended", "ended"),
    Index("operation_position", "position"),
)

step = Table(
    "operation_step",
    metadata,
    Column("operation", String, ForeignKey("operation.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    # Whether outcome is a google.rpc.Status in place of the text that the step gave.
    Column("failed", Boolean, nullable=False),
    # NULL for a step that was begun and may have been sent.
    Column("outcome", LargeBinary),
)

target = Table(
    "operation_target",
    metadata,
    Column("operation", String, ForeignKey("operation.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Index("operation_target_name", "name"),
)

line = Table(
    "operation_line",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("operation", String, ForeignKey("operation.id", ondelete="CASCADE"), nullable=False),
    # Revision of the operation with which the line was shown.
    Column("revision", BigInteger, nullable=False),
    # A line that a recovered run says again has the same key and is kept once; NULL for one that is always news.
    Column("key", String),
    Column("entry", LargeBinary, nullable=False),
    UniqueConstraint("operation", "key", name="operation_line_key"),
    Index("operation_line_revision", "operation", "revision"),
)

record = Table(
    "record",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("principal", String, nullable=False),
    Column("peer", String, nullable=False),
    Column("method", String, nullable=False),
    Column("resource", String, nullable=False),
    Column("request_id", String, nullable=False),
    # SHA-256 of method and request, secrets included; the request itself is without them.
    Column("digest", LargeBinary, nullable=False),
    Column("request", LargeBinary, nullable=False),
    # Id of the operation that it began; NULL for a change of the sidecar itself.
    Column("operation", String),
    Column("began", Double, nullable=False),
    # Both NULL until the outcome is known; outcome is a google.rpc.Status.
    Column("ended", Double),
    Column("outcome", LargeBinary),
    # Names of the operation's targets, as a list in JSON.
    Column("targets", String, nullable=False),
    Index("record_began", "began"),
    Index("record_operation", "operation"),
    Index("record_resource", "resource"),
)

# What reading a provider's metrics was billed in a day (since 1970, UTC), in its cloud's unit.
spend = Table(
    "spend",
    metadata,
    Column("provider", String, primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("billed", BigInteger, nullable=False),
)
