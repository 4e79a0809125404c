"""Many different selectors: CPU of a tick for the views of 1,000, against lists that protobuf serialises.

Both make the same bytes and keep them for those who read. As in a server that has run for a while, the logs are full,
so that no memory is new.
"""

import time
from collections.abc import AsyncIterator, Sequence

import numpy as np
from novacron.cloud.v1 import compute_pb2, metrics_pb2, metrics_service_pb2
from novacron_providers.contract import Points, SeriesKey
from novacron_server.telemetry.demand import Lease, Region, Scope
from novacron_server.telemetry.pace import Pace
from novacron_server.telemetry.ring import TICKS
from novacron_server.telemetry.selector import Selector
from novacron_server.telemetry.table import Column
from novacron_server.telemetry.view import View
from novacron_server.times import duration, timestamp

from tests.bench.table import Row, alternated, compared
from tests.clock import ManualClock

FILTERS, SELECTED, SERIES, PERIOD = 1000, 1000, 100_000, 60.0
METRIC = "cloud.instance.cpu.utilization"


class Reader:
    """Hands what comes on to a view."""

    __slots__ = ("_view",)

    def __init__(self, view: View) -> None:
        self._view = view

    def take(self, lease: Lease, columns: Sequence[Column]) -> None:
        self._view.take(lease, columns)

    def notice(self, scope: Scope, message: metrics_pb2.MetricCollection | None) -> None:
        """Nothing is unusual here."""

    def settle(self) -> None:
        """The views are open from the start."""


class Engine:
    """A region with SERIES series, and FILTERS views of SELECTED of them each, strewn over the region."""

    def __init__(self) -> None:
        self._region = Region(Scope("toy", "east"))
        names = [f"providers/toy/instances/east~i-{n:06}" for n in range(SERIES)]
        self._region.instances = {name: compute_pb2.Instance(name=name) for name in names}
        self._region.descriptors = {METRIC: metrics_pb2.MetricDescriptor(type=METRIC, unit="1")}
        self._keys = [SeriesKey(METRIC, name) for name in names]
        generator = np.random.default_rng(5)
        self.chosen = [np.sort(generator.choice(SERIES, SELECTED, replace=False)) for _ in range(FILTERS)]
        self._values = generator.random(SERIES)
        self._tick = 0
        self._clock = ManualClock()
        self._views: list[View] = []
        self._leases = []
        columns = self.column()
        for rows in self.chosen:
            view = View(Pace(), self._clock)
            selector = Selector("toy", (METRIC,), frozenset(names[row] for row in rows), frozenset(), frozenset())
            lease = Lease(self._region, selector, Reader(view))
            lease.refresh()
            lease.reader.take(lease, columns)
            view.open()
            self._views.append(view)
            self._leases.append(lease)

    def column(self) -> list[Column]:
        """A new value of each series."""
        self._tick += 1
        points = [
            Points(key, (self._tick * PERIOD,), (value,))
            for key, value in zip(self._keys, (self._values + self._tick).tolist(), strict=True)
        ]
        return self._region.table.write(points, PERIOD, 0, self._tick - 3)

    async def publish(self, columns: Sequence[Column]) -> float:
        """CPU milliseconds of what a collector does with what it read."""
        await self._clock.advance(PERIOD)
        begin = time.process_time()
        for lease in self._leases:
            lease.reader.take(lease, columns)
        return (time.process_time() - begin) * 1000

    def last(self) -> list[bytes]:
        """The newest event of each view."""
        heads = [view.ring.head.sequence for view in self._views]
        places = [view.ring.find(head - 1) for view, head in zip(self._views, heads, strict=True)]
        return [(view.ring.take(place) or (b"",))[0] for view, place in zip(self._views, places, strict=True) if place]


class Naive:
    """The same by list comprehensions and protobuf.

    Attributes:
        last: The newest event of each filter.
    """

    def __init__(self, chosen: Sequence[Sequence[int]]) -> None:
        self._chosen = chosen
        self.last: list[bytes] = []

    def publish(self, column: Column, sequence: int) -> float:
        """CPU milliseconds of a tick."""
        values = column.values.tolist()
        end, period = timestamp(column.time), duration(column.period)
        begin = time.process_time()
        self.last = []
        for rows in self._chosen:
            batch = metrics_pb2.MetricBatch(time=end, period=period, values=[values[row] for row in rows])
            event = metrics_service_pb2.MetricEvent(sequence=sequence, batch=batch)
            self.last.append(metrics_service_pb2.StreamMetricsResponse(events=[event]).SerializeToString())
        return (time.process_time() - begin) * 1000


async def rows() -> AsyncIterator[Row]:
    engine = Engine()
    naive = Naive([rows.tolist() for rows in engine.chosen])
    sequence = 1
    columns = engine.column()

    async def ours() -> float:
        nonlocal columns, sequence
        columns, sequence = engine.column(), sequence + 1
        return await engine.publish(columns)

    async def theirs() -> float:
        return naive.publish(columns[0], sequence)

    while sequence <= TICKS:
        await engine.publish(columns)
        sequence += 1
    await ours()
    await theirs()
    if engine.last() != naive.last:
        raise AssertionError("the two do not do the same")
    found = await alternated({"ours": ours, "theirs": theirs})
    what = f"CPU of a tick for {FILTERS:,} distinct filters of {SELECTED:,} series, against list comprehension and upb"
    yield compared("filters", what, 0.1, found["ours"], found["theirs"], "ms")
