"""Fixtures of the inventory tests."""

import pathlib
from collections.abc import AsyncIterator

import pytest

from tests.unit.inventory.watchlab import WatchedCloud, WatchLab


@pytest.fixture
async def lab(tmp_path: pathlib.Path) -> AsyncIterator[WatchLab]:
    lab = await WatchLab.open(tmp_path)
    yield lab
    await lab.close()


@pytest.fixture
async def cloud(lab: WatchLab) -> WatchedCloud:
    return await lab.register()
