"""The Python client against the real server and the sandbox: what it promises over breaks and restarts."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import novacron_client
import pytest
import pytest_asyncio
from novacron.cloud.v1 import compute_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client, CloudError, MetricStream, SeriesKey
from novacron_sandbox import Sandbox
from novacron_server.app import App

from tests.servers import configured, registration

CPU = "cloud.instance.cpu.utilization"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(metrics_period=1, metrics_lag=0, boot_seconds=1) as sandbox:
        yield sandbox


class Server:
    """A server that can be restarted on its socket and its state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix:{folder / 'socket'}"
        self.app: App | None = None

    async def start(self) -> None:
        self.app = App(await configured(self.folder, listen=self.address, shutdown_grace=0))
        await self.app.__aenter__()

    async def stop(self) -> None:
        if self.app is not None:
            app, self.app = self.app, None
            await app.__aexit__(None, None, None)


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def client(server: Server, sandbox: Sandbox) -> AsyncIterator[Client]:
    async with novacron_client.connect(server.address) as client:
        request = registration(sandbox)
        request.provider.config.options.update({"metrics.period": 1, "metrics.lag": 0})
        await client.call(request)
        yield client


def create(sandbox: Sandbox) -> pb.CreateInstanceRequest:
    spec = compute_pb2.InstanceSpec(image=sandbox.aws["image"], instance_type="t3.micro", display_name="web")
    return pb.CreateInstanceRequest(parent="providers/aws", spec=spec)


async def until_value(stream: MetricStream, key: SeriesKey) -> None:
    """Read until the series has a value."""
    async with asyncio.timeout(20):
        async for _ in stream:
            if key in stream.latest:
                return


async def test_an_operation_is_waited_for_over_a_restart_of_the_server(
    client: Client, server: Server, sandbox: Sandbox
) -> None:
    operation = await client.start(create(sandbox))
    begun = asyncio.Event()
    waiting = asyncio.create_task(operation.wait(progress=lambda seen: begun.set() if seen.steps else None))
    await begun.wait()
    await server.stop()
    await server.start()
    async with asyncio.timeout(20):
        instance = await waiting
    assert instance.state == compute_pb2.INSTANCE_STATE_RUNNING
    assert instance.display_name == "web"
    assert operation.latest.done
    names = [found.name async for found in client.list(pb.ListInstancesRequest(parent="providers/-", page_size=1))]
    assert names.count(instance.name) == 1


async def test_a_stream_goes_on_over_a_restart_of_the_server(client: Client, server: Server, sandbox: Sandbox) -> None:
    instance = await (await client.start(create(sandbox))).wait()
    key = SeriesKey(CPU, instance.name)
    async with client.stream_metrics("providers/aws", metrics=[CPU], resources=[instance.name]) as stream:
        await until_value(stream, key)
        before = stream.latest[key]
        assert 0 <= before.value <= 1
        assert stream.latest.descriptors[CPU].unit == "1"
        await server.stop()
        await server.start()
        async with asyncio.timeout(20):
            async for _ in stream:
                if stream.synced and key in stream.latest and stream.latest[key].time > before.time:
                    break
        assert stream.connections > 1


async def test_the_same_request_id_gives_the_same_operation(client: Client, sandbox: Sandbox) -> None:
    request = create(sandbox)
    request.request_id = "0d4f7a52-7d3e-4f1c-9a57-3f6a1b2c4d5e"
    first, second = await client.start(request), await client.start(request)
    assert first.name == second.name
    request.spec.display_name = "other"
    with pytest.raises(CloudError) as caught:
        await client.start(request)
    assert caught.value.reason == "REQUEST_ID_REUSED"
    await first.wait()


async def test_errors_arrive_whole(client: Client) -> None:
    with pytest.raises(CloudError) as caught:
        await client.call(pb.CreateInstanceRequest(parent="providers/aws"))
    assert caught.value.reason == "FIELD_INVALID"
    assert "spec" in {violation.field for violation in caught.value.fields}
    with pytest.raises(CloudError) as caught:
        await client.call(pb.GetInstanceRequest(name="providers/aws/instances/us-east-1~i-0123456789abcdef0"))
    assert caught.value.reason == "RESOURCE_NOT_FOUND"
    assert caught.value.metadata["provider"] == "aws"
