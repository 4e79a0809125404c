"""An operation that runs in this process: as it is being built, and as everybody may see it.

What is shown was committed first, so nothing that a watcher saw can be undone by a crash.
"""

import asyncio
from collections.abc import Callable
from functools import cached_property, partial

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2
from novacron.cloud.v1 import common_pb2, operations_pb2, operations_service_pb2
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import Cancelled, to_status

from novacron_server.operations.engine import Engine
from novacron_server.state import journal
from novacron_server.state.journal import Claimed, Snapshot

PENDING = operations_pb2.OPERATION_STATE_PENDING
RUNNING = operations_pb2.OPERATION_STATE_RUNNING
CANCELLING = operations_pb2.OPERATION_STATE_CANCELLING
SUCCEEDED = operations_pb2.OPERATION_STATE_SUCCEEDED
FAILED = operations_pb2.OPERATION_STATE_FAILED
CANCELLED = operations_pb2.OPERATION_STATE_CANCELLED


class Shown:
    """An operation as it was committed; never changed, so that it is shared by all who look at it."""

    def __init__(self, operation: operations_pb2.Operation) -> None:
        self.operation = operation

    @cached_property
    def change(self) -> operations_service_pb2.WatchOperationResponse:
        """What watchers are sent when it has become so; made once for all of them."""
        event = operations_pb2.OperationEvent(sequence=self.operation.revision, operation=self.operation)
        return operations_service_pb2.WatchOperationResponse(events=[event])


class Live:
    """One operation that runs here.

    Args:
        show: Is told of the operation each time that it was committed.

    Attributes:
        shown: As everybody may see it.
        news: Done when `shown` is another one.
        cancelled: Done when the operation was asked to stop.
        planned: Whether its steps are known from the start, so that a percentage can be given.
    """

    def __init__(
        self, claimed: Claimed, engine: Engine, clock: Clock, show: Callable[[operations_pb2.Operation], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        self._engine, self._clock, self._told = engine, clock, show
        self._id = claimed.id
        self._body = operations_pb2.Operation.FromString(claimed.body)
        self._lines: list[tuple[str | None, bytes]] = []
        # Whether the journal holds other ones; after a recovery all are written again.
        self._targets_changed = True
        self._flusher: asyncio.Task[None] | None = None
        self.shown = Shown(operations_pb2.Operation.FromString(claimed.body))
        self.news: asyncio.Future[None] = loop.create_future()
        self.cancelled: asyncio.Future[None] = loop.create_future()
        self.planned = False
        if claimed.cancel:
            self.cancelled.set_result(None)

    def now(self) -> Timestamp:
        """The time, as messages hold it."""
        stamp = Timestamp()
        stamp.FromNanoseconds(round(self._clock.time() * 1e9))
        return stamp

    def begin(self) -> None:
        """Say that it is at work."""
        if self._body.state != PENDING:
            self.say(None, "", "Goes on after a restart of the server")
        self._body.state = CANCELLING if self.cancelled.done() else RUNNING
        self.changed()

    def cancel(self) -> None:
        """Ask it to stop between two steps."""
        if not self.cancelled.done() and not self._body.done:
            self.cancelled.set_result(None)
            self._body.state = CANCELLING
            self.changed()

    def succeed(self, result: Message) -> None:
        """End it as asked."""
        self._body.response.Pack(result)
        self._body.progress_percent = 100
        self._end(SUCCEEDED)

    def fail(self, error: Exception) -> None:
        """End it by an error; by Cancelled it is cancelled."""
        self._body.error.CopyFrom(to_status(error))
        self._end(CANCELLED if isinstance(error, Cancelled) else FAILED)

    def step(self, name: str, title: str = "") -> operations_pb2.OperationStep:
        """The entry of a step, made if it is not there; tell `changed` of what is written to it."""
        found = next((step for step in self._body.steps if step.id == name), None)
        if found is None:
            found = self._body.steps.add(id=name, title=name, state=PENDING)
        if title:
            found.title = title
        return found

    def target(self, ref: common_pb2.ResourceRef) -> None:
        """Add what exists in the cloud because of it."""
        if all(there.name != ref.name for there in self._body.targets):
            self._body.targets.append(ref)
            self._targets_changed = True
            self.changed()

    def gone(self, name: str) -> None:
        """Take away a target that does not exist any more."""
        left = [ref for ref in self._body.targets if ref.name != name]
        if len(left) < len(self._body.targets):
            del self._body.targets[:]
            self._body.targets.extend(left)
            self._targets_changed = True
            self.changed()

    def warn(self, failure: status_pb2.Status) -> None:
        """Add a failure that does not make it fail; one that a recovered run meets again is there once."""
        if failure not in self._body.warnings:
            self._body.warnings.append(failure)
            self.changed()

    def say(self, key: str | None, step: str, text: str) -> None:
        """Add a line to its log; one with a key is kept once."""
        entry = operations_pb2.OperationLogEntry(operation=self._body.name, step=step, time=self.now(), text=text)
        self._lines.append((key, entry.SerializeToString()))
        self.changed()

    def changed(self) -> None:
        """Commit and show it as it is; what changes while that goes on is committed together afterwards."""
        self._body.revision += 1
        if self.planned and not self._body.done:
            self._body.progress_percent = max(self._body.progress_percent, self._percent())
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush(), name=f"{self._id} shown")

    async def settled(self) -> None:
        """Return when all is shown; raises what kept that from happening."""
        while self._flusher is not None:
            await asyncio.shield(self._flusher)

    def leave(self) -> None:
        """It does not run here any more: whoever waits for news has to look elsewhere."""
        if self._flusher is not None:
            self._flusher.cancel()
        if not self.news.done():
            self.news.set_result(None)

    def _percent(self) -> int:
        done = 0.0
        for step in self._body.steps:
            if step.state == SUCCEEDED:
                done += 1
            elif step.total_units:
                done += min(1.0, step.done_units / step.total_units)
        # All steps done is not the end yet.
        return min(99, int(100 * done / max(1, len(self._body.steps))))

    def _end(self, state: operations_pb2.OperationState) -> None:
        body = self._body
        body.state, body.done, body.cancellable = state, True, False
        body.end_time.CopyFrom(self.now())
        for step in body.steps:
            # Never begun, or begun by a version that had other steps.
            if step.state not in (SUCCEEDED, FAILED, CANCELLED):
                step.state = CANCELLED
        self.changed()

    async def _flush(self) -> None:
        try:
            while self.shown.operation.revision < self._body.revision:
                self._body.update_time.CopyFrom(self.now())
                body = self._body.SerializeToString()
                lines, self._lines = self._lines, []
                changed, self._targets_changed = self._targets_changed, False
                snapshot = Snapshot(
                    id=self._id,
                    body=body,
                    state=self._body.state,
                    revision=self._body.revision,
                    targets=[ref.name for ref in self._body.targets] if changed else None,
                    lines=lines,
                    ended=self._body.end_time.ToNanoseconds() / 1e9 if self._body.done else None,
                    # What ended well has no error, which is OK.
                    outcome=self._body.error.SerializeToString(),
                )
                if not await self._engine.durably(partial(journal.save, owner=self._engine.owner, shown=snapshot)):
                    self._engine.lost(self._id)
                    return
                self._show(operations_pb2.Operation.FromString(body))
        finally:
            self._flusher = None

    def _show(self, operation: operations_pb2.Operation) -> None:
        self.shown = Shown(operation)
        news, self.news = self.news, asyncio.get_running_loop().create_future()
        news.set_result(None)
        if operation.done:
            self._engine.ended(self._id)
        self._told(operation)
