"""The stream of all operations (streams.proto says how it behaves).

A position is that of a change in the journal, where the changes of all replicas have one order. Only the newest form of
an operation is owed to a watcher, so whoever is slow or was away is sent what changed since, each once, and every
position can be resumed, over a restart or on another replica, until an operation that changed after it is forgotten.
"""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

from novacron.cloud.v1 import operations_pb2, operations_service_pb2
from novacron_providers.contract.names import WILDCARD, provider_of

from novacron_server import streams
from novacron_server.operations.filters import conditions_of
from novacron_server.operations.stream import Event, beat, closing, opened, packed, synced
from novacron_server.operations.watch import Board
from novacron_server.state import journal
from novacron_server.state.journal import Page

Response = operations_service_pb2.WatchOperationsResponse

# Operations that are read at once.
SIZE = 200
# Seconds for which changes are gathered before they are read.
GATHER = 0.05


async def watch_all(
    board: Board, request: operations_service_pb2.WatchOperationsRequest
) -> AsyncGenerator[Response, None]:
    """The stream of WatchOperations; endless.

    Raises InvalidArgument before the first event, ShuttingDown when the server stops.
    """
    provider = provider_of(request.parent)
    asked = Page(
        provider="" if provider == WILDCARD else provider,
        conditions=conditions_of(request.filter),
        after=None,
        size=SIZE,
    )
    place = request.resume_after
    cursor, forgotten = await board.store.read(journal.position)
    resumed = place.epoch == board.store.epoch and max(1, forgotten) <= place.sequence <= cursor
    heartbeat = streams.heartbeat(request)
    yield Response(events=[opened(board.store.epoch, resumed, heartbeat)])
    # Revisions of what is under way and was sent because it met the filter.
    met: dict[str, int] = {}
    if resumed:
        cursor = place.sequence
    elif not request.skip_snapshot:
        after, complete = 0, False
        while not complete:
            found = await board.store.read(partial(journal.changes, asked=asked, after=after, active=True))
            # What changes meanwhile comes behind what was read; to wait for a page without any could take forever.
            complete = len(found) < SIZE
            operations = [operations_pb2.Operation.FromString(change.body) for change in found]
            met.update((operation.name, operation.revision) for operation in operations)
            # In a snapshot there is no position before its end.
            for response in packed(Response, [Event(operation=operation) for operation in operations]):
                yield response
            after = found[-1].position if found else after
    caught_up = not resumed
    if caught_up:
        yield Response(events=[synced(cursor)])
    silent_since = board.clock.monotonic()
    while True:
        news = board.next_news()
        changed = await board.store.read(partial(journal.changes, asked=asked, after=cursor, active=False))
        events = []
        for change in changed:
            operation = operations_pb2.Operation.FromString(change.body)
            # What changed while the snapshot was read may have come in it as it is. While a watcher catches up nobody
            # knows what it was sent before.
            told = met.pop(operation.name, None)
            if told != operation.revision and (change.meets or told is not None or not caught_up):
                events.append(Event(sequence=change.position, operation=operation))
            if change.meets and not operation.done:
                met[operation.name] = operation.revision
            cursor = change.position
        for response in packed(Response, events):
            yield response
            silent_since = board.clock.monotonic()
        if len(changed) == SIZE:
            continue
        if not caught_up:
            yield Response(events=[synced(cursor)])
            caught_up = True
        if board.closing.done():
            event, stopping = closing(cursor)
            yield Response(events=[event])
            raise stopping
        left = silent_since + heartbeat - board.clock.monotonic()
        if left <= 0:
            yield Response(events=[beat(cursor, board.clock)])
            silent_since = board.clock.monotonic()
        elif await board.wait(news, left):
            await asyncio.sleep(GATHER)
