"""Cloud Monitoring: the world seen through samples, alignment and lag, over gRPC. Nothing is stored."""

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from google.cloud import monitoring_v3

from novacron_sandbox import world
from novacron_sandbox.clock import Clock
from novacron_sandbox.gcp import catalog
from novacron_sandbox.gcp.errors import GoogleError, not_found
from novacron_sandbox.gcp.filters import Filter
from novacron_sandbox.gcp.pages import make_token, read_token
from novacron_sandbox.gcp.resources import Resource, Store

PREFIX = "compute.googleapis.com/"
MAX_PAGE = 100_000
_SHORTEST_ALIGNMENT = 60
# Aligners that leave whole numbers whole.
_WHOLE = ("ALIGN_NONE", "ALIGN_DELTA", "ALIGN_SUM", "ALIGN_MIN", "ALIGN_MAX")
_GAUGE, _DELTA = 1, 2
_INT64, _DOUBLE = 2, 3


class Machine(NamedTuple):
    """What a metric is read from."""

    workload: str
    vcpus: int
    memory: float  # bytes


class Metric(NamedTuple):
    """A metric: what is read at a moment; what is counted (a DELTA) grows with the length of its period.

    `each_disk` gives every disk its own series with an even share; only machine types that begin with `family` have it.
    """

    read: Callable[[Machine, float], float]
    unit: str
    counted: bool = False
    whole: bool = False
    each_disk: bool = False
    family: str = ""


def _activity(field: str) -> Callable[[Machine, float], float]:
    index = world.Activity._fields.index(field)
    return lambda machine, time: world.activity(machine.workload, machine.vcpus, time)[index]


def _disk(field: str, unit: str) -> Metric:
    return Metric(_activity(field), unit, counted=True, whole=True, each_disk=True)


def _network(field: str, unit: str) -> Metric:
    return Metric(_activity(field), unit, counted=True, whole=True)


METRICS = {
    f"{PREFIX}instance/{name}": metric
    for name, metric in {
        "cpu/utilization": Metric(_activity("cpu"), "10^2.%"),
        "cpu/reserved_cores": Metric(lambda machine, time: float(machine.vcpus), "1"),
        "cpu/usage_time": Metric(
            lambda m, time: world.activity(m.workload, m.vcpus, time).cpu * m.vcpus, "s{CPU}", True
        ),
        "disk/read_bytes_count": _disk("read_bytes", "By"),
        "disk/write_bytes_count": _disk("written_bytes", "By"),
        "disk/read_ops_count": _disk("read_operations", "1"),
        "disk/write_ops_count": _disk("write_operations", "1"),
        "memory/balloon/ram_used": Metric(
            lambda m, time: world.memory(m.workload, time) * m.memory, "By", whole=True, family="e2-"
        ),
        "memory/balloon/ram_size": Metric(lambda m, time: m.memory, "By", whole=True, family="e2-"),
        "network/received_bytes_count": _network("received_bytes", "By"),
        "network/received_packets_count": _network("received_packets", "1"),
        "network/sent_bytes_count": _network("sent_bytes", "By"),
        "network/sent_packets_count": _network("sent_packets", "1"),
        "uptime": Metric(lambda machine, time: 1.0, "s", counted=True),
    }.items()
}


class Series(NamedTuple):
    """One series: its labels by "metric.labels.x" and "resource.labels.x", and its points, oldest first."""

    labels: dict[str, str]
    points: list[tuple[int, float]]


