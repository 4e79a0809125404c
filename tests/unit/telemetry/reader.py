"""A client of StreamMetrics that follows streams.proto to the letter and objects to what breaks it."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterable
from typing import NamedTuple

from novacron.cloud.v1 import metrics_pb2, metrics_service_pb2, streams_pb2
from novacron_providers.contract.errors import CloudError


class Point(NamedTuple):
    metric: str
    resource: str
    time: float
    value: float


class Reader:
    """Reads a stream in a task of its own.

    Attributes:
        events: All that came.
        kinds: What they were, in short: "opened", "table", "batch", "synced", ...
        points: All values, in order; `last` has the newest one of each (metric, resource).
        position: Where to resume; None when one cannot.
        error: What ended the stream.
    """

    def __init__(self, responses: AsyncIterable[bytes]) -> None:
        self.events: list[metrics_service_pb2.MetricEvent] = []
        self.messages: list[bytes] = []
        self.points: list[Point] = []
        self.last: dict[tuple[str, str], Point] = {}
        self.series: dict[int, tuple[str, str]] = {}
        self.removed: list[tuple[str, str]] = []
        self.position: streams_pb2.StreamPosition | None = None
        self.error: CloudError | None = None
        self._responses = responses
        self._epoch = ""
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._task = asyncio.create_task(self._read())

    @property
    def kinds(self) -> list[str]:
        found = []
        for event in self.events:
            kind = event.WhichOneof("event")
            found.append(event.control.WhichOneof("control") if kind == "control" else kind)
        return [str(kind) for kind in found]

    def controls(self, kind: str) -> list[metrics_service_pb2.MetricEvent]:
        return [e for e in self.events if e.HasField("control") and e.control.WhichOneof("control") == kind]

    def forget(self) -> None:
        """Forget events and points, for the next step of a test; the state stays."""
        self.events.clear()
        self.messages.clear()
        self.points.clear()

    def pause(self) -> None:
        """Take nothing more until `resume`: a reader that is too slow."""
        self._may_read.clear()

    def resume(self) -> None:
        self._may_read.set()

    async def stop(self) -> None:
        """Go away, as a client that cancels."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for data in self._responses:
                assert isinstance(data, bytes)
                self.messages.append(data)
                for event in metrics_service_pb2.StreamMetricsResponse.FromString(data).events:
                    self.take(event)
                await self._may_read.wait()
        except CloudError as error:
            self.error = error
        finally:
            if isinstance(self._responses, AsyncGenerator):
                await self._responses.aclose()

    def take(self, event: metrics_service_pb2.MetricEvent) -> None:
        """Take an event in as streams.proto says."""
        self.events.append(event)
        if event.sequence:
            assert self.position is None or event.sequence >= self.position.sequence
            self.position = streams_pb2.StreamPosition(epoch=self._epoch, sequence=event.sequence)
        match event.WhichOneof("event"):
            case "control":
                if event.control.HasField("opened"):
                    opened = event.control.opened
                    assert event.sequence == 0
                    self._epoch = opened.epoch
                    self.series.clear()
                    if not opened.resumed:
                        self.position = None
                        self.last.clear()
                if event.control.HasField("gap"):
                    assert event.sequence == 0
                    self.position = None
            case "table":
                self._take_table(event.table)
            case "batch":
                self._take_batch(event.batch)

    def _take_table(self, table: metrics_pb2.MetricTable) -> None:
        for n, series in enumerate(table.series):
            named = (table.metrics[series.metric].type, table.resources[series.resource].name)
            assert self.series.setdefault(table.first_slot + n, named) == named, "a slot was given to another series"
        for slot in table.removed_slots:
            named = self.series.pop(slot)
            self.removed.append(named)
            self.last.pop(named, None)

    def _take_batch(self, batch: metrics_pb2.MetricBatch) -> None:
        slot = batch.first_slot
        for n, value in enumerate(batch.values):
            slot = slot + batch.slot_steps[n] if batch.slot_steps else batch.first_slot + n
            point = Point(*self.series[slot], batch.time.ToNanoseconds() / 1e9, value)
            self.points.append(point)
            before = self.last.get(point[:2])
            if before is None or before.time <= point.time:
                self.last[point[:2]] = point

    def values(self) -> dict[tuple[str, str], float]:
        """What stands now."""
        return {key: point.value for key, point in self.last.items() if not math.isnan(point.value)}
