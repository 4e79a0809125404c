"""The instances of an account, as EC2 tells of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf import struct_pb2
from novacron.cloud.v1 import common_pb2, compute_pb2, provider_service_pb2

from novacron_providers.aws import described, instances
from novacron_providers.aws.client import Client, Reader
from novacron_providers.aws.instance_types import InstanceTypes
from novacron_providers.aws.regions import Regions
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import InvalidArgument, NotFound, PermissionMissing
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import ResourceName, parse
from novacron_providers.kit.escape import from_struct
from novacron_providers.kit.pages import NativePage, read_page

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef

_ID = re.compile(r"i-[0-9a-f]{8,17}")
# EC2's bounds for one page.
_FEWEST, _MOST = 5, 1000
_OPTIONS = "provider_options"


class Place(NamedTuple):
    """Where an instance is: region and EC2's id, and the provider that its name has."""

    provider: str
    region: str
    native_id: str

    @classmethod
    def of(cls, name: str) -> Place:
        """Take a resource name apart; raises InvalidArgument, naming "name"."""
        parsed = parse(name, "instances", 2)
        place = cls(parsed.provider, *parsed.parts)
        if not _ID.fullmatch(place.native_id):
            raise InvalidArgument(f"{name!r} does not end in an EC2 instance id, such as i-0abcdef1", field="name")
        return place

    @property
    def name(self) -> str:
        """Resource name."""
        return str(ResourceName(self.provider, "instances", (self.region, self.native_id)))

    @property
    def ref(self) -> common_pb2.ResourceRef:
        """Pointer to the instance."""
        return common_pb2.ResourceRef(
            name=self.name,
            native_id=self.native_id,
            type=common_pb2.RESOURCE_TYPE_INSTANCE,
            region=self.region,
        )

    def missing(self, facts: Mapping[str, str] | None = None) -> NotFound:
        """The error that says that there is no such instance; `facts` are those of AWS's own."""
        return NotFound(f"there is no instance {self.native_id} in {self.region}", resource=self.name, facts=facts)


