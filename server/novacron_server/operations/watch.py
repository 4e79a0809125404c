"""Following operations: how they look now, what is new, and the stream of one (streams.proto says how it behaves).

Only the newest form of an operation and the log lines after a position are owed to a watcher, and all of it is in the
database. So a position is the operation's revision, an epoch is the database's, every position can be resumed, over a
restart too, and a slow watcher misses nothing but forms that were replaced.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial

from novacron.cloud.v1 import operations_pb2, operations_service_pb2
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import NotFound
from novacron_providers.contract.names import parse

from novacron_server import streams
from novacron_server.operations.live import Live, Shown
from novacron_server.operations.stream import Event, beat, closing, opened, packed, synced
from novacron_server.operations.waiting import within
from novacron_server.state import journal
from novacron_server.state.store import Store

Response = operations_service_pb2.WatchOperationResponse

# Seconds between two looks at what other replicas run.
LOOK = 0.3
# Lines of a log that are read at once.
LINES = 200


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
        # Done when any operation is shown as another one.
        self._news: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def moved(self) -> None:
        """Hear that a change of an operation was committed, here or by another replica."""
        if not self._news.done():
            self._news.set_result(None)

    def next_news(self) -> asyncio.Future[None]:
        """What is done when something is committed after now."""
        if self._news.done():
            self._news = asyncio.get_running_loop().create_future()
        return self._news

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
    heartbeat = streams.heartbeat(request)
    yield Response(events=[opened(board.store.epoch, resumed, heartbeat)])
    caught_up = False
    silent_since = board.clock.monotonic()
    while True:
        revision = shown.operation.revision
        if revision > cursor:
            if request.include_logs:
                pending = [line async for line in board.lines(request.name, cursor, revision)]
                for response in packed(Response, pending):
                    yield response
            if caught_up:
                yield shown.change
            else:
                # In a snapshot there is no position before its end.
                yield Response(events=[Event(sequence=revision if resumed else 0, operation=shown.operation)])
            cursor, silent_since = revision, board.clock.monotonic()
        if not caught_up:
            yield Response(events=[synced(cursor)])
            caught_up = True
        if shown.operation.done:
            return
        if board.closing.done():
            event, stopping = closing(cursor)
            yield Response(events=[event])
            raise stopping
        left = silent_since + heartbeat - board.clock.monotonic()
        if left <= 0 or not await board.wait(news, left):
            yield Response(events=[beat(cursor, board.clock)])
            silent_since = board.clock.monotonic()
        shown, news = await board.look(request.name)
