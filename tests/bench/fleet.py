"""Fleet: 10,000 instances of a cloud, listed by us and by others; and what their metrics ask the cloud for.

Compared is the CPU of those who list: our client and our server together against the process of the other. The
sandbox's own is left out, which is the same for all and larger. Everybody reads all pages of the same answers of the
same sandbox, and looks at state, type, addresses and tags of each instance. Ours come with network cards, whose list
azure-mgmt-compute does not read.
"""

import asyncio
import json
import math
import os
import pathlib
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import novacron_client
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client
from novacron_sandbox import Sandbox

from tests.bench import polls
from tests.bench.replay import Replay, replay
from tests.bench.table import Row, alternated, compared
from tests.servers import registration, server_process

FLEET = 10_000
# Instances that the sandbox makes in one go.
SEEDED = 1_000
# Who else lists a cloud, and how much of their CPU may be ours.
PEERS = {
    "gcp": {"google-cloud-compute": 0.25},
    "azure": {"azure-mgmt-compute": 0.25},
    "aws": {"boto3": 0.25, "libcloud": 0.5},
}
# Fewest calls for all instances, which are in one of two regions. AWS: 1,000 on a page, and the empty region. Google
# Cloud: 500. Azure, in the sandbox: 100, of machines, of their power and of their cards, and a list of no addresses.
FEWEST = {
    "aws": math.ceil(FLEET / 1000) + 1,
    "azure": 3 * math.ceil(FLEET / 100) + 1,
    "gcp": math.ceil(FLEET / 500),
}
_TICK = os.sysconf("SC_CLK_TCK")


class Lister:
    """A process that lists: see fleet_lists.py."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def list(self) -> float:
        """List once; gives seconds of CPU."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(b"\n")
        found = json.loads(await self._process.stdout.readline())
        assert found["instances"] == FLEET, found
        return float(found["cpu"])


@asynccontextmanager
async def lister(peer: str, access: Mapping[str, Any]) -> AsyncIterator[Lister]:
    """Start one; it is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.fleet_lists", peer, json.dumps(access)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Lister(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used in all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


async def quiet(pid: int) -> None:
    """Return when a process has used next to no CPU for a second: SDKs are imported behind the first answers."""
    before = -math.inf
    while (used := cpu(pid)) - before > 0.03:
        before = used
        await asyncio.sleep(1)


@dataclass
class Bench:
    """A cloud with a fleet, and a server that knows it."""

    kind: str
    sandbox: Sandbox
    proxy: Replay
    address: str
    pid: int

    @property
    def parent(self) -> str:
        """The provider."""
        return f"providers/{self.kind}"

    def calls(self) -> int:
        """Lists that were asked of the cloud so far."""
        if self.kind == "aws":
            return self.proxy.calls.total()
        calls: dict[str, int] = self.sandbox.state(cloud=self.kind)["calls"]
        return sum(n for action, n in calls.items() if action.lower().endswith(("listall", "aggregatedlist")))

    async def rows(self) -> list[Row]:
        """Measure this cloud."""
        access = {"ours": {"address": self.address, "parent": self.parent}}
        access |= dict.fromkeys(PEERS[self.kind], getattr(self.sandbox, self.kind))
        async with AsyncExitStack() as stack:
            listers = {name: await stack.enter_async_context(lister(name, given)) for name, given in access.items()}
            return await self._measure(listers)

    async def _measure(self, listers: Mapping[str, Lister]) -> list[Row]:
        peers = PEERS[self.kind]
        asked: list[int] = []

        async def list_ours() -> float:
            before, calls = cpu(self.pid), self.calls()
            client = await listers["ours"].list()
            asked.append(self.calls() - calls)
            return client + cpu(self.pid) - before

        rivals = {name: listers[name].list for name in peers}
        # The others' first, unmeasured, so that everything is in the replay; ours, so that shapes are known.
        for rival in rivals.values():
            await rival()
        await list_ours()
        await quiet(self.pid)
        asked.clear()
        found = await alternated({"ours": list_ours, **rivals})
        what = f"{FLEET:,} instances through gRPC from {self.kind}, cold, CPU of client and server, against"
        rows = [
            compared(f"fleet-{name}", f"{what} {name}", aim, found["ours"], found[name], "s")
            for name, aim in peers.items()
        ]
        what = f"lists that {self.kind} was asked for, against the fewest"
        detail = f"{max(asked)} against {FEWEST[self.kind]}"
        rows.append(Row(f"fleet-{self.kind}-calls", what, max(asked) / FEWEST[self.kind], 1.0, detail=detail))
        return rows


async def served(bench: Bench) -> Row:
    """A list that the server keeps, against serialising the objects."""
    times = 20
    async with novacron_client.connect(bench.address) as client:
        pages = await _pages(client, bench.parent)

        async def ours() -> float:
            before = cpu(bench.pid)
            for _ in range(times):
                await _pages(client, bench.parent)
            return (cpu(bench.pid) - before) / times

        async def objects() -> float:
            instances = [one for page in pages for one in page.instances]
            before = cpu(os.getpid())
            for _ in range(times):
                for start in range(0, FLEET, 1000):
                    pb.ListInstancesResponse(instances=instances[start : start + 1000]).SerializeToString()
            return (cpu(os.getpid()) - before) / times

        found = await alternated({"ours": ours, "objects": objects})
    what = f"{FLEET:,} instances that the server keeps, its CPU for a list, against making responses of the objects"
    return compared("fleet-server", what, 0.2, found["ours"], found["objects"], "s")


async def _pages(client: Client, parent: str) -> list[pb.ListInstancesResponse]:
    request = pb.ListInstancesRequest(parent=parent, page_size=1000)
    request.max_staleness.FromSeconds(3600)
    return [page async for page in client.list(request).pages()]


async def rows() -> AsyncIterator[Row]:
    """Measure all clouds, one after the other."""
    for kind in PEERS:
        async with _bench(kind) as bench:
            for row in await bench.rows():
                yield row
            if kind == "gcp":
                yield await served(bench)
            async for row in polls.rows(kind, bench.sandbox, bench.address, FLEET):
                yield row


@asynccontextmanager
async def _bench(kind: str) -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        async with Sandbox(clouds=(kind,), metrics_period=polls.PERIOD, metrics_lag=polls.LAG) as sandbox:
            for _ in range(FLEET // SEEDED):
                await asyncio.to_thread(sandbox.seed, SEEDED, cloud=kind)
            with replay(sandbox.aws.get("endpoint", "")) as proxy:
                if kind == "aws":
                    sandbox.aws["endpoint"] = proxy.endpoint
                async with server_process(pathlib.Path(folder), log_level="warning") as server:
                    request = registration(sandbox, kind, kind)
                    request.provider.config.options.update({"metrics.period": polls.PERIOD, "metrics.lag": polls.LAG})
                    async with novacron_client.connect(server.address) as client:
                        await client.call(request, timeout=60)
                    yield Bench(kind, sandbox, proxy, server.address, server.process.pid)
