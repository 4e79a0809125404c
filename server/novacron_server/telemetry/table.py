"""Values of the series of one region: a row for each series, columns of numbers, and what was delivered before."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from novacron_providers.contract.metrics import Points, SeriesKey

from novacron_server.telemetry.frame import Floats, Slots

Mask = npt.NDArray[np.bool_]

# Rows that a new table has room for.
ROOM = 64


def span(places: Slots) -> Slots | slice:
    """Ascending places without a hole as a slice, with which numpy is many times as quick; others as they are."""
    if places.size and places[-1] - places[0] == places.size - 1:
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


@dataclass(frozen=True, slots=True)
class Column:
    """What is new at one time.

    Attributes:
        time: End of the period, seconds since 1970.
        period: Its length, in seconds.
        fresh: For each row of the table, whether its value is new.
        values: For each row; NaN, where fresh, says that there is none any more.
        known: Whether a row among the fresh ones is older than this column: then it came late, or was corrected.
        whole: Whether all rows are fresh, as is usual; then nobody need look which.
    """

    time: float
    period: float
    fresh: Mask
    values: Floats
    known: bool
    whole: bool


class Newest:
    """The newest value of each place, with its time and period; NaN is "none at this time".

    A place is a row of a table, or a slot of a view.
    """

    def __init__(self) -> None:
        self.values: Floats = np.full(ROOM, np.nan)
        self.times: Floats = np.zeros(ROOM)
        self.periods: Floats = np.zeros(ROOM)

    def grow(self, size: int) -> None:
        """Make room for that many places."""
        if size > self.values.size:
            room = max(size, 2 * self.values.size) - self.values.size
            self.values = np.concatenate((self.values, np.full(room, np.nan)))
            self.times = np.concatenate((self.times, np.zeros(room)))
            self.periods = np.concatenate((self.periods, np.zeros(room)))

    def put(self, places: Slots, time: float, period: float, values: Floats) -> None:
        """Take values in where they are not older than what is there."""
        at = span(places)
        newer = self.times[at] <= time
        # Counting takes a tenth of the time of `all`.
        if np.count_nonzero(newer) < newer.size:
            at, values = places[newer], values[newer]
        self.values[at] = values
        self.times[at] = time
        self.periods[at] = period

    def copy(self, places: Slots, other: "Newest", others: Slots) -> None:
        """Take over what another one has."""
        self.values[places] = other.values[others]
        self.times[places] = other.times[others]
        self.periods[places] = other.periods[others]

    def forget(self, place: int) -> None:
        """Empty a place."""
        self.values[place], self.times[place], self.periods[place] = np.nan, 0.0, 0.0

    def moments(self, places: Slots) -> Iterator[tuple[float, float, Slots]]:
        """Split places that ever had a value by their time and period: (time, period, places)."""
        places = places[self.times[places] > 0]
        times, periods = self.times[places], self.periods[places]
        for period in np.unique(periods).tolist():
            for time in np.unique(times[periods == period]).tolist():
                yield time, period, places[(times == time) & (periods == period)]


class Table:
    """Series of one region.

    A row belongs to its series until that ends, and may then belong to another; `version` grows with each such change.
    `rows` finds the row of a series, `series_of` the series of a resource.

    A point is new when its series has no value yet, or another one, for its time. So each (series, time) is delivered
    once, and once more for each correction. For this the columns down to a horizon are kept; points of series that were
    there before and are older than that are not looked at.
    """

    def __init__(self) -> None:
        self.rows: dict[SeriesKey, int] = {}
        self.series_of: dict[str, set[SeriesKey]] = {}
        self.newest = Newest()
        self.version = 0
        self._free: list[int] = []
        self._size = 0
        # Which cadence a row is read with.
        self._groups: npt.NDArray[np.int64] = np.zeros(ROOM, np.int64)
        # What was delivered, by period and number of the period.
        self._delivered: dict[tuple[float, int], Floats] = {}

    def write(self, found: Sequence[Points], period: float, group: int, horizon: int) -> list[Column]:
        """Take in what was read and give back what is new of it, oldest first.

        Args:
            found: Points of any number of series.
            period: Seconds between two points of a series.
            group: Which cadence it was read with.
            horizon: Number of the newest period that is not looked at any more.
        """
        added: list[int] = []
        touched: list[int] = []
        rows: list[int] = []
        times: list[float] = []
        values: list[float] = []
        known = self.rows
        for key, ends, numbers in found:
            row = known.get(key)
            if row is None:
                row = self._add(key)
                added.append(row)
            touched.append(row)
            count = len(ends)
            if count != len(numbers):
                raise ValueError(f"{key}: {count} times, {len(numbers)} values")
            rows += (row,) * count
            times += ends
            values += numbers
        self._groups[touched] = group
        is_new = np.zeros(self._size, np.bool_)
        is_new[added] = True
        at_rows, at_values = np.array(rows, np.int64), np.array(values, np.float64)
        indices = np.ceil(np.array(times, np.float64) / period - 1e-6).astype(np.int64)
        columns = []
        for index in np.unique(indices).tolist():
            here = indices == index
            columns.append(self._column(index, period, at_rows[here], at_values[here], is_new, horizon))
        return [column for column in columns if column.fresh.any()]

    def _column(self, index: int, period: float, rows: Slots, values: Floats, is_new: Mask, horizon: int) -> Column:
        read = np.full(self._size, np.nan)
        read[rows] = values
        before = self._delivered.get((period, index))
        if before is None:
            before = self._delivered[period, index] = np.full(self.newest.values.size, np.nan)
        fresh = ~np.isnan(read) & (read != before[: self._size])
        if index <= horizon:
            fresh &= is_new
        at = np.flatnonzero(fresh)
        before[at] = read[at]
        self.newest.put(at, index * period, period, read[at])
        return Column(index * period, period, fresh, read, bool((fresh & ~is_new).any()), bool(fresh.all()))

    def void(self, rows: Slots | None = None) -> list[Column]:
        """Say of all series, or of some, that the period after their newest one has no value.

        Only those that have one now; so it is said once. A value that comes later for that period is new.
        """
        at = np.arange(self._size) if rows is None else rows
        at = at[~np.isnan(self.newest.values[at])]
        columns = []
        for time, period, places in [*self.newest.moments(at)]:
            fresh = np.zeros(self._size, np.bool_)
            fresh[places] = True
            nothing = np.full(self._size, np.nan)
            after = (round(time / period) + 1) * period
            self.newest.put(places, after, period, nothing[places])
            columns.append(Column(after, period, fresh, nothing, known=False, whole=places.size == self._size))
        return columns

    def silent(self, group: int, time: float) -> Slots:
        """Rows of a cadence that have a value now, and it is older than `time`."""
        newest, rows = self.newest, self._of(group)
        return rows[(newest.times[rows] < time) & ~np.isnan(newest.values[rows])]

    def has_value(self, resource: str) -> bool:
        """Whether a series of a resource has a value now."""
        return any(not math.isnan(self.newest.values[self.rows[key]]) for key in self.series_of.get(resource, ()))

    def behind(self, group: int, since: float, now: float) -> float:
        """Oldest of the newest times of a cadence's series, those from before `since` left out; `now` for none."""
        times = self.newest.times[self._of(group)]
        return float(times[times >= since].min(initial=now))

    def _of(self, group: int) -> Slots:
        return np.flatnonzero(self._groups[: self._size] == group)

    def drop(self, keys: Iterable[SeriesKey]) -> None:
        """Forget series."""
        for key in keys:
            row = self.rows.pop(key)
            same = self.series_of[key.resource]
            same.discard(key)
            if not same:
                del self.series_of[key.resource]
            self.newest.forget(row)
            for column in self._delivered.values():
                column[row] = np.nan
            self._free.append(row)
            self.version += 1

    def trim(self, period: float, horizon: int) -> None:
        """Forget what was delivered for periods up to a number."""
        for key in [key for key in self._delivered if key[0] == period and key[1] <= horizon]:
            del self._delivered[key]

    def _add(self, key: SeriesKey) -> int:
        if self._free:
            row = self._free.pop()
        else:
            row, self._size = self._size, self._size + 1
            if row >= self._groups.size:
                self._grow()
        self.rows[key] = row
        self.series_of.setdefault(key.resource, set()).add(key)
        self.version += 1
        return row

    def _grow(self) -> None:
        self.newest.grow(self._size)
        room = self.newest.values.size - self._groups.size
        self._groups = np.concatenate((self._groups, np.zeros(room, np.int64)))
        for key, column in self._delivered.items():
            self._delivered[key] = np.concatenate((column, np.full(room, np.nan)))
