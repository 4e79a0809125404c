"""Custom metrics: CreateTimeSeries, and what ListTimeSeries tells of them."""

from collections.abc import Iterator
from typing import Any

from google.cloud import monitoring_v3

from novacron_sandbox.clock import Clock
from novacron_sandbox.custom import CustomMetrics, Series
from novacron_sandbox.gcp import catalog
from novacron_sandbox.gcp.errors import GoogleError, not_found

PREFIX = "custom.googleapis.com/"
MAX_SERIES = 200
_PAST, _FUTURE = 90_000.0, 300.0
# Least seconds between two values of a series.
_SPACING = 5.0
_ORDER = (
    "Points must be written in order. One or more of the points specified had an older start time than the most "
    "recent point."
)
_OFTEN = "One or more points were written more frequently than the maximum sampling period configured for the metric."
_LABELS = {"global": {"project_id"}, "gce_instance": {"project_id", "zone", "instance_id"}}


class CustomStore(CustomMetrics):
    """What callers wrote; a series is known by its resource's and its metric's labels."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def create(self, asked: Any) -> None:
        """Carry out CreateTimeSeries. Raises GoogleError, also when only some of the series are refused."""
        if asked.name not in (f"projects/{catalog.PROJECT}", f"projects/{catalog.PROJECT_NUMBER}"):
            raise not_found(asked.name)
        if not 1 <= len(asked.time_series) <= MAX_SERIES:
            raise GoogleError(400, "badRequest", f"Field timeSeries must have 1 to {MAX_SERIES} elements.")
        refused: dict[str, list[int]] = {}
        seen: set[Series] = set()
        for place, one in enumerate(asked.time_series):
            series = _series_of(one)
            if why := self._trouble(series, one, seen):
                refused.setdefault(why, []).append(place)
            else:
                self.add(series, _end(one), one.points[0].value.double_value)
            seen.add(series)
        if refused:
            told = "; ".join(f"{why}: timeSeries[{','.join(map(str, places))}]" for why, places in refused.items())
            raise GoogleError(400, "badRequest", f"One or more TimeSeries could not be written: {told}")

    def _trouble(self, series: Series, one: Any, seen: set[Series]) -> str:
        now, last = self._clock.now(), self.last(series)
        if series in seen or len(one.points) != 1:
            return "Field timeSeries had an invalid value: Only one point can be written per TimeSeries per request."
        if not one.metric.type.startswith(PREFIX):
            return f"Unrecognized metric type {one.metric.type}."
        if set(one.resource.labels) != _LABELS.get(one.resource.type):
            return f"Unrecognized labels of resource {one.resource.type}."
        time = _end(one)
        if not now - _PAST <= time <= now + _FUTURE:
            return "Field points had an invalid value: the end time is too far from now."
        if last is not None and time <= last:
            return _ORDER
        return _OFTEN if last is not None and time < last + _SPACING else ""

    def answer(self, name: str, start: float, end: float) -> Any:
        """Return a ListTimeSeriesResponse with the points of a metric, newest first, as they were written."""
        answer = monitoring_v3.ListTimeSeriesResponse.pb()()
        for series, values in self.find(catalog.PROJECT, name):
            inside = [(time, value) for time, value in reversed(values) if start < time <= end]
            if not inside:
                continue
            one = answer.time_series.add(metric_kind=1, value_type=3)
            one.metric.type = name
            for field, text in series.dimensions:
                kind, _, label = field.partition(".labels.")
                getattr(one, kind).labels[label] = text
            one.resource.type = "gce_instance" if "instance_id" in one.resource.labels else "global"
            for time, value in inside:
                point = one.points.add()
                for at in (point.interval.start_time, point.interval.end_time):
                    at.FromNanoseconds(round(time * 1e9))
                point.value.double_value = value
        return answer


def _series_of(one: Any) -> Series:
    return Series(catalog.PROJECT, one.metric.type, tuple(sorted(_labels(one))))


def _labels(one: Any) -> Iterator[tuple[str, str]]:
    yield from ((f"metric.labels.{label}", text) for label, text in one.metric.labels.items())
    yield from ((f"resource.labels.{label}", text) for label, text in one.resource.labels.items())


def _end(one: Any) -> float:
    time = one.points[0].interval.end_time
    return float(time.seconds + time.nanos / 1e9)
