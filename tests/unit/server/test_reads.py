"""Equal reads ask the cloud once, and its answers are kept for as long as they may serve."""

import asyncio
import pathlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from novacron.cloud.v1 import common_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract import Call
from novacron_providers.contract.errors import NotFound, Unavailable
from novacron_server.inventory import reads as reads_module
from novacron_server.inventory.providers import Providers
from novacron_server.inventory.reads import Asked, Reads
from novacron_server.rpc import contract

from tests.clock import ManualClock
from tests.unit.server.lazycloud import LazyCloud, cloud_of, register, registry

RPCS = {rpc.name: rpc for rpc in contract()}


class Desk:
    """Reads of two providers, "one" and "two", of different accounts."""

    def __init__(self, clock: ManualClock, providers: Providers) -> None:
        self.clock, self.providers = clock, providers
        self.reads = Reads(providers, clock)

    @property
    def cloud(self) -> LazyCloud:
        return cloud_of(self.providers, "one")

    def list(
        self, provider: str = "one", *, staleness: float | None = None, limit: float = 30.0, **fields: Any
    ) -> asyncio.Future[Any]:
        """Begin to list."""
        request = pb.ListInstancesRequest(parent=f"providers/{provider}", **fields)
        return self._read("ListInstances", request, cloud_of(self.providers, provider).list_instances, staleness, limit)

    def get(self, native_id: str, *, staleness: float | None = None) -> asyncio.Future[Any]:
        """Begin to get an instance."""
        request = pb.GetInstanceRequest(name=self.cloud.instance(native_id).name)
        return self._read("GetInstance", request, self.cloud.get_instance, staleness, 30.0)

    def _read(self, name: str, request: Any, method: Any, staleness: float | None, limit: float) -> asyncio.Future[Any]:
        if staleness is not None:
            request.max_staleness.FromNanoseconds(round(staleness * 1e9))
        call = Call(deadline=time.monotonic() + limit, clock=self.clock)
        return asyncio.ensure_future(self.reads.read(Asked(RPCS[name], request), call, method))

    async def settle(self) -> None:
        await self.clock.settle()


@pytest_asyncio.fixture
async def desk(tmp_path: pathlib.Path) -> AsyncIterator[Desk]:
    clock = ManualClock()
    async with registry(tmp_path, clock, {"one": "first", "two": "second"}) as providers:
        yield Desk(clock, providers)


async def test_equal_reads_at_once_ask_once(desk: Desk) -> None:
    desk.cloud.open.clear()
    readers = [desk.list() for _ in range(50)]
    await desk.settle()
    readers += [desk.list() for _ in range(50)]
    await desk.settle()
    desk.cloud.open.set()
    answers = await asyncio.gather(*readers)
    assert desk.cloud.asked["list"] == 1
    assert all(answer is answers[0] for answer in answers)


async def test_reads_that_differ_are_asked_for_each(desk: Desk) -> None:
    await asyncio.gather(
        desk.list(), desk.list(page_size=5), desk.list(filter='zone = "a"'), desk.list(regions=["east"])
    )
    assert desk.cloud.asked["list"] == 4
    await desk.list("two")
    assert cloud_of(desk.providers, "two").asked["list"] == 1


async def test_an_answer_serves_until_it_is_too_old(desk: Desk) -> None:
    first = await desk.list()
    await desk.clock.advance(29.0)
    assert await desk.list() is first
    assert await desk.list(staleness=29.5) is first
    assert await desk.list(staleness=28.0) is not first
    await desk.clock.advance(31.0)
    await desk.list()
    assert desk.cloud.asked["list"] == 3


async def test_the_provider_has_a_default_of_its_own(desk: Desk) -> None:
    config = provider_pb2.ProviderConfig(project="first")
    config.max_staleness.seconds = 5
    cloud = await register(desk.providers, "one", config)
    first = await desk.list()
    await desk.clock.advance(4.0)
    assert await desk.list() is first
    await desk.clock.advance(2.0)
    assert await desk.list() is not first
    assert await desk.list(staleness=60.0)
    assert cloud.asked["list"] == 2


async def test_zero_asks_the_cloud_now(desk: Desk) -> None:
    await desk.list()
    await desk.list(staleness=0)
    assert desk.cloud.asked["list"] == 2
    # What was asked for just before it is not new enough; what comes while that goes on shares the next.
    desk.cloud.open.clear()
    first = desk.list(staleness=0)
    await desk.clock.advance(0.001)
    others = [desk.list(staleness=0) for _ in range(20)]
    await desk.clock.advance(0.001)
    others += [desk.list(staleness=0) for _ in range(20)]
    await desk.settle()
    assert desk.cloud.asked["list"] == 3
    desk.cloud.open.set()
    await asyncio.gather(first, *others)
    assert desk.cloud.asked["list"] == 4


async def test_a_read_for_now_does_not_wait_long_for_one_that_hangs(desk: Desk) -> None:
    desk.cloud.open.clear()
    desk.list()
    await desk.clock.advance(1.0)
    second = desk.list(staleness=0)
    await asyncio.sleep(2 * reads_module.GATHER)
    assert desk.cloud.asked["list"] == 2
    desk.cloud.open.set()
    await second


async def test_a_change_makes_the_next_read_ask(desk: Desk) -> None:
    desk.cloud.add("known")
    await asyncio.gather(desk.list(), desk.get("known"))
    desk.reads.changed("one")
    await asyncio.gather(desk.list(), desk.get("known"))
    assert desk.cloud.asked == {"list": 2, "get": 2}
    await desk.list("two")
    desk.reads.changed("one")
    await desk.list("two")
    assert cloud_of(desk.providers, "two").asked["list"] == 1


