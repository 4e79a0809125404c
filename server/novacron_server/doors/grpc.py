"""The gRPC door: grpc.aio for the Go core and every gRPC client, with health and reflection."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc
import structlog
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import CloudError, ShuttingDown, Throttled, Unavailable, to_status

from novacron_server.dispatch import Dispatch
from novacron_server.doors.connections import hang_up
from novacron_server.doors.writer import Writer
from novacron_server.rpc import Rpc

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.grpc")

MESSAGE_LIMIT = 4 * 1024 * 1024
# A caller without a deadline is seen as one with about 292 years.
FOREVER = 1e8
# Seconds that watchers of health get to take in that the server stops, should one of them not read.
TOLD_WITHIN = 1.0
# Seconds after which who was refused because of that may find the next server.
AGAIN = 1.0

OPTIONS = [
    # The default lets a second server take the same port in silence.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_metadata_size", 16 * 1024),
    # A burst of subscriptions waits in line; by default some are refused from about 1,000 on.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
    # A reader that was frozen or cut off is noticed within 30 s.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A ping has a limit of its own, by default a minute, and gRPC heeds that one. Keepalive's alone ends no connection
    # but one with bytes that the kernel on the other side has not taken.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.server_handshake_timeout_ms", 10_000),
]


class GrpcDoor:
    """Serves a Dispatch over grpc.aio on loopback or a unix socket."""

    def __init__(self, dispatch: Dispatch, clock: Clock, *, listen: str, max_concurrent_rpcs: int) -> None:
        self._dispatch, self._clock = dispatch, clock
        self._server = grpc.aio.server(options=OPTIONS, maximum_concurrent_rpcs=max_concurrent_rpcs)
        services: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {}
        for rpc in dispatch.rpcs.values():
            services.setdefault(rpc.service, {})[rpc.name] = self._handler(rpc)
        handlers = tuple(grpc.method_handlers_generic_handler(name, methods) for name, methods in services.items())
        self._server.add_generic_rpc_handlers(handlers)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        # The listener is loopback, where reflection shows nothing that the caller could not read from the package.
        names = [*services, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, self._server)
        self._services = ["", *services]
        # Calls and streams under way, health and reflection apart; what is done when there are none, once asked for.
        self._under_way = 0
        self._idle: asyncio.Future[None] | None = None
        try:
            port = self._server.add_insecure_port(listen)
        except RuntimeError:
            port = 0
        if not port and not listen.startswith("unix:"):
            raise OSError(f"{listen}: cannot listen there; is another server running?")
        self.address = listen if listen.startswith("unix:") else f"{listen.rpartition(':')[0]}:{port}"

    async def start(self) -> None:
        """Serve calls; health says SERVING when this returns."""
        await self._server.start()
        if self.address.startswith("unix:"):
            os.chmod(self.address.removeprefix("unix:"), 0o600)
        for name in self._services:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def not_serving(self) -> None:
        """Say NOT_SERVING, so that balancers and clients look elsewhere; those who watch were sent it then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TOLD_WITHIN):
                # Each watcher is written to under a lock, and who sets the same once more comes after all of them.
                for _ in range(2):
                    for name in self._services:
                        await self._health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
                    await asyncio.sleep(0)

    async def stop(self, grace: float) -> None:
        """Refuse new calls with ShuttingDown, give those under way `grace` seconds, and end all connections.

        gRPC's own stop would end as CANCELLED, which nobody repeats, each call that it has not begun with or that comes
        before its caller has heard of the stop. So the connections are ended first.
        """
        self._idle = asyncio.get_running_loop().create_future()
        self._note_idle()
        await asyncio.wait([self._idle], timeout=grace)
        await asyncio.to_thread(hang_up, self.address)
        await self._server.stop(None)

    def _handler(self, rpc: Rpc) -> "grpc.RpcMethodHandler[Any, Any]":
        # Requests stay bytes: what cannot be parsed gets a clear error instead of gRPC's own INTERNAL.
        if rpc.is_stream:
            return grpc.unary_stream_rpc_method_handler(self._streaming(rpc), None, None)
        return grpc.unary_unary_rpc_method_handler(self._answering(rpc), None, _serialized)

    def _answering(self, rpc: Rpc) -> Callable[[bytes, Any], Awaitable[Message | bytes]]:
        async def answer(data: bytes, context: "grpc.aio.ServicerContext[bytes, Any]") -> Message | bytes:
            try:
                self._admit()
                return await self._dispatch.unary(rpc, data, self._call(rpc, context), context.invocation_metadata)
            except Exception as error:  # noqa: BLE001  # the door is where every error becomes a status
                raise await _abort(context, rpc, error) from None

        return answer

    def _streaming(self, rpc: Rpc) -> Callable[[bytes, Any], Awaitable[None]]:
        async def answer(data: bytes, context: "grpc.aio.ServicerContext[bytes, Any]") -> None:
            writer = Writer(context)
            try:
                self._admit()
                stream = self._dispatch.stream(rpc, data, self._call(rpc, context), context.invocation_metadata)
                async with stream as messages:
                    async for message in messages:
                        if isinstance(message, bytes | Message):
                            await writer.send(_serialized(message))
                        else:
                            await message.into(writer)
                await writer.sent()
            except Exception as error:  # noqa: BLE001  # as above
                await writer.sent()
                raise await _abort(context, rpc, error) from None
            finally:
                writer.close()

        return answer

    def _admit(self) -> None:
        """Count a call until its last byte is sent; raises ShuttingDown."""
        self._under_way += 1
        # The task of the call ends when its context is done. A callback of the context would make a cycle of all that
        # gRPC holds of the call, core memory too, which lives until the garbage is collected.
        task = asyncio.current_task()
        assert task
        task.add_done_callback(self._left)
        if self._idle is not None:
            raise ShuttingDown("the server stops; connect anew", retry_after=AGAIN)

    def _left(self, _: asyncio.Task[Any]) -> None:
        self._under_way -= 1
        self._note_idle()

    def _note_idle(self) -> None:
        if self._idle is not None and not self._under_way and not self._idle.done():
            self._idle.set_result(None)

    def _call(self, rpc: Rpc, context: "grpc.aio.ServicerContext[bytes, Any]") -> Call:
        left = context.time_remaining()
        return Call(
            principal="local",
            # Of a read nothing is put on record, and to ask gRPC for it takes as long as to validate.
            peer="" if rpc.is_read else context.peer(),
            method=rpc.path,
            deadline=None if left is None or left > FOREVER else time.monotonic() + left,
            clock=self._clock,
        )


def _serialized(message: Message | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()


async def _abort(context: "grpc.aio.ServicerContext[bytes, Any]", rpc: Rpc, error: Exception) -> BaseException:
    """End the call with the error's status; never returns, the result is for the type checker."""
    if not isinstance(error, CloudError):
        _log.error("a fault of the server", method=rpc.path, exc_info=error)
    status = to_status(error)
    trailing: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", status.SerializeToString())]
    if isinstance(error, Throttled | Unavailable):
        # Repeated here already: callers with a retry policy must not multiply that.
        trailing.append(("grpc-retry-pushback-ms", "-1"))
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    await context.abort(code, status.message, tuple(trailing))
    raise AssertionError("abort returned")
