"""Fixtures of the telemetry tests."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.telemetry.lab import Lab


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    lab = Lab()
    yield lab
    await lab.close()
