"""Fan-out: server CPU for each message to 1,000 subscribers, against a bare grpc.aio ring in the same run."""

import asyncio
import os
import pathlib
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import grpc
from novacron.cloud.v1 import metrics_service_pb2

SUBSCRIBERS, CONNECTIONS, TICKS, ROUNDS = 1000, 10, 40, 3
# Bytes of a tick of 1,000 samples; that its header comes on top does not matter here.
TICK = 8000
# The whole server may cost this many times what the bare ring costs.
GOAL = 1.25
KINDS = ("bare", "server")


class Cost(NamedTuple):
    """What a tick to a subscriber took: server CPU in microseconds, and messages, below 1 when ticks are joined."""

    cpu: float
    messages: float


@asynccontextmanager
async def served(kind: str) -> AsyncIterator[tuple[int, str]]:
    """A server in a process of its own: its pid and address."""
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.fanout_server", kind, folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "GRPC_VERBOSITY": "NONE"},
        )
        assert process.stdin
        assert process.stdout
        try:
            yield process.pid, (await process.stdout.readline()).decode().strip()
        finally:
            process.stdin.close()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(kind: str) -> Cost:
    """One run: subscribe, wait until all have heard something, and count while TICKS pass."""
    async with served(kind) as (pid, address):
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(CONNECTIONS)]
        request = metrics_service_pb2.StreamMetricsRequest(parent="providers/toy").SerializeToString()
        counts, sizes = [0] * SUBSCRIBERS, [0] * SUBSCRIBERS

        async def subscribe(n: int) -> None:
            method: grpc.aio.UnaryStreamMultiCallable[Any, bytes] = channels[n % CONNECTIONS].unary_stream(
                "/novacron.cloud.v1.MetricsService/StreamMetrics", None, None
            )
            async for data in method(request):
                counts[n] += 1
                sizes[n] += len(data)

        async def until(done: Callable[[], bool]) -> None:
            while not done():  # noqa: ASYNC110  # an Event set by every message would be a part of what is measured
                await asyncio.sleep(0.05)

        tasks = [asyncio.create_task(subscribe(n)) for n in range(SUBSCRIBERS)]
        # Three ticks, and whatever the stream begins with.
        await until(lambda: min(sizes) > 3 * TICK)
        before, counted, sized = cpu_seconds(pid), sum(counts), sum(sizes)
        await until(lambda: sum(sizes) >= sized + SUBSCRIBERS * TICKS * TICK)
        spent, messages, size = cpu_seconds(pid) - before, sum(counts) - counted, sum(sizes) - sized
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for channel in channels:
            await channel.close()
    ticks = size / TICK
    return Cost(spent / ticks * 1e6, messages / ticks)


async def run() -> bool:
    """Measure, print, and say whether the goal was met."""
    print(f"fanout: {SUBSCRIBERS} subscribers on {CONNECTIONS} connections, {TICKS} ticks of 1,000 samples")
    costs: dict[str, list[Cost]] = {kind: [] for kind in KINDS}
    for n in range(ROUNDS):
        # In turn, each round another one first, so that what else the machine does hits all alike.
        for kind in KINDS[n % len(KINDS) :] + KINDS[: n % len(KINDS)]:
            costs[kind].append(await measure(kind))
    cpu = {kind: statistics.median(cost.cpu for cost in found) for kind, found in costs.items()}
    for kind, found in costs.items():
        low, high = min(c.cpu for c in found), max(c.cpu for c in found)
        messages = statistics.median(cost.messages for cost in found)
        print(
            f"  {kind:8}{cpu[kind]:6.1f} us of server CPU for a tick to a subscriber ({low:.1f} to {high:.1f}), "
            f"{cpu[kind] / cpu['bare']:.2f} of bare, {messages:.2f} messages"
        )
    kept = cpu["server"] / cpu["bare"] <= GOAL
    print(f"  goal: server at most {GOAL} of bare: {'met' if kept else 'MISSED'}")
    return kept
