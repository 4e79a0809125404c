"""A sleep on a Clock that somebody can end."""

import asyncio
import math

from novacron_providers.contract.clock import Clock

# Seconds of the shortest sleep: rounding of a date must not make a loop spin.
SHORTEST = 0.001


class Alarm:
    """Wakes one sleeper when its time has come, or when it is rung."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """End the present sleep or, when there is none, the next one at once."""
        self._rung.set()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds or when rung; never at once, unless rung before."""
        if math.isinf(seconds):
            await self._rung.wait()
        elif not self._rung.is_set():
            ends = (
                asyncio.ensure_future(self._clock.sleep(max(seconds, SHORTEST))),
                asyncio.ensure_future(self._rung.wait()),
            )
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()
        self._rung.clear()
