"""A clock that stands still until a test moves it."""

import asyncio
import heapq
import itertools

# Turns of the event loop after which everything that a wake-up sets off, threads apart, has happened.
TURNS = 100


class ManualClock:
    """Implements contract.Clock; sleepers wake in the order of their time, each before the clock moves on.

    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(5))
    await clock.advance(5)  # the task is done
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = self._now = start
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def time(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now - self._start

    async def sleep(self, seconds: float) -> None:
        """Return once `advance` has moved the clock that far; at once for nothing or less."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), wake))
        await wake

    async def advance(self, seconds: float = 0.0) -> None:
        """Move the clock, stopping at each sleeper on the way and letting what it sets off run."""
        until = self._now + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            when, _, wake = heapq.heappop(self._sleepers)
            if not wake.done():
                self._now = max(self._now, when)
                wake.set_result(None)
                await self.settle()
        self._now = until
        await self.settle()

    async def settle(self) -> None:
        """Let everything run that can run without the clock moving; work in threads is not waited for."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