class Monitoring:
    """ListTimeSeries and ListMetricDescriptors: samples of `period` seconds, published `lag` seconds after they end."""

    def __init__(self, clock: Clock, store: Store, *, gate: threading.Lock, period: int, lag: float) -> None:
        self._clock, self._store, self._gate, self._period, self._lag = clock, store, gate, period, lag
        self._offsets = world.moments(period)

    def list_time_series(self, asked: Any) -> Any:
        """Answer ListTimeSeries. Raises GoogleError."""
        self._check_name(asked.name)
        wanted = _filter(asked.filter)
        name = _metric_of(wanted)
        metric = METRICS[name]
        start = asked.interval.start_time.seconds + asked.interval.start_time.nanos / 1e9
        end = asked.interval.end_time.seconds
        if not end or (asked.interval.HasField("start_time") and start > end):
            raise _bad("interval", "The interval must end, and not before it starts.")
        if not asked.interval.HasField("start_time"):
            start = end - 1e-3
        query = [asked.filter, start, end, str(asked.aggregation)]
        skip, now = read_token(asked.page_token, query) if asked.page_token else (0, self._clock.now())
        align = _Alignment(asked.aggregation, metric, end, min(_SHORTEST_ALIGNMENT, self._period))
        headers = asked.view == int(monitoring_v3.ListTimeSeriesRequest.TimeSeriesView.HEADERS)
        found = self._series(name, metric, wanted, align.start(start), end, now - self._lag)
        chosen = align.reduce(Series(one.labels, align.points(one.points)) for one in found)
        answer = monitoring_v3.ListTimeSeriesResponse.pb()()
        left, place = min(asked.page_size or MAX_PAGE, MAX_PAGE), 0
        for series in chosen:
            size = 1 if headers else len(series.points)
            begin, place = max(0, skip - place), place + size
            if begin >= size:
                continue
            if left <= 0:
                answer.next_page_token = make_token([skip, now], query)
                break
            taken = series.points[::-1][begin : begin + left]
            _write(answer.time_series.add(), name, metric, series, [] if headers else taken, align, self._period)
            sent = 1 if headers else len(taken)
            left, skip = left - sent, skip + sent
            if begin + sent < size:
                answer.next_page_token = make_token([skip, now], query)
                break
        return answer

    def list_metric_descriptors(self, asked: Any) -> Any:
        """Answer ListMetricDescriptors. Raises GoogleError."""
        self._check_name(asked.name)
        wanted = _filter(asked.filter)
        names = [name for name in METRICS if wanted.passes({"metric.type": name}.get)]
        begin = read_token(asked.page_token, asked.filter) if asked.page_token else 0
        end = begin + (asked.page_size or MAX_PAGE)
        answer = monitoring_v3.ListMetricDescriptorsResponse.pb()()
        for name in names[begin:end]:
            metric, one = METRICS[name], answer.metric_descriptors.add()
            one.name, one.type = f"{asked.name}/metricDescriptors/{name}", name
            one.metric_kind = _DELTA if metric.counted else _GAUGE
            one.value_type = _INT64 if metric.whole else _DOUBLE
            one.unit, one.display_name = metric.unit, name.removeprefix(PREFIX)
            one.metadata.sample_period.seconds = self._period
            one.metadata.ingest_delay.seconds = math.ceil(self._lag)
            one.monitored_resource_types.append("gce_instance")
        if end < len(names):
            answer.next_page_token = make_token(end, asked.filter)
        return answer

    def _check_name(self, name: str) -> None:
        if name not in (f"projects/{catalog.PROJECT}", f"projects/{catalog.PROJECT_NUMBER}"):
            raise not_found(name)

    def _series(
        self, name: str, metric: Metric, wanted: Filter, start: float, end: float, published: float
    ) -> Iterator[Series]:
        """Yield the series that pass, in the order of their machines, with what is published of them."""
        with self._gate:
            there = list(self._store.everywhere(catalog.PROJECT, "instances"))
        for place, members in there:
            for one in members:
                kind = one.body["machineType"].rpartition("/")[2]
                if not kind.startswith(metric.family):
                    continue
                shares = (
                    [_disk_labels(disk) for disk in one.body["disks"]] if metric.each_disk else [_others(metric, name)]
                )
                points: list[tuple[int, float]] | None = None
                for more in shares:
                    labels = _labels(one, place.partition("/")[2], more)
                    if wanted.passes({"metric.type": name, "resource.type": "gce_instance", **labels}.get):
                        if points is None:
                            points = self._points(one, metric, kind, start, min(end, published), len(shares))
                        yield Series(labels, points)

    def _points(
        self, one: Resource, metric: Metric, kind: str, start: float, end: float, shares: int
    ) -> list[tuple[int, float]]:
        """One (end of sample, value) for each sample that ends after `start` and until `end` while the machine ran."""
        size = catalog.machine_type(self._store, one.path.rpartition("/instances/")[0], kind) or {}
        machine = Machine(
            one.body.get("labels", {}).get("novacron-workload") or one.body["id"],
            int(size.get("guestCpus", 1)),
            float(size.get("memoryMb", 0) * 1024 * 1024),
        )
        period, offsets, points = self._period, self._offsets, []
        scale = (period if metric.counted else 1) / len(offsets) / shares
        for since, until in one.life.spans(("RUNNING",)):
            first = max(math.floor(start / period) * period, math.ceil(since / period) * period)
            for begin in range(first, math.floor(min(end, until)) - period + 1, period):
                if begin + period > start:
                    value = scale * sum(metric.read(machine, begin + offset) for offset in offsets)
                    points.append((begin + period, float(round(value)) if metric.whole else value))
        return points


