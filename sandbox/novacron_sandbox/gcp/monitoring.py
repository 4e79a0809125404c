"""Cloud Monitoring: the world seen through samples, alignment and lag, over gRPC; and what callers wrote."""

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from google.cloud import monitoring_v3

from novacron_sandbox import world
from novacron_sandbox.gcp import catalog, custom
from novacron_sandbox.gcp.errors import GoogleError, invalid, not_found
from novacron_sandbox.gcp.filters import Filter
from novacron_sandbox.gcp.resources import Resource, Store
from novacron_sandbox.pages import BadTokenError, make_token, read_token
from novacron_sandbox.samples import Machine, Read, Samples, activity, memory_used

PREFIX = "compute.googleapis.com/"
MAX_PAGE = 100_000
_SHORTEST_ALIGNMENT = 60
# Aligners that leave whole numbers whole.
_WHOLE = ("ALIGN_NONE", "ALIGN_DELTA", "ALIGN_SUM", "ALIGN_MIN", "ALIGN_MAX")
_GAUGE, _DELTA = 1, 2
_INT64, _DOUBLE = 2, 3


class Metric(NamedTuple):
    """A metric: what is read at a moment; what is counted (a DELTA) grows with the length of its period.

    `each_disk` gives every disk its own series with an even share; only machine types that begin with `family` have it.
    """

    read: Read
    unit: str
    counted: bool = False
    whole: bool = False
    each_disk: bool = False
    family: str = ""


def _cpu_seconds(machine: Machine, time: float) -> float:
    return world.activity(machine.workload, machine.vcpus, time).cpu * machine.vcpus


METRICS = {
    f"{PREFIX}instance/{name}": metric
    for name, metric in {
        "cpu/utilization": Metric(activity("cpu"), "10^2.%"),
        "cpu/reserved_cores": Metric(lambda machine, time: float(machine.vcpus), "1"),
        "cpu/usage_time": Metric(_cpu_seconds, "s{CPU}", counted=True),
        "disk/read_bytes_count": Metric(activity("read_bytes"), "By", True, True, True),
        "disk/write_bytes_count": Metric(activity("written_bytes"), "By", True, True, True),
        "disk/read_ops_count": Metric(activity("read_operations"), "1", True, True, True),
        "disk/write_ops_count": Metric(activity("write_operations"), "1", True, True, True),
        "memory/balloon/ram_used": Metric(memory_used, "By", whole=True, family="e2-"),
        "memory/balloon/ram_size": Metric(lambda machine, time: machine.memory, "By", whole=True, family="e2-"),
        "network/received_bytes_count": Metric(activity("received_bytes"), "By", True, True),
        "network/received_packets_count": Metric(activity("received_packets"), "1", True, True),
        "network/sent_bytes_count": Metric(activity("sent_bytes"), "By", True, True),
        "network/sent_packets_count": Metric(activity("sent_packets"), "1", True, True),
        "uptime": Metric(lambda machine, time: 1.0, "s", counted=True),
    }.items()
}


class Series(NamedTuple):
    """One series: its labels by "metric.labels.x" and "resource.labels.x", and its points, oldest first."""

    labels: dict[str, str]
    points: list[tuple[int, float]]


