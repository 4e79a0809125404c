"""Brings a database to the schema of this version; works from an installed wheel, without alembic.ini."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, func, select

from novacron_server.state.errors import StoreError
from novacron_server.state.tables import database

# Any number that no other program on the same PostgreSQL takes.
_MIGRATING = 0x6E6F7661


def migrate(connection: Connection) -> str:
    """Run what migrations are missing, in the connection's transaction, and return the database's epoch. Blocking.

    Replicas that start together do it one after the other. Raises StoreError for a database of a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
    config = Config()
    config.set_main_option("script_location", "novacron_server.state:migrations")
    config.attributes["connection"] = connection
    present = MigrationContext.configure(connection).get_current_revision()
    try:
        ScriptDirectory.from_config(config).get_revision(present or "base")
    except CommandError:
        raise StoreError(
            f"its schema is {present}, which this version does not know: a newer version made it; "
            "run that one, or restore a backup"
        ) from None
    command.upgrade(config, "head")
    epoch: str = connection.execute(select(database.c.epoch)).scalar_one()
    return epoch
