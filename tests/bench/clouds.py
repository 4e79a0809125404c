"""Clouds: start-up and memory with 0 to 3 clouds in use, against a bare grpc.aio server in the same run.

Both have bytecode by their second start, as after an installation (the Makefile sees to that); without it a start is
mostly compiling.
"""

import asyncio
import pathlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import novacron_client
from novacron.cloud.v1 import metrics_service_pb2 as metrics
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client
from novacron_sandbox import Sandbox

from tests.bench.table import Row
from tests.servers import CONFIGS, registration, server_process

# Starts of each kind, and instances in each cloud.
ROUNDS, FLEET = 5, 100
BARE = """
import asyncio, grpc
async def main():
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()
asyncio.run(main())
"""


class Start(NamedTuple):
    """Seconds from the start of the process until it serves, and MiB that it then has."""

    seconds: float
    memory: float


class Use(NamedTuple):
    """Seconds of the first list of all instances, how many there were, and MiB once metrics were read too."""

    seconds: float
    instances: int
    memory: float


def memory(pid: int) -> float:
    """Resident memory of a process, in MiB; with what the allocator keeps after the imports of an SDK."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def best(starts: list[Start]) -> Start:
    """The least of each: what else the machine does only adds."""
    return Start(*map(min, zip(*starts, strict=True)))


def served(folder: pathlib.Path) -> float:
    """When a server told that it serves, to a few ms; who waits for that looks only every 20 ms."""
    return (folder / "ready.json").stat().st_mtime


async def start_bare() -> Start:
    """Start a server that serves nothing, and end it."""
    begin = time.monotonic()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", BARE, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout
        assert await process.stdout.readline()
        return Start(time.monotonic() - begin, memory(process.pid))
    finally:
        process.kill()
        await process.wait()


async def use(client: Client, pid: int) -> Use:
    """List everything, which is what imports the SDKs of the clouds, and read metrics."""
    begin = time.monotonic()
    found = [one async for one in client.list(pb.ListInstancesRequest(parent="providers/-"))]
    seconds = time.monotonic() - begin
    await client.call(metrics.GetLatestMetricsRequest(parent="providers/-"), timeout=60)
    return Use(seconds, len(found), memory(pid))


async def measure(sandbox: Sandbox, folder: pathlib.Path) -> tuple[list[Start], list[tuple[Start, Use]]]:
    """Start a server with 0 to 3 clouds registered in its state, and use them; before each, a bare one."""
    found, bare = [], []
    for following in [*CONFIGS, ""]:
        starts = []
        for last in [False] * (ROUNDS - 1) + [True]:
            bare.append(await start_bare())
            begin = time.time()
            async with server_process(folder) as server:
                pid = server.process.pid
                starts.append(Start(served(folder) - begin, memory(pid)))
                if not last:
                    continue
                async with novacron_client.connect(server.address) as client:
                    found.append((best(starts), await use(client, pid)))
                    if following:
                        await client.call(registration(sandbox, following, following), timeout=60)
    return bare, found


async def rows() -> AsyncIterator[Row]:
    """Measure and print; a machine that is slow today is no failure."""
    print(f"clouds: best of {ROUNDS} starts with 0 to {len(CONFIGS)} clouds; then {FLEET} instances of each are read")
    with tempfile.TemporaryDirectory() as folder:
        async with Sandbox() as sandbox:
            for kind in CONFIGS:
                await asyncio.to_thread(sandbox.seed, FLEET, cloud=kind)
            starts, found = await measure(sandbox, pathlib.Path(folder))
    # Of as many starts, at the same time, as those without a cloud: the best of more is less.
    bare = best(starts[:ROUNDS])
    print(f"  {'':16}{'serves after':>22}{'memory then':>24}{'first list':>14}{'memory in use':>26}")

    def line(name: str, start: Start, used: str) -> None:
        times, sizes = start.seconds / bare.seconds, start.memory / bare.memory
        then = f"{start.seconds:6.2f} s, {times:5.2f} of bare{start.memory:8.0f} MiB, {sizes:5.2f} of bare"
        print(f"  {name:16}{then}{used}")

    line("bare grpc.aio", bare, "")
    for count, (start, used) in enumerate(found):
        assert used.instances == count * FLEET
        sizes = used.memory / bare.memory
        line(
            f"{count} cloud{'' if count == 1 else 's'}",
            start,
            f"{used.seconds:10.2f} s{used.memory:12.0f} MiB, {sizes:5.2f} of bare",
        )
    seconds = found[0][0].seconds
    what = "from the start of the process to SERVING without SDKs, against a bare grpc.aio server"
    yield Row("start", what, seconds / bare.seconds, 2.5, detail=f"{seconds:.2f} s against {bare.seconds:.2f} s")
