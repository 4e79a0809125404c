"""What we made or deleted a moment ago counts more than a list that does not show it yet."""

import asyncio
import pathlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf import empty_pb2
from google.protobuf.message import Message
from novacron.cloud.v1 import common_pb2, compute_pb2, operations_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract import Call
from novacron_providers.contract.errors import InvalidArgument, NotFound, PageTokenInvalid
from novacron_server.inventory.providers import Providers
from novacron_server.inventory.reads import Asked, Reads
from novacron_server.rpc import contract

from tests.clock import ManualClock
from tests.unit.server.lazycloud import LazyCloud, cloud_of, registry

RPCS = {rpc.name: rpc for rpc in contract()}


class Desk:
    """Reads of a provider, and operations on it that have ended."""

    def __init__(self, clock: ManualClock, providers: Providers) -> None:
        self.clock = clock
        self.reads = Reads(providers, clock)
        self.cloud: LazyCloud = cloud_of(providers, "one")

    async def page(self, **fields: Any) -> pb.ListInstancesResponse:
        """A page, as the cloud has it now."""
        request = pb.ListInstancesRequest(parent="providers/one", **fields)
        request.max_staleness.SetInParent()
        answer = await self.reads.read(Asked(RPCS["ListInstances"], request), self._call(), self.cloud.list_instances)
        return pb.ListInstancesResponse.FromString(answer.data)

    async def listed(self, **fields: Any) -> list[str]:
        """Ids on all pages, in order; no page holds more than it may."""
        found, token = list[str](), ""
        while True:
            page = await self.page(page_token=token, **fields)
            assert len(page.instances) <= fields.get("page_size", 100)
            assert page.HasField("observe_time")
            found += [instance.native_id for instance in page.instances]
            token = page.next_page_token
            if not token:
                return found

    async def get(self, native_id: str) -> compute_pb2.Instance:
        request = pb.GetInstanceRequest(name=self.cloud.instance(native_id).name)
        request.max_staleness.SetInParent()
        answer = await self.reads.read(Asked(RPCS["GetInstance"], request), self._call(), self.cloud.get_instance)
        return pb.GetInstanceResponse.FromString(answer.data).instance

    def ended(self, verb: str, native_id: str, end: str = "SUCCEEDED", **more: Any) -> compute_pb2.Instance:
        """An operation has ended so; gives the instance as it was then."""
        instance = self.cloud.instance(native_id, **more)
        instance.observe_time.FromNanoseconds(round(self.clock.time() * 1e9))
        operation = operations_pb2.Operation(
            name="providers/one/operations/0",
            method=f"ProviderService/{verb}Instance",
            state=f"OPERATION_STATE_{end}",
            targets=[common_pb2.ResourceRef(name=instance.name, type=common_pb2.RESOURCE_TYPE_INSTANCE)],
        )
        operation.end_time.FromNanoseconds(round(self.clock.time() * 1e9))
        result: Message = empty_pb2.Empty() if verb == "Delete" else instance
        operation.response.Pack(result)
        self.reads.settled(operation)
        return instance

    def _call(self) -> Call:
        return Call(deadline=time.monotonic() + 30.0, clock=self.clock)


@pytest_asyncio.fixture
async def desk(tmp_path: pathlib.Path) -> AsyncIterator[Desk]:
    clock = ManualClock()
    async with registry(tmp_path, clock, {"one": "first"}) as providers:
        yield Desk(clock, providers)


async def test_what_we_made_is_listed_for_a_minute_before_the_cloud_does(desk: Desk) -> None:
    desk.cloud.add("old")
    desk.ended("Create", "new", display_name="web")
    assert await desk.listed() == ["old", "new"]
    await desk.clock.advance(59.0)
    assert await desk.listed() == ["old", "new"]
    await desk.clock.advance(1.0)
    assert await desk.listed() == ["old"]


async def test_what_the_cloud_lists_too_is_listed_once_as_the_cloud_has_it(desk: Desk) -> None:
    desk.ended("Create", "new")
    desk.cloud.add("new", state=compute_pb2.INSTANCE_STATE_ERROR)
    [instance] = (await desk.page()).instances
    assert instance.state == compute_pb2.INSTANCE_STATE_ERROR


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 100])
async def test_every_instance_is_on_one_page_whatever_its_size(desk: Desk, size: int) -> None:
    for native_id in "abcde":
        desk.cloud.add(native_id)
    for native_id in "bxeyz":
        desk.ended("Create", native_id)
    found = await desk.listed(page_size=size)
    assert sorted(found) == sorted("abcdexyz")


async def test_a_list_that_began_before_an_operation_ended_stays_as_it_was(desk: Desk) -> None:
    for native_id in "abcd":
        desk.cloud.add(native_id)
    first = await desk.page(page_size=2)
    for native_id in "anew":
        desk.ended("Create", native_id)
    second = await desk.page(page_size=2, page_token=first.next_page_token)
    assert [i.native_id for i in second.instances] == ["c", "d"] and not second.next_page_token


