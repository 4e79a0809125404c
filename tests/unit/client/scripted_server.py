"""A real grpc.aio server whose answers a test writes: it stands for what the server does on the wire."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from novacron.cloud.v1 import metrics_service_pb2, operations_service_pb2, streams_pb2
from novacron_client.follow import duration
from novacron_client.rpcs import RPCS

Context = grpc.aio.ServicerContext[Any, Any]
Answer = Callable[[Any, Context], Awaitable[Message]]
Stream = Callable[[Any, Context], AsyncIterator[Message]]


@asynccontextmanager
async def serve(
    answers: Mapping[type[Message], Answer] | None = None,
    streams: Mapping[type[Message], Stream] | None = None,
    *,
    listen: str = "127.0.0.1:0",
) -> AsyncIterator[str]:
    """Serve RPCs, by their request types, and give the address."""
    services: dict[str, dict[str, Any]] = {}
    for kind, answer in {**(answers or {}), **(streams or {})}.items():
        rpc = RPCS[kind.DESCRIPTOR.full_name]
        make: Any = grpc.unary_stream_rpc_method_handler if rpc.streaming else grpc.unary_unary_rpc_method_handler
        handler = make(answer, kind.FromString, lambda message: message.SerializeToString())
        services.setdefault(f"novacron.cloud.v1.{rpc.service}", {})[rpc.name] = handler
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        tuple(grpc.method_handlers_generic_handler(name, handlers) for name, handlers in services.items())
    )
    port = server.add_insecure_port(listen)
    await server.start()
    try:
        yield listen if listen.startswith("unix:") else f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def status(
    code: grpc.StatusCode,
    reason: str = "",
    message: str = "no",
    *,
    domain: str = "cloud.novacron",
    metadata: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
    retry_after: float | None = None,
    resource: str = "",
) -> status_pb2.Status:
    """A google.rpc.Status as the server makes it."""
    made = status_pb2.Status(code=code.value[0], message=message)
    details: list[Any] = [error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)]
    if fields:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=name, description=text) for name, text in fields.items()
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    if retry_after is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration(retry_after)))
    if resource:
        details.append(error_details_pb2.ResourceInfo(resource_name=resource))
    for detail in details:
        made.details.add().Pack(detail)
    return made


def trailers(error: status_pb2.Status, pushback: str = "") -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata of a call that ends with that status."""
    packed: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", error.SerializeToString())]
    if pushback:
        packed.append(("grpc-retry-pushback-ms", pushback))
    return tuple(packed)


async def abort(context: Context, error: status_pb2.Status, pushback: str = "") -> None:
    """End a call with that status."""
    code = next(code for code in grpc.StatusCode if code.value[0] == error.code)
    await context.abort(code, error.message, trailers(error, pushback))


def opened(epoch: str, *, resumed: bool = False, heartbeat: float = 15.0) -> streams_pb2.StreamControl:
    return streams_pb2.StreamControl(
        opened=streams_pb2.StreamOpened(epoch=epoch, resumed=resumed, heartbeat_interval=duration(heartbeat))
    )


def synced() -> streams_pb2.StreamControl:
    return streams_pb2.StreamControl(synced=streams_pb2.StreamSynced())


def heartbeat() -> streams_pb2.StreamControl:
    return streams_pb2.StreamControl(heartbeat=streams_pb2.StreamHeartbeat())


def metrics(*events: metrics_service_pb2.MetricEvent) -> metrics_service_pb2.StreamMetricsResponse:
    """One message of StreamMetrics."""
    return metrics_service_pb2.StreamMetricsResponse(events=events)


def operations(*events: Any) -> operations_service_pb2.WatchOperationResponse:
    """One message of WatchOperation."""
    return operations_service_pb2.WatchOperationResponse(events=events)


def chosen(events: Sequence[Any], kind: str) -> list[Any]:
    """Those of the events that are of a kind."""
    return [getattr(event, kind) for event in events if event.WhichOneof("event") == kind]
