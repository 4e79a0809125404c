"""A connection to a server of NovaCron Cloud."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import grpc.aio
from google.protobuf.message import Message
from novacron.cloud.v1 import (
    common_pb2,
    metrics_pb2,
    metrics_service_pb2,
    metrics_service_pb2_grpc,
    operations_pb2,
    operations_service_pb2,
    operations_service_pb2_grpc,
    provider_service_pb2,
    provider_service_pb2_grpc,
    streams_pb2,
)

from novacron_client.calls import Calls
from novacron_client.channel import open_channel
from novacron_client.errors import from_rpc_error
from novacron_client.follow import HEARTBEAT, Dial, Follower, duration
from novacron_client.listing import Listing
from novacron_client.metrics import MetricStream
from novacron_client.operation import Operation, OperationStream
from novacron_client.refill import Wanted
from novacron_client.resources import ResourceStream
from novacron_client.retry import Backoff, repeatable
from novacron_client.rpcs import rpc_of


class Client(Calls):
    """Calls, operations and streams over one channel; safe for any number of tasks of one event loop.

    Attributes:
        providers: The typed stub of ProviderService, for calls as gRPC makes them: no repeats, AioRpcError.
        operations: That of OperationsService.
        metrics: That of MetricsService.
        address: Where the server is.
    """

    providers: "provider_service_pb2_grpc.ProviderServiceAsyncStub"
    operations: "operations_service_pb2_grpc.OperationsServiceAsyncStub"
    metrics: "metrics_service_pb2_grpc.MetricsServiceAsyncStub"

    def __init__(
        self, channel: grpc.aio.Channel, *, address: str = "the server", backoff: Backoff | None = None
    ) -> None:
        """Use a channel that is there; `connect` makes one. Leaving the client closes it."""
        self.address = address
        self.providers = provider_service_pb2_grpc.ProviderServiceStub(channel)
        self.operations = operations_service_pb2_grpc.OperationsServiceStub(channel)
        self.metrics = metrics_service_pb2_grpc.MetricsServiceStub(channel)
        self._channel = channel
        self._backoff = backoff or Backoff()
        self._stubs = {
            "ProviderService": self.providers,
            "OperationsService": self.operations,
            "MetricsService": self.metrics,
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every call and stream, and the connection. Operations go on in the server."""
        await self._channel.close()

    def operation(self, name: str) -> Operation[Message]:
        """A handle on an operation that was started before, here or elsewhere; sends nothing."""
        return Operation(self, operations_pb2.Operation(name=name))

    def watch_operations(
        self,
        parent: str = "providers/-",
        *,
        filter: str = "",
        skip_snapshot: bool = False,
        heartbeat: float = HEARTBEAT,
        give_up_after: float = 60.0,
    ) -> OperationStream:
        """Watch operations: first every one that is not done, then each change of any.

        Args:
            parent: "providers/{provider}", or "providers/-" for all.
            filter: Conditions as in ListOperations; an operation that no longer meets them comes once more.
            skip_snapshot: Begin with what changes, without what is under way.
            heartbeat: Seconds that the stream may be silent; after two missing heartbeats it is connected anew.
            give_up_after: Seconds of connecting in vain before CloudError is raised, once it has been connected.
        """

        def dial(position: streams_pb2.StreamPosition | None) -> Any:
            request = operations_service_pb2.WatchOperationsRequest(
                parent=parent,
                filter=filter,
                resume_after=position,
                heartbeat_interval=duration(heartbeat),
                skip_snapshot=skip_snapshot,
            )
            return self.operations.WatchOperations(request)

        return OperationStream(self.follower(dial, "WatchOperations", heartbeat=heartbeat, give_up_after=give_up_after))

    def watch_resources(
        self,
        parent: str = "providers/-",
        *,
        filter: str = "",
        regions: Sequence[str] = (),
        types: "Sequence[common_pb2.ResourceType]" = (),
        heartbeat: float = HEARTBEAT,
        give_up_after: float = 60.0,
    ) -> ResourceStream:
        """Watch the inventory: first all that is there, then what changes.

        Args:
            parent: "providers/{provider}", or "providers/-" for all.
            filter: Conditions on the fields of every kind in `types`; see "Filters" in common.proto.
            regions: Regions to look in; empty: all that the provider uses.
            types: RESOURCE_TYPE_PROVIDER, RESOURCE_TYPE_INSTANCE; empty: both.
            heartbeat: Seconds that the stream may be silent; after two missing heartbeats it is connected anew.
            give_up_after: Seconds of connecting in vain before CloudError is raised, once it has been connected.
        """

        def dial(position: streams_pb2.StreamPosition | None) -> Any:
            request = provider_service_pb2.WatchResourcesRequest(
                parent=parent,
                filter=filter,
                regions=regions,
                types=types,
                resume_after=position,
                heartbeat_interval=duration(heartbeat),
            )
            return self.providers.WatchResources(request)

        return ResourceStream(self.follower(dial, "WatchResources", heartbeat=heartbeat, give_up_after=give_up_after))

    def stream_metrics(
        self,
        parent: str = "providers/-",
        *,
        metrics: Sequence[str] = (),
        resources: Sequence[str] = (),
        filter: str = "",
        interval: float | None = None,
        changes_only: bool = False,
        refresh_interval: float | None = None,
        skip_snapshot: bool = False,
        heartbeat: float = HEARTBEAT,
        give_up_after: float = 60.0,
    ) -> MetricStream:
        """Stream live metrics: first the newest values, then each as it is collected.

        Args:
            parent: "providers/{provider}", or "providers/-" for all.
            metrics: Types; a trailing "*" takes all that begin so. Empty: the canonical ones.
            resources: Names of resources; empty: all under the parent.
            filter: Conditions on attributes and on fields of the resource; see "Filters" in common.proto.
            interval: Shortest seconds between two values of a series; None: as they are collected.
            changes_only: Leave out a value that equals the one before.
            refresh_interval: With changes_only: seconds after which a value comes all the same.
            skip_snapshot: Begin with what changes, without the newest values.
            heartbeat: Seconds that the stream may be silent; after two missing heartbeats it is connected anew.
            give_up_after: Seconds of connecting in vain before CloudError is raised, once it has been connected.
        """

        def dial(position: streams_pb2.StreamPosition | None) -> Any:
            request = metrics_service_pb2.StreamMetricsRequest(
                parent=parent,
                resume_after=position,
                heartbeat_interval=duration(heartbeat),
                # Once it has begun, a stream that starts over needs one to know what was missed.
                skip_snapshot=skip_snapshot and not follower.connections,
                selector=metrics_pb2.MetricSelector(metrics=metrics, resources=resources, filter=filter),
                interval=None if interval is None else duration(interval),
                changes_only=changes_only,
                refresh_interval=None if refresh_interval is None else duration(refresh_interval),
            )
            return self.metrics.StreamMetrics(request)

        follower: Follower[metrics_service_pb2.MetricEvent] = self.follower(
            dial, "StreamMetrics", heartbeat=heartbeat, give_up_after=give_up_after
        )
        wanted = Wanted(resources, filter, interval or 0.0, changes_only)
        return MetricStream(follower, wanted, lambda request: self.list(request).pages())

    def follower(
        self, dial: Dial, method: str, *, heartbeat: float = HEARTBEAT, give_up_after: float = 60.0
    ) -> Follower[Any]:
        """Follow any stream of the contract: `dial` starts its call at a position."""
        return Follower(
            dial,
            method=method,
            address=self.address,
            backoff=self._backoff,
            heartbeat=heartbeat,
            give_up_after=give_up_after,
        )

    async def _call(self, request: Message, timeout: float) -> Any:
        rpc = rpc_of(request)
        if rpc.streaming:
            ways = "`stream_metrics`, `watch_resources`, `watch_operations` or `operation.watch`"
            raise TypeError(f"{rpc.name} answers with a stream: use {ways}, or the stub")
        sent = rpc.with_request_id(request)
        send = getattr(self._stubs[rpc.service], rpc.name)
        clock = asyncio.get_running_loop().time
        end, failures = clock() + timeout, 0
        while True:
            try:
                return await send(sent, timeout=max(0.0, end - clock()))
            except grpc.aio.AioRpcError as raised:
                error = from_rpc_error(raised, method=rpc.name, address=self.address)
            failures += 1
            wait = self._backoff.wait(failures, error)
            again = (rpc.safe or rpc.keyed) and repeatable(error) and failures < self._backoff.attempts
            if not again or clock() + wait >= end:
                raise error
            await asyncio.sleep(wait)

    async def _start(self, request: Message, timeout: float) -> Operation[Any]:
        rpc = rpc_of(request)
        if rpc.result is None:
            raise TypeError(f"{rpc.name} starts no operation: use `call`")
        if getattr(request, "validate_only", False):
            raise ValueError("validate_only starts no operation: use `call`")
        return Operation(self, (await self._call(request, timeout)).operation)

    def _list(self, request: Message, timeout: float) -> Listing[Any]:
        rpc = rpc_of(request)
        if not rpc.elements:
            raise TypeError(f"{rpc.name} lists nothing: use `call`")
        return Listing(rpc, request, lambda page: self._call(page, timeout))


def connect(address: str = "127.0.0.1:7443", *, backoff: Backoff | None = None) -> Client:
    """Make a client of the server at "HOST:PORT" or "unix:PATH"; call it in a running event loop.

        async with novacron_client.connect("127.0.0.1:7443") as client: ...

    It connects with the first call, so that a server which is not there is found there (Unreachable).

    Raises ValueError for an address of another form.
    """
    return Client(open_channel(address), address=address, backoff=backoff)
