"""Many reads at once, but not too many."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
Item = TypeVar("Item")


async def each(items: Iterable[Item], work: Callable[[Item], Awaitable[T]], *, at_once: int = 8) -> list[T]:
    """Do `work` on every item, at most `at_once` at a time; the answers are in the order of the items.

    The first error cancels what is under way and is raised.
    """
    gate = asyncio.Semaphore(at_once)

    async def one(item: Item) -> T:
        async with gate:
            return await work(item)

    tasks = [asyncio.ensure_future(one(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
