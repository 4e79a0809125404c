"""WatchResources: the inventory as a stream of what is there and what changes (streams.proto says how it behaves).

Only the newest form of a resource is owed to a watcher. So there is no log: each resource has the number of its last
change, a position is such a number, and whoever is slow or was away is sent what has a higher one, each once.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Coroutine, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog
from novacron.cloud.v1 import common_pb2, compute_pb2, provider_pb2, streams_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import CloudError, Internal, InvalidArgument, ShuttingDown, to_status
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import WILDCARD, provider_of

from novacron_server.inventory.fleet import INTERVAL, LIMIT, PRINCIPAL, Fleet
from novacron_server.inventory.providers import Providers
from novacron_server.inventory.service import message_of
from novacron_server.inventory.view import View, framed
from novacron_server.times import duration, timestamp

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.inventory")

# Seconds between two looks at the providers, which ask no cloud.
LOOK = 1.0
# Seconds that what nobody watches is kept, for those whose connection broke.
KEEP = 120.0
# Seconds of silence before a heartbeat when the watcher names none, and the least that it may name.
HEARTBEAT, HEARTBEAT_LEAST = 15.0, 1.0
# Seconds over which watchers spread their return after a shutdown.
SPREAD = 5.0

_KINDS = (common_pb2.RESOURCE_TYPE_PROVIDER, common_pb2.RESOURCE_TYPE_INSTANCE)


class Scope(NamedTuple):
    """What is watched; equal ones of one principal share a view.

    Attributes:
        principal: Who watches.
        provider: Id of the provider, or "-".
        filter: As it was written.
        regions: Regions to look in; none means all.
        types: Kinds of resources.
    """

    principal: str
    provider: str
    filter: str
    regions: frozenset[str]
    types: frozenset[int]

    @classmethod
    def of(cls, request: pb.WatchResourcesRequest, principal: str) -> "Scope":
        """What a request is about; raises InvalidArgument, naming the field."""
        if unknown := [kind for kind in request.types if kind not in _KINDS]:
            name = common_pb2.ResourceType.Name(unknown[0]).removeprefix("RESOURCE_TYPE_")
            raise InvalidArgument(f"{name} cannot be watched; PROVIDER and INSTANCE can", field="types")
        types = frozenset(int(kind) for kind in request.types or _KINDS)
        scope = cls(principal, provider_of(request.parent), request.filter, frozenset(request.regions), types)
        for kind in types:
            scope.of_kind(kind)
        return scope

    def of_kind(self, kind: int) -> Filter:
        """The filter for one kind of resource; raises InvalidArgument where it has no such field."""
        return Filter.parse(
            self.filter, compute_pb2.Instance if kind == common_pb2.RESOURCE_TYPE_INSTANCE else provider_pb2.Provider
        )


class _Follower:
    """Keeps a view up to date: the providers each second, their instances once a minute or when told to.

    It can be stopped and run again, and then finds what changed meanwhile.
    """

    def __init__(self, scope: Scope, providers: Providers, fleet: Fleet, clock: Clock) -> None:
        self.view = View()
        self._scope, self._providers, self._fleet, self._clock = scope, providers, fleet, clock
        # Names of the providers that the view has, and what it has of each region of each.
        self._told: set[str] = set()
        self._regions: dict[str, dict[str, Mapping[str, compute_pb2.Instance]]] = {}
        # Providers whose instances were not looked at yet in this run.
        self._pending: set[str] = set()
        self._news = asyncio.Event()

    def changed(self) -> None:
        """Instances may have changed: look now."""
        self._news.set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Look until cancelled."""
        self.view.is_ready = False
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                names = [name for name in self._providers.names() if self._scope.provider in (WILDCARD, name)]
                if common_pb2.RESOURCE_TYPE_PROVIDER in self._scope.types:
                    self._look(names)
                if common_pb2.RESOURCE_TYPE_INSTANCE in self._scope.types:
                    for name in names:
                        if name not in tasks:
                            self._pending.add(name)
                            tasks[name] = asyncio.create_task(self._instances(name), name=f"watch {name}")
                    for name in tasks.keys() - names:
                        tasks.pop(name).cancel()
                    for name in self._regions.keys() - names:
                        for instances in self._regions.pop(name).values():
                            _remove(self.view, instances.values())
                    self._pending.intersection_update(names)
                if not self._pending:
                    self.view.ready()
                await self._clock.sleep(LOOK)
        finally:
            for task in tasks.values():
                task.cancel()

    def _look(self, names: Iterable[str]) -> None:
        """Take in the providers as they are; asks no cloud."""
        query, there = self._scope.of_kind(common_pb2.RESOURCE_TYPE_PROVIDER), set()
        for name in names:
            message = message_of(self._providers.get(name))
            if not query.matches(message):
                continue
            there.add(message.name)
            # These two differ in each look, and say nothing that matters.
            message.ClearField("observe_time")
            for region in message.health.regions:
                region.ClearField("latency")
            self.view.put(message.name, pb.ResourceEvent(provider=message))
        for gone in self._told - there:
            self.view.remove(common_pb2.ResourceRef(name=gone, type=common_pb2.RESOURCE_TYPE_PROVIDER))
        self._told = there

    async def _instances(self, provider: str) -> None:
        """Look at the instances of a provider until cancelled."""
        query = self._scope.of_kind(common_pb2.RESOURCE_TYPE_INSTANCE)
        while True:
            news = self._news
            try:
                await self._list(provider, query)
            except CloudError as error:
                self._providers.report(provider, "", error.about(provider=provider))
            except Exception as error:  # noqa: BLE001  # a fault in one look must not end all later ones
                _log.exception("a fault of the server or the adapter", provider=provider)
                self._providers.report(provider, "", Internal(f"internal error ({type(error).__name__})"))
            if provider in self._pending:
                self._pending.discard(provider)
                if not self._pending:
                    self.view.ready()
            await _first(news.wait(), self._clock.sleep(INTERVAL))

    async def _list(self, provider: str, query: Filter) -> None:
        call = Call(
            principal=PRINCIPAL,
            method="ProviderService/ListRegions",
            deadline=time.monotonic() + LIMIT,
            clock=self._clock,
        )
        regions, wanted = self._regions.setdefault(provider, {}), self._scope.regions
        there = await self._providers.connection(provider).regions(call)
        there = [region for region in there if not wanted or region in wanted]
        not_before = self._clock.time() - INTERVAL + 1e-3

        async def read(region: str) -> None:
            try:
                listing = await self._fleet.instances(provider, region, not_before=not_before)
            except CloudError as error:
                # What was there before stays; the provider's health says why it is old.
                self._providers.report(provider, region, error)
                return
            self._providers.report(provider, region, None)
            before = regions.get(region, {})
            if listing.instances is not before:
                _take(self.view, before, listing.instances, query)
                regions[region] = listing.instances

        await asyncio.gather(*map(read, there))
        for region in regions.keys() - there:
            _remove(self.view, regions.pop(region).values())


