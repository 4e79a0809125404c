"""Instances, their types, and the regions they are in."""

from abc import abstractmethod
from typing import ClassVar

from google.protobuf import empty_pb2
from novacron.cloud.v1 import compute_pb2, provider_service_pb2

from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.provider import Area


class Compute(Area):
    """Compute of one account. The comments of the RPCs in provider_service.proto are the contract.

    Reads honour `call.remaining()`. Lists page truly: never more than page_size, a token bound to its query
    (contract.paging), `filter` by contract.filters, pushed down where the cloud can. With return_partial_success a
    region that cannot be read is in `unreachable`, else its error is raised. observe_time is set on every resource and
    on the response.

    Attributes:
        lists_at_once: Whether one list of instances costs the same for all regions as for one, so that those who follow
            several regions had better ask for them together.
    """

    lists_at_once: ClassVar[bool] = False

    @abstractmethod
    async def list_regions(
        self, request: provider_service_pb2.ListRegionsRequest, call: Call
    ) -> provider_service_pb2.ListRegionsResponse: ...

    @abstractmethod
    async def list_instance_types(
        self, request: provider_service_pb2.ListInstanceTypesRequest, call: Call
    ) -> provider_service_pb2.ListInstanceTypesResponse: ...

    @abstractmethod
    async def get_instance(
        self, request: provider_service_pb2.GetInstanceRequest, call: Call
    ) -> provider_service_pb2.GetInstanceResponse: ...

    @abstractmethod
    async def list_instances(
        self, request: provider_service_pb2.ListInstancesRequest, call: Call
    ) -> provider_service_pb2.ListInstancesResponse: ...

    @abstractmethod
    async def create_instance(
        self, request: provider_service_pb2.CreateInstanceRequest, op: Op
    ) -> compute_pb2.Instance: ...

    @abstractmethod
    async def delete_instance(self, request: provider_service_pb2.DeleteInstanceRequest, op: Op) -> empty_pb2.Empty: ...

    @abstractmethod
    async def start_instance(
        self, request: provider_service_pb2.StartInstanceRequest, op: Op
    ) -> compute_pb2.Instance: ...

    @abstractmethod
    async def stop_instance(
        self, request: provider_service_pb2.StopInstanceRequest, op: Op
    ) -> compute_pb2.Instance: ...

    @abstractmethod
    async def restart_instance(
        self, request: provider_service_pb2.RestartInstanceRequest, op: Op
    ) -> compute_pb2.Instance: ...
