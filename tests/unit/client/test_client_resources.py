"""The inventory as a stream: what changes, over broken connections and restarts of the server too."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc
import novacron_client
import pytest
from novacron.cloud.v1 import common_pb2, provider_pb2
from novacron.cloud.v1.compute_pb2 import Instance
from novacron.cloud.v1.provider_service_pb2 import ResourceEvent, WatchResourcesRequest, WatchResourcesResponse
from novacron_client import Backoff, CloudError, ResourceStream

from tests.unit.client import scripted_server as script

QUICK = Backoff(base=0.001, limit=0.002)
NAME = "providers/aws/instances/us-east-1~"


def instance(native_id: str, type_: str = "small", *, sequence: int = 0) -> ResourceEvent:
    made = Instance(name=NAME + native_id, native_id=native_id, region="us-east-1", instance_type=type_)
    return ResourceEvent(sequence=sequence, instance=made)


def removed(native_id: str, sequence: int) -> ResourceEvent:
    return ResourceEvent(sequence=sequence, removed=common_pb2.ResourceRef(name=NAME + native_id))


def opened(epoch: str, *, resumed: bool = False) -> ResourceEvent:
    return ResourceEvent(control=script.opened(epoch, resumed=resumed))


def synced(sequence: int) -> ResourceEvent:
    return ResourceEvent(sequence=sequence, control=script.synced())


class Server:
    """Plays one script for each connection, and keeps the requests; each script but the last ends with a broken one."""

    def __init__(self, *scripts: Sequence[ResourceEvent]) -> None:
        self.scripts, self.requests = scripts, list[WatchResourcesRequest]()

    async def stream(
        self, request: WatchResourcesRequest, context: script.Context
    ) -> AsyncIterator[WatchResourcesResponse]:
        self.requests.append(request)
        yield WatchResourcesResponse(events=self.scripts[len(self.requests) - 1])
        if len(self.requests) < len(self.scripts):
            await script.abort(context, script.status(grpc.StatusCode.UNAVAILABLE, "SERVER_SHUTTING_DOWN"))

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[ResourceStream]:
        async with (
            script.serve(streams={WatchResourcesRequest: self.stream}) as address,
            novacron_client.connect(address, backoff=QUICK) as client,
            client.watch_resources("providers/aws", regions=["us-east-1"], heartbeat=5.0) as stream,
        ):
            yield stream


async def until_synced(stream: ResourceStream) -> list[str]:
    """What is told until the table is whole, in short."""
    found = []
    async for update in stream:
        if update.synced:
            break
        if update.removed:
            found.append(f"-{update.removed.name.removeprefix(NAME)}")
        elif isinstance(update.resource, Instance):
            found.append(f"{update.resource.native_id} {update.resource.instance_type}")
        elif update.resource:
            found.append(update.resource.name)
    return found


async def test_what_is_there_and_what_changes() -> None:
    provider = ResourceEvent(provider=provider_pb2.Provider(name="providers/aws"))
    server = Server(
        [opened("e"), provider, instance("a"), instance("b"), synced(3)],
        [opened("e", resumed=True), instance("a", "big", sequence=4), removed("b", 5), removed("c", 6), synced(6)],
    )
    async with server.watched() as stream:
        assert await until_synced(stream) == ["providers/aws", "a small", "b small"]
        assert stream.synced
        assert await until_synced(stream) == ["a big", "-b"]
        assert [*stream.latest] == ["providers/aws", f"{NAME}a"]
        assert stream.connections == 2
    first, second = server.requests
    assert (first.parent, [*first.regions]) == ("providers/aws", ["us-east-1"])
    assert first.heartbeat_interval.ToSeconds() == 5
    assert not first.HasField("resume_after")
    assert (second.resume_after.epoch, second.resume_after.sequence) == ("e", 3)


async def test_after_a_restart_of_the_server_only_what_changed_is_told() -> None:
    server = Server(
        [opened("e"), instance("a"), instance("b"), instance("c"), synced(3)],
        [opened("f"), instance("a"), instance("c", "big"), instance("d")],
        [opened("g"), instance("a"), instance("c", "big"), instance("d"), synced(9)],
    )
    async with server.watched() as stream:
        assert await until_synced(stream) == ["a small", "b small", "c small"]
        assert await until_synced(stream) == ["c big", "d small", "-b"]
        assert sorted(stream.latest) == [f"{NAME}a", f"{NAME}c", f"{NAME}d"]
    # What was half a snapshot is no place to go on from.
    assert not server.requests[2].HasField("resume_after")


async def test_what_no_new_connection_mends_is_raised() -> None:
    async def refuse(_: WatchResourcesRequest, context: script.Context) -> AsyncIterator[WatchResourcesResponse]:
        await script.abort(context, script.status(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"))
        yield WatchResourcesResponse()

    async with (
        script.serve(streams={WatchResourcesRequest: refuse}) as address,
        novacron_client.connect(address, backoff=QUICK) as client,
    ):
        with pytest.raises(CloudError) as raised:
            await anext(client.watch_resources("providers/none"))
        assert raised.value.reason == "RESOURCE_NOT_FOUND"
