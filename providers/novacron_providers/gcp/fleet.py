"""The instances of a project, as Compute Engine tells of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from google.protobuf import struct_pb2
from novacron.cloud.v1 import common_pb2, compute_pb2, provider_service_pb2

from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import InvalidArgument, NotFound, PermissionMissing, Unavailable, to_status
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import ResourceName, parse
from novacron_providers.gcp import instances
from novacron_providers.gcp.client import Client
from novacron_providers.gcp.instance_types import InstanceTypes
from novacron_providers.gcp.regions import Regions, region_of
from novacron_providers.kit.escape import from_struct
from novacron_providers.kit.pages import NativePage, read_page

ZONE = re.compile(r"[a-z]+-[a-z]+\d+-[a-z]")
NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
# Most that one page of Compute Engine holds.
_MOST = 500
_OPTIONS = "provider_options"
# What is asked of a list: all that instances.translate() looks at, which is half of what Google would send.
_FIELDS = (
    "nextPageToken,items/*(warning/code,instances(creationTimestamp,description,"
    "disks(architecture,boot,diskSizeGb,index,source),labels,lastStartTimestamp,machineType,metadata/items,name,"
    "networkInterfaces(accessConfigs/natIP,network,networkIP,subnetwork),scheduling/provisioningModel,selfLink,status,"
    "statusMessage,tags/items,zone))"
)
# What ListInstances' provider_options may hold: parameters of Google's own list.
_LIST_OPTIONS = ("filter", "orderBy")


class Place(NamedTuple):
    """Where an instance is: its zone and name, and the provider that its resource name has."""

    provider: str
    zone: str
    machine: str

    @classmethod
    def of(cls, name: str) -> Place:
        """Take a resource name apart; raises InvalidArgument, naming "name"."""
        provider, _, (zone, machine) = parse(name, "instances", 2)
        if not ZONE.fullmatch(zone) or not NAME.fullmatch(machine):
            raise InvalidArgument(
                f"{name!r} does not end in a zone and an instance, such as us-central1-a~web-1", field="name"
            )
        return cls(provider, zone, machine)

    @property
    def region(self) -> str:
        """Region of the zone."""
        return region_of(self.zone)

    @property
    def name(self) -> str:
        """Resource name."""
        return str(ResourceName(self.provider, "instances", (self.zone, self.machine)))

    def missing(self, facts: Mapping[str, str] | None = None) -> NotFound:
        """The error that says that there is no such instance; `facts` are those of Google's own."""
        return NotFound(f"there is no instance {self.machine} in {self.zone}", resource=self.name, facts=facts)


