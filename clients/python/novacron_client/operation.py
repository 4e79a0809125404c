"""A change that is under way, and what became of it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from google.protobuf import empty_pb2, message_factory
from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2
from novacron.cloud.v1 import operations_pb2, operations_service_pb2, streams_pb2

from novacron_client.errors import CloudError, OperationFailed
from novacron_client.follow import HEARTBEAT, Follower, duration
from novacron_client.stream import Stream

if TYPE_CHECKING:
    from novacron_client.client import Client

R = TypeVar("R", bound=Message)
Progress = Callable[[operations_pb2.Operation], None]


class Operation(Generic[R]):
    """A handle on an operation of the server; R is the type of what it yields.

    The operation runs in the server: it goes on when the handle is dropped, when the client leaves, and over a restart
    of the server. Its name is all that is needed to come back to it: `client.operation(name)`.

    Attributes:
        name: "providers/aws/operations/3f...".
        latest: The newest state that was seen; empty but for the name before the first one.
    """

    def __init__(self, client: "Client", latest: operations_pb2.Operation) -> None:
        self._client = client
        self.name = latest.name
        self.latest = latest

    def __repr__(self) -> str:
        return f"Operation({self.name!r}, {operations_pb2.OperationState.Name(self.latest.state)})"

    async def wait(self, progress: Progress | None = None, *, timeout: float | None = None) -> R:
        """Wait until it is done and return what it made; for DeleteInstance that is an Empty.

        Args:
            progress: Called with the operation as it is now and at each change.
            timeout: Seconds to wait; None waits as long as it takes.

        Raises OperationFailed when it did not end as asked, CloudError when it cannot be followed, TimeoutError when
        the time is over; the operation goes on then.
        """
        async with asyncio.timeout(timeout), aclosing(self.watch()) as changes:
            async for operation in changes:
                if progress is not None:
                    progress(operation)
        if self.latest.WhichOneof("result") == "error":
            raise OperationFailed(self.latest)
        result: R = _unpack(self.latest.response)
        return result

    async def watch(self) -> AsyncGenerator[operations_pb2.Operation, None]:
        """The operation as it is, at each change, and when done; reconnects and resumes. Raises CloudError."""
        shown = -1
        if self.latest.state:
            shown = self.latest.revision
            yield self.latest
        if self.latest.done:
            return
        async with aclosing(self._follower().events()) as events:
            async for event in events:
                if event.WhichOneof("event") == "operation" and event.operation.revision >= self.latest.revision:
                    self.latest = event.operation
                # `cancel` and `refresh` may have found a newer one in the meantime.
                if self.latest.state and self.latest.revision > shown:
                    shown = self.latest.revision
                    yield self.latest
                if self.latest.done:
                    return

    async def refresh(self) -> operations_pb2.Operation:
        """Read it once and return it. Raises CloudError."""
        request = operations_service_pb2.GetOperationRequest(name=self.name)
        self.latest = (await self._client.call(request)).operation
        return self.latest

    async def cancel(self) -> operations_pb2.Operation:
        """Ask it to stop between two steps, and return it as it is now; it may still succeed.

        Of one that is done this changes nothing. Raises CloudError (RESOURCE_STATE_INVALID at a point of no return).
        """
        request = operations_service_pb2.CancelOperationRequest(name=self.name)
        self.latest = (await self._client.call(request)).operation
        return self.latest

    def _follower(self) -> Follower[operations_pb2.OperationEvent]:
        def dial(position: streams_pb2.StreamPosition | None) -> Any:
            request = operations_service_pb2.WatchOperationRequest(
                name=self.name, resume_after=position, heartbeat_interval=duration(HEARTBEAT)
            )
            return self._client.operations.WatchOperation(request)

        return self._client.follower(dial, "WatchOperation")


class OperationStream(Stream[operations_pb2.Operation]):
    """Operations as they change; of two changes of one the first may be left out.

        async with client.watch_operations(filter='state = "FAILED"') as stream:
            async for operation in stream: ...

    Where the server no longer knew what this reader missed, what is under way comes once more.
    """

    async def _follow(self) -> AsyncGenerator[operations_pb2.Operation, None]:
        async with aclosing(self._follower.events()) as events:
            async for event in events:
                if event.HasField("operation"):
                    yield event.operation


def _unpack(packed: PackedMessage) -> Any:
    """The message in an Any, of its own class. Raises CloudError for a type of a newer server."""
    name = packed.TypeName()
    try:
        kind = message_factory.GetMessageClass(empty_pb2.DESCRIPTOR.pool.FindMessageTypeByName(name))
    except KeyError:
        message = f"it succeeded and yielded a {name}, which this version of the client does not know"
        raise CloudError(status_pb2.Status(code=code_pb2.UNIMPLEMENTED, message=message)) from None
    return kind.FromString(packed.value)
