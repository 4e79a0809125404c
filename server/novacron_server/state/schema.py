"""Brings a database to the schema of this version; works from an installed wheel, without alembic.ini."""

import uuid
from pathlib import Path

from novacron_server.state.connection import Connection
from novacron_server.state.dialect import Dialect

# Revision of the last migration.
HEAD = "0003"


def opened(dialect: Dialect) -> tuple[Connection, str]:
    """A connection to a database that has all tables then, and the database's epoch. Blocking.

    Makes the tables, or runs what migrations are missing, in one transaction. Replicas that start together do it one
    after the other. Raises StoreError for a database of a newer version, SqlError for one that cannot be used.
    """
    connection = Connection(dialect)
    try:
        connection.begin("migrate")
        present = _revision(connection, dialect)
        if present is None:
            _create(connection, dialect)
        elif present != HEAD:
            connection.commit()
            # Its imports take longer than all else of a start, and most starts need none of it.
            from novacron_server.state.upgrade import upgrade

            upgrade(dialect, present)
            connection.begin("read")
        epoch: str = connection.row("select epoch from database").epoch
        connection.commit()
    except BaseException:
        connection.close()
        raise
    return connection, epoch


def schema_file(name: str) -> Path:
    """Where the statements are that make all tables on a database of this name; written by tools/schema.py."""
    return Path(__file__).with_name(f"schema_{name}.sql")


def _revision(connection: Connection, dialect: Dialect) -> str | None:
    """Revision that the database is at; None for an empty one."""
    if connection.row(dialect.table, name="alembic_version") is None:
        return None
    found = connection.row("select version_num from alembic_version")
    return None if found is None else found.version_num


def _create(connection: Connection, dialect: Dialect) -> None:
    """Make at once what all migrations make of an empty database; a test holds the two together."""
    for statement in schema_file(dialect.name).read_text(encoding="utf-8").split(";\n"):
        if statement:
            connection.change(statement)
    connection.change("insert into database (epoch, position, forgotten) values (:epoch, 1, 0)", epoch=uuid.uuid4().hex)
    connection.change("insert into alembic_version (version_num) values (:head)", head=HEAD)
