"""Metrics of virtual machines, from Azure Monitor; what is inside the guest, from Log Analytics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from novacron.cloud.v1 import common_pb2, compute_pb2, metrics_pb2

from novacron_providers.azure.client import Client
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import InvalidArgument, NotFound
from novacron_providers.contract.metrics import Metrics, Points, SeriesKey, Window
from novacron_providers.contract.names import ResourceName
from novacron_providers.kit.concurrent import each

NAMESPACE = "Microsoft.Compute/virtualMachines"
# Most machines that one metrics:getBatch takes, and most that one query of logs names.
BATCH, LOG_BATCH = 50, 200
# Periods that Azure Monitor can sum up, by their seconds.
GRAINS = {
    60.0: "PT1M",
    300.0: "PT5M",
    900.0: "PT15M",
    1800.0: "PT30M",
    3600.0: "PT1H",
    6 * 3600.0: "PT6H",
    12 * 3600.0: "PT12H",
    24 * 3600.0: "P1D",
}
# How long after a period the agent's values can be read in Log Analytics, in seconds.
LOG_LAG = 180.0


class Source(NamedTuple):
    """Where a metric comes from.

    Attributes:
        native: Azure Monitor's name of it.
        aggregation: How Azure Monitor sums up a period: "average", "total".
        native_unit: Azure Monitor's unit.
        unit: Ours, in UCUM.
        title: For people.
        description: What it measures, for people.
        scale: Our value is Azure's times this.
        per_second: Azure has an amount for each period, and we a rate.
    """

    native: str
    aggregation: str
    native_unit: str
    unit: str
    title: str
    description: str
    scale: float = 1.0
    per_second: bool = False


def _total(native: str, title: str, what: str) -> Source:
    description = f"Bytes {what}, per second, averaged over the period."
    return Source(native, "total", "Bytes", "By/s", title, description, per_second=True)


def _rate(native: str, title: str) -> Source:
    description = f"{title}, per second, averaged over the period."
    return Source(native, "average", "CountPerSecond", "{operation}/s", title, description)


SOURCES = {
    "cloud.instance.cpu.utilization": Source(
        "Percentage CPU", "average", "Percent", "1", "CPU in use", "Share of its vCPUs that is in use.", scale=0.01
    ),
    "cloud.instance.disk.read_bytes": _total("Disk Read Bytes", "Read from disks", "read from all disks"),
    "cloud.instance.disk.write_bytes": _total("Disk Write Bytes", "Written to disks", "written to all disks"),
    "cloud.instance.disk.read_operations": _rate("Disk Read Operations/Sec", "Reads from disks"),
    "cloud.instance.disk.write_operations": _rate("Disk Write Operations/Sec", "Writes to disks"),
    "cloud.instance.network.receive_bytes": _total("Network In Total", "Received", "received by all network cards"),
    "cloud.instance.network.transmit_bytes": _total("Network Out Total", "Sent", "sent by all network cards"),
}
MEMORY = "cloud.instance.memory.utilization"
_MEMORY_SOURCE = Source(
    "% Used Memory", "average", "Percent", "1", "Memory in use", "Share of its memory, as the guest counts.", scale=0.01
)
_MEMORY_QUERY = """
Perf
| where TimeGenerated >= datetime({start}) and TimeGenerated < datetime({end})
| where ObjectName == "Memory" and CounterName == "% Used Memory"
| where _ResourceId in~ ({ids})
| summarize value = avg(CounterValue) by _ResourceId, time = bin(TimeGenerated, {period}s)
"""


class Monitor(Metrics):
    """Metrics of one subscription.

    Args:
        client: The SDK.
        provider: Id of the provider.
        period: Seconds between two values.
        lag: Seconds after the end of a period until Azure Monitor has its value.
        workspace: Id of the Log Analytics workspace that the machines' agents write to; empty when there is none.
    """

    def __init__(self, client: Client, provider: str, *, period: float, lag: float, workspace: str) -> None:
        self._client, self._workspace = client, workspace
        self._descriptors = [
            _describe(provider, name, source, NAMESPACE, period, lag) for name, source in SOURCES.items()
        ]
        if workspace:
            lag = max(lag, LOG_LAG) if period >= 60 else lag
            self._descriptors.append(_describe(provider, MEMORY, _MEMORY_SOURCE, "Perf", max(period, 1.0), lag))

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
        known = {descriptor.type for descriptor in self._descriptors}
        if unknown := [metric for metric in metrics if metric not in known]:
            raise InvalidArgument(f"there is no metric {unknown[0]!r}", field="selector.metrics")
        names = {instance.native_id.lower(): instance.name for instance in instances if instance.region == region}
        ids = list(names)
        platform = [metric for metric in metrics if metric in SOURCES]
        found: list[Points] = []
        if platform:
            batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
            answers = await each(batches, lambda batch: self._batch(region, batch, platform, window, call))
            found += [points for answer in answers for points in _platform_points(answer, names, platform, window)]
        if MEMORY in metrics:
            batches = [ids[start : start + LOG_BATCH] for start in range(0, len(ids), LOG_BATCH)]
            for rows in await each(batches, lambda batch: self._memory(batch, window, call)):
                found += _memory_points(rows, names, window)
        return found

    def granularity(self, descriptors: Sequence[metrics_pb2.MetricDescriptor], at_least: float, age: float) -> float:
        shortest = super().granularity(descriptors, 0.0, age)
        for period in (shortest, *(grain for grain in GRAINS if grain > shortest)):
            if period >= at_least:
                return period
        raise InvalidArgument("Azure sums up at most a day; ask for a shorter period", field="period")

    async def _batch(
        self, region: str, ids: Sequence[str], metrics: Sequence[str], window: Window, call: Call
    ) -> list[Any]:
        sources = [SOURCES[metric] for metric in metrics]
        self.billed += 1
        try:
            return await self._client.metrics(
                region,
                ids,
                {
                    "metricnamespace": NAMESPACE,
                    "metricnames": ",".join(source.native for source in sources),
                    # Azure takes the beginnings of periods, from the start on and before the end: the same periods.
                    "starttime": _time(window.start),
                    "endtime": _time(window.end),
                    "interval": GRAINS.get(window.period) or f"PT{window.period:.0f}S",
                    "aggregation": ",".join(sorted({source.aggregation for source in sources})),
                },
                call,
            )
        except NotFound:
            # One machine that was deleted meanwhile fails them all.
            if len(ids) == 1:
                return []
            middle = len(ids) // 2
            halves = (ids[:middle], ids[middle:])
            answers = await each(halves, lambda half: self._batch(region, half, metrics, window, call))
            return [machine for answer in answers for machine in answer]

    async def _memory(self, ids: Sequence[str], window: Window, call: Call) -> list[list[Any]]:
        query = _MEMORY_QUERY.format(
            start=datetime.fromtimestamp(window.start, UTC).isoformat(),
            end=datetime.fromtimestamp(window.end, UTC).isoformat(),
            ids=", ".join(f'"{id_}"' for id_ in ids),
            period=round(window.period),
        )
        return await self._client.logs(self._workspace, query, call)


def _platform_points(
    answer: Sequence[Mapping[str, Any]], names: Mapping[str, str], metrics: Sequence[str], window: Window
) -> Iterator[Points]:
    by_native = {SOURCES[metric].native.lower(): metric for metric in metrics}
    for machine in answer:
        name = names.get(machine["resourceid"].lower())
        for result in machine["value"]:
            metric = by_native.get(result["name"]["value"].lower())
            if name is None or metric is None:
                continue
            source = SOURCES[metric]
            found = {
                _period_end(point["timeStamp"], window): point[source.aggregation]
                for series in result["timeseries"]
                for point in series["data"]
                # A period that Azure has no value for is there without one.
                if point.get(source.aggregation) is not None
            }
            yield from _points(SeriesKey(metric, name), found, source, window)


def _memory_points(rows: Sequence[Sequence[Any]], names: Mapping[str, str], window: Window) -> Iterator[Points]:
    found: dict[str, dict[float, float]] = {}
    # In the order of the query: machine, beginning of the period, value.
    for id_, begin, value in rows:
        if value is not None and (name := names.get(str(id_).lower())):
            found.setdefault(name, {})[_period_end(begin, window)] = float(value)
    for name, values in found.items():
        yield from _points(SeriesKey(MEMORY, name), values, _MEMORY_SOURCE, window)


def _points(key: SeriesKey, values: Mapping[float, float], source: Source, window: Window) -> Iterator[Points]:
    scale = source.scale / window.period if source.per_second else source.scale
    inside = sorted((time, value) for time, value in values.items() if window.start < time <= window.end)
    if inside:
        yield Points(key, [time for time, _ in inside], [value * scale for _, value in inside])


def _time(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _period_end(begin: str, window: Window) -> float:
    """Azure dates a period by its beginning."""
    return datetime.fromisoformat(begin).timestamp() + window.period


def _describe(
    provider: str, name: str, source: Source, namespace: str, period: float, lag: float
) -> metrics_pb2.MetricDescriptor:
    descriptor = metrics_pb2.MetricDescriptor(
        name=str(ResourceName(provider, "metricDescriptors", (name,))),
        type=name,
        display_name=source.title,
        description=source.description,
        unit=source.unit,
        kind=metrics_pb2.METRIC_KIND_GAUGE,
        resource_type=common_pb2.RESOURCE_TYPE_INSTANCE,
        native=metrics_pb2.NativeMetric(
            namespace=namespace,
            metric=source.native,
            unit=source.native_unit,
            scale=source.scale,
            per_second=source.per_second,
        ),
        billable=True,
    )
    descriptor.min_period.FromNanoseconds(round(period * 1e9))
    descriptor.publish_delay.FromNanoseconds(round(lag * 1e9))
    return descriptor
