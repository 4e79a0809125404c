"""Live metrics: a table of series, and what changes in it."""

import math
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from novacron.cloud.v1 import metrics_pb2, metrics_service_pb2, streams_pb2

from novacron_client.errors import CloudError
from novacron_client.follow import Follower, seconds
from novacron_client.refill import Query, Refill, Wanted
from novacron_client.series import Row, Sample, SeriesKey, SeriesTable, slots_of, timestamp
from novacron_client.stream import Stream

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


class Columns(NamedTuple):
    """Values as numpy arrays of one length, and in one order.

    Attributes:
        slots: Slots of the series, int64.
        times: Ends of the periods, in seconds since 1970, float64.
        values: The values, float64; NaN for "none at this time".
    """

    slots: "NDArray[numpy.int64]"
    times: "NDArray[numpy.float64]"
    values: "NDArray[numpy.float64]"


@dataclass(frozen=True, slots=True)
class MetricUpdate:
    """One thing that a stream told.

    Attributes:
        table: The series, with their newest values, after this update.
        time: End of the period that `values` are of, in seconds since 1970; None when there are no values.
        period: Length of that period in seconds; None for values of a moment.
        slots: Slots that `values` belong to.
        values: The values, in the units of their metrics; NaN for "none at this time".
        added: Series that are new.
        removed: Series that ended.
        reset: The stream starts, or starts over: the table is empty again.
        synced: The table is whole: every series that has a value shows its newest one.
        gap: What the server dropped because this reader was too slow; None when nothing was. It is read from history.
        missing: With `synced`, why what was missed could not all be read from history; None when nothing is missing.
    """

    table: SeriesTable
    time: float | None = None
    period: float | None = None
    slots: Sequence[int] = ()
    values: Sequence[float] = ()
    added: Sequence[SeriesKey] = ()
    removed: Sequence[SeriesKey] = ()
    reset: bool = False
    synced: bool = False
    gap: streams_pb2.StreamGap | None = None
    missing: CloudError | None = None

    def rows(self) -> Iterator[Row]:
        """The values, one by one."""
        keys, time = self.table.keys_by_slot, self.time or 0.0
        for slot, value in zip(self.slots, self.values, strict=True):
            if key := keys.get(slot):
                yield Row(key, time, None if math.isnan(value) else value)

    def columns(self) -> Columns:
        """The values as numpy arrays; needs numpy, which the client else does not.

            newest = numpy.full(100_000, numpy.nan)
            async for update in stream:
                slots, times, values = update.columns()
                newest[slots] = values

        A slot means the same series until an update says `reset`; `table.keys_by_slot` has which one.
        """
        import numpy

        span = self.slots
        is_range = isinstance(span, range) and span.step == 1
        slots = numpy.arange(span[0], span[0] + len(span)) if is_range and span else numpy.asarray(span, numpy.int64)
        times = numpy.full(len(span), math.nan if self.time is None else self.time)
        return Columns(slots, times, numpy.asarray(self.values, numpy.float64))


