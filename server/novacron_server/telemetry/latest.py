"""The answer of GetLatestMetrics: newest values in the plain form, a page at a time."""

import heapq
import math
from collections.abc import Iterator
from typing import Any

from novacron.cloud.v1 import common_pb2, metrics_pb2, metrics_service_pb2
from novacron_providers.contract.errors import PageTokenInvalid, to_status
from novacron_providers.contract.metrics import SeriesKey
from novacron_providers.contract.paging import decode_token, encode_token, page_size

from novacron_server.telemetry.audience import Audience
from novacron_server.telemetry.view import View

# Points on a page: when the request does not say, and at most.
PAGE, PAGE_MOST = 1000, 10_000


def answer(
    audience: Audience, request: metrics_service_pb2.GetLatestMetricsRequest
) -> metrics_service_pb2.GetLatestMetricsResponse:
    """A page of what an audience's view has now.

    Points are in the order of (metric, resource, attributes), and a token holds the last one given; so pages stay whole
    when series come and go between them.

    Raises PageTokenInvalid, and the error of what cannot be read unless return_partial_success.
    """
    response = metrics_service_pb2.GetLatestMetricsResponse()
    for name, error in audience.unreadable():
        if not request.return_partial_success:
            raise error.with_traceback(None)
        response.unreachable.append(common_pb2.Unreachable(name=name, status=to_status(error)))
    size = page_size(request, default=PAGE, limit=PAGE_MOST)
    after = _key(decode_token(request))
    there = {key: slot for key, slot in _current(audience.view) if after is None or key > after}
    keys = heapq.nsmallest(size + 1, there)
    for key in keys[:size]:
        response.points.append(_point(audience.view, there[key]))
    if len(keys) > size:
        response.next_page_token = encode_token(request, keys[size - 1])
    read = min((lease.region.read_time for lease in audience.leases.values()), default=-math.inf)
    if not math.isinf(read):
        response.observe_time.FromMicroseconds(round(read * 1e6))
    return response


def _current(view: View) -> Iterator[tuple[SeriesKey, int]]:
    """Series that have a value now, and their slots."""
    values = view.newest.values[: len(view.roster.series)].tolist()
    for slot, (series, value) in enumerate(zip(view.roster.series, values, strict=True)):
        if value == value and not view.roster.has_ended(slot):
            yield series.key, slot


def _point(view: View, slot: int) -> metrics_pb2.MetricPoint:
    series, newest = view.roster.series[slot], view.newest
    point = metrics_pb2.MetricPoint(
        metric=series.key.metric,
        resource=series.key.resource,
        attributes=dict(series.key.attributes),
        unit=series.descriptor.unit,
        value=newest.values[slot],
    )
    point.time.FromMicroseconds(round(newest.times[slot] * 1e6))
    point.period.FromMicroseconds(round(newest.periods[slot] * 1e6))
    return point


def _key(state: Any) -> SeriesKey | None:
    """The key in a token's state."""
    if state is None:
        return None
    try:
        metric, resource, attributes = state
        pairs = tuple((str(key), str(value)) for key, value in attributes)
    except (TypeError, ValueError):
        raise PageTokenInvalid("page_token is malformed; start again", field="page_token") from None
    return SeriesKey(str(metric), str(resource), pairs)
