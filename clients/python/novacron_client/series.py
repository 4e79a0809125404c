"""Series, and the newest value of each."""

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1 import common_pb2, metrics_pb2


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

    def newest(self) -> dict[SeriesKey, Sample]:
        """The newest value of every series that ever had one here, NaN where it has none now."""
        return {
            key: Sample(self._times[slot], self._values[slot])
            for key, slot in self._slots.items()
            if self._times[slot] > -math.inf
        }


def slots_of(batch: metrics_pb2.MetricBatch) -> Sequence[int]:
    """Slots that the values of a batch belong to."""
    if batch.slot_steps:
        return list(accumulate(batch.slot_steps, initial=batch.first_slot))[1:]
    return range(batch.first_slot, batch.first_slot + len(batch.values))


def timestamp(time: Timestamp) -> float:
    """A Timestamp as seconds since 1970."""
    return time.seconds + time.nanos / 1e9
