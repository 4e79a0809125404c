"""Metrics of instances, from Cloud Monitoring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from novacron.cloud.v1 import common_pb2, compute_pb2, metrics_pb2

from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.metrics import Metrics, Points, SeriesKey, Window
from novacron_providers.contract.names import ResourceName, parse
from novacron_providers.gcp.client import Client
from novacron_providers.kit.concurrent import each

NAMESPACE = "compute.googleapis.com"
# Most points that one page of ListTimeSeries holds.
_PAGE = 100_000
# What tells machines apart in an answer: zone and name, as in the names of instances.
_ZONE, _NAME = "resource.labels.zone", "metric.labels.instance_name"


class Source(NamedTuple):
    """Where a metric comes from.

    Attributes:
        native: Cloud Monitoring's name of it, after "compute.googleapis.com/".
        native_unit: Cloud Monitoring's unit.
        unit: Ours, in UCUM.
        title: For people.
        description: What it measures, for people.
        per_second: Cloud Monitoring has an amount for each period, and we a rate.
    """

    native: str
    native_unit: str
    unit: str
    title: str
    description: str
    per_second: bool = True


SOURCES = {
    "cloud.instance.cpu.utilization": Source(
        "instance/cpu/utilization",
        "10^2.%",
        "1",
        "CPU in use",
        "Share of the machine's vcpus that are busy, as the host counts it",
        per_second=False,
    ),
    "cloud.instance.disk.read_bytes": Source(
        "instance/disk/read_bytes_count", "By", "By/s", "Read from disks", "Bytes read from all disks of the machine"
    ),
    "cloud.instance.disk.write_bytes": Source(
        "instance/disk/write_bytes_count", "By", "By/s", "Written to disks", "Bytes written to all disks of the machine"
    ),
    "cloud.instance.disk.read_operations": Source(
        "instance/disk/read_ops_count", "1", "{operation}/s", "Reads from disks", "Reads from all disks of the machine"
    ),
    "cloud.instance.disk.write_operations": Source(
        "instance/disk/write_ops_count", "1", "{operation}/s", "Writes to disks", "Writes to all disks of the machine"
    ),
    "cloud.instance.network.receive_bytes": Source(
        "instance/network/received_bytes_count", "By", "By/s", "Received", "Bytes received by all network cards"
    ),
    "cloud.instance.network.transmit_bytes": Source(
        "instance/network/sent_bytes_count", "By", "By/s", "Sent", "Bytes sent by all network cards"
    ),
    "cloud.instance.network.receive_packets": Source(
        "instance/network/received_packets_count",
        "1",
        "{packet}/s",
        "Packets received",
        "Packets received by all network cards",
    ),
    "cloud.instance.network.transmit_packets": Source(
        "instance/network/sent_packets_count", "1", "{packet}/s", "Packets sent", "Packets sent by all network cards"
    ),
}


class Monitoring(Metrics):
    """Metrics of one project.

    Args:
        client: The SDK.
        provider: Id of the provider.
        period: Seconds between two values.
        lag: Seconds after the end of a period until Cloud Monitoring has its value.
    """

    def __init__(self, client: Client, provider: str, *, period: float, lag: float) -> None:
        self._client = client
        self._descriptors = [_describe(provider, name, source, period, lag) for name, source in SOURCES.items()]

    def descriptors(self) -> Sequence[metrics_pb2.MetricDescriptor]:
        return self._descriptors

    async def collect(
        self,
        region: str,
        instances: Sequence[compute_pb2.Instance],
        metrics: Sequence[str],
        window: Window,
        call: Call,
    ) -> Sequence[Points]:
        if unknown := [metric for metric in metrics if metric not in SOURCES]:
            raise InvalidArgument(f"there is no metric {unknown[0]!r}", field="selector.metrics")
        names = {
            parse(instance.name, "instances", 2).parts: instance.name
            for instance in instances
            if instance.region == region
        }
        if not names:
            return []

        async def read(metric: str) -> list[Points]:
            """One metric of all machines of the region: a filter names one metric, and no list of machines."""
            found: dict[str, dict[float, float]] = {}
            request = _request(SOURCES[metric], region, window)
            while True:
                page = await self._client.series(request, call, region=region)
                # An answer without any is a call all the same.
                self.billed += max(1, len(page.time_series))
                for series in page.time_series:
                    key = (series.resource.labels["zone"], series.metric.labels["instance_name"])
                    if name := names.get(key):
                        # A series may go on in the next page.
                        found.setdefault(name, {}).update(_values(series))
                if not page.next_page_token:
                    break
                request["page_token"] = page.next_page_token
            return [points for name, values in found.items() if (points := _points(metric, name, values, window))]

        return [points for part in await each(metrics, read) for points in part]


def _request(source: Source, region: str, window: Window) -> dict[str, Any]:
    """A ListTimeSeriesRequest: the periods of the window, what a machine's disks or cards have summed up."""
    return {
        "filter": (
            f'metric.type = "{NAMESPACE}/{source.native}" AND resource.type = "gce_instance"'
            f' AND {_ZONE} = starts_with("{region}-")'
        ),
        "interval": {"start_time": {"seconds": int(window.start)}, "end_time": {"seconds": int(window.end)}},
        "aggregation": {
            "alignment_period": {"seconds": round(window.period)},
            "per_series_aligner": "ALIGN_RATE" if source.per_second else "ALIGN_MEAN",
            "cross_series_reducer": "REDUCE_SUM" if source.per_second else "REDUCE_MEAN",
            "group_by_fields": [_ZONE, _NAME],
        },
        "page_size": _PAGE,
    }


def _values(series: Any) -> dict[float, float]:
    return {
        point.interval.end_time.seconds + point.interval.end_time.nanos / 1e9: float(
            getattr(point.value, point.value.WhichOneof("value"))
        )
        for point in series.points
    }


def _points(metric: str, name: str, values: dict[float, float], window: Window) -> Points | None:
    inside = sorted((time, value) for time, value in values.items() if window.start < time <= window.end)
    if not inside:
        return None
    return Points(SeriesKey(metric, name), [time for time, _ in inside], [value for _, value in inside])


def _describe(provider: str, name: str, source: Source, period: float, lag: float) -> metrics_pb2.MetricDescriptor:
    descriptor = metrics_pb2.MetricDescriptor(
        name=str(ResourceName(provider, "metricDescriptors", (name,))),
        type=name,
        display_name=source.title,
        description=source.description,
        unit=source.unit,
        kind=metrics_pb2.METRIC_KIND_GAUGE,
        resource_type=common_pb2.RESOURCE_TYPE_INSTANCE,
        native=metrics_pb2.NativeMetric(
            namespace=NAMESPACE,
            metric=source.native,
            unit=source.native_unit,
            scale=1.0,
            per_second=source.per_second,
        ),
        billable=True,
    )
    descriptor.min_period.FromNanoseconds(round(period * 1e9))
    descriptor.publish_delay.FromNanoseconds(round(lag * 1e9))
    return descriptor