class MetricStream(Stream[MetricUpdate]):
    """An endless stream of updates; reconnects and resumes by itself.

    Where the server cannot go on (it was started anew) the stream starts over: after `reset` and the series come the
    values that were missed, read by QueryMetrics, each series' in the order of time, then the newest ones. The same is
    done, without `reset`, after a `gap`. So of each series every value comes and none twice, unless `missing` says why.

        async with client.stream_metrics("providers/-", metrics=["cloud.instance.*"]) as stream:
            async for update in stream:
                for key, time, value in update.rows(): ...

    Attributes:
        latest: The newest value of each series, by SeriesKey.
        synced: Whether `latest` is whole: not before the first snapshot, nor while it is made anew.
    """

    def __init__(self, follower: Follower[metrics_service_pb2.MetricEvent], wanted: Wanted, query: Query) -> None:
        """Follow a stream of what is `wanted`; `query` answers QueryMetrics, page by page."""
        super().__init__(follower)
        self.latest = SeriesTable()
        self.synced = False
        self._wanted, self._query = wanted, query
        # What was missed, from the moment the stream starts over, or has a gap, until it is read.
        self._refill: Refill | None = None
        # Of the series, by slot: what was seen and may come again after a stream has started over.
        self._seen: dict[int, Sample] = {}
        self._seen_until = -math.inf
        self._refilled: dict[float, Mapping[int, float]] = {}
        # Slots that the whole table names, which follows each `opened`; None when it is complete.
        self._named: set[int] | None = None

    async def _follow(self) -> AsyncGenerator[MetricUpdate, None]:
        async with aclosing(self._follower.events()) as events:
            async for event in events:
                kind = event.WhichOneof("event")
                if kind == "table":
                    yield self._table(event.table)
                elif kind == "batch" and self._refill is not None:
                    self._refill.snapshot.append(event.batch)
                elif kind == "batch":
                    yield self._batch(event.batch)
                elif event.control.HasField("synced") and self._refill is not None:
                    async for update in self._caught_up(self._refill):
                        yield update
                elif (told := self._control(event.control)) is not None:
                    yield told

    def _table(self, table: metrics_pb2.MetricTable) -> MetricUpdate:
        if self._named is not None:
            self._named.update(range(table.first_slot, table.first_slot + len(table.series)))
        added = self.latest.add(table)
        return MetricUpdate(self.latest, added=added, removed=self.latest.remove(table.removed_slots))

    def _batch(self, batch: metrics_pb2.MetricBatch) -> MetricUpdate:
        removed = self._end_of_table()
        time, slots = timestamp(batch.time), slots_of(batch)
        values: Sequence[float] = batch.values
        if time <= self._seen_until or time in self._refilled:
            pairs = [
                (slot, value) for slot, value in zip(slots, values, strict=True) if self._is_new(slot, time, value)
            ]
            slots, values = [slot for slot, _ in pairs], [value for _, value in pairs]
        self.latest.put(time, slots, values)
        period = seconds(batch.period) if batch.HasField("period") else None
        return MetricUpdate(self.latest, time, period, slots, values, removed=removed)

    def _is_new(self, slot: int, time: float, value: float) -> bool:
        """Whether a value is none of those that came before the hole, or were read from history."""
        if self._refilled.get(time, {}).get(slot) == value:
            return False
        seen = self._seen.get(slot)
        return seen is None or time > seen.time or (time == seen.time and value != seen.value)

    async def _caught_up(self, refill: Refill) -> AsyncGenerator[MetricUpdate, None]:
        """What was missed, then the snapshot that came after it."""
        removed = self._end_of_table()
        columns = await refill.columns(self.latest, self._wanted, self._query)
        self._refill = None
        self._seen = {slot: seen for slot, key in self.latest.keys_by_slot.items() if (seen := refill.seen.get(key))}
        self._seen_until = max((seen.time for seen in self._seen.values()), default=-math.inf)
        self._refilled = {}
        for time, period, found in columns:
            slots, values = list(found), list(found.values())
            self.latest.put(time, slots, values)
            yield MetricUpdate(self.latest, time, period, slots, values)
            self._refilled[time] = {**self._refilled.get(time, {}), **found}
        for batch in refill.snapshot:
            yield self._batch(batch)
        self.synced = True
        yield MetricUpdate(self.latest, removed=removed, synced=True, missing=refill.missing)

    def _control(self, control: streams_pb2.StreamControl) -> MetricUpdate | None:
        kind = control.WhichOneof("control")
        if kind == "opened":
            self._named = set()
            if control.opened.resumed:
                return None
            self._owe_what_follows()
            self.latest, self.synced = SeriesTable(), False
            return MetricUpdate(self.latest, reset=True)
        if kind == "synced":
            removed = self._end_of_table()
            self.synced = True
            return MetricUpdate(self.latest, removed=removed, synced=True)
        if kind == "gap":
            self._owe_what_follows()
            self.synced = False
            return MetricUpdate(self.latest, gap=control.gap)
        return None

    def _owe_what_follows(self) -> None:
        """Note that a hole begins after what was seen; the snapshot that follows is its end."""
        seen = {**(self._refill.seen if self._refill else {}), **self.latest.newest()}
        self._refill = Refill(seen) if seen else None

    def _end_of_table(self) -> Sequence[SeriesKey]:
        """The whole table came; what ended while this reader was away is not in it."""
        if self._named is None:
            return ()
        named, self._named = self._named, None
        return self.latest.remove([slot for slot in self.latest.keys_by_slot if slot not in named])
