"""Overload: ten times the ticks that can be sent one by one, to 1,000 subscribers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from tests.bench.load import Counts, Load, readers, until
from tests.bench.processes import Server, ours, rival
from tests.bench.table import Row, alternated, compared

SUBSCRIBERS, SERIES, PERIOD, TICKS = 1000, 100, 0.005, 200


async def quiet(load: Load) -> Counts:
    """Counts when all streams are open and nothing more comes."""
    counts = await until(load, lambda counts: counts.opened == SUBSCRIBERS)
    while True:
        await asyncio.sleep(0.5)
        before, counts = counts, await load.count()
        if counts == before:
            return counts


async def rows() -> AsyncIterator[Row]:
    unaccounted = 0
    dropped = 0

    async def delivered(server: Server) -> float:
        """CPU in microseconds for a tick that a subscriber got."""
        nonlocal unaccounted, dropped
        # Who comes while others are served ten times what can be served waits long for a turn.
        await server.ask("hold")
        async with readers(server, SUBSCRIBERS) as load:
            before = await quiet(load)
            begin = server.cpu
            await server.ask("go")
            await asyncio.sleep(TICKS * PERIOD)
            await server.ask("hold")
            after = await quiet(load)
            spent = server.cpu - begin
        if server is mine:
            unaccounted, dropped = unaccounted + after.unaccounted, dropped + after.dropped
        return spent / (after.samples - before.samples) * SERIES * 1e6

    async with AsyncExitStack() as stack:
        mine = await stack.enter_async_context(ours(SERIES, PERIOD))
        ring = await stack.enter_async_context(rival("ring", SERIES, PERIOD))
        found = await alternated({"ours": lambda: delivered(mine), "ring": lambda: delivered(ring)})
    what = f"{SUBSCRIBERS:,} subscribers, {TICKS} ticks at {PERIOD * 1000:.0f} ms"
    cost = f"CPU of a tick delivered, {what}, against one message for each tick"
    yield compared("overload", cost, 0.15, found["ours"], found["ring"], "us")
    told = f"ticks neither delivered nor told as dropped, {what}"
    yield Row("overload-accounted", told, unaccounted, 0, unit="ticks", detail=f"{dropped} told as dropped")
