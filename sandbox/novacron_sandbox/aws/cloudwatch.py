"""CloudWatch: the world seen through periods, statistics and lag, as AWS/EC2; and what callers put there."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from moto.ec2.models.instance_types import INSTANCE_TYPES

from novacron_sandbox import world
from novacron_sandbox.aws.ec2 import backend
from novacron_sandbox.aws.errors import AwsError
from novacron_sandbox.aws.instances import LivingInstance
from novacron_sandbox.clock import Clock
from novacron_sandbox.custom import CustomMetrics, Series
from novacron_sandbox.pages import BadTokenError, make_token, page, read_token

NAMESPACE = "AWS/EC2"
MAX_QUERIES, MAX_PUT = 500, 1000
MAX_DATAPOINTS = 100_800
_LIST_PAGE = 500

# A statistic is made of this many data at most.
_DATA = 10

# How long data of a period below a minute is kept.
_SHORT_RETENTION = 3 * 3600

_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,2})?|100)")


# Credits earned in an hour by size of T3 and T4g; a balance holds a day's.
_CREDITS = {"nano": 6, "micro": 12, "small": 24, "medium": 24, "large": 36, "xlarge": 96, "2xlarge": 192}


class Metric(NamedTuple):
    """How a metric is read from the world; what is counted grows with the length of its period."""

    read: Callable[[LivingInstance, int, float], float]
    counted: bool = False


def _activity(field: str, factor: float = 1.0) -> Callable[[LivingInstance, int, float], float]:
    index = world.Activity._fields.index(field)
    return lambda instance, vcpus, time: world.activity(instance.workload, vcpus, time)[index] * factor


def _credits_used(instance: LivingInstance, vcpus: int, time: float) -> float:
    """One credit is one vCPU at 100 % for a minute."""
    return world.activity(instance.workload, vcpus, time).cpu * vcpus / 60.0


def _credit_balance(instance: LivingInstance, vcpus: int, time: float) -> float:
    """Full when nobody asks for anything, low at the busy hours."""
    earned = _CREDITS.get(instance.instance_type.rpartition(".")[2], 24)
    return 24.0 * earned * (1.0 - 0.8 * world.demand(instance.workload, time))


def _healthy(instance: LivingInstance, vcpus: int, time: float) -> float:
    return 0.0


METRICS: Mapping[str, Metric] = {
    "CPUUtilization": Metric(_activity("cpu", 100.0)),
    "NetworkIn": Metric(_activity("received_bytes"), counted=True),
    "NetworkOut": Metric(_activity("sent_bytes"), counted=True),
    "NetworkPacketsIn": Metric(_activity("received_packets"), counted=True),
    "NetworkPacketsOut": Metric(_activity("sent_packets"), counted=True),
    "DiskReadBytes": Metric(_activity("read_bytes"), counted=True),
    "DiskWriteBytes": Metric(_activity("written_bytes"), counted=True),
    "DiskReadOps": Metric(_activity("read_operations"), counted=True),
    "DiskWriteOps": Metric(_activity("write_operations"), counted=True),
    "EBSReadBytes": Metric(_activity("read_bytes"), counted=True),
    "EBSWriteBytes": Metric(_activity("written_bytes"), counted=True),
    "EBSReadOps": Metric(_activity("read_operations"), counted=True),
    "EBSWriteOps": Metric(_activity("write_operations"), counted=True),
    "StatusCheckFailed": Metric(_healthy),
    "StatusCheckFailed_Instance": Metric(_healthy),
    "StatusCheckFailed_System": Metric(_healthy),
    "CPUCreditUsage": Metric(_credits_used, counted=True),
    "CPUCreditBalance": Metric(_credit_balance),
}
_BURSTABLE_ONLY = ("CPUCreditUsage", "CPUCreditBalance")


class CloudWatch:
    """GetMetricData, ListMetrics, PutMetricData. Data of `period` seconds are published `lag` seconds after they ended.

    What callers put there can be read at once.
    """

    def __init__(self, clock: Clock, *, period: int, lag: float) -> None:
        self._clock, self._period, self._lag = clock, period, lag
        self._offsets = world.moments(period)
        self.custom = CustomMetrics()

    def get_metric_data(self, account: str, region: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answer GetMetricData. Raises AwsError ValidationError for what CloudWatch refuses."""
        queries = _checked(asked)
        start, end = float(asked["StartTime"]), float(asked["EndTime"])
        newest_first = asked.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        limit = int(asked.get("MaxDatapoints") or MAX_DATAPOINTS)
        query = [asked["MetricDataQueries"], start, end, newest_first]
        skip = _place(asked.get("NextToken"), query)
        first_page = skip == 0

        instances = backend(account, region).instances_by_id
        results, left, sent = [], limit, skip
        for one in queries:
            if not one.get("ReturnData", True):
                continue
            stat = one["MetricStat"]
            if stat["Metric"]["Namespace"] == NAMESPACE:
                points = self._points(instances, stat, start, end)
            else:
                points = self._put(f"{account}/{region}", stat, start, end)
            if newest_first:
                points.reverse()
            if skip and skip >= len(points):
                skip -= len(points)
                continue
            taken = points[skip : skip + left]
            complete = skip + len(taken) == len(points)
            skip, left, sent = 0, left - len(taken), sent + len(taken)
            if not taken and not (first_page and complete):
                break
            results.append(
                {
                    "Id": one["Id"],
                    "Label": one.get("Label") or one["MetricStat"]["Metric"]["MetricName"],
                    "Timestamps": [time for time, _ in taken],
                    "Values": [value for _, value in taken],
                    "StatusCode": "Complete" if complete else "PartialData",
                }
            )
            if not complete:
                break
        else:
            return {"MetricDataResults": results, "Messages": []}
        return {"MetricDataResults": results, "Messages": [], "NextToken": make_token(sent, query)}

    def list_metrics(self, account: str, region: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ListMetrics for AWS/EC2, 500 a page, or for another namespace, all at once."""
        if (namespace := asked.get("Namespace", NAMESPACE)) != NAMESPACE:
            written = [series for series, _ in self.custom.find(f"{account}/{region}")]
            return {
                "Metrics": [
                    {
                        "Namespace": namespace,
                        "MetricName": name,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
                    }
                    for its, _, name, dimensions in ((*s.metric.rpartition("/"), s.dimensions) for s in written)
                    if its == namespace and asked.get("MetricName") in (None, name)
                ]
            }
        wanted = {d["Name"]: d.get("Value") for d in asked.get("Dimensions", ())}
        if set(wanted) - {"InstanceId"}:
            return {"Metrics": []}
        only = wanted.get("InstanceId")
        names = [name for name in METRICS if asked.get("MetricName") in (None, name)]
        entries = [
            (instance.number * len(METRICS) + number, instance.id, name)
            for instance in list(backend(account, region).instances_by_id.values())
            if only in (None, instance.id)
            for number, name in enumerate(names)
            if _has(instance, name)
        ]
        try:
            found, following = page(
                entries, lambda entry: entry[0], limit=_LIST_PAGE, token=asked.get("NextToken"), query=[wanted, names]
            )
        except BadTokenError:
            raise AwsError("InvalidParameterValue", "Invalid nextToken") from None
        metrics = [
            {"Namespace": NAMESPACE, "MetricName": name, "Dimensions": [{"Name": "InstanceId", "Value": instance}]}
            for _, instance, name in found
        ]
        return {"Metrics": metrics, **({"NextToken": following} if following else {})}

    def put_metric_data(self, account: str, region: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Answer PutMetricData. Raises AwsError for what CloudWatch refuses, and keeps nothing then."""
        namespace, data = asked.get("Namespace", ""), asked.get("MetricData", [])
        if not namespace or namespace.startswith("AWS/"):
            raise AwsError("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.")
        if not 1 <= len(data) <= MAX_PUT:
            raise AwsError("InvalidParameterValue", f"The collection MetricData must have 1 to {MAX_PUT} members.")
        now = self._clock.now()
        found = []
        for number, one in enumerate(data, 1):
            time, field = float(one.get("Timestamp", now)), f"MetricData.member.{number}"
            if not now - 14 * 86400 <= time <= now + 7200:
                raise AwsError("InvalidParameterValue", f"The parameter {field}.Timestamp must be within two weeks.")
            dimensions = {d["Name"]: d["Value"] for d in one.get("Dimensions", ())}
            if len(dimensions) > 30 or not all(dimensions.values()):
                raise AwsError("InvalidParameterValue", f"The parameter {field}.Dimensions is not valid.")
            series = Series(
                f"{account}/{region}", f"{namespace}/{one['MetricName']}", tuple(sorted(dimensions.items()))
            )
            found.append((series, time, float(one["Value"])))
        for datum in found:
            self.custom.add(*datum)
        return {}

    def _put(self, place: str, wanted: Mapping[str, Any], start: float, end: float) -> list[tuple[int, float]]:
        """One (start of period, value) for each period that callers put something into, oldest first."""
        metric, period = wanted["Metric"], int(wanted["Period"])
        dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions", ())}
        periods: dict[int, list[float]] = {}
        for time, value in self.custom.values(place, f"{metric['Namespace']}/{metric['MetricName']}", dimensions):
            if start <= (begin := int(time // period * period)) < end:
                periods.setdefault(begin, []).append(value)
        return [(begin, _statistic(wanted["Stat"], values, len(values))) for begin, values in periods.items()]

    def _points(
        self, instances: Mapping[str, LivingInstance], wanted: Mapping[str, Any], start: float, end: float
    ) -> list[tuple[int, float]]:
        """One (start of period, value) for each period that has data, oldest first."""
        metric, stat, period = wanted["Metric"], wanted["Stat"], int(wanted["Period"])
        dimensions = metric.get("Dimensions", ())
        if len(dimensions) != 1 or dimensions[0]["Name"] != "InstanceId":
            return []
        instance = instances.get(dimensions[0]["Value"])
        known = METRICS.get(metric["MetricName"])
        if instance is None or known is None or not _has(instance, metric["MetricName"]):
            return []
        now = self._clock.now()
        start -= start % min(period, 60)
        if period < 60:
            start = max(start, now - _SHORT_RETENTION)
        published = now - self._lag
        scale, vcpus, points = self._period if known.counted else 1, instance.vcpus, []
        for timestamp, data in self._data(instance, period, start, published, end):
            count = sum(map(len, data))
            stride = math.ceil(count / _DATA)
            chosen = [begin for stretch in data for begin in stretch[::stride]]
            values = [
                scale
                * sum(known.read(instance, vcpus, begin + offset) for offset in self._offsets)
                / len(self._offsets)
                for begin in chosen
            ]
            points.append((timestamp, _statistic(stat, values, count)))
        return points

    def _data(
        self, instance: LivingInstance, period: int, start: float, published: float, end: float
    ) -> Iterator[tuple[int, list[range]]]:
        """Yield each period of the query with the beginnings of the data in it: those published while it ran."""
        base = self._period
        spans = list(instance.life.spans(("running",)))
        step = max(period, base)
        for first in range(_up(start, step), math.ceil(end), step):
            data = [
                range(
                    _up(max(first, since), base), min(first + step, math.floor(min(published, until)) - base + 1), base
                )
                for since, until in spans
            ]
            if any(data):
                yield first - first % period, [stretch for stretch in data if stretch]


def _up(time: float, step: int) -> int:
    return math.ceil(time / step) * step


def _has(instance: LivingInstance, metric: str) -> bool:
    kind = INSTANCE_TYPES.get(instance.instance_type, {})
    return metric not in _BURSTABLE_ONLY or bool(kind.get("BurstablePerformanceSupported"))


def _statistic(name: str, values: Sequence[float], count: int) -> float:
    match name:
        case "Average":
            return math.fsum(values) / len(values)
        case "Sum":
            return math.fsum(values) / len(values) * count
        case "Minimum":
            return min(values)
        case "Maximum":
            return max(values)
        case "SampleCount":
            return float(count)
    rank = math.ceil(float(name[1:]) / 100 * len(values))
    return sorted(values)[max(0, rank - 1)]


def _checked(asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    queries: list[Mapping[str, Any]] = asked.get("MetricDataQueries", [])
    if not queries:
        raise _invalid("The parameter MetricDataQueries is required.")
    if len(queries) > MAX_QUERIES:
        raise _invalid(f"The collection MetricDataQueries must not have a size greater than {MAX_QUERIES}.")
    if not float(asked["StartTime"]) < float(asked["EndTime"]):
        raise _invalid("The parameter EndTime must be greater than StartTime.")
    if not 1 <= int(asked.get("MaxDatapoints") or 1) <= MAX_DATAPOINTS:
        raise _invalid(f"The parameter MaxDatapoints must be between 1 and {MAX_DATAPOINTS}.")
    ids = [query.get("Id", "") for query in queries]
    if len(set(ids)) != len(ids):
        raise _invalid("The values for parameter id in MetricDataQueries are not unique.")
    for query in queries:
        if not _ID.fullmatch(query.get("Id", "")):
            raise _invalid(f"The value {query.get('Id')} for parameter MetricDataQueries.member.Id is not matching.")
        stat = query.get("MetricStat", {})
        if not stat.get("Metric", {}).get("Namespace"):
            raise _invalid("The sandbox answers MetricStat queries apart from all others.")
        period, name = int(stat["Period"]), stat["Stat"]
        if period not in (1, 5, 10, 20, 30) and (period < 60 or period % 60):
            raise _invalid("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
        if name not in ("Average", "Sum", "Minimum", "Maximum", "SampleCount") and not _PERCENTILE.fullmatch(name):
            raise _invalid(f"The value {name} for parameter MetricDataQueries.member.MetricStat.Stat is not supported.")
    return queries


def _place(token: str | None, query: object) -> int:
    if not token:
        return 0
    try:
        return int(read_token(token, query))
    except BadTokenError:
        raise _invalid("The parameter NextToken is not of this query.") from None


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
