"""The series of a view by slot, and the tables that tell a reader which is which."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from novacron.cloud.v1 import common_pb2, compute_pb2, metrics_pb2
from novacron_providers.contract.metrics import SeriesKey

from novacron_server.telemetry import frame
from novacron_server.telemetry.ring import Mark

# Series in one table event.
SERIES = 4096
# Slots of ended series that are let be before all slots are given out anew.
ENDED = 1024


@dataclass(frozen=True, slots=True)
class Series:
    """What a slot stands for."""

    key: SeriesKey
    descriptor: metrics_pb2.MetricDescriptor
    resource: common_pb2.ResourceRef


class Roster:
    """Slots are given out one after another and never twice.

    So a table for a reader who knew the first n slots holds the slots from n on, and one for a reader who comes back
    is the table of then: its slots, and those that had ended by its sequence.
    """

    def __init__(self) -> None:
        self.series: list[Series] = []
        # Sequence of the event that told the end of a slot's series.
        self._ended: dict[int, int] = {}
        # Tables as bytes, by first slot and the one behind the last; what they say never changes.
        self._blocks: dict[tuple[int, int], bytes] = {}

    @property
    def live(self) -> int:
        """Number of series that have not ended."""
        return len(self.series) - len(self._ended)

    @property
    def is_sparse(self) -> bool:
        """Whether so many slots are of ended series that new numbers are better."""
        return len(self._ended) > max(ENDED, self.live)

    def add(self, series: Iterable[Series]) -> None:
        """Give the next slots to series."""
        self.series.extend(series)

    def end(self, slots: Iterable[int], sequence: int) -> None:
        """Note that the event `sequence` tells the end of the series of these slots."""
        self._ended.update(dict.fromkeys(slots, sequence))

    def has_ended(self, slot: int) -> bool:
        """Whether the series of a slot ended."""
        return slot in self._ended

    def news(self, first: int, ended: Sequence[int], sequence: int) -> list[bytes]:
        """Table events for the slots from `first` on and for ends; the first event has the position `sequence`."""
        stop = len(self.series)
        tables = [self._table(start, min(stop, start + SERIES)) for start in range(first, stop, SERIES)]
        if ended:
            tables = tables or [metrics_pb2.MetricTable()]
            tables[-1].removed_slots.extend(sorted(ended))
            self.end(ended, sequence + len(tables) - 1)
        return [frame.table(sequence + n, table) for n, table in enumerate(tables)]

    def tables(self, upto: Mark, since: Mark | None = None) -> Iterator[bytes]:
        """Table events, without positions, that tell what there was at a place; after `since`, only what came then.

        An empty table is told too, so that one always comes.
        """
        first, after = (since.slots, since.sequence) if since else (0, -1)
        removed = [s for s, ended in self._ended.items() if after < ended <= upto.sequence]
        # Slots may be given while a reader takes these in; the list only grows, up to where they go is fixed.
        for start in range(first, upto.slots, SERIES):
            yield self._block(start, upto.slots)
        if removed or not upto.slots:
            yield frame.table(0, metrics_pb2.MetricTable(removed_slots=sorted(removed)))

    def _block(self, start: int, stop: int) -> bytes:
        """The table event, without a position, of the slots from `start` on, up to `stop` but at most SERIES."""
        stop = min(stop, start + SERIES)
        if (start, stop) not in self._blocks:
            # Whole blocks stay as they are for all readers to come; of the others only this one is kept.
            whole = {
                key: data for key, data in self._blocks.items() if key[0] % SERIES == 0 and key[1] - key[0] == SERIES
            }
            self._blocks = whole
            self._blocks[start, stop] = frame.table(0, self._table(start, stop))
        return self._blocks[start, stop]

    def _table(self, start: int, stop: int) -> metrics_pb2.MetricTable:
        table = metrics_pb2.MetricTable(first_slot=start)
        metrics: dict[str, int] = {}
        resources: dict[str, int] = {}
        for series in self.series[start:stop]:
            # A descriptor's name has the provider, its type has not.
            metric = metrics.setdefault(series.descriptor.name, len(metrics))
            if metric == len(table.metrics):
                table.metrics.append(series.descriptor)
            resource = resources.setdefault(series.resource.name, len(resources))
            if resource == len(table.resources):
                table.resources.append(series.resource)
            table.series.add(metric=metric, resource=resource, attributes=dict(series.key.attributes))
        return table


def ref_to(instance: compute_pb2.Instance) -> common_pb2.ResourceRef:
    """The pointer to an instance that tables hold."""
    return common_pb2.ResourceRef(
        name=instance.name,
        native_id=instance.native_id,
        display_name=instance.display_name,
        type=common_pb2.RESOURCE_TYPE_INSTANCE,
        region=instance.region,
    )
