"""A telemetry engine over a toy cloud, on a clock that the test moves."""

from collections.abc import AsyncGenerator
from typing import Any

from google.protobuf import duration_pb2
from novacron.cloud.v1 import metrics_pb2, metrics_service_pb2, streams_pb2
from novacron_providers.contract import Call
from novacron_server.inventory.fleet import Fleet
from novacron_server.inventory.recent import Recent
from novacron_server.streams import Feed
from novacron_server.telemetry.service import Telemetry

from tests.clock import ManualClock
from tests.feeds import flat
from tests.unit.telemetry.reader import Reader
from tests.unit.telemetry.toycloud import ToyCloud, ToyProviders


class Lab:
    """An engine, its cloud, and readers."""

    def __init__(self) -> None:
        # A multiple of 60, so that ticks are at whole minutes of the test.
        self.clock = ManualClock(1_700_000_040.0)
        self.cloud = ToyCloud(self.clock)
        self.providers = ToyProviders(self.cloud)
        fleet = Fleet(self.providers, Recent(self.clock), self.clock)
        self.telemetry = Telemetry(self.providers, fleet, clock=self.clock)
        self.call = Call(principal="ada", clock=self.clock)
        self._readers: list[Reader] = []

    def stream(self, **fields: Any) -> AsyncGenerator[bytes | Feed, None]:
        call = fields.pop("call", self.call)
        return self.telemetry.stream_metrics(stream_request(**fields), call)

    def responses(self, **fields: Any) -> AsyncGenerator[bytes, None]:
        return flat(self.stream(**fields))

    def open(self, **fields: Any) -> Reader:
        """Start to read a stream; nothing came yet."""
        reader = Reader(self.responses(**fields))
        self._readers.append(reader)
        return reader

    async def synced(self, **fields: Any) -> Reader:
        """A reader that has its snapshot."""
        reader = self.open(**fields)
        await self.clock.settle()
        assert reader.error is None, reader.error
        assert "synced" in reader.kinds
        return reader

    async def close(self) -> None:
        for reader in self._readers:
            await reader.stop()
        await self.telemetry.close()

    async def latest(self, **fields: Any) -> metrics_service_pb2.GetLatestMetricsResponse:
        return await self.telemetry.get_latest_metrics(latest_request(**fields), self.call)

    async def query(
        self, start: float, end: float | None = None, **fields: Any
    ) -> metrics_service_pb2.QueryMetricsResponse:
        """QueryMetrics; `start` and `end` are seconds from now."""
        return await self.telemetry.query_metrics(query_request(self.clock.time(), start, end, **fields), self.call)

    async def stats(self, name: str, **fields: Any) -> metrics_pb2.InstanceStats:
        request = metrics_service_pb2.GetInstanceStatsRequest(name=name, **_durations(fields))
        return (await self.telemetry.get_instance_stats(request, self.call)).stats

    async def list_stats(self, **fields: Any) -> metrics_service_pb2.ListInstanceStatsResponse:
        fields.setdefault("parent", "providers/toy")
        request = metrics_service_pb2.ListInstanceStatsRequest(**_durations(fields))
        return await self.telemetry.list_instance_stats(request, self.call)


def _selector(fields: dict[str, Any]) -> metrics_pb2.MetricSelector:
    return metrics_pb2.MetricSelector(
        metrics=fields.pop("metrics", []), resources=fields.pop("resources", []), filter=fields.pop("filter", "")
    )


def _durations(fields: dict[str, Any]) -> dict[str, Any]:
    def duration(value: float) -> duration_pb2.Duration:
        found = duration_pb2.Duration()
        found.FromMicroseconds(round(value * 1e6))
        return found

    names = ("interval", "heartbeat_interval", "refresh_interval", "max_staleness", "period")
    return {name: duration(value) if name in names else value for name, value in fields.items()}


def stream_request(**fields: Any) -> metrics_service_pb2.StreamMetricsRequest:
    """A request; durations are seconds, the selector's fields stand beside the others. Heartbeats only if asked for."""
    fields.setdefault("parent", "providers/toy")
    fields.setdefault("heartbeat_interval", 86_400.0)
    selector = _selector(fields)
    position: streams_pb2.StreamPosition | None = fields.pop("resume_after", None)
    return metrics_service_pb2.StreamMetricsRequest(selector=selector, resume_after=position, **_durations(fields))


def latest_request(**fields: Any) -> metrics_service_pb2.GetLatestMetricsRequest:
    """As stream_request."""
    fields.setdefault("parent", "providers/toy")
    selector = _selector(fields)
    return metrics_service_pb2.GetLatestMetricsRequest(selector=selector, **_durations(fields))


def query_request(
    now: float, start: float, end: float | None = None, **fields: Any
) -> metrics_service_pb2.QueryMetricsRequest:
    """As stream_request; `start` and `end` are seconds from `now`."""
    fields.setdefault("parent", "providers/toy")
    request = metrics_service_pb2.QueryMetricsRequest(selector=_selector(fields), **_durations(fields))
    request.start_time.FromMicroseconds(round((now + start) * 1e6))
    if end is not None:
        request.end_time.FromMicroseconds(round((now + end) * 1e6))
    return request
