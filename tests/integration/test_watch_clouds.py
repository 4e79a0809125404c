"""The inventory of three clouds through the real server: what we and others change, over a restart."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import novacron_client
import pytest
import pytest_asyncio
from novacron.cloud.v1 import compute_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client, ResourceStream, ResourceUpdate
from novacron_sandbox import Sandbox
from novacron_server.app import App

from tests.servers import configured, registration

TYPES = {"aws": "t3.micro", "azure": "Standard_B2s", "gcp": "e2-medium"}
RUNNING = compute_pb2.INSTANCE_STATE_RUNNING
OFF = (compute_pb2.INSTANCE_STATE_STOPPED, compute_pb2.INSTANCE_STATE_DEALLOCATED)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(boot_seconds=1) as sandbox:
        yield sandbox


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[None]:
    """A server on its socket and state in the folder."""
    async with App(await configured(folder, listen=f"unix:{folder / 'socket'}", shutdown_grace=1)):
        yield


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with novacron_client.connect(f"unix:{tmp_path / 'socket'}") as client:
        yield client


def create(sandbox: Sandbox, cloud: str) -> pb.CreateInstanceRequest:
    spec = compute_pb2.InstanceSpec(image=getattr(sandbox, cloud)["image"], instance_type=TYPES[cloud])
    return pb.CreateInstanceRequest(parent=f"providers/{cloud}", spec=spec)


class Watching:
    """Reads a stream in a task of its own.

    Attributes:
        updates: What came, and when.
    """

    def __init__(self, stream: ResourceStream) -> None:
        self.stream = stream
        self.updates: list[tuple[float, ResourceUpdate]] = []
        self._moved = asyncio.Event()
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for update in self.stream:
            self.updates.append((time.monotonic(), update))
            self._moved.set()

    def states(self) -> dict[str, int]:
        return {r.name: r.state for r in self.stream.latest.values() if isinstance(r, compute_pb2.Instance)}

    async def until(self, condition: Callable[[Mapping[str, int]], bool]) -> float:
        """Wait until the table is whole and the states of all instances are so; gives when they were."""
        async with asyncio.timeout(20):
            while not (self.stream.synced and condition(self.states())):
                self._moved.clear()
                await self._moved.wait()
        return self.updates[-1][0]


async def test_what_we_change_in_three_clouds_shows_within_a_second_and_over_a_restart(
    sandbox: Sandbox, client: Client, tmp_path: Path
) -> None:
    async with client.watch_resources(heartbeat=2.0) as stream:
        async with served(tmp_path):
            for cloud in TYPES:
                await client.call(registration(sandbox, cloud, cloud))
            watching = Watching(stream)
            await watching.until(lambda states: not states)
            assert sorted(stream.latest) == [f"providers/{cloud}" for cloud in sorted(TYPES)]

            made = await asyncio.gather(*(made_by(client, create(sandbox, cloud)) for cloud in TYPES))
            done = time.monotonic()
            names = {instance.name for instance in made}
            shown = await watching.until(lambda states: states == dict.fromkeys(names, RUNNING))
            assert shown - done < 1.0

            stopped, deleted, _ = sorted(names)
            await (await client.start(pb.StopInstanceRequest(name=stopped))).wait()
            done = time.monotonic()
            assert await watching.until(lambda states: states[stopped] in OFF) - done < 1.0

            await (await client.start(pb.DeleteInstanceRequest(name=deleted))).wait()
            done = time.monotonic()
            assert await watching.until(lambda states: deleted not in states) - done < 1.0
            known, before = watching.states(), len(watching.updates)

        async with served(tmp_path):
            await watching.until(lambda states: stream.connections > 1)
        assert watching.states() == known
        # The server told everything anew, since its log is gone; what is no news is not told here.
        told = [update.removed or update.resource for _, update in watching.updates[before:] if not update.synced]
        assert [one for one in told if not isinstance(one, provider_pb2.Provider)] == []
        watching.task.cancel()
        await asyncio.gather(watching.task, return_exceptions=True)


async def made_by(client: Client, request: pb.CreateInstanceRequest) -> compute_pb2.Instance:
    return await (await client.start(request)).wait()
