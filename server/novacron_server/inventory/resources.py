"""WatchResources: the inventory as a stream of what is there and what changes (streams.proto says how it behaves).

Only the newest form of a resource is owed to a watcher. So there is no log: each resource has the number of its last
change, a position is such a number, and whoever is slow or was away is sent what has a higher one, each once.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import Struct
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron.cloud.v1 import streams_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import ShuttingDown
from novacron_providers.contract.names import WILDCARD

from novacron_server import streams
from novacron_server.inventory.fleet import Fleet
from novacron_server.inventory.follower import Follower, Scope
from novacron_server.inventory.providers import Providers
from novacron_server.inventory.view import framed
from novacron_server.times import duration, timestamp

# Seconds that what nobody watches is kept, for those whose connection broke.
KEEP = 120.0


class _Watched(Struct, eq=False):
    """Who keeps a view up to date while there are watchers, and what forgets it when there are none."""

    follower: Follower
    watchers: int = 0
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
        heartbeat = streams.heartbeat(request)
        watched = self._enter(scope)
        try:
            async with aclosing(self._stream(watched.follower, request, heartbeat)) as responses:
                async for response in responses:
                    yield response
        finally:
            self._leave(scope, watched)

    def changed(self, provider: str) -> None:
        """Instances of a provider may have changed: look now, where somebody watches."""
        for watched in self._watched.values():
            watched.follower.changed(provider)

    async def close(self) -> None:
        """Tell streams to end, and stop looking."""
        self._is_closing = True
        for watched in self._watched.values():
            watched.follower.stop()
            watched.follower.view.wake()
            if watched.end:
                watched.end.cancel()

    async def _stream(
        self, follower: Follower, request: pb.WatchResourcesRequest, heartbeat: float
    ) -> AsyncGenerator[bytes, None]:
        view, clock = follower.view, self._clock
        is_resumed = is_numbered = view.knows(request.resume_after)
        # The place up to which all was sent, whether events have a place, and whether they are left out until synced.
        sent = request.resume_after.sequence if is_resumed else 0
        is_synced, skips = False, request.skip_snapshot and not is_resumed
        yield _opened(view.epoch, heartbeat, resumed=is_resumed)
        spoke = clock.monotonic()
        while True:
            turn, is_ready, upto = view.turn, view.is_ready, view.sequence
            if follower.fault:
                raise follower.fault.with_traceback(None)
            if sent and not view.reaches(sent):
                # So slow that something which is gone was forgotten.
                sent, is_numbered, is_synced = 0, False, False
                yield _opened(view.epoch, heartbeat, resumed=False)
            for response in () if skips or upto == sent else view.responses(sent, numbered=is_numbered):
                yield response
                spoke = clock.monotonic()
            sent = upto
            if is_ready and not is_synced:
                is_synced, is_numbered, skips = True, True, False
                yield _control(sent, synced=streams_pb2.StreamSynced())
                spoke = clock.monotonic()
            if view.sequence > sent:
                continue
            if self._is_closing:
                data, error = _farewell(sent if is_numbered else 0)
                yield data
                raise error
            if (left := spoke + heartbeat - clock.monotonic()) <= 0:
                beat = streams_pb2.StreamHeartbeat(server_time=timestamp(clock.time()))
                yield _control(sent if is_numbered else 0, heartbeat=beat)
                spoke = clock.monotonic()
            else:
                await _within(clock, left, turn)

    def _enter(self, scope: Scope) -> _Watched:
        if self._is_closing:
            raise ShuttingDown("the server stops; connect anew", retry_after=1.0)
        watched = self._watched.get(scope)
        if watched is None:
            follower = Follower(scope, self._providers, self._fleet, self._clock)
            watched = self._watched[scope] = _Watched(follower)
        if watched.end:
            watched.end.cancel()
            watched.end = None
        watched.watchers += 1
        if watched.watchers == 1:
            watched.follower.start()
        return watched

    def _leave(self, scope: Scope, watched: _Watched) -> None:
        watched.watchers -= 1
        if watched.watchers or self._is_closing:
            return
        watched.follower.stop()
        watched.end = asyncio.create_task(self._forget(scope))

    async def _forget(self, scope: Scope) -> None:
        await self._clock.sleep(KEEP)
        del self._watched[scope]


async def _within(clock: Clock, seconds: float, turn: asyncio.Event) -> None:
    """Wait for an event, but no longer than that."""
    waits = [asyncio.ensure_future(turn.wait()), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _opened(epoch: str, heartbeat: float, *, resumed: bool) -> bytes:
    interval = duration(heartbeat)
    return _control(0, opened=streams_pb2.StreamOpened(epoch=epoch, resumed=resumed, heartbeat_interval=interval))


def _farewell(sequence: int) -> tuple[bytes, ShuttingDown]:
    """The last event of a stream, and the error that ends it."""
    control, error = streams.farewell()
    return _event(sequence, control), error


def _control(
    sequence: int,
    *,
    opened: streams_pb2.StreamOpened | None = None,
    synced: streams_pb2.StreamSynced | None = None,
    heartbeat: streams_pb2.StreamHeartbeat | None = None,
) -> bytes:
    return _event(sequence, streams_pb2.StreamControl(opened=opened, synced=synced, heartbeat=heartbeat))


def _event(sequence: int, control: streams_pb2.StreamControl) -> bytes:
    return framed(pb.ResourceEvent(sequence=sequence, control=control).SerializeToString())
