"""Brings a database to the schema of this version; works from an installed wheel, without alembic.ini."""

from sqlalchemy import Connection, func, inspect, select, text

from novacron_server.state.errors import StoreError
from novacron_server.state.tables import database

# Revision of the last migration.
HEAD = "0003"
# Any number that no other program on the same PostgreSQL takes.
_MIGRATING = 0x6E6F7661


def migrate(connection: Connection) -> str:
    """Run what migrations are missing, in the connection's transaction, and return the database's epoch. Blocking.

    Replicas that start together do it one after the other. Raises StoreError for a database of a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
    present = _revision(connection)
    if present != HEAD:
        _upgrade(connection, present)
    epoch: str = connection.execute(select(database.c.epoch)).scalar_one()
    return epoch


def _revision(connection: Connection) -> str | None:
    """Revision that the database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("select version_num from alembic_version")).scalar()
    return found


def _upgrade(connection: Connection, present: str | None) -> None:
    # Its import takes longer than all else here, and most starts need none of it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "novacron_server.state:migrations")
    config.attributes["connection"] = connection
    try:
        ScriptDirectory.from_config(config).get_revision(present or "base")
    except CommandError:
        raise StoreError(
            f"its schema is {present}, which this version does not know: a newer version made it; "
            "run that one, or restore a backup"
        ) from None
    command.upgrade(config, "head")
