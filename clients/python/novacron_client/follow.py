"""One loop for every stream of the contract: it finds a dead server, connects again, and resumes where it was.

streams.proto is the law here. What a stream says in its events is the caller's business; this knows only `opened`,
`synced`, `closing` and the position.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Generic, Protocol, TypeVar

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from novacron.cloud.v1 import streams_pb2

from novacron_client.errors import CloudError, from_rpc_error, unreachable
from novacron_client.retry import Backoff, resumable


class Event(Protocol):
    """MetricEvent, OperationEvent and their like."""

    @property
    def sequence(self) -> int: ...
    @property
    def control(self) -> streams_pb2.StreamControl: ...


E = TypeVar("E", bound=Event)
Dial = Callable[[streams_pb2.StreamPosition | None], "grpc.aio.UnaryStreamCall[Any, Any]"]

# Two heartbeats may be missing; a quarter more for the way.
_PATIENCE_IN_HEARTBEATS = 2.25
HEARTBEAT = 15.0


class Follower(Generic[E]):
    """Follows one stream over as many connections as it takes.

    Attributes:
        position: Where a new connection goes on; None when from the start.
        connections: Connections that the server has opened so far.
        connected: Whether one of them is open.
    """

    def __init__(
        self,
        dial: Dial,
        *,
        method: str,
        address: str,
        backoff: Backoff,
        heartbeat: float = HEARTBEAT,
        give_up_after: float = 60.0,
    ) -> None:
        """Follow the stream that `dial` opens at a position.

        Args:
            dial: Starts the call, with resume_after as given.
            method: "StreamMetrics"; for messages of errors.
            address: Where the server is; for messages of errors.
            backoff: Waits between connections; its attempts hold for the first one.
            heartbeat: Seconds between heartbeats until the server says otherwise.
            give_up_after: Seconds of connecting in vain before the error is raised.
        """
        self._dial, self._method, self._address = dial, method, address
        self._backoff, self._heartbeat, self._give_up_after = backoff, heartbeat, give_up_after
        self._epoch = ""
        self._reconnect_after: float | None = None
        self.position: streams_pb2.StreamPosition | None = None
        self.connections, self.connected = 0, False

    async def events(self) -> AsyncGenerator[E, None]:
        """Every event, in order, for as long as it is asked for.

        An `opened` with resumed = false in the middle means: forget everything that the stream told. Raises CloudError
        for what no new connection mends, or when none could be had for too long.
        """
        failures, heard = 0, asyncio.get_running_loop().time()
        while True:
            error: CloudError | None = None
            try:
                async with aclosing(self._connection()) as connection:
                    async for event in connection:
                        heard = asyncio.get_running_loop().time()
                        if event.sequence:
                            failures = 0
                        yield event
            except CloudError as caught:
                error = caught
            failures += 1
            wait = self._backoff.wait(failures, error)
            if self._reconnect_after is not None:
                wait, self._reconnect_after = self._reconnect_after, None
            if error is not None:
                silence = asyncio.get_running_loop().time() - heard
                vain = silence + wait > self._give_up_after if self.connections else failures >= self._backoff.attempts
                if vain or not resumable(error):
                    raise error
            await asyncio.sleep(wait)

    async def _connection(self) -> AsyncGenerator[E, None]:
        """The events of one connection; ends when the server ends it with OK."""
        call = self._dial(self.position)
        try:
            while (response := await self._read(call)) is not grpc.aio.EOF:
                for event in response.events:
                    self._note(event.control)
                    yield event
                    # Only now was it handled: a reader that stops here gets it again.
                    if event.sequence:
                        self.position = streams_pb2.StreamPosition(epoch=self._epoch, sequence=event.sequence)
        finally:
            self.connected = False
            call.cancel()

    async def _read(self, call: "grpc.aio.UnaryStreamCall[Any, Any]") -> Any:
        try:
            async with asyncio.timeout(_PATIENCE_IN_HEARTBEATS * self._heartbeat):
                return await call.read()
        except TimeoutError:
            raise unreachable(self._address, "two heartbeats are missing") from None
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, method=self._method, address=self._address) from None

    def _note(self, control: streams_pb2.StreamControl) -> None:
        kind = control.WhichOneof("control")
        if kind == "opened":
            self.connections, self.connected = self.connections + 1, True
            self._epoch = control.opened.epoch
            self._heartbeat = seconds(control.opened.heartbeat_interval) or self._heartbeat
            if not control.opened.resumed:
                self.position = None
        elif kind == "closing":
            self._reconnect_after = seconds(control.closing.reconnect_after)


def seconds(duration: Duration) -> float:
    """A Duration as seconds."""
    return duration.seconds + duration.nanos / 1e9


def duration(value: float) -> Duration:
    """Seconds as a Duration."""
    made = Duration()
    made.FromNanoseconds(round(value * 1e9))
    return made