class _Alignment:
    """The aggregation of a query. Raises GoogleError for one that Monitoring refuses."""

    def __init__(self, asked: Any, metric: Metric, end: int, shortest: int) -> None:
        kinds = monitoring_v3.Aggregation
        self.aligner = kinds.Aligner(asked.per_series_aligner).name
        self._reducer = kinds.Reducer(asked.cross_series_reducer).name
        self._fields = [_with_labels(field) for field in asked.group_by_fields]
        self.period, self._end = int(asked.alignment_period.seconds), end
        self.aligned = self.aligner != "ALIGN_NONE"
        if self.aligned and self.period < shortest:
            raise _bad("aggregation.alignmentPeriod", f"The alignment period must be at least {shortest} seconds.")
        if self.aligner not in ("ALIGN_NONE", "ALIGN_RATE", "ALIGN_DELTA", *_STATISTICS):
            raise _bad("aggregation.perSeriesAligner", f"The sandbox does not do {self.aligner}.")
        if self.aligner in ("ALIGN_RATE", "ALIGN_DELTA") and not metric.counted:
            raise _bad("aggregation.perSeriesAligner", f"{self.aligner} cannot be applied to metrics of kind GAUGE.")
        if self._reducer not in ("REDUCE_NONE", *_REDUCERS):
            raise _bad("aggregation.crossSeriesReducer", f"The sandbox does not do {self._reducer}.")
        if self._reducer != "REDUCE_NONE" and not self.aligned:
            raise _bad("aggregation.perSeriesAligner", "A reducer needs an aligner.")
        self.counted = metric.counted and self.aligner in ("ALIGN_NONE", "ALIGN_DELTA")
        self.whole = self.aligner == "ALIGN_COUNT" or (
            metric.whole and self._reducer != "REDUCE_MEAN" and self.aligner in _WHOLE
        )

    def start(self, start: float) -> float:
        """Return where reading begins: periods end with the interval, and the first one is whole."""
        return self._end - math.ceil((self._end - start) / self.period) * self.period if self.aligned else start

    def points(self, points: list[tuple[int, float]]) -> list[tuple[int, float]]:
        """Return one value for each period that has samples."""
        if not self.aligned:
            return points
        periods: dict[int, list[float]] = {}
        for time, value in points:
            periods.setdefault(self._end - (self._end - time) // self.period * self.period, []).append(value)
        if self.aligner == "ALIGN_RATE":
            return [(time, math.fsum(values) / self.period) for time, values in periods.items()]
        combine = _STATISTICS.get(self.aligner, math.fsum)
        return [(time, combine(values)) for time, values in periods.items()]

    def reduce(self, series: Iterable[Series]) -> Iterator[Series]:
        """Return one series for each group, with the labels of the group; without a reducer, all that have points."""
        if self._reducer == "REDUCE_NONE":
            yield from (one for one in series if one.points)
            return
        groups: dict[tuple[str, ...], dict[int, list[float]]] = {}
        for one in series:
            group = groups.setdefault(tuple(one.labels.get(field, "") for field in self._fields), {})
            for time, value in one.points:
                group.setdefault(time, []).append(value)
        combine = _REDUCERS[self._reducer]
        for key, points in groups.items():
            if points:
                labels = dict(zip(self._fields, key, strict=True))
                yield Series(labels, [(time, combine(points[time])) for time in sorted(points)])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "ALIGN_MEAN": _mean,
    "ALIGN_SUM": math.fsum,
    "ALIGN_MIN": min,
    "ALIGN_MAX": max,
    "ALIGN_COUNT": lambda values: float(len(values)),
}
_REDUCERS: dict[str, Callable[[Sequence[float]], float]] = {
    "REDUCE_MEAN": _mean,
    "REDUCE_SUM": math.fsum,
    "REDUCE_MIN": min,
    "REDUCE_MAX": max,
}


