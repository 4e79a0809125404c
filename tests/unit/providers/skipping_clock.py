"""A clock whose sleeps take no time."""

import asyncio


class SkippingClock:
    """Moves on by what is slept, at once, and keeps a list of it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now + 1_700_000_000.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds
        await asyncio.sleep(0)
