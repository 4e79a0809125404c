"""Both databases, and a store on each."""

from collections.abc import AsyncIterator

import pytest
from novacron_server.state.store import Store

from tests.databases import database, empty_postgresql, postgresql

__all__ = ["database", "empty_postgresql", "postgresql", "store"]


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    opened = await Store.open(database)
    yield opened
    await opened.close()
