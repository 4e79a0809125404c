"""Azure's sizes of virtual machines as the contract's instance types."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from novacron.cloud.v1 import compute_pb2, provider_service_pb2

from novacron_providers.azure.client import Client
from novacron_providers.azure.regions import Regions
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import CapacityUnavailable, InvalidArgument, NotFound, PermissionMissing
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import ResourceName
from novacron_providers.kit.escape import to_struct
from novacron_providers.kit.pages import NativePage, read_page

# Seconds for which what a region offers to the subscription is good.
_FRESH = 600.0
_GIB, _MIB = 2**30, 2**20
ARCHITECTURES: Mapping[str, compute_pb2.Architecture] = {
    "x64": compute_pb2.ARCHITECTURE_X86_64,
    "Arm64": compute_pb2.ARCHITECTURE_ARM64,
}
# Words of Azure's sizes for GPUs, by the beginning of their family.
_GPUS = {
    "standardNCASv3_T4": "NVIDIA T4",
    "standardNCADSA100v4": "NVIDIA A100",
    "standardNCadsH100v5": "NVIDIA H100",
    "standardNDSH100v5": "NVIDIA H100",
    "standardNVADSA10v5": "NVIDIA A10",
    "standardNVSv3": "NVIDIA M60",
}


class Size(NamedTuple):
    """A size in a region: Azure's words, and ours; `refused` says why the subscription cannot have it there."""

    raw: Mapping[str, Any]
    shape: compute_pb2.InstanceType
    refused: str


