"""Metrics that clients write: what every cloud's store takes of a point is checked here, before anything is sent."""

import math
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from novacron.cloud.v1 import metrics_pb2, metrics_service_pb2

from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CloudError, InvalidArgument, to_status
from novacron_providers.contract.metrics import SeriesKey
from novacron_providers.contract.provider import Area

# Most points of one request.
POINTS = 1000
# The narrowest of the clouds' limits: on how many attributes a series has, on lengths, and on seconds into the future.
ATTRIBUTES, METRIC_LENGTH, KEY_LENGTH, VALUE_LENGTH, UNIT_LENGTH, FUTURE = 10, 200, 64, 256, 63, 240.0
_METRIC = re.compile(r"custom(\.[a-z][a-z0-9_]*)+")
_KEY = re.compile(r"[a-z][a-z0-9_]*")
_VALUE = re.compile(r"[ -~]*[!-~][ -~]*")


class CustomPoint(NamedTuple):
    """A point that can be sent.

    Attributes:
        place: Its index in the request.
        key: Its series; the resource is empty for what belongs to none.
        time: End of its period, seconds since 1970.
        period: Length of its period in seconds; 0 for the value of a moment.
        value: A finite number.
        unit: UCUM; may be empty.
    """

    place: int
    key: SeriesKey
    time: float
    period: float
    value: float
    unit: str

    @property
    def begin(self) -> float:
        """Begin of its period: the time of a moment."""
        return self.time - self.period


class CustomMetrics(Area):
    """What clients write into the metric store of one account.

    Attributes:
        max_age: Seconds after which the cloud takes a point no longer.
        needs_resource: Whether every point belongs to an instance.
    """

    max_age: ClassVar[float]
    needs_resource: ClassVar[bool] = False

    @abstractmethod
    def check_resource(self, name: str) -> None:
        """Raise InvalidArgument, with no I/O, for what can be no name of an instance in this cloud."""

    @abstractmethod
    async def send(self, points: Sequence[CustomPoint], call: Call) -> Mapping[int, CloudError]:
        """Send points in as few calls as the cloud allows; return those that it refused, by their place.

        A series has at most one point of a time. A call that fails refuses the points that were in it, and no others.
        """

    async def write_metrics(
        self, request: metrics_service_pb2.WriteMetricsRequest, call: Call
    ) -> metrics_service_pb2.WriteMetricsResponse:
        """Implement the RPC for every cloud.

        Raises InvalidArgument for more than 1000 points, and the first point's error when none could be taken.
        """
        if len(request.points) > POINTS:
            raise InvalidArgument(
                f"{len(request.points):,} points are more than {POINTS:,}; send several requests", field="points"
            )
        points, refused = self._examine(request, call.clock.time())
        if points and not request.validate_only:
            refused.update(await self.send(points, call))
        if len(refused) == len(request.points):
            raise refused[0].with_traceback(None)
        written = 0 if request.validate_only else len(request.points) - len(refused)
        answer = metrics_service_pb2.WriteMetricsResponse(written=written)
        for index, error in sorted(refused.items()):
            answer.rejected.add(index=index, status=to_status(error))
        return answer

    def _examine(
        self, request: metrics_service_pb2.WriteMetricsRequest, now: float
    ) -> tuple[list[CustomPoint], dict[int, CloudError]]:
        """The points that can be sent, and what is wrong with the others."""
        points: list[CustomPoint] = []
        refused: dict[int, CloudError] = {}
        seen: set[tuple[SeriesKey, float]] = set()
        for index, raw in enumerate(request.points):
            try:
                point = self._checked(index, raw, request.parent, now)
            except CloudError as error:
                refused[index] = error
                continue
            if (point.key, point.time) in seen:
                refused[index] = _wrong(index, "time", "the request has a point of this series and time already")
                continue
            seen.add((point.key, point.time))
            points.append(point)
        return points, refused

    def _checked(self, index: int, raw: metrics_pb2.MetricPoint, parent: str, now: float) -> CustomPoint:
        """Raises InvalidArgument, naming the field of the point."""
        if not _METRIC.fullmatch(raw.metric) or len(raw.metric) > METRIC_LENGTH:
            raise _wrong(
                index,
                "metric",
                f"{raw.metric[:METRIC_LENGTH]!r} is not of the form custom.app.queue_depth: parts of small "
                f"letters, digits and _; at most {METRIC_LENGTH} characters",
            )
        self._check_resource(index, raw.resource, parent)
        _check_attributes(index, raw.attributes)
        if len(raw.unit) > UNIT_LENGTH:
            raise _wrong(index, "unit", f"a unit has at most {UNIT_LENGTH} characters")
        if not math.isfinite(raw.value):
            raise _wrong(index, "value", f"{raw.value} is no finite number; leave the point out")
        time, period = raw.time.ToNanoseconds() / 1e9, raw.period.ToNanoseconds() / 1e9
        if not raw.HasField("time"):
            raise _wrong(index, "time", "a point has a time")
        if time > now + FUTURE:
            raise _wrong(index, "time", f"the time is {time - now:.0f} s in the future; {FUTURE:.0f} s are the limit")
        if time < now - self.max_age:
            raise _wrong(
                index, "time", f"the time is {now - time:.0f} s ago; the cloud takes what is at most {self.max_age:.0f}"
            )
        if raw.HasField("period") and not 0 < period <= time:
            raise _wrong(index, "period", "a period is longer than 0 s; leave it out for the value of a moment")
        key = SeriesKey(raw.metric, raw.resource, tuple(sorted(raw.attributes.items())))
        return CustomPoint(index, key, time, period, raw.value, raw.unit)

    def _check_resource(self, index: int, name: str, parent: str) -> None:
        if not name:
            if self.needs_resource:
                raise _wrong(index, "resource", "this cloud keeps metrics of its instances only; name one")
            return
        if not name.startswith(f"{parent}/instances/"):
            raise _wrong(index, "resource", f"{name!r} is no instance of {parent}")
        try:
            self.check_resource(name)
        except InvalidArgument as error:
            raise _wrong(index, "resource", error.message) from None


def _check_attributes(index: int, attributes: Mapping[str, str]) -> None:
    if len(attributes) > ATTRIBUTES:
        raise _wrong(index, "attributes", f"a series has at most {ATTRIBUTES} attributes")
    for key, value in attributes.items():
        if not _KEY.fullmatch(key) or len(key) > KEY_LENGTH:
            raise _wrong(
                index,
                "attributes",
                f"{key[:KEY_LENGTH]!r} is no key: small letters, digits and _, at most {KEY_LENGTH} of them",
            )
        if not _VALUE.fullmatch(value) or len(value) > VALUE_LENGTH:
            raise _wrong(
                index, "attributes", f"the value of {key!r} is not 1 to {VALUE_LENGTH} printable ASCII characters"
            )


def _wrong(index: int, field: str, message: str) -> InvalidArgument:
    return InvalidArgument(message, field=f"points[{index}].{field}")
