"""Metrics of EC2 instances, from CloudWatch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from novacron.cloud.v1 import common_pb2, compute_pb2, metrics_pb2

from novacron_providers.aws.client import Client
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import InvalidArgument, Unavailable
from novacron_providers.contract.metrics import Metrics, Points, SeriesKey, Window
from novacron_providers.contract.names import ResourceName
from novacron_providers.kit.concurrent import each

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

NAMESPACE = "AWS/EC2"
# Most queries that one GetMetricData takes.
BATCH = 500
_GAUGE, _DELTA = metrics_pb2.METRIC_KIND_GAUGE, metrics_pb2.METRIC_KIND_DELTA


class Source(NamedTuple):
    """Where a metric comes from.

    Attributes:
        native: CloudWatch's name of it.
        statistic: How CloudWatch sums up a period.
        native_unit: CloudWatch's unit.
        unit: Ours, in UCUM.
        title: Name for people.
        description: What it measures, for people.
        scale: Our value is CloudWatch's times this.
        per_second: CloudWatch has an amount for each period, and we a rate.
        kind: What its values are.
    """

    native: str
    statistic: str
    native_unit: str
    unit: str
    title: str
    description: str
    scale: float = 1.0
    per_second: bool = False
    kind: metrics_pb2.MetricKind = _GAUGE


def _rate(native: str, native_unit: str, unit: str, title: str, what: str) -> Source:
    description = f"{what}, per second, averaged over the period."
    return Source(native, "Sum", native_unit, unit, title, description, per_second=True)


def _bytes(native: str, title: str, what: str) -> Source:
    return _rate(native, "Bytes", "By/s", title, f"Bytes {what}")


def _counts(native: str, unit: str, title: str, what: str) -> Source:
    return _rate(native, "Count", f"{{{unit}}}/s", title, what)


_DAY = 86400.0
# CloudWatch keeps only these periods, in seconds, of what is older than so many seconds.
RETENTION = ((63 * _DAY, 3600.0), (15 * _DAY, 300.0))

SOURCES = {
    "cloud.instance.cpu.utilization": Source(
        "CPUUtilization", "Average", "Percent", "1", "CPU in use", "Share of its vCPUs that is in use.", scale=0.01
    ),
    # CloudWatch's Disk* are of the host's own disks; these are of EBS volumes, and only Nitro instances have them.
    "cloud.instance.disk.read_bytes": _bytes("EBSReadBytes", "Disk read", "read from EBS volumes"),
    "cloud.instance.disk.write_bytes": _bytes("EBSWriteBytes", "Disk written", "written to EBS volumes"),
    "cloud.instance.disk.read_operations": _counts("EBSReadOps", "operation", "Disk reads", "Reads from EBS volumes"),
    "cloud.instance.disk.write_operations": _counts("EBSWriteOps", "operation", "Disk writes", "Writes to EBS volumes"),
    "cloud.instance.network.receive_bytes": _bytes("NetworkIn", "Network in", "received on all cards"),
    "cloud.instance.network.transmit_bytes": _bytes("NetworkOut", "Network out", "sent on all cards"),
    "cloud.instance.network.receive_packets": _counts(
        "NetworkPacketsIn", "packet", "Packets in", "Packets received on all cards"
    ),
    "cloud.instance.network.transmit_packets": _counts(
        "NetworkPacketsOut", "packet", "Packets out", "Packets sent on all cards"
    ),
    "aws.ec2.cpu_credit_usage": Source(
        "CPUCreditUsage",
        "Sum",
        "Count",
        "{credit}",
        "CPU credits spent",
        "Credits that a burstable instance spent in the period; one is a vCPU at full use for a minute.",
        kind=_DELTA,
    ),
    "aws.ec2.cpu_credit_balance": Source(
        "CPUCreditBalance",
        "Average",
        "Count",
        "{credit}",
        "CPU credits left",
        "Credits that a burstable instance has earned and not spent.",
    ),
    "aws.ec2.status_check_failed": Source(
        "StatusCheckFailed",
        "Maximum",
        "Count",
        "1",
        "Status check failed",
        "1 when the system's or the instance's status check failed in the period, else 0.",
    ),
}


class CloudWatch(Metrics):
    """Metrics of one AWS account.

    Args:
        client: The SDK.
        provider: Id of the provider.
        period: Seconds between two values: 300, or 60 with detailed monitoring.
        lag: Seconds after the end of a period until CloudWatch has its value.
    """

    def __init__(self, client: Client, provider: str, *, period: float, lag: float) -> None:
        self._client, self._provider = client, provider
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
        here = [instance for instance in instances if instance.region == region]
        series = [SeriesKey(metric, instance.name) for instance, metric in product(here, metrics)]
        natives = {instance.name: instance.native_id for instance in here}
        batches = [series[start : start + BATCH] for start in range(0, len(series), BATCH)]

        async def read(batch: Sequence[SeriesKey]) -> list[Points]:
            queries = [_query(i, SOURCES[key.metric], natives[key.resource], window) for i, key in enumerate(batch)]
            found: dict[int, dict[float, float]] = {}
            token = ""
            while True:
                answer = await self._page(region, queries, window, token, call)
                for result in answer["MetricDataResults"]:
                    points = found.setdefault(int(result["Id"][1:]), {})
                    for begin, value in zip(result["Timestamps"], result["Values"], strict=True):
                        # CloudWatch dates a period by its beginning.
                        points[begin.timestamp() + window.period] = value
                token = answer.get("NextToken", "")
                if not token:
                    break
            return [_points(batch[i], sorted(points.items()), window) for i, points in sorted(found.items()) if points]

        return [points for batch in await each(batches, read) for points in batch]

    def granularity(self, descriptors: Sequence[metrics_pb2.MetricDescriptor], at_least: float, age: float) -> float:
        kept = next((period for limit, period in RETENTION if age > limit), 0.0)
        return super().granularity(descriptors, max(at_least, kept), age)

    async def _page(
        self, region: str, queries: list[MetricDataQueryTypeDef], window: Window, token: str, call: Call
    ) -> dict[str, Any]:
        parameters: dict[str, Any] = {
            "MetricDataQueries": queries,
            # CloudWatch takes the beginnings of periods, from the start on and before the end: the same periods.
            "StartTime": window.start,
            "EndTime": window.end,
            **({"NextToken": token} if token else {}),
        }
        # Each metric that is asked for, on every page.
        self.billed += len(queries)
        answer: dict[str, Any] = await self._client.call("cloudwatch.GetMetricData", region, call, parameters)
        if any(result.get("StatusCode") == "InternalError" for result in answer["MetricDataResults"]):
            raise Unavailable(f"CloudWatch could not read some metrics of {region}; repeat later", retry_after=5.0)
        return answer


def _query(index: int, source: Source, instance: str, window: Window) -> MetricDataQueryTypeDef:
    return {
        "Id": f"m{index}",
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": source.native,
                "Dimensions": [{"Name": "InstanceId", "Value": instance}],
            },
            "Period": round(window.period),
            "Stat": source.statistic,
        },
    }


def _points(key: SeriesKey, points: Sequence[tuple[float, float]], window: Window) -> Points:
    source = SOURCES[key.metric]
    scale = source.scale / window.period if source.per_second else source.scale
    return Points(key, [time for time, _ in points], [value * scale for _, value in points])


def _describe(provider: str, name: str, source: Source, period: float, lag: float) -> metrics_pb2.MetricDescriptor:
    descriptor = metrics_pb2.MetricDescriptor(
        name=str(ResourceName(provider, "metricDescriptors", (name,))),
        type=name,
        display_name=source.title,
        description=source.description,
        unit=source.unit,
        kind=source.kind,
        resource_type=common_pb2.RESOURCE_TYPE_INSTANCE,
        native=metrics_pb2.NativeMetric(
            namespace=NAMESPACE,
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
