"""The typed calls of the client. Generated from the contract by tools/calls.py: do not edit."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, overload

from google.protobuf.message import Message

if TYPE_CHECKING:
    from google.protobuf import empty_pb2
    from novacron.cloud.v1 import (
        compute_pb2,
        metrics_pb2,
        metrics_service_pb2,
        operations_pb2,
        operations_service_pb2,
        provider_pb2,
        provider_service_pb2,
    )

    from novacron_client.listing import Listing
    from novacron_client.operation import Operation


class Calls(ABC):
    """Every unary RPC of the contract, found by the type of its request."""

    @abstractmethod
    async def _call(self, request: Message, timeout: float) -> Any: ...

    @abstractmethod
    async def _start(self, request: Message, timeout: float) -> "Operation[Any]": ...

    @abstractmethod
    def _list(self, request: Message, timeout: float) -> "Listing[Any]": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.GetProviderRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.GetProviderResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.ListProvidersRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.ListProvidersResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.RegisterProviderRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.RegisterProviderResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.UpdateProviderRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.UpdateProviderResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.UnregisterProviderRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.UnregisterProviderResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.GetCapabilitiesRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.GetCapabilitiesResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.ListRegionsRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.ListRegionsResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.ListInstanceTypesRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.ListInstanceTypesResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.GetInstanceRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.GetInstanceResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.ListInstancesRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.ListInstancesResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.CreateInstanceRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.CreateInstanceResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.DeleteInstanceRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.DeleteInstanceResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.StartInstanceRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.StartInstanceResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.StopInstanceRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.StopInstanceResponse": ...

    @overload
    async def call(
        self, request: "provider_service_pb2.RestartInstanceRequest", *, timeout: float = ...
    ) -> "provider_service_pb2.RestartInstanceResponse": ...

    @overload
    async def call(
        self, request: "operations_service_pb2.GetOperationRequest", *, timeout: float = ...
    ) -> "operations_service_pb2.GetOperationResponse": ...

    @overload
    async def call(
        self, request: "operations_service_pb2.ListOperationsRequest", *, timeout: float = ...
    ) -> "operations_service_pb2.ListOperationsResponse": ...

    @overload
    async def call(
        self, request: "operations_service_pb2.WaitOperationRequest", *, timeout: float = ...
    ) -> "operations_service_pb2.WaitOperationResponse": ...

    @overload
    async def call(
        self, request: "operations_service_pb2.CancelOperationRequest", *, timeout: float = ...
    ) -> "operations_service_pb2.CancelOperationResponse": ...

    @overload
    async def call(
        self, request: "metrics_service_pb2.ListMetricDescriptorsRequest", *, timeout: float = ...
    ) -> "metrics_service_pb2.ListMetricDescriptorsResponse": ...

    @overload
    async def call(
        self, request: "metrics_service_pb2.GetLatestMetricsRequest", *, timeout: float = ...
    ) -> "metrics_service_pb2.GetLatestMetricsResponse": ...

    async def call(self, request: Message, *, timeout: float = 30.0) -> Message:
        """Call the RPC that takes this request, and return its response.

        A request that can be repeated safely (a read, or one with a request_id, which is filled in where it is empty)
        is sent again while the server is unavailable, with growing waits, as long as the server allows it and the
        timeout lasts.

        Args:
            request: "XRequest" of any RPC X of the contract.
            timeout: Seconds for all tries together.

        Raises CloudError (Unreachable when no server answers), TypeError for a message that is no request.
        """
        answer: Message = await self._call(request, timeout)
        return answer

    @overload
    async def start(
        self, request: "provider_service_pb2.CreateInstanceRequest", *, timeout: float = ...
    ) -> "Operation[compute_pb2.Instance]": ...

    @overload
    async def start(
        self, request: "provider_service_pb2.DeleteInstanceRequest", *, timeout: float = ...
    ) -> "Operation[empty_pb2.Empty]": ...

    @overload
    async def start(
        self, request: "provider_service_pb2.StartInstanceRequest", *, timeout: float = ...
    ) -> "Operation[compute_pb2.Instance]": ...

    @overload
    async def start(
        self, request: "provider_service_pb2.StopInstanceRequest", *, timeout: float = ...
    ) -> "Operation[compute_pb2.Instance]": ...

    @overload
    async def start(
        self, request: "provider_service_pb2.RestartInstanceRequest", *, timeout: float = ...
    ) -> "Operation[compute_pb2.Instance]": ...

    async def start(self, request: Message, *, timeout: float = 30.0) -> "Operation[Any]":
        """Start a change and return a handle on its operation, once the server has written it down.

        Safe to repeat with the same request_id: within 24 hours it gives the same operation.

        Args:
            request: Request of an RPC that answers with an operation.
            timeout: Seconds for the start, not for the operation.

        Raises CloudError when it was not started, TypeError for another RPC, ValueError for validate_only.
        """
        return await self._start(request, timeout)

    @overload
    def list(
        self, request: "provider_service_pb2.ListProvidersRequest", *, timeout: float = ...
    ) -> "Listing[provider_pb2.Provider]": ...

    @overload
    def list(
        self, request: "provider_service_pb2.ListRegionsRequest", *, timeout: float = ...
    ) -> "Listing[provider_pb2.Region]": ...

    @overload
    def list(
        self, request: "provider_service_pb2.ListInstanceTypesRequest", *, timeout: float = ...
    ) -> "Listing[compute_pb2.InstanceType]": ...

    @overload
    def list(
        self, request: "provider_service_pb2.ListInstancesRequest", *, timeout: float = ...
    ) -> "Listing[compute_pb2.Instance]": ...

    @overload
    def list(
        self, request: "operations_service_pb2.ListOperationsRequest", *, timeout: float = ...
    ) -> "Listing[operations_pb2.Operation]": ...

    @overload
    def list(
        self, request: "metrics_service_pb2.ListMetricDescriptorsRequest", *, timeout: float = ...
    ) -> "Listing[metrics_pb2.MetricDescriptor]": ...

    @overload
    def list(
        self, request: "metrics_service_pb2.GetLatestMetricsRequest", *, timeout: float = ...
    ) -> "Listing[metrics_pb2.MetricPoint]": ...

    def list(self, request: Message, *, timeout: float = 30.0) -> "Listing[Any]":
        """List what the request asks for, over all pages; nothing is sent before the first element is asked for.

        Args:
            request: Request of an RPC that lists.
            timeout: Seconds for each page.

        Raises TypeError for another RPC.
        """
        return self._list(request, timeout)
