"""The stage of a proof: a sandbox, a fault proxy in front of each of its clouds, a server in a process of its own."""

import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import novacron_client
from google.protobuf import duration_pb2
from novacron.cloud.v1 import compute_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client
from novacron_sandbox import Sandbox

from tests.faults import serve
from tests.faults.counts import TAG
from tests.faults.proxy import Proxy
from tests.servers import ServerProcess, registration, server_process

# Seconds for one attempt; what is slow takes longer than that.
ATTEMPT, SLOW = 2.0, 2.6


@dataclass(frozen=True)
class Stage:
    """What a proof works with.

    Attributes:
        sandbox: The clouds.
        proxies: In front of them, by kind.
        folder: Where the server keeps its state.
        origin: Begin of the time of sandbox and server, seconds since 1970.
        rate: How fast it runs.
    """

    sandbox: Sandbox
    proxies: dict[str, Proxy]
    folder: Path
    origin: float
    rate: float

    def server(self, **settings: str) -> AbstractAsyncContextManager[ServerProcess]:
        """Start a server on the state of this stage."""
        program = (serve.__file__, str(self.origin), str(self.rate))
        return server_process(self.folder, program=program, **{"log_level": "warning", **settings})

    async def register(self, client: Client) -> None:
        """Register each cloud by its kind, behind its proxy; nothing is read from a cache unless asked for."""
        for cloud, proxy in self.proxies.items():
            request = registration(self.sandbox, cloud, cloud)
            config = request.provider.config
            config.endpoint = proxy.endpoint
            if cloud == "azure":
                config.options["azure.authority"] = proxy.endpoint
            config.timeout.FromMilliseconds(round(ATTEMPT * 1000))
            config.max_staleness.CopyFrom(duration_pb2.Duration())
            await client.call(request)

    def create(self, cloud: str, request_id: str, region: str = "") -> pb.CreateInstanceRequest:
        """The smallest machine, which tells by its tag for which request it was made."""
        access = getattr(self.sandbox, cloud)
        spec = compute_pb2.InstanceSpec(
            display_name=f"m-{request_id[:13]}",
            image=access["image"],
            instance_type=access.get("instance_type", "t3.micro"),
            region=region or access["regions"][0],
            tags={TAG: request_id},
        )
        return pb.CreateInstanceRequest(parent=f"providers/{cloud}", spec=spec, request_id=request_id)


@contextlib.asynccontextmanager
async def stage(
    clouds: Sequence[str], folder: Path, *, seed: int, rate: float = 1.0, boot_seconds: float = 1.0
) -> AsyncIterator[Stage]:
    """Put up sandbox and proxies; faults begin when a proof says so."""
    origin = time.time()
    async with contextlib.AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(
            Sandbox(clouds=clouds, origin=origin, rate=rate, boot_seconds=boot_seconds)
        )
        proxies = {}
        for cloud in clouds:
            access = getattr(sandbox, cloud)
            proxy = Proxy(cloud, access["endpoint"], seed=seed, ca_file=access.get("ca_file", ""))
            proxy.slow = SLOW
            proxies[cloud] = await stack.enter_async_context(proxy)
        yield Stage(sandbox, proxies, folder, origin, rate)


@contextlib.asynccontextmanager
async def connected(at: Stage, **settings: str) -> AsyncIterator[tuple[ServerProcess, Client]]:
    """A server with the stage's clouds registered, and a client of it."""
    async with at.server(**settings) as server, novacron_client.connect(server.address) as client:
        await at.register(client)
        yield server, client
