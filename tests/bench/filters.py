"""Many different selectors: CPU of a tick for the views of 1,000, against lists that protobuf serialises."""

import time
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
from novacron.cloud.v1 import compute_pb2, metrics_pb2, metrics_service_pb2
from novacron_providers.contract import Points, SeriesKey, SystemClock
from novacron_server.telemetry.demand import Lease, Region, Scope
from novacron_server.telemetry.pace import Pace
from novacron_server.telemetry.selector import Selector
from novacron_server.telemetry.table import Column
from novacron_server.telemetry.view import View

from tests.bench.table import Row, alternated, compared

FILTERS, SELECTED, SERIES = 1000, 1000, 100_000
METRIC = "cloud.instance.cpu.utilization"


class Reader:
    """Hands what comes on to a view."""

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
        self._tick = 0
        self.values = generator.random(SERIES)
        self._leases = []
        columns = self.column()
        for rows in self.chosen:
            view = View(Pace(), SystemClock())
            selector = Selector("toy", (METRIC,), frozenset(names[row] for row in rows), frozenset(), frozenset())
            lease = Lease(self._region, selector, Reader(view))
            lease.refresh()
            lease.reader.take(lease, columns)
            view.open()
            self._leases.append(lease)

    def column(self) -> list[Column]:
        """A new value of each series."""
        self._tick += 1
        points = [
            Points(key, (self._tick * 60.0,), (value,))
            for key, value in zip(self._keys, (self.values + self._tick).tolist(), strict=True)
        ]
        return self._region.table.write(points, 60.0, 0, self._tick - 3)

    def publish(self, columns: Sequence[Column]) -> None:
        """What a collector does with what it read."""
        for lease in self._leases:
            lease.reader.take(lease, columns)


def naive(values: list[float], chosen: Sequence[list[int]]) -> int:
    """Bytes of all frames, each made by a list comprehension and protobuf."""
    size = 0
    for n, rows in enumerate(chosen):
        batch = metrics_pb2.MetricBatch(values=[values[row] for row in rows])
        event = metrics_service_pb2.MetricEvent(sequence=n + 1, batch=batch)
        size += len(metrics_service_pb2.StreamMetricsResponse(events=[event]).SerializeToString())
    return size


def spent(work: Callable[[], object]) -> float:
    """CPU milliseconds of some work."""
    begin = time.process_time()
    work()
    return (time.process_time() - begin) * 1000


async def rows() -> AsyncIterator[Row]:
    engine = Engine()
    values, chosen = engine.values.tolist(), [rows.tolist() for rows in engine.chosen]

    async def ours() -> float:
        columns = engine.column()
        return spent(lambda: engine.publish(columns))

    async def theirs() -> float:
        return spent(lambda: naive(values, chosen))

    found = await alternated({"ours": ours, "theirs": theirs})
    what = f"CPU of a tick for {FILTERS:,} distinct filters of {SELECTED:,} series, against list comprehension and upb"
    yield compared("filters", what, 0.1, found["ours"], found["theirs"], "ms")
