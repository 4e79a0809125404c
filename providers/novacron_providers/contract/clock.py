"""Time, injected: so that back-off, waits and windows run in tests without sleeping."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Where all waiting and all dates come from."""

    def time(self) -> float:
        """Seconds since 1970, UTC."""

    def monotonic(self) -> float:
        """Seconds from some start; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of this clock."""


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ScaledClock:
    """A clock that runs `rate` times as fast as the machine's, from `origin` on.

    Two processes that are given the same origin and rate agree on the time without talking to each other: at machine
    time t both say origin + (t - origin) * rate. The sandbox takes the same two numbers.
    """

    def __init__(self, origin: float, rate: float) -> None:
        self.origin, self.rate = origin, rate

    def time(self) -> float:
        return self.origin + (time.time() - self.origin) * self.rate

    def monotonic(self) -> float:
        return time.monotonic() * self.rate

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.rate)
