"""Following operations: how they look now, what is new, and the stream of one (streams.proto says how it behaves).

Only the newest form of an operation and the log lines after a position are owed to a watcher, and all of it is in the
database. So a position is the operation's revision, an epoch is the database's, every position can be resumed, over a
restart too, and a slow watcher misses nothing but forms that were replaced.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from functools import partial

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1 import operations_pb2, operations_service_pb2, streams_pb2
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import NotFound, ShuttingDown, to_status
from novacron_providers.contract.names import parse

from novacron_server.operations.live import Live, Shown
from novacron_server.operations.waiting import within
from novacron_server.state import journal
from novacron_server.state.store import Store

Event = operations_pb2.OperationEvent
Response = operations_service_pb2.WatchOperationResponse

# Seconds between two looks at an operation that another replica runs.
LOOK = 0.3
# Seconds of silence before a heartbeat when the watcher names none, and the least that it may name.
HEARTBEAT, HEARTBEAT_LEAST = 15.0, 1.0
# Lines of a log that are read at once, and bytes of one response.
LINES, RESPONSE_LIMIT = 200, 1024 * 1024
# Seconds after which watchers come back when the server stops; each takes another moment.
RECONNECT = (0.5, 3.0)


class Board:
    """Where operations are looked at: those that run here as they are shown, all others in the database.

    Attributes:
        live: Operations that run here, by id.
        closing: Done when the server stops.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.live: dict[str, Live] = {}
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def look(self, name: str) -> tuple[Shown, asyncio.Future[None] | None]:
        """An operation, and what is done once it is another; None when it does not run here.

        Raises InvalidArgument for what is no name of an operation, NotFound.
        """
        resource = parse(name, "operations", 1)
        live = self.live.get(resource.parts[0])
        if live is not None and live.shown.operation.name == name:
            return live.shown, live.news
        body = await self.store.read(partial(journal.body_of, provider=resource.provider, id_=resource.parts[0]))
        if body is None:
            raise NotFound(f"no operation {name!r}; operations are kept for 30 days after their end", resource=name)
        return Shown(operations_pb2.Operation.FromString(body)), None

    async def wait(self, news: asyncio.Future[None] | None, seconds: float) -> bool:
        """Wait at most so long for what `look` gave, or until the server stops; whether to look again."""
        if news is not None:
            return await within(self.clock, seconds, news, self.closing)
        # It may have moved on elsewhere, or be about to run here.
        pause = asyncio.ensure_future(asyncio.sleep(LOOK))
        try:
            return await within(self.clock, seconds, pause, self.closing)
        finally:
            pause.cancel()

    async def lines(self, name: str, after: int, until: int) -> AsyncIterator[Event]:
        """The log lines that were shown after one revision and until another."""
        read = partial(journal.lines, id_=parse(name, "operations", 1).parts[0], after=after, until=until, limit=LINES)
        position = 0
        while found := await self.store.read(partial(read, position=position)):
            position = found[-1][0]
            for _, entry in found:
                yield Event(log=operations_pb2.OperationLogEntry.FromString(entry))


async def watch(board: Board, request: operations_service_pb2.WatchOperationRequest) -> AsyncGenerator[Response, None]:
    """The stream of WatchOperation; ends when the operation is done.

    Raises NotFound before the first event, ShuttingDown when the server stops.
    """
    shown, news = await board.look(request.name)
    asked = request.resume_after
    resumed = asked.epoch == board.store.epoch and 0 < asked.sequence <= shown.operation.revision
    cursor = asked.sequence if resumed else 0
    heartbeat = HEARTBEAT
    if request.HasField("heartbeat_interval"):
        heartbeat = max(HEARTBEAT_LEAST, request.heartbeat_interval.ToNanoseconds() / 1e9)
    opened = streams_pb2.StreamOpened(epoch=board.store.epoch, resumed=resumed, heartbeat_interval=_duration(heartbeat))
    yield Response(events=[_control(opened=opened)])
    synced = False
    silent_since = board.clock.monotonic()
    while True:
        revision = shown.operation.revision
        if revision > cursor:
            if request.include_logs:
                pending = [line async for line in board.lines(request.name, cursor, revision)]
                for response in _packed(pending):
                    yield response
            if synced:
                yield shown.change
            else:
                # In a snapshot there is no position before its end.
                yield Response(events=[Event(sequence=revision if resumed else 0, operation=shown.operation)])
            cursor, silent_since = revision, board.clock.monotonic()
        if not synced:
            yield Response(events=[_control(sequence=cursor, synced=streams_pb2.StreamSynced())])
            synced = True
        if shown.operation.done:
            return
        if board.closing.done():
            delay = random.uniform(*RECONNECT)
            stopping = ShuttingDown("the server stops; connect anew and resume", retry_after=delay)
            closing = streams_pb2.StreamClosing(reason=to_status(stopping), reconnect_after=_duration(delay))
            yield Response(events=[_control(sequence=cursor, closing=closing)])
            raise stopping
        left = silent_since + heartbeat - board.clock.monotonic()
        if left <= 0 or not await board.wait(news, left):
            beat = streams_pb2.StreamHeartbeat(server_time=_now(board.clock))
            yield Response(events=[_control(sequence=cursor, heartbeat=beat)])
            silent_since = board.clock.monotonic()
        shown, news = await board.look(request.name)


def _control(
    *,
    sequence: int = 0,
    opened: streams_pb2.StreamOpened | None = None,
    synced: streams_pb2.StreamSynced | None = None,
    heartbeat: streams_pb2.StreamHeartbeat | None = None,
    closing: streams_pb2.StreamClosing | None = None,
) -> Event:
    control = streams_pb2.StreamControl(opened=opened, synced=synced, heartbeat=heartbeat, closing=closing)
    return Event(sequence=sequence, control=control)


def _packed(events: Iterable[Event]) -> Iterable[Response]:
    """Responses with the events in order, none above the limit."""
    response, size = Response(), 0
    for event in events:
        if size and size + event.ByteSize() > RESPONSE_LIMIT:
            yield response
            response, size = Response(), 0
        response.events.append(event)
        # A field of a list costs a tag and a length beside its bytes.
        size += event.ByteSize() + 8
    if size:
        yield response


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


def _now(clock: Clock) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(round(clock.time() * 1e9))
    return stamp
