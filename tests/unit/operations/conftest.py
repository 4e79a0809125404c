"""Both databases, and operations on each."""

from collections.abc import AsyncIterator

import pytest
from novacron_server.state.store import Store

from tests.databases import database, postgresql
from tests.unit.operations.bed import Bed, bed_on

__all__ = ["bed", "database", "postgresql", "store"]


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = await Store.open(database)
    yield opened
    await opened.close()


@pytest.fixture
async def bed(store: Store) -> AsyncIterator[Bed]:
    async with bed_on(store) as made:
        yield made
