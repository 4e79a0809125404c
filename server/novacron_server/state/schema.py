"""Brings a database to the schema of this version; works from an installed wheel, without alembic.ini."""

import uuid

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)

from novacron_server.state.errors import StoreError
from novacron_server.state.tables import database, metadata

# Revision of the last migration.
HEAD = "0003"
# Any number that no other program on the same PostgreSQL takes.
_MIGRATING = 0x6E6F7661

# Alembic's own table, apart from ours because it is not ours to change.
_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def migrate(connection: Connection) -> str:
    """Make the tables, or run what migrations are missing; returns the database's epoch. Blocking.

    All in the connection's transaction. Replicas that start together do it one after the other. Raises StoreError for
    a database of a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
        # What it imports in between may take a busy machine long, and no lease depends on this transaction yet.
        connection.execute(text("set local idle_in_transaction_session_timeout = '30s'"))
    present = _revision(connection)
    if present is None:
        _create(connection)
    elif present != HEAD:
        _upgrade(connection, present)
    epoch: str = connection.execute(select(database.c.epoch)).scalar_one()
    return epoch


def _revision(connection: Connection) -> str | None:
    """Revision that the database is at; None for an empty one."""
    if not inspect(connection).has_table(_version.name):
        return None
    return connection.execute(select(_version.c.version_num)).scalar()


def _create(connection: Connection) -> None:
    """Make at once what all migrations make of an empty database; a test holds the two together."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(database).values(epoch=uuid.uuid4().hex, position=1, forgotten=0))
    _version.create(connection)
    connection.execute(insert(_version).values(version_num=HEAD))


def _upgrade(connection: Connection, present: str) -> None:
    """Run the migrations that follow a revision; "base" is before the first one."""
    # Its import takes longer than all else here, and most starts need none of it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "novacron_server.state:migrations")
    config.attributes["connection"] = connection
    try:
        ScriptDirectory.from_config(config).get_revision(present)
    except CommandError:
        raise StoreError(
            f"its schema is {present}, which this version does not know: a newer version made it; "
            "run that one, or restore a backup"
        ) from None
    command.upgrade(config, "head")