@dataclass(slots=True, eq=False)
class _Watched:
    """Who keeps a view up to date while there are watchers, and what forgets it when there are none."""

    follower: _Follower
    watchers: int = 0
    run: asyncio.Task[None] | None = None
    end: asyncio.Task[None] | None = None


class Resources:
    """Serves WatchResources. What nobody watches is not listed."""

    def __init__(self, providers: Providers, fleet: Fleet, clock: Clock) -> None:
        self._providers, self._fleet, self._clock = providers, fleet, clock
        self._watched: dict[Scope, _Watched] = {}
        self._is_closing = False

    async def watch_resources(self, request: pb.WatchResourcesRequest, call: Call) -> AsyncGenerator[bytes, None]:
        """Serialised WatchResourcesResponses, without end.

        Raises InvalidArgument, NotFound, and ShuttingDown when the server stops.
        """
        scope = Scope.of(request, call.principal)
        if scope.provider != WILDCARD:
            self._providers.get(scope.provider)
        heartbeat = HEARTBEAT
        if request.HasField("heartbeat_interval"):
            heartbeat = max(HEARTBEAT_LEAST, request.heartbeat_interval.ToNanoseconds() / 1e9)
        watched = self._enter(scope)
        try:
            async with aclosing(self._stream(watched.follower.view, request, heartbeat)) as responses:
                async for response in responses:
                    yield response
        finally:
            self._leave(scope, watched)

    def changed(self) -> None:
        """Instances may have changed: look now, where somebody watches."""
        for watched in self._watched.values():
            watched.follower.changed()

    async def close(self) -> None:
        """Tell streams to end, and stop looking."""
        self._is_closing = True
        tasks = [task for watched in self._watched.values() for task in (watched.run, watched.end) if task]
        for task in tasks:
            task.cancel()
        for watched in self._watched.values():
            watched.follower.view.wake()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _stream(
        self, view: View, request: pb.WatchResourcesRequest, heartbeat: float
    ) -> AsyncGenerator[bytes, None]:
        # The place up to which all was sent; 0 before the end of a snapshot.
        cursor = request.resume_after.sequence if view.knows(request.resume_after) else 0
        skips, is_synced = request.skip_snapshot, False
        yield _opened(view, heartbeat, resumed=cursor > 0)
        spoke = self._clock.monotonic()
        while True:
            if self._is_closing:
                data, error = _farewell(cursor)
                yield data
                raise error
            if cursor and not view.reaches(cursor):
                # So slow that something which is gone was forgotten.
                cursor, skips, is_synced = 0, False, False
                yield _opened(view, heartbeat, resumed=False)
            if cursor or view.is_ready:
                upto, responses = view.sequence, view.changes(cursor) if cursor else view.snapshot()
                for response in () if skips and not cursor else responses:
                    yield response
                    spoke = self._clock.monotonic()
                cursor = upto
            if view.is_ready and not is_synced:
                is_synced = True
                yield _control(cursor, synced=streams_pb2.StreamSynced())
                spoke = self._clock.monotonic()
            if view.sequence > cursor > 0 or self._is_closing:
                continue
            left = spoke + heartbeat - self._clock.monotonic()
            if left > 0:
                await _first(view.turn(), self._clock.sleep(left))
            else:
                beat = streams_pb2.StreamHeartbeat(server_time=timestamp(self._clock.time()))
                yield _control(cursor if is_synced else 0, heartbeat=beat)
                spoke = self._clock.monotonic()

    def _enter(self, scope: Scope) -> _Watched:
        if self._is_closing:
            raise ShuttingDown("the server stops; connect anew", retry_after=1.0)
        watched = self._watched.get(scope)
        if watched is None:
            watched = _Watched(_Follower(scope, self._providers, self._fleet, self._clock))
            self._watched[scope] = watched
        watched.watchers += 1
        if watched.end:
            watched.end.cancel()
            watched.end = None
        if watched.run is None:
            watched.run = asyncio.create_task(watched.follower.run(), name="watch resources")
        return watched

    def _leave(self, scope: Scope, watched: _Watched) -> None:
        watched.watchers -= 1
        if watched.watchers or self._is_closing:
            return
        if watched.run:
            watched.run.cancel()
            watched.run = None

        async def end() -> None:
            await self._clock.sleep(KEEP)
            del self._watched[scope]

        watched.end = asyncio.create_task(end())


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Return when one of these has ended; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _take(
    view: View,
    before: Mapping[str, compute_pb2.Instance],
    now: Mapping[str, compute_pb2.Instance],
    query: Filter,
) -> None:
    for name, instance in now.items():
        if query.matches(instance):
            view.put(name, pb.ResourceEvent(instance=instance))
        else:
            _remove(view, [instance])
    _remove(view, (instance for name, instance in before.items() if name not in now))