class InstanceTypes:
    """The sizes that Azure sells to one subscription, region by region."""

    def __init__(self, client: Client, regions: Regions, provider: str, clock: Clock) -> None:
        self._client, self._regions = client, regions
        self._provider, self._clock = provider, clock
        # Sizes of a region by name, and when they were read: Azure tells a region's sizes only all at once.
        self._known: dict[str, tuple[float, dict[str, Size]]] = {}

    async def list_instance_types(
        self, request: provider_service_pb2.ListInstanceTypesRequest, call: Call
    ) -> provider_service_pb2.ListInstanceTypesResponse:
        """Implement ListInstanceTypes: without what the subscription may not have in a region or zone."""
        query = Filter.parse(request.filter, compute_pb2.InstanceType)
        regions = await self._regions.asked(request.regions, query, call)
        observed = self._clock.time()

        async def fetch(region: str, token: str, wanted: int) -> NativePage[compute_pb2.InstanceType]:
            sizes = await self._read(region, call)
            found = []
            for size in sizes.values():
                if size.refused:
                    continue
                shape = compute_pb2.InstanceType()
                shape.CopyFrom(size.shape)
                if request.include_provider_data:
                    shape.provider_data.CopyFrom(to_struct(size.raw))
                found.append(shape)
            return NativePage(found)

        page = await read_page(request, self._provider, regions, fetch, query.matches)
        answer = provider_service_pb2.ListInstanceTypesResponse(
            instance_types=page.items, next_page_token=page.next_page_token, unreachable=page.unreachable
        )
        answer.observe_time.FromNanoseconds(round(observed * 1e9))
        return answer

    async def known(self, region: str, names: Collection[str], call: Call) -> dict[str, compute_pb2.InstanceType]:
        """Types by name; one that Azure does not sell there, or that the credentials may not read, is left out."""
        try:
            sizes = await self._sizes(region, call)
        except PermissionMissing:
            return {}
        return {name: sizes[name].shape for name in names if name in sizes}

    async def choose(
        self, region: str, zone: str, spec: compute_pb2.InstanceSpec, architecture: compute_pb2.Architecture, call: Call
    ) -> compute_pb2.InstanceType:
        """The type that a spec asks for by name, or the smallest one that has what it asks for.

        Without prices the smallest stands for the cheapest: without GPU, for the image's architecture, in the zone, the
        one with the fewest vcpus, then the least memory; burstable ones first. Raises NotFound, CapacityUnavailable,
        InvalidArgument, naming the field.
        """
        sizes = await self._sizes(region, call)
        if spec.instance_type:
            size = sizes.get(spec.instance_type)
            if size is None:
                raise NotFound(
                    f"{region} has no instance type {spec.instance_type!r}; ListInstanceTypes tells which there are",
                    field="spec.instance_type",
                )
            if size.refused:
                raise CapacityUnavailable(
                    f"{spec.instance_type} is not sold to this subscription in {region}: {size.refused}",
                    field="spec.instance_type",
                )
            if zone and zone not in size.shape.zones:
                raise CapacityUnavailable(
                    f"{spec.instance_type} is not in zone {zone} of {region}",
                    field="spec.zone",
                    facts={"zones": ",".join(size.shape.zones)},
                )
            if architecture and size.shape.architecture and architecture != size.shape.architecture:
                raise InvalidArgument(
                    f"{spec.instance_type} and the image are of different architectures", field="spec.instance_type"
                )
            return size.shape
        fitting = [
            (shape.vcpus, shape.memory_bytes, not str(raw.get("family", "")).startswith("standardB"), name)
            for name, (raw, shape, refused) in sizes.items()
            if shape.vcpus >= spec.vcpus
            and shape.memory_bytes >= spec.memory_bytes
            and not shape.gpu_count
            and not refused
            and (not zone or zone in shape.zones)
            and (not architecture or shape.architecture == architecture)
            and (not spec.spot or _capabilities(raw).get("LowPriorityCapable") == "True")
        ]
        if not fitting:
            raise InvalidArgument(
                f"{region} has no instance type with {spec.vcpus} vcpus and {spec.memory_bytes} bytes of memory",
                field="spec.vcpus",
            )
        return sizes[min(fitting)[3]].shape

    async def _sizes(self, region: str, call: Call) -> dict[str, Size]:
        read_at, sizes = self._known.get(region, (float("-inf"), {}))
        return sizes if self._clock.monotonic() < read_at + _FRESH else await self._read(region, call)

    async def _read(self, region: str, call: Call) -> dict[str, Size]:
        observed, page = self._clock.time(), ""
        sizes: dict[str, Size] = {}
        while True:
            answer = await self._client.compute("resource_skus.list", call, filter=f"location eq '{region}'", page=page)
            for raw in answer.body["value"]:
                if raw.get("resourceType") == "virtualMachines":
                    sizes[raw["name"]] = self._translate(region, raw, observed)
            page = answer.body.get("nextLink") or ""
            if not page:
                break
        self._known[region] = (self._clock.monotonic(), sizes)
        return sizes

    def _translate(self, region: str, raw: Mapping[str, Any], observed: float) -> Size:
        told = _capabilities(raw)
        gpus = int(told.get("GPUs", 0))
        shape = compute_pb2.InstanceType(
            name=str(ResourceName(self._provider, "instanceTypes", (region, raw["name"]))),
            native_id=raw["name"],
            region=region,
            vcpus=int(told.get("vCPUsAvailable") or told.get("vCPUs") or 0),
            memory_bytes=round(float(told.get("MemoryGB", 0)) * _GIB),
            local_disk_bytes=int(told.get("MaxResourceVolumeMB", 0)) * _MIB,
            architecture=ARCHITECTURES.get(told.get("CpuArchitectureType", "x64")),
            gpu_count=gpus,
            gpu_model=_gpu_model(str(raw.get("family", ""))) if gpus else "",
        )
        zones = {zone for info in raw.get("locationInfo") or [] for zone in info.get("zones") or []}
        refused = ""
        for restriction in raw.get("restrictions") or []:
            if restriction.get("type") == "Zone":
                zones -= set((restriction.get("restrictionInfo") or {}).get("zones") or [])
            elif region.lower() in [value.lower() for value in restriction.get("values") or []]:
                refused = str(restriction.get("reasonCode") or "restricted")
        shape.zones.extend(sorted(zones))
        shape.observe_time.FromNanoseconds(round(observed * 1e9))
        return Size(raw, shape, refused)


def _capabilities(raw: Mapping[str, Any]) -> dict[str, str]:
    return {capability["name"]: capability["value"] for capability in raw.get("capabilities") or []}


def _gpu_model(family: str) -> str:
    """Azure tells how many GPUs there are, and what they are only in the name of the family."""
    return next((model for word, model in _GPUS.items() if family.lower().startswith(word.lower())), "")
