"""History of metrics: the answer of QueryMetrics, all series on one grid."""

import asyncio
import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from novacron.cloud.v1 import common_pb2, compute_pb2, metrics_pb2, metrics_service_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import CloudError, InvalidArgument, NotFound, PageTokenInvalid, to_status
from novacron_providers.contract.metrics import Points, SeriesKey, Window
from novacron_providers.contract.paging import decode_token, encode_token, page_size

from novacron_server.inventory.fleet import Fleet, Listing
from novacron_server.telemetry import pace
from novacron_server.telemetry.demand import Scope
from novacron_server.telemetry.scopes import Providers, metric_types, metrics_of, resolve
from novacron_server.telemetry.selector import Selector
from novacron_server.times import duration, timestamp

# Seconds for a query without a deadline.
LIMIT = 30.0
# Most periods of an answer, how many are given to who names no period, and most values on a page (8 bytes each).
PERIODS, PERIODS_USUAL, VALUES = 100_000, 500, 480_000
# Seconds of max_staleness where neither the request nor the provider says any.
STALENESS = 30.0

_REDUCTIONS: Mapping[int, Any] = {
    metrics_pb2.STATISTIC_SUM: np.add,
    metrics_pb2.STATISTIC_MINIMUM: np.minimum,
    metrics_pb2.STATISTIC_MAXIMUM: np.maximum,
}


class Grid(NamedTuple):
    """The periods of an answer: `periods` of them, each `period` seconds long, the first from `start` on."""

    start: float
    period: float
    periods: int

    @property
    def end(self) -> float:
        """End of the last period."""
        return self.start + self.period * self.periods


class Wanted(NamedTuple):
    """A series that may be there."""

    scope: Scope
    resource: str
    metric: str


@dataclass(slots=True)
class Plan:
    """What a query is about.

    Attributes:
        selector: Which series.
        statistic: How raw points become one value.
        listings: Regions that can be read, and what they have.
        types: Metrics of each provider.
        unreadable: Names of what cannot be read, and why.
    """

    selector: Selector
    statistic: int
    listings: dict[Scope, Listing]
    types: dict[str, dict[str, metrics_pb2.MetricDescriptor]]
    unreadable: list[tuple[str, CloudError]]

    def wanted(self) -> Iterator[Wanted]:
        """All series, in the order of pages."""
        for scope in sorted(self.listings):
            types = sorted(self.types[scope.provider])
            for name, instance in sorted(self.listings[scope].instances.items()):
                if self.selector.has_instance(instance):
                    yield from (Wanted(scope, name, metric) for metric in types)