class Fleet:
    """Reads instances."""

    def __init__(self, client: Client, regions: Regions, types: InstanceTypes, provider: str, clock: Clock) -> None:
        self._client, self._regions, self._types = client, regions, types
        self._provider, self._clock = provider, clock

    def ref(self, place: Place) -> common_pb2.ResourceRef:
        """Pointer to an instance."""
        return common_pb2.ResourceRef(
            name=place.name,
            native_id=(
                f"https://www.googleapis.com/compute/v1/projects/{self._client.project}/zones/{place.zone}"
                f"/instances/{place.machine}"
            ),
            type=common_pb2.RESOURCE_TYPE_INSTANCE,
            region=place.region,
        )

    async def find(self, place: Place, call: Call) -> Any | None:
        """What Google says of an instance; None when there is none."""
        try:
            return await self.must_find(place, call)
        except NotFound:
            return None

    async def must_find(self, place: Place, call: Call) -> Any:
        """What Google says of an instance; raises NotFound."""
        try:
            return await self._client.compute(
                "instances.get", call, region=place.region, zone=place.zone, instance=place.machine
            )
        except NotFound as error:
            raise place.missing(error.facts) from error

    async def get(self, place: Place, call: Call, *, with_data: bool = False) -> compute_pb2.Instance:
        """An instance with all that can be known of it; raises NotFound."""
        if place.region not in await self._regions.usable(call):
            raise place.missing()
        observed = self._clock.time()
        raw = await self.must_find(place, call)
        kind = instances.last(raw.get("machineType", ""))
        return instances.translate(
            raw,
            provider=self._provider,
            observed=observed,
            shape=(await self._types.known({kind: place.zone}, call)).get(kind),
            image=await self._image(place, raw, call),
            with_data=with_data,
        )

    async def list_instances(
        self, request: provider_service_pb2.ListInstancesRequest, call: Call
    ) -> provider_service_pb2.ListInstancesResponse:
        """Implement ListInstances: one list of the whole project.

        `image` is left to GetInstance: Google tells it only disk by disk. Filters are applied here, because Google
        charges a filtered list for what it leaves out.
        """
        query = Filter.parse(request.filter, compute_pb2.Instance)
        regions = set(await self._regions.asked(request.regions, query, call))
        options = _options(request.provider_options)
        if not request.include_provider_data:
            options["fields"] = _FIELDS
        observed = self._clock.time()
        unreachable: dict[str, common_pb2.Unreachable] = {}

        async def fetch(_: str, token: str, wanted: int) -> NativePage[compute_pb2.Instance]:
            size: dict[str, str | int] = {
                "maxResults": max(1, min(_MOST, wanted)),
                **({"pageToken": token} if token else {}),
            }
            answer = await self._client.read(
                "instances.aggregatedList", "aggregated/instances", call, {**options, **size}, rate="list"
            )
            found = []
            for place, scope in answer.get("items", {}).items():
                region = region_of(instances.last(place))
                if region not in regions:
                    continue
                if (scope.get("warning") or {}).get("code") == "UNREACHABLE":
                    lost = Unavailable(f"Google does not reach {place} now; repeat later", retry_after=5.0)
                    if not request.return_partial_success:
                        raise lost
                    name = str(ResourceName(self._provider, "regions", (region,)))
                    unreachable[name] = common_pb2.Unreachable(name=name, status=to_status(lost))
                found += scope.get("instances", ())
            used = {instances.last(raw.get("machineType", "")): instances.zone_of(raw) for raw in found}
            shapes = await self._types.known(used, call)
            page = [
                instances.translate(
                    raw,
                    provider=self._provider,
                    observed=observed,
                    shape=shapes.get(instances.last(raw.get("machineType", ""))),
                    with_data=request.include_provider_data,
                )
                for raw in found
            ]
            return NativePage(page, answer.get("nextPageToken", ""))

        page = await read_page(request, self._provider, [""] if regions else [], fetch, query.matches)
        answer = provider_service_pb2.ListInstancesResponse(
            instances=page.items,
            next_page_token=page.next_page_token,
            unreachable=[*page.unreachable, *unreachable.values()],
        )
        answer.observe_time.FromNanoseconds(round(observed * 1e9))
        return answer

    async def _image(self, place: Place, raw: Mapping[str, Any], call: Call) -> str:
        """Image that the boot disk was made from; empty when it was made from none, or may not be read."""
        boot = next((disk for disk in instances.disks_of(raw) if disk.get("boot")), None)
        if boot is None:
            return ""
        _, _, below = boot["source"].partition(f"/projects/{self._client.project}/")
        try:
            disk = await self._client.read("disks.get", below, call, region=place.region) if below else {}
        except (NotFound, PermissionMissing):
            return ""
        # "projects/debian-cloud/global/images/debian-12-bookworm-v20261110"
        _, _, image = str(disk.get("sourceImage") or "").partition("/projects/")
        return f"projects/{image}" if image else ""


def _options(options: struct_pb2.Struct) -> dict[str, str | int]:
    """The caller's parameters of Google's list."""
    parameters = from_struct(options)
    for key, value in parameters.items():
        if key not in _LIST_OPTIONS or not isinstance(value, str):
            raise InvalidArgument(
                f"Google's list takes no {key!r} from provider_options; it takes the text {', '.join(_LIST_OPTIONS)}",
                field=_OPTIONS,
            )
    return parameters
