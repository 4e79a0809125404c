"""Fixtures of the inventory tests."""

import asyncio
import pathlib
import shutil
from collections.abc import AsyncIterator

import pytest
from novacron_server.state.store import Store

from tests.unit.inventory.watchlab import DATABASE, WatchedCloud, WatchLab


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A database with its tables, which take longer to make than to copy."""
    path = tmp_path_factory.mktemp("inventory") / DATABASE

    async def make() -> None:
        await (await Store.open(f"sqlite:///{path}")).close()

    asyncio.run(make())
    return path


@pytest.fixture
async def lab(tmp_path: pathlib.Path, empty_database: pathlib.Path) -> AsyncIterator[WatchLab]:
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path)
    lab = await WatchLab.open(tmp_path)
    yield lab
    await lab.close()


@pytest.fixture
async def cloud(lab: WatchLab) -> WatchedCloud:
    return await lab.register()
