"""Live metrics: a table of series, and what changes in it."""

import math
from array import array
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import accumulate
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1 import common_pb2, metrics_pb2, metrics_service_pb2, streams_pb2

from novacron_client.follow import Follower, seconds

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


class SeriesKey(NamedTuple):
    """What a series is; `attributes` are sorted (key, value) pairs, most often none."""

    metric: str
    resource: str
    attributes: tuple[tuple[str, str], ...] = ()


class Sample(NamedTuple):
    """A value and the end of the period that it is of, in seconds since 1970."""

    time: float
    value: float


class Row(NamedTuple):
    """One change: `value` is None when the series has no value at that time."""

    key: SeriesKey
    time: float
    value: float | None


class SeriesTable(Mapping[SeriesKey, Sample]):
    """The newest value of each series; a series without a value is not in it.

    Attributes:
        keys_by_slot: The series that there are, by slot. A slot is never given to another series within an epoch.
        descriptors: What is known of each metric, by type.
        resources: What is known of each resource, by name.
    """

    def __init__(self) -> None:
        self.keys_by_slot: dict[int, SeriesKey] = {}
        self.descriptors: dict[str, metrics_pb2.MetricDescriptor] = {}
        self.resources: dict[str, common_pb2.ResourceRef] = {}
        self._slots: dict[SeriesKey, int] = {}
        self._times, self._values = array("d"), array("d")

    def __getitem__(self, key: SeriesKey) -> Sample:
        slot = self._slots[key]
        if math.isnan(self._values[slot]):
            raise KeyError(key)
        return Sample(self._times[slot], self._values[slot])

    def __iter__(self) -> Iterator[SeriesKey]:
        return (key for key, slot in self._slots.items() if not math.isnan(self._values[slot]))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def add(self, table: metrics_pb2.MetricTable) -> list[SeriesKey]:
        """Take in series, and return those that were not there before."""
        self.descriptors.update((descriptor.type, descriptor) for descriptor in table.metrics)
        self.resources.update((resource.name, resource) for resource in table.resources)
        missing = table.first_slot + len(table.series) - len(self._values)
        self._times.extend([-math.inf] * missing)
        self._values.extend([math.nan] * missing)
        added = []
        for slot, series in enumerate(table.series, table.first_slot):
            key = SeriesKey(
                table.metrics[series.metric].type,
                table.resources[series.resource].name,
                tuple(sorted(series.attributes.items())),
            )
            if slot not in self.keys_by_slot:
                added.append(key)
            self.keys_by_slot[slot] = key
            self._slots[key] = slot
        return added

    def remove(self, slots: Sequence[int]) -> list[SeriesKey]:
        """Forget series that ended, and return them."""
        removed = []
        for slot in slots:
            key = self.keys_by_slot.pop(slot, None)
            if key is not None:
                self._values[slot] = math.nan
                removed.append(key)
                # The series may have come back in another slot.
                if self._slots[key] == slot:
                    del self._slots[key]
        return removed

    def put(self, time: float, slots: Sequence[int], values: Sequence[float]) -> None:
        """Take in values of one time; one that is older than what is known changes nothing."""
        times, columns = self._times, self._values
        for slot, value in zip(slots, values, strict=True):
            if time >= times[slot]:
                times[slot], columns[slot] = time, value


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
        gap: What was dropped because this reader was too slow; None when nothing was.
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

    def rows(self) -> Iterator[Row]:
        """The values, one by one."""
        keys, time = self.table.keys_by_slot, self.time or 0.0
        for slot, value in zip(self.slots, self.values, strict=True):
            if key := keys.get(slot):
                yield Row(key, time, None if math.isnan(value) else value)

    def columns(self) -> "tuple[NDArray[numpy.int64], NDArray[numpy.float64]]":
        """Slots (int64) and values (float64) as numpy arrays; needs numpy, which the client else does not."""
        import numpy

        return numpy.asarray(self.slots, dtype=numpy.int64), numpy.asarray(self.values, dtype=numpy.float64)


class MetricStream:
    """An endless stream of updates; reconnects and resumes by itself.

        async with client.stream_metrics("providers/-", metrics=["cloud.instance.*"]) as stream:
            async for update in stream:
                for key, time, value in update.rows(): ...

    Attributes:
        latest: The newest value of each series, by SeriesKey.
        synced: Whether `latest` is whole: not before the first snapshot, nor while it is made anew.
    """

    def __init__(self, follower: Follower[metrics_service_pb2.MetricEvent]) -> None:
        self.latest = SeriesTable()
        self.synced = False
        self._follower = follower
        # Slots that the whole table names, which follows each `opened`; None when it is complete.
        self._named: set[int] | None = None
        self._updates = self._follow()

    @property
    def connections(self) -> int:
        """How often the server has opened the stream: more than 1 after reconnects."""
        return self._follower.connections

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MetricUpdate:
        """The next update. Raises CloudError for what no new connection mends."""
        return await anext(self._updates)

    async def aclose(self) -> None:
        """End the stream and release its call."""
        await self._updates.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _follow(self) -> AsyncGenerator[MetricUpdate, None]:
        async with aclosing(self._follower.events()) as events:
            async for event in events:
                kind = event.WhichOneof("event")
                if kind == "table":
                    yield self._table(event.table)
                elif kind == "batch":
                    yield self._batch(event.batch)
                elif update := self._control(event.control):
                    yield update

    def _table(self, table: metrics_pb2.MetricTable) -> MetricUpdate:
        if self._named is not None:
            self._named.update(range(table.first_slot, table.first_slot + len(table.series)))
        added = self.latest.add(table)
        return MetricUpdate(self.latest, added=added, removed=self.latest.remove(table.removed_slots))

    def _batch(self, batch: metrics_pb2.MetricBatch) -> MetricUpdate:
        removed = self._end_of_table()
        time = timestamp(batch.time)
        slots: Sequence[int] = range(batch.first_slot, batch.first_slot + len(batch.values))
        if batch.slot_steps:
            slots = list(accumulate(batch.slot_steps, initial=batch.first_slot))[1:]
        self.latest.put(time, slots, batch.values)
        period = seconds(batch.period) if batch.HasField("period") else None
        return MetricUpdate(self.latest, time, period, slots, batch.values, removed=removed)

    def _control(self, control: streams_pb2.StreamControl) -> MetricUpdate | None:
        kind = control.WhichOneof("control")
        if kind == "opened":
            self._named = set()
            if control.opened.resumed:
                return None
            self.latest, self.synced = SeriesTable(), False
            return MetricUpdate(self.latest, reset=True)
        if kind == "synced":
            removed = self._end_of_table()
            self.synced = True
            return MetricUpdate(self.latest, removed=removed, synced=True)
        if kind == "gap":
            self.synced = False
            return MetricUpdate(self.latest, gap=control.gap)
        return None

    def _end_of_table(self) -> Sequence[SeriesKey]:
        """The whole table came; what ended while this reader was away is not in it."""
        if self._named is None:
            return ()
        named, self._named = self._named, None
        return self.latest.remove([slot for slot in self.latest.keys_by_slot if slot not in named])


def timestamp(time: Timestamp) -> float:
    """A Timestamp as seconds since 1970."""
    return time.seconds + time.nanos / 1e9
