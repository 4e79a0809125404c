"""Migrations: they give the tables of tables.py, once, and not to a newer database."""

import asyncio
import pathlib
import subprocess
import sys
import time
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from novacron_server.state.connection import Connection
from novacron_server.state.dialect import dialect_of
from novacron_server.state.errors import StoreError
from novacron_server.state.schema import HEAD
from novacron_server.state.store import Store
from novacron_server.state.tables import metadata
from novacron_server.state.upgrade import upgrade
from sqlalchemy import NullPool, create_engine

from tools import schema as tool

ROOT = pathlib.Path(__file__).parents[3]


def by_migrations(url: str) -> None:
    """Run all migrations."""
    upgrade(dialect_of(url), "base")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("empty_postgresql")
    return url


@pytest.fixture
async def made(empty: str) -> AsyncIterator[Store]:
    """A store on a database that was made at once."""
    opened = await Store.open(empty)
    yield opened
    await opened.close()


@pytest.fixture
async def migrated(empty: str) -> AsyncIterator[Store]:
    """A store on a database that all migrations made."""
    await asyncio.to_thread(by_migrations, empty)
    opened = await Store.open(empty)
    yield opened
    await opened.close()


def differences(url: str) -> list[object]:
    """How the tables that are there differ from those of tables.py."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def first_row(connection: Connection) -> tuple[int, int]:
    """What a new database begins with, beside its epoch."""
    position, forgotten = connection.row("select position, forgotten from database")
    return position, forgotten


async def test_the_migrations_give_the_tables(empty: str, migrated: Store) -> None:
    assert await asyncio.to_thread(differences, empty) == []
    assert await migrated.read(first_row) == (1, 0)


async def test_a_new_database_is_as_the_migrations_leave_one(empty: str, made: Store) -> None:
    assert await asyncio.to_thread(differences, empty) == []
    assert await made.read(first_row) == (1, 0)
    assert len(made.epoch) == 32


def test_the_statements_for_a_new_database_are_those_of_the_tables() -> None:
    assert tool.stale() == []


async def test_a_new_database_needs_no_migration(empty: str, made: Store) -> None:
    await asyncio.to_thread(by_migrations, empty)
    assert await asyncio.to_thread(differences, empty) == []


async def test_the_last_migration_is_known_without_alembic(migrated: Store) -> None:
    assert await migrated.read(lambda c: c.rows("select version_num from alembic_version")) == [(HEAD,)]


async def test_a_database_of_an_older_version_keeps_what_it_holds(migrated: Store, empty: str) -> None:
    epoch = migrated.epoch

    def older(connection: Connection) -> None:
        connection.change("drop table spend")
        connection.change("update alembic_version set version_num = '0002'")
        connection.change("update database set position = 7")

    await migrated.write(older)
    await migrated.close()
    again = await Store.open(empty)
    assert again.epoch == epoch and await again.read(first_row) == (7, 0)
    assert await asyncio.to_thread(differences, empty) == []
    await again.close()


async def test_a_database_that_is_new_or_up_to_date_starts_without_alembic(tmp_path: pathlib.Path) -> None:
    program = (
        "import asyncio, sys; from novacron_server.state.store import Store\n"
        "async def main():\n"
        "    await (await Store.open(sys.argv[1])).close()\n"
        "    print('alembic' in sys.modules or 'sqlalchemy' in sys.modules)\n"
        "asyncio.run(main())\n"
    )
    for _ in ("new", "up to date"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, f"sqlite:///{tmp_path / 'state.db'}"), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert output.decode().strip() == "False"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_database_of_a_newer_version_is_refused(
    kind: str, tmp_path: pathlib.Path, empty_postgresql: str
) -> None:
    database = empty_postgresql if kind == "postgresql" else f"sqlite:///{tmp_path / 'state.db'}"
    store = await Store.open(database)
    await store.write(lambda connection: connection.change("update alembic_version set version_num = '9999'"))
    await store.close()
    with pytest.raises(StoreError, match=r"9999.*newer version"):
        await Store.open(database)


async def test_replicas_that_start_together_make_one_database(empty_postgresql: str) -> None:
    stores = await asyncio.gather(*(Store.open(empty_postgresql) for _ in range(4)))
    assert len({store.epoch for store in stores}) == 1
    for store in stores:
        await store.close()


async def test_a_start_that_takes_its_time_between_two_statements_is_not_cut(
    empty_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[str] = []
    change = Connection.change

    def pause(connection: Connection, sql: str, /, **values: Any) -> int:
        if "CREATE TABLE" in sql and not slept:
            slept.append(sql)
            time.sleep(2.3)
        return change(connection, sql, **values)

    monkeypatch.setattr(Connection, "change", pause)
    await (await Store.open(empty_postgresql)).close()
    assert slept


def test_an_installed_wheel_brings_its_schema_and_its_migrations(tmp_path: pathlib.Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=50,
    )
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    program = (
        "import asyncio, novacron_server, sys; from novacron_server.state.store import Store\n"
        "from novacron_server.state.dialect import dialect_of\n"
        "from novacron_server.state.upgrade import upgrade\n"
        "assert novacron_server.__file__.startswith(sys.argv[1]), novacron_server.__file__\n"
        "async def main():\n"
        "    url = f'sqlite:///{sys.argv[1]}/new.db'\n"
        "    await (await Store.open(url)).close()\n"
        "    url = f'sqlite:///{sys.argv[1]}/old.db'\n"
        "    upgrade(dialect_of(url), 'base')\n"
        "    store = await Store.open(url)\n"
        "    print(store.epoch)\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "installed")],
        env={"PYTHONPATH": str(tmp_path / "installed"), "PATH": ""},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert len(done.stdout.strip()) == 32