class Fleet:
    """Reads instances."""

    def __init__(self, client: Client, regions: Regions, types: InstanceTypes, provider: str, clock: Clock) -> None:
        self._client, self._regions, self._types = client, regions, types
        self._provider, self._clock = provider, clock

    async def find(self, place: Place, call: Call) -> InstanceTypeDef | None:
        """What EC2 says of an instance, for an hour also of one that was deleted; None when it knows none."""
        try:
            return await self._read(place, call)
        except NotFound:
            return None

    async def must_find(self, place: Place, call: Call) -> InstanceTypeDef:
        """What EC2 says of an instance; raises NotFound when it is deleted or was never there."""
        raw = await self._read(place, call)
        if instances.state_of(raw) == compute_pb2.INSTANCE_STATE_DELETED:
            raise place.missing({"state": raw["State"]["Name"]})
        return raw

    async def get(self, place: Place, call: Call, *, with_data: bool = False) -> compute_pb2.Instance:
        """An instance with all that can be known of it; raises NotFound."""
        raw = await self.must_find(place, call)
        observed = self._clock.time()
        shapes = await self._types.known(place.region, [raw["InstanceType"]], call)
        return instances.translate(
            raw,
            provider=self._provider,
            region=place.region,
            observed=observed,
            shape=shapes.get(raw["InstanceType"]),
            boot_disk_bytes=await self._boot_disk_bytes(place.region, raw, call),
            with_data=with_data,
        )

    async def list_instances(
        self, request: provider_service_pb2.ListInstancesRequest, call: Call
    ) -> provider_service_pb2.ListInstancesResponse:
        """Implement ListInstances. boot_disk_bytes is left to GetInstance: EC2 tells it only volume by volume."""
        query = Filter.parse(request.filter, compute_pb2.Instance)
        regions: Sequence[str] = await self._regions.asked(request.regions, query, call)
        filters = instances.pushed(query, show_deleted=request.show_deleted)
        parameters = _parameters(request.provider_options, filters or [])
        if filters is None:
            regions = ()
        # What the caller wants to see whole is read whole.
        reader = None if request.include_provider_data else described.read
        observed = self._clock.time()

        async def fetch(region: str, token: str, wanted: int) -> NativePage[compute_pb2.Instance]:
            size = {"MaxResults": max(_FEWEST, min(_MOST, wanted)), **({"NextToken": token} if token else {})}
            answer = await self._describe(region, {**parameters, **size}, call, reader=reader)
            shapes = await self._types.known(region, {raw["InstanceType"] for raw in answer["Instances"]}, call)

            def translate() -> list[compute_pb2.Instance]:
                return [
                    instances.translate(
                        raw,
                        provider=self._provider,
                        region=region,
                        observed=observed,
                        shape=shapes.get(raw["InstanceType"]),
                        with_data=request.include_provider_data,
                    )
                    for raw in answer["Instances"]
                ]

            page = await self._client.off_loop(translate)
            return NativePage(page, answer.get("NextToken", ""))

        def keep(instance: compute_pb2.Instance) -> bool:
            deleted = instance.state == compute_pb2.INSTANCE_STATE_DELETED
            return (request.show_deleted or not deleted) and query.matches(instance)

        if regions and request.provider_options.fields:
            await self._client.check("ec2.DescribeInstances", regions[0], parameters, call, field=_OPTIONS)
        page = await read_page(request, self._provider, regions, fetch, keep)
        answer = provider_service_pb2.ListInstancesResponse(
            instances=page.items, next_page_token=page.next_page_token, unreachable=page.unreachable
        )
        answer.observe_time.FromNanoseconds(round(observed * 1e9))
        return answer

    async def _read(self, place: Place, call: Call) -> InstanceTypeDef:
        if place.region not in await self._regions.usable(call):
            raise place.missing()
        try:
            found = await self._describe(place.region, {"InstanceIds": [place.native_id]}, call)
        except NotFound as error:
            raise place.missing(error.facts) from error
        if not found["Instances"]:
            raise place.missing()
        raw: InstanceTypeDef = found["Instances"][0]
        return raw

    async def _describe(
        self, region: str, parameters: dict[str, Any], call: Call, *, reader: Reader | None = None
    ) -> dict[str, Any]:
        """DescribeInstances without the reservations, which say nothing here."""
        answer = await self._client.call("ec2.DescribeInstances", region, call, parameters, reader=reader)
        found = [raw for reservation in answer["Reservations"] for raw in reservation["Instances"]]
        return {"Instances": found, "NextToken": answer.get("NextToken", "")}

    async def _boot_disk_bytes(self, region: str, raw: InstanceTypeDef, call: Call) -> int | None:
        root = instances.volumes_of(raw).get(raw.get("RootDeviceName", ""))
        if root is None:
            return None
        filters: list[FilterTypeDef] = [{"Name": "volume-id", "Values": [root]}]
        try:
            answer = await self._client.call("ec2.DescribeVolumes", region, call, {"Filters": filters})
        except PermissionMissing:
            return None
        return next((volume["Size"] * 2**30 for volume in answer["Volumes"]), None)


def _parameters(options: struct_pb2.Struct, filters: list[FilterTypeDef]) -> dict[str, Any]:
    """Parameters of DescribeInstances: the caller's, with our filters beside theirs."""
    parameters = from_struct(options)
    for key in ("DryRun", "InstanceIds", "MaxResults", "NextToken"):
        if key in parameters:
            raise InvalidArgument(f"{key} is set from the request; leave it out of provider_options", field=_OPTIONS)
    theirs = parameters.get("Filters", [])
    if not isinstance(theirs, list):
        raise InvalidArgument("Filters is a list of {Name, Values}", field=_OPTIONS)
    if filters or theirs:
        parameters["Filters"] = [*theirs, *filters]
    return parameters
