"""Metrics to callers: the newest values, and streams of them."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress

from novacron.cloud.v1 import metrics_service_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import ShuttingDown
from novacron_providers.contract.names import provider_of

from novacron_server import streams
from novacron_server.inventory.fleet import Fleet
from novacron_server.telemetry import latest, pace, stats
from novacron_server.telemetry.audience import Audience
from novacron_server.telemetry.collector import Collectors
from novacron_server.telemetry.feed import Feed
from novacron_server.telemetry.pace import Pace
from novacron_server.telemetry.query import History
from novacron_server.telemetry.scopes import Providers, metric_types
from novacron_server.telemetry.selector import Selector
from novacron_server.telemetry.streams import Stream

# Seconds that a view without readers is kept, for those whose connection broke.
KEEP = 120.0
# Seconds that streams get to end by themselves at a shutdown.
GRACE = 5.0

_Key = tuple[str, Selector, Pace]
# A request with max_staleness.
_Dated = (
    metrics_service_pb2.GetLatestMetricsRequest
    | metrics_service_pb2.GetInstanceStatsRequest
    | metrics_service_pb2.ListInstanceStatsRequest
)


class Telemetry:
    """One poll, many readers.

    Readers who mean the same share a view, and views share what is read of a region. Nothing is read that nobody wants.
    Only readers of one principal share a view, so what a caller may not read is in no view of theirs.
    """

    def __init__(self, providers: Providers, fleet: Fleet, *, clock: Clock) -> None:
        self._providers, self._fleet, self._clock = providers, fleet, clock
        self._history = History(providers, fleet, clock)
        self._collectors = Collectors(providers, fleet, clock)
        self._audiences: dict[_Key, Audience] = {}
        self._ends: dict[Audience, asyncio.Task[None]] = {}
        self._streams: set[Stream] = set()
        self._is_closing = False

    @property
    def open_streams(self) -> int:
        """Number of streams that are open now."""
        return len(self._streams)

    def inventory_changed(self, provider: str) -> None:
        """Instances of a provider came, went or changed: list them soon, if somebody wants to know."""
        self._fleet.changed(provider)
        self._collectors.relist(provider)

    async def get_latest_metrics(
        self, request: metrics_service_pb2.GetLatestMetricsRequest, call: Call
    ) -> metrics_service_pb2.GetLatestMetricsResponse:
        """Newest value of each series; reads only what is not known as newly as asked for.

        Without max_staleness what was read at the last tick is new enough, because the cloud has nothing newer.

        Raises InvalidArgument, NotFound, Unsupported, and what the cloud raises.
        """
        selector = self._selector(request)
        async with self._newest(selector, request, call) as audience:
            audience.check()
            return latest.answer(audience, request)

    async def get_instance_stats(
        self, request: metrics_service_pb2.GetInstanceStatsRequest, call: Call
    ) -> metrics_service_pb2.GetInstanceStatsResponse:
        """Statistics of one instance, as new as GetLatestMetrics' values."""
        parent = f"providers/{provider_of(request.name)}"
        selector = self._checked(stats.selector(parent, request.detail, instances=[request.name]))
        async with self._newest(selector, request, call) as audience:
            return metrics_service_pb2.GetInstanceStatsResponse(stats=stats.of_one(audience, request.name))

    async def list_instance_stats(
        self, request: metrics_service_pb2.ListInstanceStatsRequest, call: Call
    ) -> metrics_service_pb2.ListInstanceStatsResponse:
        """Statistics of many instances, as new as GetLatestMetrics' values."""
        selector = self._checked(
            stats.selector(
                request.parent,
                request.detail,
                instances=request.instances,
                filter_=request.filter,
                regions=request.regions,
            )
        )
        async with self._newest(selector, request, call) as audience:
            audience.check("instances")
            return stats.of_many(audience, request)

    async def query_metrics(
        self, request: metrics_service_pb2.QueryMetricsRequest, call: Call
    ) -> metrics_service_pb2.QueryMetricsResponse:
        """History on one grid; asks the clouds each time."""
        if self._is_closing:
            raise ShuttingDown("the server stops; connect anew", retry_after=1.0)
        return await self._history.query(request, call)

    async def stream_metrics(
        self, request: metrics_service_pb2.StreamMetricsRequest, call: Call
    ) -> AsyncGenerator[bytes | Feed, None]:
        """Serialised StreamMetricsResponses, as streams.proto says, and feeds that send such ones.

        Raises InvalidArgument, NotFound, Unsupported, what the cloud raises when nothing at all can be read at the
        start, and ShuttingDown.
        """
        selector = self._selector(request)
        heartbeat = streams.heartbeat(request)
        with self._audience((call.principal, selector, Pace.of(request))) as audience:
            stream = Stream(audience, request, heartbeat, self._clock)
            self._streams.add(stream)
            try:
                async with aclosing(stream.responses()) as responses:
                    async for response in responses:
                        yield response
            finally:
                self._streams.discard(stream)
                audience.forget(stream)
                stream.ended.set()

    async def close(self) -> None:
        """Tell streams to end, give them a few seconds, and stop reading."""
        self._is_closing = True
        for audience in self._audiences.values():
            audience.end()
        # Streams whose readers do not read are left for the door to end.
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                for stream in [*self._streams]:
                    await stream.ended.wait()
        for task in self._ends.values():
            task.cancel()
        self._collectors.close()

    def _selector(
        self,
        request: metrics_service_pb2.GetLatestMetricsRequest | metrics_service_pb2.StreamMetricsRequest,
    ) -> Selector:
        return self._checked(Selector.parse(request.parent, request.selector))

    def _checked(self, selector: Selector) -> Selector:
        if self._is_closing:
            raise ShuttingDown("the server stops; connect anew", retry_after=1.0)
        selector.check_metrics(metric_types(self._providers, selector))
        return selector

    @asynccontextmanager
    async def _newest(self, selector: Selector, request: _Dated, call: Call) -> AsyncIterator[Audience]:
        """An audience whose values are as new as the request wants them."""
        max_age = math.inf
        if request.HasField("max_staleness"):
            max_age = pace.seconds(request.max_staleness, "max_staleness")
        not_before = self._clock.time() - max_age
        with self._audience((call.principal, selector, Pace())) as audience:
            await self._settled(audience)
            audience.ask(not_before)
            await self._settled(audience)
            yield audience

    async def _settled(self, audience: Audience) -> None:
        while not (audience.is_settled or audience.view.fault):
            if self._is_closing:
                raise ShuttingDown("the server stops; connect anew", retry_after=1.0)
            await audience.view.ring.wait()

    @contextmanager
    def _audience(self, key: _Key) -> Iterator[Audience]:
        """The audience of those who mean the same, entered."""
        audience = self._audiences.get(key)
        if audience is None or audience.view.fault:
            _, selector, how = key
            audience = Audience(selector, how, self._providers, self._collectors, self._clock)
            self._audiences[key] = audience
        if end := self._ends.pop(audience, None):
            end.cancel()
        audience.enter()
        try:
            yield audience
        finally:
            if audience.leave():
                if self._is_closing:
                    audience.close()
                else:
                    self._ends[audience] = asyncio.create_task(self._end(key, audience))

    async def _end(self, key: _Key, audience: Audience) -> None:
        """Forget an audience that nobody comes back to."""
        if not audience.view.fault:
            await self._clock.sleep(KEEP)
        if self._audiences.get(key) is audience:
            del self._audiences[key]
        del self._ends[audience]
        audience.close()
