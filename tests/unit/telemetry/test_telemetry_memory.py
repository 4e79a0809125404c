"""A reader costs little, and leaves nothing behind."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncGenerator

from novacron_server.streams import Feed

from tests.feeds import Outlet
from tests.unit.telemetry.lab import Lab

READERS = 200


async def follow(stream: AsyncGenerator[bytes | Feed, None]) -> None:
    async for message in stream:
        if not isinstance(message, bytes):
            await message.into(Outlet())


async def come_and_go(lab: Lab) -> tuple[int, int]:
    """Memory that readers add while they are there, and after they left."""
    before = tracemalloc.get_traced_memory()[0]
    tasks = [asyncio.create_task(follow(lab.stream())) for _ in range(READERS)]
    await lab.clock.settle()
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    del task, tasks
    await lab.clock.settle()
    gc.collect()
    return held, tracemalloc.get_traced_memory()[0] - before


async def test_reader_costs_few_kilobytes_and_leaves_none(lab: Lab) -> None:
    for n in range(50):
        lab.cloud.add(f"i-{n}")
    # The view itself, which is shared, is not counted.
    await lab.synced()
    tracemalloc.start()
    try:
        # What is made once, at the first time.
        await come_and_go(lab)
        held, left = await come_and_go(lab)
    finally:
        tracemalloc.stop()
    assert held / READERS < 8_000
    assert left < 30_000
