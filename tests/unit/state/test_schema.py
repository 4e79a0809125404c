"""Migrations: they give the tables of tables.py, once, and not to a newer database."""

import asyncio
import pathlib
import subprocess
import sys
import time
import zipfile
from collections.abc import AsyncIterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from novacron_server.state import schema
from novacron_server.state.errors import StoreError
from novacron_server.state.schema import HEAD
from novacron_server.state.store import Store
from novacron_server.state.tables import metadata
from sqlalchemy import Connection, Engine, event, text

ROOT = pathlib.Path(__file__).parents[3]


def by_migrations(connection: Connection) -> None:
    """What `_create` does at once."""
    schema._upgrade(connection, "base")


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
async def migrated(empty: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """A store on a database that all migrations made."""
    monkeypatch.setattr(schema, "_create", by_migrations)
    opened = await Store.open(empty)
    yield opened
    await opened.close()


def differences(connection: Connection) -> list[object]:
    """How the tables that are there differ from those of tables.py."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def first_row(connection: Connection) -> tuple[int, int]:
    """What a new database begins with, beside its epoch."""
    position, forgotten = connection.execute(text("select position, forgotten from database")).one()
    return position, forgotten


async def test_the_migrations_give_the_tables(migrated: Store) -> None:
    assert await migrated.read(differences) == []
    assert await migrated.read(first_row) == (1, 0)


async def test_a_new_database_is_as_the_migrations_leave_one(made: Store) -> None:
    assert await made.read(differences) == []
    assert await made.read(first_row) == (1, 0)
    assert len(made.epoch) == 32


async def test_a_new_database_needs_no_migration(made: Store) -> None:
    def upgraded(connection: Connection) -> list[object]:
        by_migrations(connection)
        return differences(connection)

    assert await made.write(upgraded) == []


async def test_the_last_migration_is_known_without_alembic(migrated: Store) -> None:
    revision = await migrated.read(lambda connection: MigrationContext.configure(connection).get_current_revision())
    assert revision == HEAD


async def test_a_database_that_is_new_or_up_to_date_starts_without_alembic(tmp_path: pathlib.Path) -> None:
    program = (
        "import asyncio, sys; from novacron_server.state.store import Store\n"
        "async def main():\n"
        "    await (await Store.open(sys.argv[1])).close()\n"
        "    print('alembic' in sys.modules)\n"
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
    await store.write(lambda connection: connection.execute(text("update alembic_version set version_num = '9999'")))
    await store.close()
    with pytest.raises(StoreError, match=r"9999.*newer version"):
        await Store.open(database)


async def test_replicas_that_start_together_make_one_database(empty_postgresql: str) -> None:
    stores = await asyncio.gather(*(Store.open(empty_postgresql) for _ in range(4)))
    assert len({store.epoch for store in stores}) == 1
    for store in stores:
        await store.close()


async def test_a_start_that_takes_its_time_between_two_statements_is_not_cut(empty_postgresql: str) -> None:
    slept: list[str] = []

    def pause(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if "CREATE TABLE" in statement and not slept:
            slept.append(statement)
            time.sleep(2.3)

    event.listen(Engine, "before_cursor_execute", pause)
    try:
        await (await Store.open(empty_postgresql)).close()
    finally:
        event.remove(Engine, "before_cursor_execute", pause)
    assert slept


def test_an_installed_wheel_brings_its_migrations(tmp_path: pathlib.Path) -> None:
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
        "from novacron_server.state import schema\n"
        "assert novacron_server.__file__.startswith(sys.argv[1]), novacron_server.__file__\n"
        "schema._create = lambda connection: schema._upgrade(connection, 'base')\n"
        "async def main():\n"
        "    store = await Store.open(f'sqlite:///{sys.argv[1]}/state.db')\n"
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
