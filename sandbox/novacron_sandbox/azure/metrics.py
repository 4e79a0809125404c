"""Azure Monitor for machines: the world seen through time grains, aggregations and lag. Nothing is stored."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from novacron_sandbox import world
from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.azure.kinds import MACHINE
from novacron_sandbox.azure.machines import size_of, workload_of
from novacron_sandbox.azure.resources import Resource, Resources
from novacron_sandbox.azure.wire import Answer, Request
from novacron_sandbox.clock import Clock

MAX_RESOURCES = 50
# A value is made of this many samples at most: a day in one grain would be 1,440.
_SAMPLES = 30
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_AGGREGATIONS = ("average", "total", "minimum", "maximum", "count")


class Metric(NamedTuple):
    """How a metric is read from the world; what is counted grows with the length of its period."""

    unit: str
    usual: str  # aggregation when none is asked for
    read: Callable[[Resource, float], float]
    counted: bool = False


def _activity(field: str, factor: float = 1.0) -> Callable[[Resource, float], float]:
    index = world.Activity._fields.index(field)
    return lambda machine, time: world.activity(workload_of(machine), size_of(machine).vcpus, time)[index] * factor


def memory_available(machine: Resource, time: float) -> float:
    """Return the bytes of a machine's memory that nobody uses."""
    return size_of(machine).memory * 2**30 * (1.0 - world.memory(workload_of(machine), time))


def _credits_used(machine: Resource, time: float) -> float:
    size = size_of(machine)
    return world.activity(workload_of(machine), size.vcpus, time).cpu * size.vcpus / 60.0


METRICS: Mapping[str, Metric] = {
    "Percentage CPU": Metric("Percent", "average", _activity("cpu", 100.0)),
    "Network In Total": Metric("Bytes", "total", _activity("received_bytes"), counted=True),
    "Network Out Total": Metric("Bytes", "total", _activity("sent_bytes"), counted=True),
    "Disk Read Bytes": Metric("Bytes", "total", _activity("read_bytes"), counted=True),
    "Disk Write Bytes": Metric("Bytes", "total", _activity("written_bytes"), counted=True),
    "Disk Read Operations/Sec": Metric("CountPerSecond", "average", _activity("read_operations")),
    "Disk Write Operations/Sec": Metric("CountPerSecond", "average", _activity("write_operations")),
    "Available Memory Bytes": Metric("Bytes", "average", memory_available),
    "CPU Credits Consumed": Metric("Count", "average", _credits_used, counted=True),
    "VmAvailabilityMetric": Metric("Count", "average", lambda machine, time: 1.0),
}


class Metrics:
    """metrics:getBatch. Samples of `period` seconds are published `lag` seconds after they ended."""

    def __init__(self, clock: Clock, resources: Resources, *, period: int, lag: float) -> None:
        self._clock, self._resources, self.period, self._lag = clock, resources, period, lag
        self._offsets = world.moments(period)

    def get_batch(self, request: Request, names: dict[str, str]) -> Answer:
        """Answer metrics:getBatch. Raises ArmError BadRequest for what Azure Monitor refuses."""
        machines = self._machines(request)
        query, now = request.query, self._clock.now()
        if query.get("metricnamespace", "").lower() != MACHINE.lower():
            raise _bad(f"The sandbox has metrics of {MACHINE} alone.")
        asked = [name.strip() for name in query.get("metricnames", "").split(",") if name.strip()]
        known = {name.lower(): name for name in METRICS}
        if unknown := [name for name in asked if name.lower() not in known] or not asked:
            raise _bad(f"Failed to find metric configuration for {unknown}; valid metrics: {', '.join(METRICS)}.")
        aggregations = [part.strip().lower() for part in query.get("aggregation", "").split(",") if part.strip()]
        if set(aggregations) - set(_AGGREGATIONS):
            raise _bad(f"Invalid aggregation; valid ones are {', '.join(_AGGREGATIONS)}.")
        end = _time(query["endtime"]) if "endtime" in query else now
        start = _time(query["starttime"]) if "starttime" in query else end - 3600
        step = _seconds(query.get("interval", "PT1M"), whole=end - start)
        if not start < end:
            raise _bad("The start time must be before the end time.")
        if step < self.period:
            raise _bad(f"Detected invalid time grain input: {query.get('interval')}.")
        values = []
        for machine in machines:
            found = [
                self._metric(machine, known[name.lower()], start, min(end, now), step, aggregations) for name in asked
            ]
            values.append(
                {
                    "starttime": _text(start),
                    "endtime": _text(end),
                    "interval": query.get("interval", "PT1M"),
                    "namespace": MACHINE,
                    "resourceregion": machine.location,
                    "resourceid": machine.id,
                    "value": found,
                }
            )
        return Answer(200, {"values": values})

    def samples(self, machine: Resource, start: float, end: float) -> list[int]:
        """Return the starts of the samples from one time to another that were taken and published, oldest first."""
        published = self._clock.now() - self._lag
        found: list[int] = []
        for since, until in machine.life.spans(("running",)):
            first = math.ceil(max(start, since) / self.period) * self.period
            last = min(end, until, published)
            found += range(first, math.floor(last) - self.period + 1, self.period)
        return found

    def value(self, machine: Resource, metric: Metric, sample: int) -> float:
        """Return one sample of a metric."""
        mean = math.fsum(metric.read(machine, sample + offset) for offset in self._offsets) / len(self._offsets)
        return mean * self.period if metric.counted else mean

    def _machines(self, request: Request) -> list[Resource]:
        identifiers = request.object.get("resourceids")
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
        metric, data = METRICS[name], []
        # Grains of one time span begin where the clock is even, like Azure's.
        time = math.floor(start / step) * step
        while time < end:
            point: dict[str, Any] = {"timeStamp": _text(time)}
            # A grain in which nothing was measured, or not published yet, is there without a value.
            if samples := self.samples(machine, time, time + step):
                chosen = samples[:: math.ceil(len(samples) / _SAMPLES)]
                values = [self.value(machine, metric, sample) for sample in chosen]
                mean = math.fsum(values) / len(values)
                every = {
                    "average": mean,
                    "total": mean * len(samples),
                    "minimum": min(values),
                    "maximum": max(values),
                    "count": float(len(samples)),
                }
                point |= {aggregation: every[aggregation] for aggregation in aggregations or [metric.usual]}
            data.append(point)
            time += step
        localized = {"value": name, "localizedValue": name}
        return {
            "id": f"{machine.id}/providers/Microsoft.Insights/metrics/{name}",
            "type": "Microsoft.Insights/metrics",
            "name": localized,
            "unit": metric.unit,
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


def _seconds(text: str, whole: float) -> float:
    if text.upper() == "FULL":
        return whole
    found = _DURATION.fullmatch(text.upper())
    if found is None or not any(found.groups()):
        raise _bad(f"Detected invalid time grain input: {text}.")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(days * 86400 + hours * 3600 + minutes * 60 + seconds)


def _text(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bad(message: str) -> ArmError:
    return ArmError("BadRequest", message)
