"""Pacing on our side: how fast a cloud lets one account call one family of its API."""

from typing import NamedTuple


class Rate(NamedTuple):
    """A token bucket: `burst` calls at once, then `per_second`."""

    burst: float
    per_second: float


class Pace:
    """Hands out turns at a rate, in the order in which they are asked for."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._tokens, self._at = rate.burst, now

    def wait(self, now: float, at_most: float) -> float | None:
        """Take a turn and tell how many seconds it is away; None, and no turn taken, when that is over `at_most`."""
        self._tokens = min(self._rate.burst, self._tokens + (now - self._at) * self._rate.per_second)
        self._at = now
        seconds = max(0.0, (1.0 - self._tokens) / self._rate.per_second)
        if seconds > at_most:
            return None
        self._tokens -= 1.0
        return seconds

    def left(self, calls: float) -> None:
        """Hear from the cloud how many calls are left: others may use the same account."""
        self._tokens = min(self._tokens, calls)

    def give_back(self) -> None:
        """Return a turn that was not used."""
        self._tokens += 1.0