def _remove(view: View, instances: Iterable[compute_pb2.Instance]) -> None:
    for instance in instances:
        view.remove(
            common_pb2.ResourceRef(
                name=instance.name,
                native_id=instance.native_id,
                display_name=instance.display_name,
                type=common_pb2.RESOURCE_TYPE_INSTANCE,
                region=instance.region,
            )
        )


def _opened(view: View, heartbeat: float, *, resumed: bool) -> bytes:
    interval = duration(heartbeat)
    return _control(0, opened=streams_pb2.StreamOpened(epoch=view.epoch, resumed=resumed, heartbeat_interval=interval))


def _farewell(sequence: int) -> tuple[bytes, ShuttingDown]:
    """The last event of a stream, and the error that ends it."""
    delay = random.uniform(0.0, SPREAD)
    error = ShuttingDown("the server stops; connect anew and resume", retry_after=delay)
    closing = streams_pb2.StreamClosing(reason=to_status(error), reconnect_after=duration(delay))
    return _control(sequence, closing=closing), error


def _control(
    sequence: int,
    *,
    opened: streams_pb2.StreamOpened | None = None,
    synced: streams_pb2.StreamSynced | None = None,
    heartbeat: streams_pb2.StreamHeartbeat | None = None,
    closing: streams_pb2.StreamClosing | None = None,
) -> bytes:
    control = streams_pb2.StreamControl(opened=opened, synced=synced, heartbeat=heartbeat, closing=closing)
    return framed(pb.ResourceEvent(sequence=sequence, control=control).SerializeToString())
