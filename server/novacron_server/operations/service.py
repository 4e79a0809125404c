"""The operations of the sidecar: they are started here, and OperationsService is answered here."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

import structlog
from google.protobuf.message import Message
from novacron.cloud.v1 import operations_pb2
from novacron.cloud.v1 import operations_service_pb2 as pb
from novacron_providers.contract.call import Call, Turn
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import CloudError, ShuttingDown, Unsupported
from novacron_providers.contract.names import WILDCARD, parse, provider_of
from novacron_providers.contract.paging import decode_token, encode_token, page_size

from novacron_server.operations.check import CheckingOp, CheckPassed
from novacron_server.operations.engine import Engine
from novacron_server.operations.filters import conditions_of
from novacron_server.operations.live import PENDING, Live
from novacron_server.operations.op import RunningOp
from novacron_server.operations.others import Others
from novacron_server.operations.watch import Board, Response, watch
from novacron_server.operations.watch_all import watch_all
from novacron_server.rpc import Rpc
from novacron_server.security.public import without_secrets
from novacron_server.state import journal
from novacron_server.state.journal import Claimed, Intent, Page
from novacron_server.state.store import Store

_logger: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.operations")

Resolve = Callable[[Rpc, Message], Callable[[Any, Any], Any]]

# Seconds that WaitOperation waits when it is not told, at most, and how long before the call's deadline it answers.
WAIT, WAIT_LIMIT, WAIT_MARGIN = 30.0, 600.0, 0.2


class Operations:
    """Starts, runs and shows operations.

    Args:
        store: Where they are kept.
        clock: For dates, for the waits between polls and attempts, and for heartbeats.
        replica: Name of this process among those that share the database; empty when it is the only one.
        lease: Seconds of silence after which other replicas take over what this one runs.
    """

    def __init__(self, store: Store, *, clock: Clock, replica: str = "", lease: float = 15.0) -> None:
        self._store, self._clock = store, clock
        self._engine = Engine(store, clock=clock, replica=replica, lease=lease, run=self._run, cancel=self._cancel)
        self._board = Board(store, clock)
        self._others = Others(self._board, changed=self._change, ended=self._tell) if replica else None
        self._rpcs: Mapping[str, Rpc] = {}
        self._resolve: Resolve | None = None
        self._subscribers: list[Callable[[operations_pb2.Operation], None]] = []
        self._changing: list[Callable[[str], None]] = []
        # The loop alone would forget a start whose caller left.
        self._starts: set[asyncio.Task[bytes | None]] = set()

    async def launch(self, rpcs: Mapping[str, Rpc], resolve: Resolve) -> int:
        """Go on with what is not done; returns how many operations that are.

        Args:
            rpcs: By path, as in Operation.method.
            resolve: Gives the adapter's method for a request; raises a CloudError, which fails the operation.
        """
        self._rpcs, self._resolve = rpcs, resolve
        if self._others:
            await self._others.launch()
        return await self._engine.launch()

    async def start(self, rpc: Rpc, request: Message, call: Call) -> operations_pb2.Operation:
        """Write an operation down, run it, and return it as it is now.

        Idempotent with a request_id: the same principal, id and parameters give the same operation, also once it is
        done. A caller that leaves stops nothing. Raises RequestIdReused, Busy when another operation holds the resource
        in `name`, ShuttingDown.
        """
        if self._board.closing.done():
            raise ShuttingDown("the server stops and begins nothing new; connect anew", retry_after=1.0)
        intent = self._intent(rpc, request, call)
        # Between the committed intent and the running task nobody may stop it.
        task = asyncio.create_task(self._engine.start(intent), name=f"start {intent.id}")
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)
        before = await asyncio.shield(task)
        return operations_pb2.Operation.FromString(intent.body if before is None else before)

    async def check(self, rpc: Rpc, request: Message, call: Call) -> None:
        """Run a method up to its first step that changes something; nothing is sent or written.

        Raises what `start` raises, and what the method finds wrong.
        """
        intent = self._intent(rpc, request, call)
        if await self._store.read(partial(journal.clash, intent=intent)) is None:
            with suppress(CheckPassed):
                await self._method(rpc, request)(request, CheckingOp(intent.id, call))

    async def get_operation(self, request: pb.GetOperationRequest, call: Call) -> pb.GetOperationResponse:
        """OperationsService.GetOperation."""
        shown, _ = await self._board.look(request.name)
        return pb.GetOperationResponse(operation=shown.operation)

    async def list_operations(self, request: pb.ListOperationsRequest, call: Call) -> pb.ListOperationsResponse:
        """OperationsService.ListOperations."""
        provider = provider_of(request.parent)
        size = page_size(request)
        after = decode_token(request)
        page = Page(
            provider="" if provider == WILDCARD else provider,
            conditions=conditions_of(request.filter),
            after=(after[0], after[1]) if after else None,
            size=size + 1,
        )
        found = await self._store.read(partial(journal.page, asked=page))
        answer = pb.ListOperationsResponse()
        for listed in found[:size]:
            answer.operations.add().ParseFromString(listed.body)
        if len(found) > size:
            answer.next_page_token = encode_token(request, [found[size - 1].created, found[size - 1].id])
        return answer

    async def wait_operation(self, request: pb.WaitOperationRequest, call: Call) -> pb.WaitOperationResponse:
        """OperationsService.WaitOperation."""
        limit = WAIT
        if request.HasField("timeout"):
            limit = min(WAIT_LIMIT, request.timeout.ToNanoseconds() / 1e9)
        end = self._clock.monotonic() + limit
        remaining = call.remaining()
        shown, news = await self._board.look(request.name)
        with suppress(TimeoutError):
            async with asyncio.timeout(None if remaining is None else max(0.0, remaining - WAIT_MARGIN)):
                while not shown.operation.done and not self._board.closing.done():
                    left = end - self._clock.monotonic()
                    if left <= 0:
                        break
                    await self._board.wait(news, left)
                    shown, news = await self._board.look(request.name)
        return pb.WaitOperationResponse(operation=shown.operation)

    async def cancel_operation(self, request: pb.CancelOperationRequest, call: Call) -> pb.CancelOperationResponse:
        """OperationsService.CancelOperation; one that another replica runs hears of it within two seconds."""
        id_ = parse(request.name, "operations", 1).parts[0]
        await self._board.look(request.name)
        await self._store.write(partial(journal.ask_cancel, id_=id_))
        self._cancel(id_)
        if live := self._board.live.get(id_):
            await live.settled()
        shown, _ = await self._board.look(request.name)
        return pb.CancelOperationResponse(operation=shown.operation)

    async def watch_operation(self, request: pb.WatchOperationRequest, call: Call) -> AsyncGenerator[Response, None]:
        """OperationsService.WatchOperation."""
        async with aclosing(watch(self._board, request)) as responses:
            async for response in responses:
                yield response

    async def watch_operations(
        self, request: pb.WatchOperationsRequest, call: Call
    ) -> AsyncGenerator[pb.WatchOperationsResponse, None]:
        """OperationsService.WatchOperations."""
        async with aclosing(watch_all(self._board, request)) as responses:
            async for response in responses:
                yield response

    def subscribe(self, callback: Callable[[operations_pb2.Operation], None]) -> None:
        """Have `callback` called for each operation that ended, on the loop, once that is committed.

        Of what ended at another replica it hears within a second.
        """
        self._subscribers.append(callback)

    def subscribe_changes(self, callback: Callable[[str], None]) -> None:
        """Have `callback` called with the provider's id before a step sends what may change something, and after it.

        Of a step of another replica it hears within a second.
        """
        self._changing.append(callback)

    async def active(self, provider: str) -> int:
        """How many operations of a provider are not done, on all replicas."""
        return await self._store.read(partial(journal.count_active, provider=provider))

    async def close(self) -> None:
        """Begin nothing new, send watchers away, and stop within seconds; what is not done is left for the next start.

        Reads go on working until the store closes, so this may come before the doors close. Idempotent.
        """
        if self._board.closing.done():
            return
        self._board.closing.set_result(None)
        if self._starts:
            await asyncio.wait(self._starts)
        if self._others:
            await self._others.close()
        await self._engine.close()

    def _intent(self, rpc: Rpc, request: Message, call: Call) -> Intent:
        """What is to be written for a request."""
        name, parent = getattr(request, "name", ""), getattr(request, "parent", "")
        provider = provider_of(name or parent)
        request_id = getattr(request, "request_id", "") or str(uuid.uuid4())
        # From these two alone: so the tokens of its steps outlive the loss of the database.
        id_ = hashlib.sha256(f"{call.principal}\0{request_id}".encode()).hexdigest()[:32]
        now = self._clock.time()
        body = operations_pb2.Operation(
            name=f"providers/{provider}/operations/{id_}",
            method=rpc.path,
            request_id=request_id,
            actor=call.principal,
            state=PENDING,
            revision=1,
            cancellable=True,
        )
        body.create_time.FromNanoseconds(round(now * 1e9))
        body.update_time.CopyFrom(body.create_time)
        return Intent(
            id=id_,
            provider=provider,
            principal=call.principal,
            request_id=request_id,
            method=rpc.path,
            digest=_digest(rpc, request),
            request=request.SerializeToString(),
            public=without_secrets(request).SerializeToString(),
            peer=call.peer,
            resource=name or parent,
            holds=name or None,
            body=body.SerializeToString(),
            state=PENDING,
            created=now,
        )

    def _method(self, rpc: Rpc, request: Message) -> Callable[[Any, Any], Any]:
        assert self._resolve is not None, "launch comes first"
        return self._resolve(rpc, request)

    async def _run(self, claimed: Claimed) -> None:
        """Bring an operation to its end, whatever that is."""
        live = self._board.live[claimed.id] = Live(claimed, self._engine, self._clock, self._showed)
        operation = live.shown.operation
        # No deadline, no peer: whoever asked may be gone long since.
        call = Call(
            principal=operation.actor,
            method=claimed.method,
            request_id=operation.request_id,
            turn=Turn.CHANGE,
            clock=self._clock,
        )
        op = RunningOp(claimed.id, call, live, self._engine, partial(self._change, provider_of(operation.name)))
        result: Message | CloudError | Exception
        try:
            live.begin()
            try:
                result = await self._perform(claimed, op)
            except CloudError as error:
                result = error.about(provider=provider_of(operation.name))
            except Exception as error:
                _logger.exception(
                    "a fault of the server or an adapter", operation=operation.name, method=claimed.method
                )
                result = error
            op.settle_strangers()
            if isinstance(result, Exception):
                live.fail(result)
            else:
                live.succeed(result)
            await live.settled()
        finally:
            if self._board.live.get(claimed.id) is live:
                del self._board.live[claimed.id]
            live.leave()

    async def _perform(self, claimed: Claimed, op: RunningOp) -> Message:
        rpc = self._rpcs.get(claimed.method)
        if rpc is None or rpc.result is None:
            raise Unsupported(
                f"this version of the server has no {claimed.method}, which began the operation; look at the targets, "
                "and finish it with the version that began it or by hand"
            )
        request = rpc.request.FromString(claimed.request)
        result: object = None
        while result is None:
            try:
                result = await self._method(rpc, request)(request, op)
            except CloudError as error:
                if not await op.runs_again(error):
                    raise
        if not isinstance(result, rpc.result):
            raise TypeError(f"{claimed.method} gave {type(result).__name__} in place of {rpc.result.__name__}")
        return result

    def _cancel(self, operation: str) -> None:
        if live := self._board.live.get(operation):
            live.cancel()

    def _change(self, provider: str) -> None:
        for callback in self._changing:
            callback(provider)

    def _showed(self, operation: operations_pb2.Operation) -> None:
        self._board.moved()
        if operation.done:
            self._ended(operation)

    def _ended(self, operation: operations_pb2.Operation) -> None:
        _logger.info(
            "operation ended",
            operation=operation.name,
            method=operation.method,
            state=operations_pb2.OperationState.Name(operation.state).removeprefix("OPERATION_STATE_"),
            **({"message": operation.error.message} if operation.HasField("error") else {}),
        )
        if self._others:
            self._others.note_own(operation.name)
        self._tell(operation)

    def _tell(self, operation: operations_pb2.Operation) -> None:
        for callback in self._subscribers:
            try:
                callback(operation)
            except Exception:
                _logger.exception("a subscriber failed", operation=operation.name)


def _digest(rpc: Rpc, request: Message) -> bytes:
    """Equal for requests that ask for the same."""
    same = type(request)()
    same.CopyFrom(request)
    for name in ("request_id", "validate_only"):
        if name in request.DESCRIPTOR.fields_by_name:
            same.ClearField(name)
    return hashlib.sha256(rpc.path.encode() + b"\0" + same.SerializeToString(deterministic=True)).digest()
