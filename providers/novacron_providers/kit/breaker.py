"""What keeps calls from a region that does not answer, and from one that refuses the credentials."""

from collections import deque
from dataclasses import dataclass

from novacron_providers.contract.clock import Clock

# A region that does not answer: at least this share of at least so many calls within so many seconds.
SHARE, CALLS, WINDOW = 0.5, 20, 10.0
# Seconds between two calls that are let through to try.
PROBE_EVERY = 5.0
# Refusals of the credentials in a row that are too many, and the seconds before they are tried again: doubled at each
# trial that fails.
REFUSALS, LOCK_FIRST, LOCK_LONGEST = 3, 30.0, 300.0


class Circuit:
    """Open while calls are not let through, but for one every `interval` seconds that tries."""

    def __init__(self, clock: Clock, interval: float) -> None:
        self._clock, self._interval = clock, interval
        self._next: float | None = None

    def open_for(self) -> float | None:
        """Seconds until a call is let through to try; None when it is closed and all are."""
        return None if self._next is None else max(0.0, self._next - self._clock.monotonic())

    def admit(self) -> float | None:
        """None for a call that may go; else the seconds until one may."""
        seconds = self.open_for()
        if seconds == 0.0:
            # This call tries. Should it hang, the next to try does not wait for its end.
            self.open()
            return None
        return seconds

    def open(self) -> None:
        """Let no call through for an interval from now."""
        self._next = self._clock.monotonic() + self._interval

    def close(self) -> None:
        """Let all calls through."""
        self._next = None


@dataclass(slots=True)
class _Second:
    """Calls that ended within one second, and those of them that were not answered."""

    start: float
    calls: int = 0
    failures: int = 0


class Breaker(Circuit):
    """Open while a region does not answer. Any answer, be it an error, shows that it is there and closes it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, PROBE_EVERY)
        self._seconds: deque[_Second] = deque()

    def answered(self) -> None:
        """A call was answered."""
        if self._next is not None:
            self.close()
            self._seconds.clear()
        self._second().calls += 1

    def failed(self, *, may_open: bool) -> None:
        """A call was not answered; `may_open` when nothing is left of what retries may cost."""
        second = self._second()
        second.calls += 1
        second.failures += 1
        calls = sum(second.calls for second in self._seconds)
        failures = sum(second.failures for second in self._seconds)
        if self._next is None and may_open and calls >= CALLS and failures >= SHARE * calls:
            self.open()

    def _second(self) -> _Second:
        now = self._clock.monotonic()
        while self._seconds and self._seconds[0].start <= now - WINDOW:
            self._seconds.popleft()
        if not self._seconds or self._seconds[-1].start <= now - 1.0:
            self._seconds.append(_Second(now))
        return self._seconds[-1]


class Lock(Circuit):
    """Open while a region refuses the credentials: who goes on trying may find the account locked."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, LOCK_FIRST)
        self._refusals = 0

    def accepted(self) -> None:
        """The credentials were good for a call."""
        self._refusals, self._interval = 0, LOCK_FIRST
        self.close()

    def refused(self, *, trial: bool) -> None:
        """The credentials were refused; `trial` when the lock was open and let the call through."""
        self._refusals += 1
        if trial:
            self._interval = min(LOCK_LONGEST, 2.0 * self._interval)
            self.open()
        elif self._next is None and self._refusals >= REFUSALS:
            self.open()