async def test_a_change_is_seen_by_every_provider_of_the_account(desk: Desk) -> None:
    for name, account, kind in (("same", "first", "lazy"), ("elsewhere", "first", "other")):
        await register(desk.providers, name, provider_pb2.ProviderConfig(project=account), kind)
        await desk.list(name)
    desk.reads.changed("one")
    await asyncio.gather(desk.list("same"), desk.list("elsewhere"))
    asked = {name: cloud_of(desk.providers, name).asked["list"] for name in ("same", "elsewhere")}
    assert asked == {"same": 2, "elsewhere": 1}


async def test_a_read_under_way_at_a_change_serves_who_came_before_it_alone(desk: Desk) -> None:
    desk.cloud.open.clear()
    before = desk.list()
    await desk.settle()
    desk.cloud.add("new")
    desk.reads.changed("one")
    after = desk.list()
    await desk.settle()
    desk.cloud.open.set()
    assert not (await before).elements
    found = pb.ListInstancesResponse.FromString((await after).data)
    assert [instance.native_id for instance in found.instances] == ["new"]
    # It is the later one that is kept.
    assert await desk.list() is await after
    assert desk.cloud.asked["list"] == 2


async def test_what_was_asked_before_a_change_is_not_kept(desk: Desk) -> None:
    desk.cloud.open.clear()
    before = desk.list()
    await desk.settle()
    desk.reads.changed("one")
    desk.cloud.open.set()
    await before
    await desk.list()
    assert desk.cloud.asked["list"] == 2


async def test_another_version_of_the_configuration_or_credentials_shares_nothing(desk: Desk) -> None:
    await desk.list()
    cloud = await register(desk.providers, "one", provider_pb2.ProviderConfig(project="first", default_region="east"))
    await desk.list()
    assert cloud.asked["list"] == 1


async def test_who_leaves_does_not_take_the_others_along(desk: Desk) -> None:
    desk.cloud.open.clear()
    leader, follower = desk.list(), desk.list()
    await desk.settle()
    leader.cancel()
    await desk.settle()
    assert leader.cancelled() and not follower.done()
    desk.cloud.open.set()
    await follower
    assert desk.cloud.asked["list"] == 1


@pytest.mark.parametrize("moment", range(5))
async def test_a_read_that_nobody_waits_for_any_longer_is_given_up(desk: Desk, moment: int) -> None:
    desk.cloud.open.clear()
    readers = [desk.list(), desk.list()]
    await desk.settle()
    for reader in readers:
        reader.cancel()
    # Who comes while it is being given up gets an answer all the same.
    for _ in range(moment):
        await asyncio.sleep(0)
    late = desk.list()
    await desk.settle()
    assert desk.cloud.asked["list"] - desk.cloud.ended["list"] == 1 and not late.done()
    desk.cloud.open.set()
    await late


async def test_an_error_is_shared_by_those_who_wait_and_not_kept(desk: Desk) -> None:
    desk.cloud.open.clear()
    readers = [desk.list() for _ in range(10)]
    await desk.settle()
    desk.cloud.error = Unavailable("down", retry_after=3.0, facts={"region": "east"})
    desk.cloud.open.set()
    errors = await asyncio.gather(*readers, return_exceptions=True)
    assert desk.cloud.asked["list"] == 1
    assert {(type(e), str(e), getattr(e, "retry_after", None)) for e in errors} == {(Unavailable, "down", 3.0)}
    assert len({id(error) for error in errors}) == 10
    desk.cloud.error = None
    await desk.list()
    assert desk.cloud.asked["list"] == 2
    for _ in range(2):
        with pytest.raises(NotFound):
            await desk.get("nobody")
    assert desk.cloud.asked["get"] == 2


async def test_an_answer_to_which_a_region_is_missing_is_not_kept(desk: Desk) -> None:
    desk.cloud.unreachable = [common_pb2.Unreachable(name="providers/one/regions/west")]
    await desk.list(return_partial_success=True)
    desk.cloud.unreachable = []
    assert not (await desk.list(return_partial_success=True)).partial
    await desk.list(return_partial_success=True)
    assert desk.cloud.asked["list"] == 2


async def test_who_has_much_time_does_not_share_the_fate_of_who_has_little(desk: Desk) -> None:
    desk.cloud.open.clear()
    readers = [desk.list(limit=1.0), desk.list(limit=30.0), desk.list(limit=29.0), desk.list(limit=0.5)]
    await desk.settle()
    assert desk.cloud.asked["list"] == 1
    # The second waits a moment, to see whether the first is answered.
    await asyncio.sleep(2 * reads_module.GATHER)
    assert desk.cloud.asked["list"] == 2
    short, long = (deadline for deadline in desk.cloud.deadlines if deadline)
    assert long - short > 25
    desk.cloud.open.set()
    await asyncio.gather(*readers)


async def test_what_is_kept_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads_module, "ANSWERS", 3)
    for size in (1, 2, 3, 1, 4):
        await desk.list(page_size=size)
    assert desk.cloud.asked["list"] == 4
    # The one that was used longest ago made room.
    await asyncio.gather(desk.list(page_size=1), desk.list(page_size=3), desk.list(page_size=4))
    assert desk.cloud.asked["list"] == 4
    await desk.list(page_size=2)
    assert desk.cloud.asked["list"] == 5
    monkeypatch.setattr(reads_module, "BYTES", 700)
    desk.cloud.add("big", display_name="x" * 500)
    await desk.list(page_size=9)
    await desk.list(page_size=9)
    assert desk.cloud.asked["list"] == 6
    desk.cloud.add("bigger", display_name="x" * 500)
    await desk.list(page_size=10)
    await desk.list(page_size=10)
    assert desk.cloud.asked["list"] == 8
