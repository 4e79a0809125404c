"""Azure Monitor for machines: the world seen through time grains, aggregations and lag, and what callers wrote."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from novacron_sandbox import world
from novacron_sandbox.azure.custom import CustomStore
from novacron_sandbox.azure.errors import ArmError, body_of
from novacron_sandbox.azure.kinds import MACHINE
from novacron_sandbox.azure.machines import seen_by_metrics
from novacron_sandbox.azure.resources import Resource, Resources
from novacron_sandbox.samples import Machine, Read, Samples, activity, memory_used
from novacron_sandbox.wire import Answer, Request

MAX_RESOURCES = 50
# A value is made of this many samples at most: a day in one grain would be 1,440.
_SAMPLES = 30
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_AGGREGATIONS = ("average", "total", "minimum", "maximum", "count")


class Metric(NamedTuple):
    """How a metric is read from the world; what is counted grows with the length of its period."""

    unit: str
    usual: str  # aggregation when none is asked for
    read: Read
    counted: bool = False


def _credits_used(machine: Machine, time: float) -> float:
    return world.activity(machine.workload, machine.vcpus, time).cpu * machine.vcpus / 60.0


METRICS: Mapping[str, Metric] = {
    "Percentage CPU": Metric("Percent", "average", activity("cpu", 100.0)),
    "Network In Total": Metric("Bytes", "total", activity("received_bytes"), counted=True),
    "Network Out Total": Metric("Bytes", "total", activity("sent_bytes"), counted=True),
    "Disk Read Bytes": Metric("Bytes", "total", activity("read_bytes"), counted=True),
    "Disk Write Bytes": Metric("Bytes", "total", activity("written_bytes"), counted=True),
    "Disk Read Operations/Sec": Metric("CountPerSecond", "average", activity("read_operations")),
    "Disk Write Operations/Sec": Metric("CountPerSecond", "average", activity("write_operations")),
    "Available Memory Bytes": Metric("Bytes", "average", lambda m, time: m.memory - memory_used(m, time)),
    "CPU Credits Consumed": Metric("Count", "average", _credits_used, counted=True),
    "VmAvailabilityMetric": Metric("Count", "average", lambda machine, time: 1.0),
}
_KNOWN = {name.lower(): name for name in METRICS}


class Metrics:
    """metrics:getBatch."""

    def __init__(self, resources: Resources, samples: Samples, custom: CustomStore) -> None:
        self._resources, self._samples, self._custom = resources, samples, custom

    def get_batch(self, request: Request, names: dict[str, str]) -> Answer:
        """Answer metrics:getBatch. Raises ArmError BadRequest for what Azure Monitor refuses."""
        query, machines = request.query, self._machines(request)
        namespace = query.get("metricnamespace", "")
        own = namespace.lower() == MACHINE.lower()
        asked = [name.strip() for name in query.get("metricnames", "").split(",")]
        if unknown := [name for name in asked if own and name.lower() not in _KNOWN]:
            raise _bad(f"Failed to find metric configuration for {unknown}; valid metrics: {', '.join(METRICS)}.")
        aggregations = [part.strip().lower() for part in query.get("aggregation", "").split(",") if part.strip()]
        if set(aggregations) - set(_AGGREGATIONS):
            raise _bad(f"Invalid aggregation; valid ones are {', '.join(_AGGREGATIONS)}.")
        now = self._samples.clock.now()
        end = _time(query["endtime"]) if "endtime" in query else now
        start = _time(query["starttime"]) if "starttime" in query else end - 3600
        interval = query.get("interval", "PT1M")
        step = _seconds(interval)
        if not start < end:
            raise _bad("The start time must be before the end time.")
        if step < self._samples.period:
            raise _bad(f"Detected invalid time grain input: {interval}.")
        values = [
            {
                "starttime": _text(start),
                "endtime": _text(end),
                "interval": interval,
                "namespace": namespace,
                "resourceregion": machine.location,
                "resourceid": machine.id,
                "value": [
                    self._metric(machine, _KNOWN[name.lower()], start, min(end, now), step, aggregations)
                    if own
                    else self._written(machine, f"{namespace}/{name}", start, min(end, now), step)
                    for name in asked
                ],
            }
            for machine in machines
        ]
        return Answer(200, {"values": values})

    def _machines(self, request: Request) -> list[Resource]:
        identifiers = body_of(request).get("resourceids")
        if not isinstance(identifiers, list) or not identifiers:
            raise _bad("The request has no resourceids.")
        if len(identifiers) > MAX_RESOURCES:
            raise _bad(f"The request has {len(identifiers)} resources, {MAX_RESOURCES} is the limit.")
        found = []
        for identifier in identifiers:
            machine = self._resources.get(str(identifier))
            if machine is None or machine.kind.type != MACHINE:
                raise ArmError("ResourceNotFound", f"The resource {identifier} was not found.", 404)
            found.append(machine)
        if len({machine.location for machine in found}) > 1:
            raise _bad("All resources of a batch have to be in one region.")
        return found

    def _metric(
        self, machine: Resource, name: str, start: float, end: float, step: float, aggregations: Iterable[str]
    ) -> dict[str, Any]:
        metric, seen, data = METRICS[name], seen_by_metrics(machine), []
        # Grains of one time span begin where the clock is even, like Azure's.
        time = math.floor(start / step) * step
        while time < end:
            point: dict[str, Any] = {"timeStamp": _text(time)}
            # A grain in which nothing was measured, or not published yet, is there without a value.
            if begins := self._samples.begins(machine.life, ("running",), time, time + step):
                chosen = begins[:: math.ceil(len(begins) / _SAMPLES)]
                values = [self._samples.read(metric.read, seen, begin, counted=metric.counted) for begin in chosen]
                every = _aggregated(values, len(begins))
                point |= {aggregation: every[aggregation] for aggregation in aggregations or [metric.usual]}
            data.append(point)
            time += step
        return _answer(machine, name, metric.unit, data)

    def _written(self, machine: Resource, name: str, start: float, end: float, step: float) -> dict[str, Any]:
        """What callers wrote, over all dimensions."""
        grains: dict[float, list[float]] = {}
        for _, values in self._custom.find(machine.key, name):
            for time, value in values:
                if start <= (begin := time // step * step) < end:
                    grains.setdefault(begin, []).append(value)
        data = [{"timeStamp": _text(at), **_aggregated(grains[at], len(grains[at]))} for at in sorted(grains)]
        return _answer(machine, name.rpartition("/")[2], "Unspecified", data)


def _aggregated(values: Sequence[float], count: int) -> dict[str, float]:
    """All aggregations of a grain with `count` samples, of which `values` are some."""
    mean = math.fsum(values) / len(values)
    return {
        "average": mean,
        "total": mean * count,
        "minimum": min(values),
        "maximum": max(values),
        "count": float(count),
    }


def _answer(machine: Resource, name: str, unit: str, data: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"{machine.id}/providers/Microsoft.Insights/metrics/{name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": name, "localizedValue": name},
        "unit": unit,
        "errorCode": "Success",
        "timeseries": [{"metadatavalues": [], "data": data}],
    }


def _time(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise _bad(f"{text!r} is not a time.") from None
    if moment.tzinfo is None:
        raise _bad(f"{text!r} does not say in which zone it is.")
    return moment.timestamp()


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text.upper())
    if found is None or not any(found.groups()):
        raise _bad(f"Detected invalid time grain input: {text}.")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(days * 86400 + hours * 3600 + minutes * 60 + seconds)


def _text(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bad(message: str) -> ArmError:
    return ArmError("BadRequest", message)
