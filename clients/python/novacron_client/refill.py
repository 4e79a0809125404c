"""What a reader of metrics missed, away or too slow: read from history."""

import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1 import metrics_pb2, metrics_service_pb2

from novacron_client.errors import CloudError
from novacron_client.follow import duration, seconds
from novacron_client.series import Sample, SeriesKey, SeriesTable, slots_of, timestamp

# Gives the answers of QueryMetrics, page by page.
Query = Callable[[metrics_service_pb2.QueryMetricsRequest], AsyncIterator[Any]]


class Wanted(NamedTuple):
    """What a stream was asked for, as far as it decides what was missed.

    Attributes:
        resources: Names; empty: all.
        filter: Conditions, as in MetricSelector.
        interval: Shortest seconds between two values of a series.
        changes_only: Leave out a value that equals the one before.
    """

    resources: Sequence[str] = ()
    filter: str = ""
    interval: float = 0.0
    changes_only: bool = False


class Column(NamedTuple):
    """Values of one time and period, by slot."""

    time: float
    period: float
    values: Mapping[int, float]


class Refill:
    """The hole between what a reader saw of each series and the snapshot that comes after a restart or a gap.

    Attributes:
        seen: The newest value of each series that the reader got.
        snapshot: Batches that have come since, and are owed after what was missed.
        missing: Why a part of what was missed could not be read; None when nothing is missing.
    """

    def __init__(self, seen: Mapping[SeriesKey, Sample]) -> None:
        self.seen = seen
        # A series that is new is owed from when the stream broke.
        self._broke = max(sample.time for sample in seen.values())
        self.snapshot: list[metrics_pb2.MetricBatch] = []
        self.missing: CloudError | None = None

    async def columns(self, table: SeriesTable, wanted: Wanted, query: Query) -> list[Column]:
        """What was missed, in the order of time; asks each provider once for each length of period."""
        newest: dict[int, tuple[float, float]] = {}
        for batch in self.snapshot:
            time, period = timestamp(batch.time), seconds(batch.period)
            newest.update((slot, (time, period)) for slot in slots_of(batch))
        groups: dict[tuple[str, float], dict[SeriesKey, int]] = {}
        for slot, key in table.keys_by_slot.items():
            _, period = newest.get(slot, (0.0, 0.0))
            period = period or seconds(table.descriptors[key.metric].min_period)
            provider = "/".join(key.resource.split("/")[:2])
            groups.setdefault((provider, period), {})[key] = slot
        found: dict[tuple[float, float], dict[int, float]] = {}
        for (provider, period), slots in groups.items():
            ends = {slot: newest[slot][0] for slot in slots.values() if slot in newest}
            try:
                async for page in query(self._request(provider, period, slots, wanted)):
                    for part in page.unreachable:
                        self.missing = CloudError(part.status)
                    for time, slot, value in self._values(page, slots, ends):
                        found.setdefault((time, seconds(page.period)), {})[slot] = value
            except CloudError as error:
                self.missing = error
        columns = [Column(time, period, found[time, period]) for time, period in sorted(found)]
        return list(self._thinned(columns, table, wanted))

    def _thinned(self, columns: Iterable[Column], table: SeriesTable, wanted: Wanted) -> Iterator[Column]:
        """What the stream would have sent of these."""
        last = dict(self.seen)
        for time, period, values in columns:
            kept = {}
            for slot, value in values.items():
                key = table.keys_by_slot[slot]
                before = last.get(key)
                if before and time - before.time < wanted.interval - 1e-9:
                    continue
                if before and wanted.changes_only and value == before.value:
                    continue
                kept[slot], last[key] = value, Sample(time, value)
            if kept:
                yield Column(time, period, kept)

    def _request(
        self, provider: str, period: float, keys: Iterable[SeriesKey], wanted: Wanted
    ) -> metrics_service_pb2.QueryMetricsRequest:
        start = Timestamp()
        start.FromNanoseconds(round(min(self._after(key) for key in keys) * 1e9))
        return metrics_service_pb2.QueryMetricsRequest(
            parent=provider,
            selector=metrics_pb2.MetricSelector(
                metrics=sorted({key.metric for key in keys}),
                resources=[name for name in wanted.resources if name.startswith(f"{provider}/")],
                filter=wanted.filter,
            ),
            start_time=start,
            period=duration(period) if period else None,
            page_size=1000,
            return_partial_success=True,
        )

    def _after(self, key: SeriesKey) -> float:
        seen = self.seen.get(key)
        return self._broke if seen is None else seen.time

    def _values(
        self, page: metrics_service_pb2.QueryMetricsResponse, slots: Mapping[SeriesKey, int], ends: Mapping[int, float]
    ) -> Iterator[tuple[float, int, float]]:
        start, period = page.start_time.ToNanoseconds(), page.period.ToNanoseconds()
        for series in page.series:
            key = SeriesKey(series.metric, series.resource, tuple(sorted(series.attributes.items())))
            slot = slots.get(key)
            if slot is None:
                continue
            after, before = self._after(key), ends.get(slot, math.inf)
            for index, value in enumerate(series.values, 1):
                whole, rest = divmod(start + index * period, 10**9)
                time = whole + rest / 1e9
                if after < time < before and not math.isnan(value):
                    yield time, slot, value
