"""Runs the migrations that a database lacks; nothing else of a running server needs SQLAlchemy and Alembic."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from novacron_server.state.dialect import Dialect
from novacron_server.state.errors import StoreError


def upgrade(dialect: Dialect, present: str) -> None:
    """Run the migrations that follow a revision, in one transaction; "base" is before the first one. Blocking.

    Raises StoreError for a revision that is not known, SqlError where the database fails.
    """
    config = Config()
    config.set_main_option("script_location", "novacron_server.state:migrations")
    try:
        ScriptDirectory.from_config(config).get_revision(present)
    except CommandError:
        raise StoreError(
            f"its schema is {present}, which this version does not know: a newer version made it; "
            "run that one, or restore a backup"
        ) from None
    engine = create_engine(f"{dialect.driver}://", creator=dialect.connect, poolclass=NullPool)

    def begin(connection: Connection) -> None:
        dialect.command(connection.connection.driver_connection, dialect.begin["migrate"])

    event.listen(engine, "begin", begin)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise dialect.told(error.orig) from None
    except dialect.errors as error:
        raise dialect.told(error) from None
