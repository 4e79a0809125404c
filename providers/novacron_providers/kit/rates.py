"""Pacing on our side: at most as fast as a cloud publishes, and slower as soon as it throttles."""

import asyncio
from collections import deque
from math import inf
from typing import NamedTuple

from novacron_providers.contract.call import Turn
from novacron_providers.contract.clock import Clock

# A throttle cuts the rate to this share of itself, or of what the cloud took in the last second if that tells of less,
# at most once in so many seconds; then it grows by so many calls a second each second. Latency says nothing: a control
# plane refuses as fast as it answers.
CUT, CUT_EVERY, GROWTH = 0.7, 1.0, 0.8
# Calls in a second that tell what the cloud takes; with fewer it is not known.
TELLING = 5
# Calls a second that are never undercut, unless the cloud publishes less.
FLOOR = 1.0
# Shortest wait for a turn, in seconds.
GRAIN = 0.001


class Rate(NamedTuple):
    """A token bucket: `burst` calls at once, then `per_second`."""

    burst: float
    per_second: float


class _Waiter(NamedTuple):
    """Who waits for a turn, and until when it is of use, on the clock's monotonic(); False says that none will be."""

    turn: asyncio.Future[bool]
    until: float


class Pace:
    """Hands out turns to call one family of a cloud's API in one region: in the order of Turn, then as they come.

    It begins at the published rate and returns to it. Without one there is no limit until the cloud throttles: then the
    rate is what the cloud took, cut, and there is no limit again once it has grown to twice of that.

    Attributes:
        per_second: Calls a second that are allowed now.
    """

    def __init__(self, rate: Rate | None, clock: Clock) -> None:
        self._clock = clock
        self._published = rate
        self.per_second = rate.per_second if rate else inf
        self._most = self.per_second
        self._tokens = rate.burst if rate else inf
        self._at = clock.monotonic()
        self._cut_at = -inf
        # Times of the last second: turns, and those of them that were one too many.
        self._given: deque[float] = deque()
        self._refused: deque[float] = deque()
        self._lines: dict[Turn, deque[_Waiter]] = {turn: deque() for turn in Turn}
        self._usher: asyncio.Task[None] | None = None

    async def turn(self, at_most: float, turn: Turn) -> bool:
        """Wait for a turn; False, without one, as soon as it is more than `at_most` seconds away from now."""
        self._refill()
        ahead = sum(len(self._lines[other]) for other in Turn if other <= turn)
        if self._tokens >= 1.0 and not ahead:
            self._take()
            return True
        if (1.0 + ahead - self._tokens) / self.per_second > at_most:
            return False
        line = self._lines[turn]
        waiter = _Waiter(asyncio.get_running_loop().create_future(), self._at + at_most)
        line.append(waiter)
        if any(self._lines[other] for other in Turn if other > turn):
            self._turn_away()
        if self._usher is None:
            self._usher = asyncio.create_task(self._call_up(), name="pace")
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter in line:
                line.remove(waiter)
            elif not waiter.turn.cancelled() and waiter.turn.result():
                # It came just now, and nobody uses it.
                self._tokens += 1.0
            raise

    def throttled(self) -> None:
        """Hear that the cloud refused a call as one too many."""
        self._refill()
        self._refused.append(self._at)
        if self._at - self._cut_at < CUT_EVERY:
            return
        self._cut_at = self._at
        taken = max(FLOOR, float(len(self._given) - len(self._refused)))
        if self.per_second == inf:
            self._most = 2.0 * taken
            self.per_second = taken
        elif len(self._given) >= TELLING:
            self.per_second = min(self.per_second, taken)
        least = min(FLOOR, self._published.per_second) if self._published else FLOOR
        self.per_second = max(least, self.per_second * CUT)
        # Whatever we thought is left: the cloud says that nothing is.
        self._tokens = min(self._tokens, 0.0)
        self._turn_away()

    def left(self, calls: float) -> None:
        """Hear from the cloud how many calls are left: others may use the same account."""
        if self.per_second < inf:
            self._refill()
            self._tokens = min(self._tokens, calls)

    def _refill(self) -> None:
        """Bring rate and tokens up to now."""
        now = self._clock.monotonic()
        seconds, self._at = now - self._at, now
        for times in (self._given, self._refused):
            while times and times[0] <= now - 1.0:
                times.popleft()
        if self.per_second == inf:
            return
        before = self.per_second
        self.per_second = min(self._most, before + GROWTH * seconds)
        if self._published is None and self.per_second == self._most:
            self.per_second = self._tokens = self._most = inf
            return
        # Slowed down, it is not known what the cloud has saved up for us: no more than of a second.
        full = self._published is not None and self.per_second == self._most
        burst = self._published.burst if full and self._published else max(1.0, self.per_second)
        self._tokens = min(burst, self._tokens + seconds * (before + self.per_second) / 2)

    def _take(self) -> None:
        self._tokens -= 1.0
        self._given.append(self._at)

    def _turn_away(self) -> None:
        """Tell those whose turn would come too late now that the line moves more slowly, or others went before them."""
        ahead = 0
        for line in self._lines.values():
            for waiter in [*line]:
                if (1.0 + ahead - self._tokens) / self.per_second <= waiter.until - self._at:
                    ahead += 1
                    continue
                line.remove(waiter)
                if not waiter.turn.done():
                    waiter.turn.set_result(False)

    async def _call_up(self) -> None:
        """Call up who waits, as turns come, until nobody does."""
        try:
            while line := next(filter(None, self._lines.values()), None):
                self._refill()
                if self._tokens < 1.0 - GRAIN:
                    await self._clock.sleep(max(GRAIN, (1.0 - self._tokens) / self.per_second))
                    continue
                turn = line.popleft().turn
                if not turn.done():
                    self._take()
                    turn.set_result(True)
        finally:
            self._usher = None
