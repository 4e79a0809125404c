"""How often a reader wants values."""

from dataclasses import dataclass

from google.protobuf import duration_pb2
from novacron.cloud.v1 import metrics_service_pb2
from novacron_providers.contract.errors import InvalidArgument


def seconds(duration: duration_pb2.Duration, field: str) -> float:
    """A duration of a request in seconds; raises InvalidArgument, naming `field`, for a negative one."""
    found = duration.ToNanoseconds() / 1e9
    if found < 0:
        raise InvalidArgument(f"{field} must not be negative", field=field)
    return found


@dataclass(frozen=True, slots=True)
class Pace:
    """Which values of a series are sent.

    Attributes:
        interval: Shortest time between two, in seconds; 0 for as they are collected.
        changes_only: Whether a value that equals the one before is left out.
        refresh: With changes_only: seconds after which all are sent anyway; 0 for never.
    """

    interval: float = 0.0
    changes_only: bool = False
    refresh: float = 0.0

    @classmethod
    def of(cls, request: metrics_service_pb2.StreamMetricsRequest) -> "Pace":
        """What a request asks for; raises InvalidArgument for a negative duration."""
        interval = seconds(request.interval, "interval")
        refresh = seconds(request.refresh_interval, "refresh_interval")
        return cls(interval, request.changes_only, refresh if request.changes_only else 0.0)

    @property
    def sends_all(self) -> bool:
        """Whether every point is sent, also those that come late, behind a newer one."""
        return not self.interval and not self.changes_only
