"""grpc_testing's channel with the shape of grpc.aio's: a test takes what a client sends, and answers it."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import grpc
import grpc_testing
from google.protobuf.message import Message
from novacron.cloud.v1 import metrics_service_pb2, operations_service_pb2, provider_service_pb2
from novacron_client.rpcs import rpc_of

_MODULES = (provider_service_pb2, operations_service_pb2, metrics_service_pb2)
_SERVICES = {service.name: service for module in _MODULES for service in module.DESCRIPTOR.services_by_name.values()}
OK = grpc.StatusCode.OK
Trailers = tuple[tuple[str, str | bytes], ...]


def _raised(error: Any) -> grpc.aio.AioRpcError:
    trailers = grpc.aio.Metadata(*(error.trailing_metadata() or ()))
    return grpc.aio.AioRpcError(error.code(), grpc.aio.Metadata(), trailers, error.details())


async def in_thread(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """asyncio.to_thread with a thread that a test which has failed does not wait for: the fake waits without end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if not done.done():
            done.set_result(result) if error is None else done.set_exception(error)

    def run() -> None:
        result, caught = None, None
        try:
            result = function(*args, **options)
        except Exception as error:  # noqa: BLE001  # it is raised where it is awaited
            caught = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, caught)

    threading.Thread(target=run, daemon=True).start()
    return await done


class _Stream:
    """What a stub's streaming method gives back."""

    def __init__(self, responses: Any) -> None:
        self._responses = responses

    async def read(self) -> Any:
        def take() -> Any:
            try:
                return next(self._responses, grpc.aio.EOF)
            except grpc.RpcError as error:
                return _raised(error)

        found = await in_thread(take)
        if isinstance(found, grpc.aio.AioRpcError):
            raise found
        return found

    def cancel(self) -> None:
        self._responses.cancel()


class AioChannel:
    """The channel for the client, and the test's end of it."""

    def __init__(self) -> None:
        self._fake = grpc_testing.channel(_SERVICES.values(), grpc_testing.strict_real_time())
        self.closed = False
        self.timeouts: list[float | None] = []

    def unary_unary(self, path: str, *_: Any, **__: Any) -> Callable[..., Any]:
        method = self._fake.unary_unary(path)

        async def send(request: Message, *, timeout: float | None = None) -> Any:
            self.timeouts.append(timeout)
            future = method.future(request, timeout=timeout)
            try:
                return await in_thread(future.result)
            except grpc.RpcError as error:
                raise _raised(error) from None

        return send

    def unary_stream(self, path: str, *_: Any, **__: Any) -> Callable[..., Any]:
        method = self._fake.unary_stream(path)
        return lambda request: _Stream(method(request))

    async def close(self) -> None:
        self.closed = True

    def take(self, request: type[Message]) -> tuple[Any, Any]:
        """Wait for a call with a request of this type; returns the request and its rpc, to be answered. Blocking."""
        rpc = rpc_of(request())
        method = _SERVICES[rpc.service].methods_by_name[rpc.name]
        take = self._fake.take_unary_stream if rpc.streaming else self._fake.take_unary_unary
        _, got, call = take(method)
        return got, call

    def answer(
        self,
        request: type[Message],
        response: Message | None = None,
        *,
        code: grpc.StatusCode = OK,
        details: str = "",
        trailers: Trailers = (),
    ) -> Any:
        """Wait for a call and answer it; returns the request. Blocking."""
        got, call = self.take(request)
        call.terminate(response, trailers, code, details)
        return got
