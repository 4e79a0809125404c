"""A server that stops: who is answered, who is refused and how, and when the connections end."""

import asyncio
import pathlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import novacron_client
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from novacron.cloud.v1 import capabilities_pb2, provider_pb2, provider_service_pb2_grpc
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import CloudError
from novacron_client.errors import from_rpc_error
from novacron_providers.contract import Provider
from novacron_server.app import App
from novacron_server.doors.connections import hang_up

from tests.servers import configured
from tests.unit.operations.bed import reached
from tests.unit.server.lazycloud import LazyCloud

NATIVE = capabilities_pb2.SUPPORT_LEVEL_NATIVE


class Held:
    """A server in front of a cloud that answers when it is let.

    Attributes:
        app: The server.
        stub: Its RPCs; nothing is repeated on this side.
        cloud: The cloud.
    """

    def __init__(self, app: App, channel: grpc.aio.Channel, cloud: LazyCloud) -> None:
        self.app, self.channel, self.cloud = app, channel, cloud
        self.stub: Any = provider_service_pb2_grpc.ProviderServiceStub(channel)
        self.stopping: asyncio.Task[None] | None = None

    def read(self) -> Any:
        """A list that the cloud is asked for."""
        request = pb.ListInstancesRequest(parent="providers/one")
        request.max_staleness.SetInParent()
        return self.stub.ListInstances(request, timeout=20)

    def stop(self) -> asyncio.Task[None]:
        """Begin to stop the server."""
        self.stopping = asyncio.create_task(self.app.__aexit__(None, None, None))
        return self.stopping

    async def refusal(self) -> CloudError:
        """How a call is refused, once calls are."""
        async with asyncio.timeout(10):
            while True:
                try:
                    await self.stub.GetProvider(pb.GetProviderRequest(name="providers/one"))
                except grpc.aio.AioRpcError as error:
                    return from_rpc_error(error, method="GetProvider", address=self.app.address)
                await asyncio.sleep(0.01)


@pytest_asyncio.fixture(params=["tcp", "unix"])
async def held(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> AsyncIterator[Held]:
    clouds: list[LazyCloud] = []

    def connect(settings: Any) -> LazyCloud:
        clouds.append(LazyCloud(settings))
        return clouds[-1]

    lists = capabilities_pb2.CapabilityStatus(capability=capabilities_pb2.CAPABILITY_INSTANCES, level=NATIVE)
    plugin = Provider(kind="lazy", display_name="Lazy", capabilities=(lists,), check=lambda _: None, connect=connect)
    listen = "127.0.0.1:0" if request.param == "tcp" else f"unix:{tmp_path / 'door'}"
    config = await configured(tmp_path, listen=listen, shutdown_grace=20)
    app = await App(config, plugins={"lazy": plugin}).__aenter__()
    async with novacron_client.connect(app.address) as client:
        await client.call(pb.RegisterProviderRequest(provider_id="one", provider=provider_pb2.Provider(kind="lazy")))
    async with grpc.aio.insecure_channel(app.address) as channel:
        desk = Held(app, channel, clouds[-1])
        yield desk
        clouds[-1].open.set()
        await (desk.stopping or desk.stop())


async def test_what_is_under_way_is_answered_and_what_comes_is_told_to_go_elsewhere(held: Held) -> None:
    held.cloud.open.clear()
    under_way = asyncio.ensure_future(held.read())
    await reached(lambda: held.cloud.asked["list"] == 1)
    stopping = held.stop()
    refused = await held.refusal()
    assert refused.code is grpc.StatusCode.UNAVAILABLE and refused.reason == "SERVER_SHUTTING_DOWN"
    # A client's own policy may repeat it.
    assert refused.pushback is None and refused.retry_after == 1.0
    assert not stopping.done() and not under_way.done()
    held.cloud.open.set()
    assert not (await under_way).instances
    await stopping


async def test_calls_that_nobody_stops_are_never_cancelled(held: Held) -> None:
    """As many as the server takes, and through its end: each is answered, or may be repeated by any client."""
    ends: list[grpc.StatusCode] = []

    async def call_on() -> None:
        while grpc.StatusCode.UNAVAILABLE not in ends[-8:]:
            try:
                await held.read()
                ends.append(grpc.StatusCode.OK)
            except grpc.aio.AioRpcError as error:
                ends.append(error.code())

    calling = asyncio.gather(*(call_on() for _ in range(8)))
    await reached(lambda: len(ends) >= 40)
    await held.stop()
    await calling
    assert set(ends) == {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}


async def test_an_idle_server_stops_at_once_and_whoever_watches_health_hears_it_first(held: Held) -> None:
    health: Any = health_pb2_grpc.HealthStub(held.channel)
    watches = [health.Watch(health_pb2.HealthCheckRequest()) for _ in range(3)]
    for watch in watches:
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    # What comes before anybody reads is lost with the stream.
    told = [asyncio.ensure_future(watch.read()) for watch in watches]
    await asyncio.sleep(0)
    began = time.monotonic()
    await held.stop()
    # They were not waited for.
    assert time.monotonic() - began < held.app.config.shutdown_grace / 2
    for watch, answer in zip(watches, told, strict=True):
        assert (await answer).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await watch.read()
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_hanging_up_ends_what_came_in_at_one_address_and_nothing_else() -> None:
    ears = [await asyncio.to_thread(socket.create_server, ("127.0.0.1", 0)) for _ in range(2)]
    calls = [await asyncio.to_thread(socket.create_connection, ear.getsockname()) for ear in ears]
    ends = [(await asyncio.to_thread(ear.accept))[0] for ear in ears]
    port = ears[0].getsockname()[1]
    await asyncio.to_thread(hang_up, f"127.0.0.1:{port}")
    calls[0].settimeout(10)
    assert await asyncio.to_thread(calls[0].recv, 1) == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port))
    ends[1].sendall(b"x")
    assert await asyncio.to_thread(calls[1].recv, 1) == b"x"
    for each in (*ears, *calls, *ends):
        each.close()
