"""A read that is repeated byte for byte is known again, and answered as anew all the same."""

import pathlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from novacron.cloud.v1 import provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract import Call
from novacron_providers.contract.errors import NotFound
from novacron_server.dispatch import Dispatch
from novacron_server.inventory.reads import Reads
from novacron_server.inventory.resources import Resources
from novacron_server.inventory.service import ProvidersService
from novacron_server.operations import Operations
from novacron_server.telemetry.service import Telemetry
from novacron_server.validation import validate

from tests.clock import ManualClock
from tests.unit.server.lazycloud import LazyCloud, cloud_of, register, registry

UNUSED: Any = None


class Counter:
    """Lists of two accounts, "one" and "two", each with an instance that is called after it.

    Attributes:
        parsed: How often a request was parsed and validated.
    """

    def __init__(self, clock: ManualClock, reads: Reads, dispatch: Dispatch) -> None:
        self.clock, self.reads, self.dispatch = clock, reads, dispatch
        self.parsed = 0

    async def list(self, provider: str = "one", *, staleness: int | None = None, limit: float = 30.0) -> list[str]:
        """Ids of the instances that a list has."""
        request = pb.ListInstancesRequest(parent=f"providers/{provider}")
        if staleness is not None:
            request.max_staleness.seconds = staleness
        call = Call(deadline=time.monotonic() + limit, clock=self.clock)
        rpc = self.dispatch.rpcs["ProviderService/ListInstances"]
        answer = await self.dispatch.unary(rpc, request.SerializeToString(), call, tuple)
        assert isinstance(answer, bytes)
        return [instance.native_id for instance in pb.ListInstancesResponse.FromString(answer).instances]


@pytest_asyncio.fixture
async def providers(tmp_path: pathlib.Path) -> AsyncIterator[Any]:
    async with registry(tmp_path, ManualClock(), {}) as providers:
        for name in ("one", "two"):
            await added(providers, name)
        yield providers


@pytest.fixture
def counter(providers: Any, monkeypatch: pytest.MonkeyPatch) -> Counter:
    clock = ManualClock()
    reads = Reads(providers, clock)
    services = [kind.__new__(kind) for kind in (ProvidersService, Resources, Operations, Telemetry)]
    counter = Counter(clock, reads, Dispatch(services, providers, reads, UNUSED, UNUSED))

    def look(*args: Any) -> None:
        counter.parsed += 1
        validate(*args)

    monkeypatch.setattr("novacron_server.dispatch.validate", look)
    return counter


async def added(providers: Any, name: str, *, is_default: bool = False) -> LazyCloud:
    """The cloud of a provider that is registered, anew if there is one."""
    cloud = await register(providers, name, provider_pb2.ProviderConfig(project=name), is_default=is_default)
    cloud.add(name)
    return cloud


async def test_it_is_parsed_once_and_asked_for_once(providers: Any, counter: Counter) -> None:
    for _ in range(3):
        assert (await counter.list("one"), await counter.list("two")) == (["one"], ["two"])
    assert counter.parsed == 2
    assert [cloud_of(providers, name).asked["list"] for name in ("one", "two")] == [1, 1]


async def test_what_is_kept_is_answered_though_there_is_no_time_left(counter: Counter) -> None:
    await counter.list()
    assert await counter.list(limit=0.0) == ["one"]


async def test_its_answer_grows_old(providers: Any, counter: Counter) -> None:
    await counter.list(staleness=5)
    cloud_of(providers, "one").add("late")
    await counter.clock.advance(4.0)
    assert await counter.list(staleness=5) == ["one"]
    await counter.clock.advance(2.0)
    assert await counter.list(staleness=5) == ["one", "late"]
    cloud_of(providers, "one").add("later")
    assert await counter.list(staleness=0) == ["one", "late", "later"]


async def test_a_change_of_ours_is_seen(providers: Any, counter: Counter) -> None:
    await counter.list()
    cloud_of(providers, "one").add("made")
    assert await counter.list() == ["one"]
    counter.reads.changed("one")
    assert await counter.list() == ["one", "made"]


async def test_a_new_connection_is_asked_itself(providers: Any, counter: Counter) -> None:
    await counter.list()
    (await added(providers, "one")).add("of another account")
    assert await counter.list() == ["one", "of another account"]


async def test_a_provider_that_was_removed_is_not_found(providers: Any, counter: Counter) -> None:
    await counter.list()
    await providers.remove("one")
    with pytest.raises(NotFound):
        await counter.list()
    await added(providers, "one")
    assert await counter.list() == ["one"]


async def test_the_default_is_looked_up_each_time(providers: Any, counter: Counter) -> None:
    with pytest.raises(NotFound):
        await counter.list("default")
    for name in ("one", "two", "one"):
        await added(providers, name, is_default=True)
        assert await counter.list("default") == [name]
    assert counter.parsed == 1


async def test_all_providers_are_those_there_are(providers: Any, counter: Counter) -> None:
    assert await counter.list("-") == ["one", "two"]
    await providers.remove("one")
    assert await counter.list("-") == ["two"]
    assert counter.parsed == 1