class Monitoring:
    """ListTimeSeries over the machines of the store, which is read with `gate` held."""

    def __init__(self, store: Store, samples: Samples, written: custom.CustomStore, gate: threading.Lock) -> None:
        self._store, self._samples, self._gate = store, samples, gate
        self.custom = written

    def list_time_series(self, asked: Any) -> Any:
        """Answer ListTimeSeries. Raises GoogleError."""
        if asked.name not in (f"projects/{catalog.PROJECT}", f"projects/{catalog.PROJECT_NUMBER}"):
            raise not_found(asked.name)
        wanted = _filter(asked.filter)
        name = _metric_of(wanted)
        end = asked.interval.end_time.seconds
        # Without a start, the interval is its end.
        begin = asked.interval.start_time
        start = begin.seconds + begin.nanos / 1e9 if asked.interval.HasField("start_time") else end - 1e-3
        if not end or start > end:
            raise _bad("interval", "The interval must end, and not before it starts.")
        if name.startswith(custom.PREFIX):
            return self.custom.answer(name, start, end)
        align = _Alignment(asked.aggregation, METRICS[name], end, self._samples.period)
        query = [asked.filter, start, end, str(asked.aggregation)]
        try:
            skip, now = read_token(asked.page_token, query) if asked.page_token else (0, self._samples.clock.now())
        except BadTokenError:
            raise invalid("pageToken", asked.page_token, "Invalid page token.") from None
        found = self._series(name, wanted, align.start(start), end, now)
        left, sent = min(asked.page_size or MAX_PAGE, MAX_PAGE), skip
        answer = monitoring_v3.ListTimeSeriesResponse.pb()()
        for series in align.reduce(Series(one.labels, align.points(one.points)) for one in found):
            if skip >= len(series.points):
                skip -= len(series.points)
                continue
            taken = series.points[::-1][skip : skip + left]
            if taken:
                _write(answer.time_series.add(), name, series.labels, taken, align)
            left, sent = left - len(taken), sent + len(taken)
            if skip + len(taken) < len(series.points):
                answer.next_page_token = make_token([sent, now], query)
                break
            skip = 0
        return answer

    def _series(self, name: str, wanted: Filter, start: float, end: float, now: float) -> Iterator[Series]:
        """Yield the series that pass, in the order of their machines, with what is published of them."""
        metric = METRICS[name]
        with self._gate:
            there = list(self._store.everywhere(catalog.PROJECT, "instances"))
        for place, members in there:
            for one in members:
                kind = one.body["machineType"].rpartition("/")[2]
                if not kind.startswith(metric.family):
                    continue
                shares = [_disk(disk) for disk in one.body["disks"]] if metric.each_disk else [_others(name)]
                points: list[tuple[int, float]] | None = None
                for more in shares:
                    labels = _labels(one, place.partition("/")[2], more)
                    if wanted.passes({"metric.type": name, "resource.type": "gce_instance", **labels}.get):
                        if points is None:
                            points = self._points(one, metric, kind, (start, end, now), len(shares))
                        yield Series(labels, points)

    def _points(
        self, one: Resource, metric: Metric, kind: str, times: tuple[float, float, float], shares: int
    ) -> list[tuple[int, float]]:
        """One (end of sample, value) for each sample that ends in the time (start, end] while the machine ran."""
        size = catalog.machine_type(self._store, one.path.rpartition("/instances/")[0], kind) or {}
        machine = Machine(
            one.body.get("labels", {}).get("novacron-workload") or one.body["id"],
            int(size.get("guestCpus", 1)),
            float(size.get("memoryMb", 0) * 1024 * 1024),
        )
        samples, (start, end, now), points = self._samples, times, []
        first = start // samples.period * samples.period
        for begin in samples.begins(one.life, ("RUNNING",), first, end, now):
            value = samples.read(metric.read, machine, begin, counted=metric.counted) / shares
            points.append((begin + samples.period, float(round(value)) if metric.whole else value))
        return points


class _Alignment:
    """The aggregation of a query. Raises GoogleError for one that Monitoring refuses."""

    def __init__(self, asked: Any, metric: Metric, end: int, sample: int) -> None:
        kinds, shortest = monitoring_v3.Aggregation, min(_SHORTEST_ALIGNMENT, sample)
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
        self.length = (self.period if self.aligned else sample) if self.counted else 0
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
    into: Any, name: str, labels: dict[str, str], points: Iterable[tuple[int, float]], align: _Alignment
) -> None:
    into.metric.type, into.resource.type = name, "gce_instance"
    for field, text in labels.items():
        kind, _, label = field.partition(".labels.")
        getattr(into, kind).labels[label] = text
    into.metric_kind = _DELTA if align.counted else _GAUGE
    into.value_type = _INT64 if align.whole else _DOUBLE
    into.unit = METRICS[name].unit + ("/s" if align.aligner == "ALIGN_RATE" else "")
    for time, value in points:
        point = into.points.add()
        point.interval.end_time.seconds = time
        point.interval.start_time.seconds = time - align.length
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


def _disk(disk: dict[str, Any]) -> dict[str, str]:
    about = {"device_name": disk["deviceName"], "device_type": "permanent", "storage_type": "pd-standard"}
    return {f"metric.labels.{label}": value for label, value in about.items()}


def _others(name: str) -> dict[str, str]:
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
    if name not in METRICS and not name.startswith(custom.PREFIX):
        message = f'Cannot find metric(s) that match type = "{name}".'
        raise GoogleError(404, "notFound", message)
    return name


def _bad(field: str, message: str) -> GoogleError:
    return GoogleError(400, "badRequest", f"Field {field} had an invalid value: {message}")
