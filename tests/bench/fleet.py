"""Fleet: 10,000 instances of a cloud listed by us, by its SDK and by Libcloud.

Compared is the CPU of those who list: our client and our server together against the process of the other. The
sandbox's own is left out, which is the same for all and larger. Everybody reads the same answers of the same sandbox,
all pages, and looks at state, type, addresses and tags of each instance; ours come with network cards and shapes, which
on Azure are lists more than azure-mgmt-compute reads.
"""

import asyncio
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import novacron_client
from google.protobuf import duration_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_sandbox import Sandbox

from tests.bench.replay import replay
from tests.servers import CONFIGS, registration, server_process

FLEET = int(os.environ.get("FLEET", 10_000))
ROUNDS = int(os.environ.get("ROUNDS", 3))
PEERS = {
    "aws": {"boto3": 0.25, "libcloud-ec2": 0.5},
    "azure": {"azure-mgmt-compute": 0.25},
    "gcp": {"google-cloud-compute": 0.25, "libcloud-gce": 0.5},
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
        process.kill()
        await process.wait()


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used, all threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


async def run() -> bool:
    kinds = os.environ.get("KINDS", "gcp azure aws").split()
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            async with Sandbox(clouds=(kind,)) as sandbox:
                for _ in range(10):
                    await asyncio.to_thread(sandbox.seed, FLEET // 10, cloud=kind)
                with replay(sandbox.aws.get("endpoint", "")) as proxy:
                    if kind == "aws":
                        sandbox.aws["endpoint"] = proxy.endpoint
                    await one(kind, sandbox, pathlib.Path(folder), proxy)
    return True


async def one(kind: str, sandbox: Sandbox, folder: pathlib.Path, proxy: Any) -> None:
    access = getattr(sandbox, kind)
    async with server_process(folder, log_level="warning") as server:
        pid = server.process.pid
        async with novacron_client.connect(server.address) as client:
            await client.call(registration(sandbox, kind, kind), timeout=60)
        ours_access = {"address": server.address, "parent": f"providers/{kind}"}
        peers: dict[str, list[float]] = {name: [] for name in PEERS[kind]}
        ours: list[float] = []
        for r in range(ROUNDS + 1):
            for name in PEERS[kind]:
                async with lister(name, access) as l:
                    await l.list() if r == 0 and kind != "aws" else None
                    peers[name].append(await l.list())
                    if kind == "aws" and r == 0:
                        print(name, peers[name], flush=True)
            async with lister("ours", ours_access) as l:
                before = cpu(pid)
                calls = dict(sandbox.state(cloud=kind)["calls"]) if kind != "aws" else dict(proxy.calls)
                c = await l.list()
                s = cpu(pid) - before
                after = dict(sandbox.state(cloud=kind)["calls"]) if kind != "aws" else dict(proxy.calls)
                print(kind, "ours client", round(c, 2), "server", round(s, 2), {k: after[k] - calls.get(k, 0) for k in after if after[k] != calls.get(k, 0)}, flush=True)
                ours.append(c + s)
        print(kind, "ours", ours)
        for name, values in peers.items():
            print(kind, name, values, "ratio", median(ours[1:]) / median(values[1:]), flush=True)
        async with lister("ours", {**ours_access, "kept": 1}) as l:
            await l.list()
            for _ in range(3):
                before = cpu(pid)
                c = await l.list()
                print("kept", c, cpu(pid) - before)


if __name__ == "__main__":
    asyncio.run(run())
