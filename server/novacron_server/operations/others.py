"""What other replicas do, heard from the database that they share."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

import structlog
from novacron.cloud.v1 import operations_pb2
from novacron_providers.contract.names import parse, provider_of

from novacron_server.operations.watch import LOOK, Board
from novacron_server.state import journal
from novacron_server.state.errors import StoreUnavailable
from novacron_server.state.journal import Page

_logger: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.operations")

# Operations that are read at once.
SIZE = 200
_ALL = Page(provider="", conditions=(), after=None, size=SIZE)


class Others:
    """Looks for changes of all operations, a few times a second.

    Args:
        board: Knows what runs here; is told when anything has changed.
        changed: Is called with the provider's id when a step of another replica was begun or has ended.
        ended: Is called with an operation that has ended at another replica.
    """

    def __init__(
        self, board: Board, *, changed: Callable[[str], None], ended: Callable[[operations_pb2.Operation], None]
    ) -> None:
        self._board, self._changed, self._ended = board, changed, ended
        # Names of operations that ended here: once they do not run any more they look like those of others.
        self._own: deque[str] = deque(maxlen=1_000)
        # States of the steps of those under way: progress and lines of a log change nothing in the cloud.
        self._steps: dict[str, list[operations_pb2.OperationState]] = {}
        self._cursor = 0
        self._task: asyncio.Task[None] | None = None

    async def launch(self) -> None:
        """Hear of what happens from now on."""
        self._cursor, _ = await self._board.store.read(journal.position)
        self._task = asyncio.create_task(self._look_on(), name="other replicas")

    def note_own(self, name: str) -> None:
        """Know of an operation that ended here."""
        self._own.append(name)

    async def close(self) -> None:
        """Look no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            try:
                while await self._look() == SIZE:
                    pass
            except StoreUnavailable as error:
                _logger.debug("what others do is not known", reason=error.message)

    async def _look(self) -> int:
        """Tell of what changed since the last look; gives how many operations that were."""
        found = await self._board.store.read(partial(journal.changes, asked=_ALL, after=self._cursor, active=False))
        for change in found:
            self._cursor = change.position
            operation = operations_pb2.Operation.FromString(change.body)
            if parse(operation.name, "operations", 1).parts[0] in self._board.live or operation.name in self._own:
                continue
            if operation.done:
                self._steps.pop(operation.name, None)
                self._ended(operation)
            elif (states := [step.state for step in operation.steps]) != self._steps.get(operation.name):
                self._steps[operation.name] = states
                self._changed(provider_of(operation.name))
        if found:
            self._board.moved()
        return len(found)
