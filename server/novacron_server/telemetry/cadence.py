"""When to read metrics, and over which window, so that late points are neither lost nor read for ever."""

import math
from collections.abc import Sequence

from novacron_providers.contract.metrics import Window

from novacron_server.telemetry.table import Column

# Periods that a window goes back behind what was read before, beyond the lag that was seen.
OVERLAP = 2
# Seconds that a window goes back at most, but never less than LEAST periods and never more than MOST.
REACH = 3600.0
LEAST, MOST = 12, 150
# Seconds without a value after which a series has none any more, when its lag and OVERLAP periods are less.
PATIENCE = 15.0


class Cadence:
    """The metrics of a region that share a period and a publish delay: they are read together, once a tick.

    Periods have numbers: period n ends at n * period. A tick is when a period's values should be there: its end and the
    publish delay. Values can be later than that. How late they were, in periods, is the lag: it grows at once and
    shrinks by a period a tick, and windows go that much further back. They also go back to the newest value of each
    series that had one lately, so that a series which lags by more than was seen yet is still found.

    Attributes:
        group: Number of this cadence in its region.
        period: Seconds.
        delay: Publish delay, seconds.
        metrics: Types that were read last.
        resources: Names of the instances that they were read for.
        read_time: When the last reading of all of them began; -inf when there was none.
        horizon: Number of the newest period that no window goes back to any more.
    """

    def __init__(self, group: int, period: float, delay: float) -> None:
        self.group, self.period, self.delay = group, period, delay
        self.metrics: frozenset[str] = frozenset()
        self.resources: frozenset[str] = frozenset()
        self.read_time = -math.inf
        self.horizon = -1
        self._reach = min(max(LEAST, math.ceil(REACH / period)), MOST)
        self._lag = 0
        # Newest period that was read, and newest one that had a value.
        self._read: int | None = None
        self._seen = 0

    @property
    def reach(self) -> float:
        """Seconds that a window goes back at most."""
        return self._reach * self.period

    def newest(self, now: float) -> int:
        """Number of the newest period whose values should be there."""
        return math.floor((now - self.delay) / self.period + 1e-6)

    def next_tick(self, now: float) -> float:
        """When the values of the next period should be there."""
        return (self.newest(now) + 1) * self.period + self.delay

    def is_due(self, now: float) -> bool:
        """Whether a period has come that was not read."""
        return self._read is None or self.newest(now) > self._read

    def window(self, now: float, behind: float) -> Window:
        """What to read at a tick, when the series that is furthest behind has a newest value of that time."""
        end = self.newest(now)
        if self._read is None:
            return self._window(end - self._first(), end)
        start = min(self._read, self._seen, self._number(behind)) - OVERLAP - self._lag
        return self._window(max(start, end - self._reach, self.horizon), end)

    def first_window(self, now: float) -> Window:
        """What to read of what was not read before, so that there is a newest value at once."""
        end = self.newest(now) if self._read is None else self._read
        return self._window(end - self._first(), end)

    def done(self, now: float, columns: Sequence[Column], behind: float) -> None:
        """Take note of a reading of all, of what was new in it, and again of the series that is furthest behind."""
        end = self.newest(now)
        if self._read is None:
            # Until there is a value, windows go back to here; what was before is of no concern.
            self._seen = self.horizon = end - self._first()
        numbers = [self._number(column.time) for column in columns]
        read = -1 if self._read is None else self._read
        late = [end - n for n, column in zip(numbers, columns, strict=True) if column.known and n <= read]
        self._lag = min(max([self._lag - 1, 0, *late]), self._reach - OVERLAP)
        self._seen = max([self._seen, *numbers])
        self._read = end
        back = min(end, self._seen, self._number(behind)) - 2 * (OVERLAP + self._lag) - 1
        self.horizon = max(self.horizon, back, end - 2 * self._reach)

    def lately(self, now: float) -> float:
        """Windows never go back further than this, seconds since 1970."""
        return (self.newest(now) - self._reach) * self.period

    def silence(self, now: float) -> float:
        """A series whose newest value is older than this has none any more."""
        return (self.newest(now) - self._lag - OVERLAP) * self.period - max(0.0, PATIENCE - OVERLAP * self.period)

    def _number(self, time: float) -> int:
        """Number of the period that ends at a time."""
        return round(time / self.period)

    def _first(self) -> int:
        return OVERLAP + 1 + math.ceil(self.delay / self.period) + self._lag

    def _window(self, start: int, end: int) -> Window:
        return Window(start * self.period, end * self.period, self.period)
