"""Readers that stop: what that costs the others, what it costs in memory, and how soon a frozen client is given up."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

from tests.bench.load import cost, readers, until
from tests.bench.processes import Server, ours
from tests.bench.table import Row, alternated, compared

SUBSCRIBERS, SERIES, PERIOD, STOPPED = 1000, 1000, 0.1, 10
SPAN = 1.5
# Bytes that a stream takes in unread: small, so that those who stop hold up the server from the first second on.
WINDOW = 65_536
# MiB: what a run may leave in any case, and for each stream that is stuck.
GROWTH = 10 + 0.05 * STOPPED
# Seconds that a client has to answer, twice: for a sign of life, and once more until it is given up.
KEEPALIVE, LIMIT = 1, 6.0


async def rows() -> AsyncIterator[Row]:
    grown: list[float] = []

    async def delivery(server: Server, stopped: int) -> float:
        """CPU in microseconds for a tick to one who reads."""
        async with readers(server, SUBSCRIBERS, window=WINDOW) as load:
            counts = await load.count()
            if stopped:
                await load.hold(stopped)
            await until(load, lambda counts: counts.least >= SERIES)
            begin = server.memory
            spent, before, after = await cost(server, load, 8 * SERIES, SPAN)
            if stopped:
                grown.append(server.memory - begin)
        assert not counts.failed
        return spent / (after.samples - before.samples) * SERIES * 1e6

    async with ours(SERIES, PERIOD) as server:
        # The first time that so many come, memory grows whether they read or not.
        await delivery(server, 0)
        found = await alternated({"some": lambda: delivery(server, STOPPED), "none": lambda: delivery(server, 0)})
    what = f"{STOPPED} of {SUBSCRIBERS:,} stop reading"
    yield compared(
        "slow", f"CPU of a tick to the others, {what}, against none", 1.2, found["some"], found["none"], "us"
    )
    detail = f"most of {len(grown)} runs; {', '.join(f'{mib:.1f}' for mib in grown)}"
    yield Row("slow-memory", f"growth of the server's memory, {what}", max(grown), GROWTH, unit="MiB", detail=detail)
    yield await frozen()


async def frozen() -> Row:
    """Stop the process that reads, and wait until its streams are gone."""
    what = f"seconds until 100 streams of a client under SIGSTOP are gone, keepalive {KEEPALIVE} s"
    async with ours(SERIES, PERIOD, 1, KEEPALIVE) as server, readers(server, 100, connections=1) as load:
        await cost(server, load, SERIES, 0.5)
        if load.pid is None:
            return Row("frozen", what, None, LIMIT, unit="s", detail="needs readers in a process of their own, so C++")
        os.kill(load.pid, signal.SIGSTOP)
        begin = time.monotonic()
        try:
            left = await ended(server, begin + 2 * LIMIT)
        finally:
            os.kill(load.pid, signal.SIGCONT)
    return Row("frozen", what, time.monotonic() - begin, LIMIT, unit="s", detail=f"{left} left")


async def ended(server: Server, deadline: float) -> int:
    """Wait until a server has no streams any more, at most until a deadline; how many are left."""
    while left := int(await server.ask()):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.1)
    return left