class History:
    """Reads history straight from the clouds; nothing of it is kept."""

    def __init__(self, providers: Providers, fleet: Fleet, clock: Clock) -> None:
        self._providers, self._fleet, self._clock = providers, fleet, clock

    async def query(
        self, request: metrics_service_pb2.QueryMetricsRequest, call: Call
    ) -> metrics_service_pb2.QueryMetricsResponse:
        """Implement QueryMetrics. Series without any value in these periods are left out.

        Raises InvalidArgument, PageTokenInvalid, NotFound, Unsupported, and what the cloud raises unless
        return_partial_success.
        """
        if call.deadline is None:
            call = replace(call, deadline=time.monotonic() + LIMIT)
        plan = await self._plan(request, call)
        grid, after = self._place(request, plan)
        size = min(page_size(request), max(1, VALUES // grid.periods))
        there = (w for w in plan.wanted() if after is None or w > after)
        page = list(itertools.islice(there, size + 1))
        series, read_times = await self._read(plan, grid, page[:size], call)
        answer = metrics_service_pb2.QueryMetricsResponse(
            series=series, start_time=timestamp(grid.start), period=duration(grid.period)
        )
        if plan.unreadable and not request.return_partial_success:
            raise plan.unreadable[0][1].with_traceback(None)
        for name, error in plan.unreadable:
            answer.unreachable.append(common_pb2.Unreachable(name=name, status=to_status(error)))
        if len(page) > size:
            scope, resource, metric = page[size - 1]
            answer.next_page_token = encode_token(request, [*grid, *scope, resource, metric])
        if read_times:
            answer.observe_time.CopyFrom(timestamp(min(read_times)))
        return answer

    async def _plan(self, request: metrics_service_pb2.QueryMetricsRequest, call: Call) -> Plan:
        selector = Selector.parse(request.parent, request.selector)
        selector.check_metrics(metric_types(self._providers, selector))
        scopes, faults = await resolve(self._providers, selector, call)
        now = self._clock.time()
        plan = Plan(selector, request.statistic, {}, {}, [(f"providers/{name}", e) for name, e in faults.items()])
        for provider in {scope.provider for scope in scopes}:
            told = metrics_of(self._providers.connection(provider)).descriptors()
            plan.types[provider] = {d.type: d for d in told if selector.has_metric(d.type)}

        async def listed(scope: Scope) -> Listing | CloudError:
            age = self._staleness(scope.provider, request)
            try:
                return await self._fleet.instances(scope.provider, scope.region, not_before=now - age)
            except CloudError as error:
                return error.about(provider=scope.provider, region=scope.region)

        for scope, found in zip(scopes, await asyncio.gather(*map(listed, scopes)), strict=True):
            if isinstance(found, CloudError):
                plan.unreadable.append((str(scope), found))
            else:
                plan.listings[scope] = found
        if missing := selector.missing({n: i for found in plan.listings.values() for n, i in found.instances.items()}):
            if plan.unreadable:
                # It may be where nobody can look now.
                raise plan.unreadable[0][1].with_traceback(None)
            raise NotFound(
                f"there is no {missing[0]!r}; leave it out of selector.resources",
                field="selector.resources",
                resource=missing[0],
            )
        return plan

    def _staleness(self, provider: str, request: metrics_service_pb2.QueryMetricsRequest) -> float:
        if request.HasField("max_staleness"):
            return pace.seconds(request.max_staleness, "max_staleness")
        config = self._providers.config(provider)
        return config.max_staleness.ToNanoseconds() / 1e9 if config.HasField("max_staleness") else STALENESS

    def _place(self, request: metrics_service_pb2.QueryMetricsRequest, plan: Plan) -> tuple[Grid, Wanted | None]:
        """The grid, and the last series of the page before."""
        match decode_token(request):
            case None:
                return self._grid(request, plan), None
            case [
                float() | int() as start,
                float() | int() as period,
                int(count),
                str(provider),
                str(region),
                str(resource),
                str(metric),
            ] if period > 0 and 0 < count <= PERIODS:
                return Grid(start, period, count), Wanted(Scope(provider, region), resource, metric)
            case _:
                raise PageTokenInvalid("page_token is malformed; query anew", field="page_token")

    def _grid(self, request: metrics_service_pb2.QueryMetricsRequest, plan: Plan) -> Grid:
        now = self._clock.time()
        start = request.start_time.ToNanoseconds() / 1e9
        end = request.end_time.ToNanoseconds() / 1e9 if request.HasField("end_time") else now
        if end <= start:
            raise InvalidArgument("start_time must be before end_time, which is now when absent", field="start_time")
        if start > now:
            raise InvalidArgument("start_time is in the future; there are no values yet", field="start_time")
        named = request.HasField("period")
        asked = pace.seconds(request.period, "period") if named else (end - start) / (PERIODS_USUAL - 1)
        period = self._period(plan, asked, now - start)
        first, last = math.floor(start / period + 1e-9), math.ceil(end / period - 1e-9)
        grid = Grid(first * period, period, last - first)
        if grid.periods > PERIODS:
            least = (end - start) / (PERIODS - 1)
            raise InvalidArgument(
                f"{grid.periods:,} periods of {period:g} s are more than {PERIODS:,}; ask for periods of at least "
                f"{math.ceil(least)} s, or for a shorter time",
                field="period",
            )
        return grid

    def _period(self, plan: Plan, at_least: float, age: float) -> float:
        """The shortest period that all the clouds can answer in."""
        period = at_least
        while True:
            longest = max((self._native(plan, provider, period, age) for provider in plan.types), default=period)
            if longest <= period:
                return period or 1.0
            period = longest

    def _native(self, plan: Plan, provider: str, at_least: float, age: float) -> float:
        metrics = metrics_of(self._providers.connection(provider))
        return metrics.granularity([*plan.types[provider].values()], at_least, age)

    async def _read(
        self, plan: Plan, grid: Grid, page: Sequence[Wanted], call: Call
    ) -> tuple[list[metrics_pb2.TimeSeries], list[float]]:
        """The series of a page that have values, and when their parts were read."""
        read_times: list[float] = []

        async def read(scope: Scope, wanted: Sequence[Wanted]) -> list[metrics_pb2.TimeSeries]:
            read_times.append(min(self._clock.time(), plan.listings[scope].read_time))
            try:
                return await self._region(plan, grid, scope, wanted, call)
            except CloudError as error:
                error.about(provider=scope.provider, region=scope.region)
                plan.unreadable.append((str(scope), error))
                return []

        parts = [(scope, list(some)) for scope, some in itertools.groupby(page, lambda w: w.scope)]
        found = await asyncio.gather(*(read(scope, wanted) for scope, wanted in parts))
        return [series for part in found for series in part], [at for at in read_times if at > -math.inf]

    async def _region(
        self, plan: Plan, grid: Grid, scope: Scope, wanted: Sequence[Wanted], call: Call
    ) -> list[metrics_pb2.TimeSeries]:
        listing, types = plan.listings[scope], plan.types[scope.provider]
        metrics = metrics_of(self._providers.connection(scope.provider))
        age = self._clock.time() - grid.start
        keys = {(w.resource, w.metric) for w in wanted}
        found: list[tuple[SeriesKey, np.ndarray[Any, np.dtype[np.float64]]]] = []
        # Metrics that are read in one way.
        ways: dict[float, list[str]] = {}
        for metric in sorted({w.metric for w in wanted}):
            raw = grid.period
            if not _is_usual(plan.statistic, types[metric].kind):
                raw = metrics.granularity([types[metric]], 0.0, age)
            ways.setdefault(raw, []).append(metric)
        for raw, names in ways.items():
            instances = _instances(listing, {w.resource for w in wanted if w.metric in names})
            window = Window(grid.start, grid.end, raw)
            read = await metrics.collect(scope.region, instances, names, window, call)
            found += [
                (points.key, _on(grid, points, plan.statistic))
                for points in read
                if (points.key.resource, points.key.metric) in keys and plan.selector.has_attributes(points.key)
            ]
        return [_series(key, values, types[key.metric].unit) for key, values in sorted(found, key=lambda f: f[0])]


def _is_usual(statistic: int, kind: int) -> bool:
    """Whether this is how the cloud itself sums up a longer period."""
    usual = metrics_pb2.STATISTIC_AVERAGE if kind == metrics_pb2.METRIC_KIND_GAUGE else metrics_pb2.STATISTIC_SUM
    return statistic in (metrics_pb2.STATISTIC_UNSPECIFIED, usual)


def _instances(listing: Listing, names: set[str]) -> list[compute_pb2.Instance]:
    return [listing.instances[name] for name in sorted(names)]


def _on(grid: Grid, points: Points, statistic: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The values of a series on the grid; NaN where there is none, and as short as can be."""
    times, values = np.asarray(points.times, np.float64), np.asarray(points.values, np.float64)
    index = np.ceil((times - grid.start) / grid.period - 1e-9).astype(np.int64) - 1
    inside = (index >= 0) & (index < grid.periods) & ~np.isnan(values)
    index, values = index[inside], values[inside]
    count = int(index.max()) + 1 if index.size else 0
    hits = np.bincount(index, minlength=count)
    if statistic == metrics_pb2.STATISTIC_COUNT:
        found = hits.astype(np.float64)
    elif reduce := _REDUCTIONS.get(statistic):
        found = np.full(count, 0.0 if reduce is np.add else np.inf if reduce is np.minimum else -np.inf)
        reduce.at(found, index, values)
    else:
        found = np.bincount(index, values, minlength=count) / np.maximum(hits, 1)
    found[hits == 0] = np.nan
    return found


def _series(key: SeriesKey, values: np.ndarray[Any, np.dtype[np.float64]], unit: str) -> metrics_pb2.TimeSeries:
    return metrics_pb2.TimeSeries(
        metric=key.metric, resource=key.resource, attributes=dict(key.attributes), unit=unit, values=values.tolist()
    )