def _write(
    into: Any,
    name: str,
    metric: Metric,
    series: Series,
    points: Iterable[tuple[int, float]],
    align: _Alignment,
    sample: int,
) -> None:
    into.metric.type, into.resource.type = name, "gce_instance"
    for field, text in series.labels.items():
        kind, _, label = field.partition(".labels.")
        getattr(into, kind).labels[label] = text
    into.metric_kind = _DELTA if align.counted else _GAUGE
    into.value_type = _INT64 if align.whole else _DOUBLE
    into.unit = f"{metric.unit}/s" if align.aligner == "ALIGN_RATE" else metric.unit
    length = 0
    if align.counted:
        length = align.period if align.aligned else sample
    for time, value in points:
        point = into.points.add()
        point.interval.end_time.seconds = time
        point.interval.start_time.seconds = time - length
        if align.whole:
            point.value.int64_value = round(value)
        else:
            point.value.double_value = value


def _labels(one: Resource, zone: str, more: dict[str, str]) -> dict[str, str]:
    return {
        "resource.labels.project_id": catalog.PROJECT,
        "resource.labels.instance_id": str(one.body["id"]),
        "resource.labels.zone": zone,
        "metric.labels.instance_name": one.name,
        **more,
    }


def _disk_labels(disk: dict[str, Any]) -> dict[str, str]:
    about = {"device_name": disk["deviceName"], "device_type": "permanent", "storage_type": "pd-standard"}
    return {f"metric.labels.{label}": value for label, value in about.items()}


def _others(metric: Metric, name: str) -> dict[str, str]:
    return {"metric.labels.loadbalanced": "false"} if "/network/" in name else {}


def _with_labels(field: str) -> str:
    """Both spellings of a label are good: "resource.label.zone" and "resource.labels.zone"."""
    return field.replace(".label.", ".labels.")


def _filter(text: str) -> Filter:
    try:
        return Filter(text.replace(".label.", ".labels."))
    except ValueError as refusal:
        raise _bad("filter", f"The filter cannot be read: {refusal}.") from None


def _metric_of(wanted: Filter) -> str:
    """Return the one metric type that a filter has to name. Raises GoogleError."""
    terms = [term for term in wanted.terms if term.field == "metric.type"]
    if len(terms) != 1 or terms[0].operator != "=" or terms[0].function:
        raise _bad("filter", 'The filter must name exactly one metric type: metric.type = "...".')
    name = terms[0].values[0]
    if name not in METRICS:
        message = f'Cannot find metric(s) that match type = "{name}".'
        raise GoogleError(404, "notFound", message)
    return name


def _bad(field: str, message: str) -> GoogleError:
    return GoogleError(400, "badRequest", f"Field {field} had an invalid value: {message}")
