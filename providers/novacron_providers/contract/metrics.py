"""Metrics of what runs in a cloud, in canonical names and units."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from novacron.cloud.v1 import compute_pb2, metrics_pb2, metrics_service_pb2

from novacron_providers.contract.call import Call
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.paging import decode_offset, encode_token, page_size
from novacron_providers.contract.provider import Area


class SeriesKey(NamedTuple):
    """What a series is: a metric of a resource.

    `attributes` are sorted (key, value) pairs that tell it from others of the same metric and resource.
    """

    metric: str
    resource: str
    attributes: tuple[tuple[str, str], ...] = ()


class Points(NamedTuple):
    """Values of one series, oldest first.

    Attributes:
        key: The series.
        times: Ends of the periods, seconds since 1970.
        values: In the canonical unit of the metric; as long as `times`.
    """

    key: SeriesKey
    times: Sequence[float]
    values: Sequence[float]


class Window(NamedTuple):
    """Periods to read: those that end after `start` and not after `end`, both multiples of `period`, in seconds."""

    start: float
    end: float
    period: float


class Metrics(Area):
    """Metrics of one account.

    Attributes:
        billed: What the cloud has billed for `collect` since the connection was made, in what it counts: metrics asked
            for, calls, series. It only grows.
    """

    billed: int = 0

    @abstractmethod
    def descriptors(self) -> Sequence[metrics_pb2.MetricDescriptor]:
        """The metrics there are, by type. min_period and publish_delay are those in force for this account."""

    @abstractmethod
    async def collect(
        self,
        region: str,
        instances: Sequence[compute_pb2.Instance],
        metrics: Sequence[str],
        window: Window,
        call: Call,
    ) -> Sequence[Points]:
        """Read those metrics of those instances of a region over a window, in as few calls as the cloud allows.

        Periods without a value are left out, as are series without any. Amounts per period come as rates per second.
        """

    def granularity(self, descriptors: Sequence[metrics_pb2.MetricDescriptor], at_least: float, age: float) -> float:
        """Shortest period, in seconds and no shorter than `at_least`, in which `collect` can answer for all of these.

        `age` is how far back the first period lies, in seconds: clouds keep only longer periods of what is long ago.
        Raises InvalidArgument when there is none.
        """
        longest = max((d.min_period.ToNanoseconds() / 1e9 for d in descriptors), default=0.0) or 1.0
        return max(1, math.ceil(at_least / longest - 1e-9)) * longest

    async def list_metric_descriptors(
        self, request: metrics_service_pb2.ListMetricDescriptorsRequest, call: Call
    ) -> metrics_service_pb2.ListMetricDescriptorsResponse:
        """Page through `descriptors`; implements the RPC for every cloud."""
        query = Filter.parse(request.filter, metrics_pb2.MetricDescriptor)
        found = sorted((d for d in self.descriptors() if query.matches(d)), key=lambda d: d.type)
        start = decode_offset(request)
        stop = start + page_size(request)
        answer = metrics_service_pb2.ListMetricDescriptorsResponse(metric_descriptors=found[start:stop])
        if stop < len(found):
            answer.next_page_token = encode_token(request, stop)
        answer.observe_time.FromNanoseconds(round(call.clock.time() * 1e9))
        return answer
