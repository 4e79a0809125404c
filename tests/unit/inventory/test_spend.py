"""What metrics cost is on record: for the next start, and for other replicas."""

import asyncio
import pathlib
from collections.abc import AsyncIterator

import pytest
from novacron_providers.contract.provider import Provider
from novacron_server.inventory.budget import DAY
from novacron_server.inventory.providers import Providers
from novacron_server.inventory.spend import INTERVAL, Spend
from novacron_server.security.seal import Seal
from novacron_server.state.providers import ProviderRow, put_provider
from novacron_server.state.store import Store

from tests.clock import ManualClock
from tests.databases import database, empty_postgresql, postgresql
from tests.unit.inventory.watchlab import WatchedCloud

__all__ = ["database", "empty_postgresql", "postgresql"]
LIMIT = 100


class Replica:
    """A server's registry with one provider, and its record of what that costs."""

    def __init__(self, store: Store, seal: Seal, clock: ManualClock) -> None:
        cloud = self.cloud = WatchedCloud(clock, "toy")
        plugin = Provider(
            kind="toy", display_name="Toy", capabilities=[], check=lambda settings: None, connect=lambda settings: cloud
        )
        self.providers = Providers(store, seal, {"toy": plugin}, clock)
        self.spend = Spend(store, self.providers, clock)

    async def start(self) -> None:
        await self.providers.load({})
        await self.spend.start()

    @property
    def billed(self) -> int:
        return self.providers.budget("toy").billed(self.cloud)


class Replicas:
    """Servers on one database and one clock."""

    def __init__(self, store: Store, seal: Seal) -> None:
        self.clock = ManualClock(1_700_000_040.0)
        self.store, self._seal = store, seal

    async def start(self) -> Replica:
        replica = Replica(self.store, self._seal, self.clock)
        await replica.start()
        return replica


@pytest.fixture
async def replicas(database: str, tmp_path: pathlib.Path) -> AsyncIterator[Replicas]:
    store = await Store.open(database)
    row = ProviderRow(
        id="toy", kind="toy", display_name="", config=b"", auth=b"", is_default=False, version=1, origin="rpc",
        create_time=0.0,
    )  # fmt: skip
    await put_provider(store, row)
    yield Replicas(store, await asyncio.to_thread(Seal.from_file, tmp_path / "sealing.key"))
    await store.close()


async def test_a_restart_forgets_nothing(replicas: Replicas) -> None:
    first = await replicas.start()
    first.cloud.billed = 70
    await first.spend.close()
    second = await replicas.start()
    assert second.billed == 70
    second.cloud.billed = 5
    assert second.billed == 75
    await second.spend.close()
    third = await replicas.start()
    assert third.billed == 75
    await third.spend.close()


async def test_replicas_spend_one_budget(replicas: Replicas) -> None:
    one, other = await replicas.start(), await replicas.start()
    one.cloud.billed, other.cloud.billed = 30, 12
    assert (one.billed, other.billed) == (30, 12)
    for _ in range(2):
        await replicas.clock.advance(INTERVAL)
        # The store answers from a thread of its own.
        await replicas.store.read(lambda connection: None)
        await replicas.clock.settle()
    assert (one.billed, other.billed) == (42, 42)
    for replica in (one, other):
        await replica.spend.close()


async def test_a_new_day_begins_anew_on_record_too(replicas: Replicas) -> None:
    first = await replicas.start()
    first.cloud.billed = 70
    await replicas.clock.advance(DAY)
    assert first.billed == 0
    first.cloud.billed += 4
    await first.spend.close()
    second = await replicas.start()
    assert second.billed == 4
    await second.spend.close()