async def test_what_is_deleted_or_too_old_by_then_does_not_come_on_a_later_page(desk: Desk) -> None:
    for native_id in "abcd":
        desk.cloud.add(native_id)
    desk.ended("Create", "x")
    desk.ended("Create", "y")
    first = await desk.page(page_size=2)
    desk.ended("Delete", "x")
    second = await desk.page(page_size=2, page_token=first.next_page_token)
    third = await desk.page(page_size=2, page_token=second.next_page_token)
    assert [i.native_id for i in third.instances] == ["y"] and not third.next_page_token
    await desk.clock.advance(60.0)
    third = await desk.page(page_size=2, page_token=second.next_page_token)
    assert not third.instances and not third.next_page_token


async def test_only_what_a_list_asks_for_is_added(desk: Desk) -> None:
    desk.ended("Create", "new", region="west", display_name="web", tags={"env": "prod"})
    assert await desk.listed(filter='tags.env = "prod" AND state = "RUNNING"', regions=["west"]) == ["new"]
    assert await desk.listed(filter='tags.env = "test"') == []
    assert await desk.listed(regions=["east"]) == []
    # The cloud's own conditions only the cloud can apply.
    options = pb.ListInstancesRequest().provider_options
    options.update({"Filters": []})
    assert await desk.listed(provider_options=options) == []
    with pytest.raises(InvalidArgument):
        await desk.listed(filter="nonsense")


async def test_a_token_is_still_one_of_its_query(desk: Desk) -> None:
    for native_id in "abcd":
        desk.cloud.add(native_id)
    desk.ended("Create", "x")
    token = (await desk.page(page_size=2)).next_page_token
    for wrong in ({"page_token": token, "filter": 'zone = "a"'}, {"page_token": "nonsense"}):
        with pytest.raises(PageTokenInvalid):
            await desk.page(page_size=2, **wrong)


async def test_what_we_made_can_be_read_before_the_cloud_knows_it(desk: Desk) -> None:
    made = desk.ended("Create", "new")
    assert await desk.get("new") == made
    desk.cloud.known["new"] = desk.cloud.instance("new", state=compute_pb2.INSTANCE_STATE_STARTING)
    assert (await desk.get("new")).state == compute_pb2.INSTANCE_STATE_STARTING
    del desk.cloud.known["new"]
    await desk.clock.advance(60.0)
    with pytest.raises(NotFound):
        await desk.get("new")


async def test_it_is_shown_as_our_last_operation_left_it(desk: Desk) -> None:
    desk.ended("Create", "new")
    stopped = desk.ended("Stop", "new", state=compute_pb2.INSTANCE_STATE_DEALLOCATED)
    desk.ended("Stop", "another")
    assert await desk.get("new") == stopped
    assert await desk.listed(filter='state = "RUNNING"') == []


async def test_what_we_deleted_is_not_listed_though_the_cloud_still_does(desk: Desk) -> None:
    desk.cloud.add("old")
    desk.cloud.add("gone", native_state="running")
    desk.ended("Delete", "gone")
    assert await desk.listed() == ["old"]
    assert await desk.listed(show_deleted=True, filter='state = "RUNNING"') == ["old"]
    [_, shown] = (await desk.page(show_deleted=True)).instances
    assert (shown.state, shown.native_state) == (compute_pb2.INSTANCE_STATE_DELETED, "")
    assert (await desk.get("gone")).state == compute_pb2.INSTANCE_STATE_DELETED
    # Once the cloud says so too, it is in the cloud's own words.
    desk.cloud.add("gone", state=compute_pb2.INSTANCE_STATE_DELETED, native_state="terminated")
    assert (await desk.get("gone")).native_state == "terminated"
    desk.cloud.add("gone")
    await desk.clock.advance(60.0)
    assert await desk.listed() == ["old", "gone"]


async def test_what_has_the_name_of_something_that_we_deleted_is_another(desk: Desk) -> None:
    old = desk.cloud.add("web")
    old.create_time.FromNanoseconds(round((desk.clock.time() - 100) * 1e9))
    desk.ended("Delete", "web")
    assert await desk.listed() == []
    await desk.clock.advance(5.0)
    old.create_time.FromNanoseconds(round(desk.clock.time() * 1e9))
    assert await desk.listed() == ["web"]
    assert (await desk.get("web")).state == compute_pb2.INSTANCE_STATE_RUNNING


async def test_what_we_made_and_deleted_is_gone_and_what_we_made_again_is_there(desk: Desk) -> None:
    desk.ended("Create", "web")
    desk.ended("Delete", "web")
    assert await desk.listed() == []
    with pytest.raises(NotFound):
        await desk.get("web")
    desk.ended("Create", "web")
    assert await desk.listed() == ["web"]


@pytest.mark.parametrize("verb", ["Create", "Delete"])
async def test_an_operation_that_failed_says_nothing(desk: Desk, verb: str) -> None:
    desk.cloud.add("there")
    desk.ended(verb, "there" if verb == "Delete" else "new", "FAILED")
    assert await desk.listed() == ["there"]


async def test_what_ends_while_a_list_is_under_way_is_in_the_next(desk: Desk) -> None:
    desk.cloud.add("gone")
    desk.cloud.open.clear()
    task = asyncio.create_task(desk.page())
    await desk.clock.settle()
    desk.ended("Delete", "gone")
    desk.cloud.open.set()
    assert not (await task).instances
