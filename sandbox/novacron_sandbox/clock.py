"""The sandbox's time: the machine's, or faster, so that hours of a cloud's life pass in a test's seconds."""

import time
from datetime import UTC, datetime


class Clock:
    """Seconds since 1970 that pass `rate` times as fast as the machine's, from `origin` on.

    Any process given the same two numbers agrees on the time: at machine time t it is origin + (t - origin) * rate.
    """

    def __init__(self, origin: float = 0.0, rate: float = 1.0) -> None:
        if rate <= 0:
            raise ValueError(f"rate is {rate}: time has to pass, give a number above 0")
        self.origin, self.rate = origin, rate

    def now(self) -> float:
        """Seconds since 1970 on this clock."""
        return self.origin + (time.time() - self.origin) * self.rate

    def utc(self) -> datetime:
        """The same as a date in UTC that carries no zone, as moto keeps its dates."""
        return datetime.fromtimestamp(self.now(), UTC).replace(tzinfo=None)
