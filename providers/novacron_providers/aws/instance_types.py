"""EC2's instance types as the contract's."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from novacron.cloud.v1 import compute_pb2, provider_service_pb2

from novacron_providers.aws.client import Client
from novacron_providers.aws.instances import ARCHITECTURES
from novacron_providers.aws.regions import Regions
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import InvalidArgument, NotFound, PermissionMissing
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import ResourceName
from novacron_providers.kit.escape import to_struct
from novacron_providers.kit.pages import NativePage, read_page

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeInfoTypeDef

# Most that one page of EC2 holds; it refuses fewer than 5.
_PAGE = 100
_MIB, _GB = 2**20, 10**9


class InstanceTypes:
    """The shapes that EC2 sells, region by region."""

    def __init__(self, client: Client, regions: Regions, provider: str, clock: Clock) -> None:
        self._client, self._regions = client, regions
        self._provider, self._clock = provider, clock
        # Types by region and name: there are some 1000, and one never changes.
        self._known: dict[str, dict[str, compute_pb2.InstanceType]] = {}

    async def list_instance_types(
        self, request: provider_service_pb2.ListInstanceTypesRequest, call: Call
    ) -> provider_service_pb2.ListInstanceTypesResponse:
        """Implement ListInstanceTypes."""
        query = Filter.parse(request.filter, compute_pb2.InstanceType)
        regions = await self._regions.asked(request.regions, query, call)
        observed = self._clock.time()
        filters = _pushed(query)

        async def fetch(region: str, token: str, wanted: int) -> NativePage[compute_pb2.InstanceType]:
            found, next_token = await self._page(region, filters, token, wanted, call)
            zones = await self._zones(region, [raw["InstanceType"] for raw in found], call)
            page = [self._translate(region, raw, observed) for raw in found]
            for raw, shape in zip(found, page, strict=True):
                shape.zones.extend(zones.get(raw["InstanceType"], ()))
                if request.include_provider_data:
                    shape.provider_data.CopyFrom(to_struct(raw))
            return NativePage(page, next_token)

        page = await read_page(request, self._provider, regions, fetch, query.matches)
        answer = provider_service_pb2.ListInstanceTypesResponse(
            instance_types=page.items, next_page_token=page.next_page_token, unreachable=page.unreachable
        )
        answer.observe_time.FromNanoseconds(round(observed * 1e9))
        return answer

    async def known(self, region: str, names: Collection[str], call: Call) -> dict[str, compute_pb2.InstanceType]:
        """Types by name; one that EC2 does not know, or that the credentials may not read, is left out."""
        known = self._known.setdefault(region, {})
        missing = sorted(set(names) - known.keys())
        for start in range(0, len(missing), _PAGE):
            filters: list[FilterTypeDef] = [{"Name": "instance-type", "Values": missing[start : start + _PAGE]}]
            try:
                found, _ = await self._page(region, filters, "", _PAGE, call)
            except PermissionMissing:
                break
            for raw in found:
                known[raw["InstanceType"]] = self._translate(region, raw, self._clock.time())
        return {name: known[name] for name in names if name in known}

    async def choose(
        self, region: str, spec: compute_pb2.InstanceSpec, architecture: compute_pb2.Architecture, call: Call
    ) -> compute_pb2.InstanceType:
        """The type that a spec asks for by name, or the smallest one that has what it asks for.

        Without prices the smallest stands for the cheapest: of the present generation, without GPU and not bare metal,
        for the image's architecture, the one with the fewest vcpus, then the least memory; burstable ones first.
        Raises NotFound, InvalidArgument, naming the field.
        """
        if spec.instance_type:
            found = (await self.known(region, [spec.instance_type], call)).get(spec.instance_type)
            if found is None:
                raise NotFound(
                    f"{region} has no instance type {spec.instance_type!r}; ListInstanceTypes tells which there are",
                    field="spec.instance_type",
                )
            if architecture and found.architecture and architecture != found.architecture:
                raise InvalidArgument(
                    f"{spec.instance_type} is {_word(found.architecture)} and the image is {_word(architecture)}",
                    field="spec.instance_type",
                )
            return found
        filters: list[FilterTypeDef] = [
            {"Name": "current-generation", "Values": ["true"]},
            {"Name": "bare-metal", "Values": ["false"]},
            {"Name": "supported-usage-class", "Values": ["spot" if spec.spot else "on-demand"]},
        ]
        if architecture:
            filters.append({"Name": "processor-info.supported-architecture", "Values": [_word(architecture)]})
        fitting: list[tuple[int, int, bool, str, compute_pb2.InstanceType]] = []
        token = ""
        while True:
            page, token = await self._page(region, filters, token, _PAGE, call)
            for raw in page:
                shape = self._translate(region, raw, self._clock.time())
                if shape.vcpus >= spec.vcpus and shape.memory_bytes >= spec.memory_bytes and not shape.gpu_count:
                    steady = not raw.get("BurstablePerformanceSupported", False)
                    fitting.append((shape.vcpus, shape.memory_bytes, steady, shape.native_id, shape))
            if not token:
                break
        if not fitting:
            raise InvalidArgument(
                f"{region} has no instance type with {spec.vcpus} vcpus and {spec.memory_bytes} bytes of memory",
                field="spec.vcpus",
            )
        return min(fitting, key=lambda fit: fit[:4])[4]

    async def _page(
        self, region: str, filters: list[FilterTypeDef], token: str, wanted: int, call: Call
    ) -> tuple[list[InstanceTypeInfoTypeDef], str]:
        parameters = {"Filters": filters, "MaxResults": max(5, min(_PAGE, wanted))}
        if token:
            parameters["NextToken"] = token
        answer = await self._client.call("ec2.DescribeInstanceTypes", region, call, parameters)
        return answer["InstanceTypes"], answer.get("NextToken", "")

    async def _zones(self, region: str, names: list[str], call: Call) -> dict[str, list[str]]:
        """Zones of each type."""
        found: dict[str, list[str]] = {}
        token = ""
        while names:
            parameters = {
                "LocationType": "availability-zone",
                "Filters": [{"Name": "instance-type", "Values": names}],
                "MaxResults": 1000,
                **({"NextToken": token} if token else {}),
            }
            answer = await self._client.call("ec2.DescribeInstanceTypeOfferings", region, call, parameters)
            for offer in answer["InstanceTypeOfferings"]:
                found.setdefault(offer["InstanceType"], []).append(offer["Location"])
            token = answer.get("NextToken", "")
            if not token:
                break
        return {name: sorted(zones) for name, zones in found.items()}

    def _translate(self, region: str, raw: InstanceTypeInfoTypeDef, observed: float) -> compute_pb2.InstanceType:
        gpus = raw.get("GpuInfo", {}).get("Gpus", [])
        words = raw.get("ProcessorInfo", {}).get("SupportedArchitectures", [])
        shape = compute_pb2.InstanceType(
            name=str(ResourceName(self._provider, "instanceTypes", (region, raw["InstanceType"]))),
            native_id=raw["InstanceType"],
            region=region,
            vcpus=raw.get("VCpuInfo", {}).get("DefaultVCpus", 0),
            memory_bytes=raw.get("MemoryInfo", {}).get("SizeInMiB", 0) * _MIB,
            local_disk_bytes=raw.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0) * _GB,
            architecture=next((ARCHITECTURES[word] for word in words if word in ARCHITECTURES), None),
            gpu_count=sum(gpu.get("Count", 0) for gpu in gpus),
            gpu_model=f"{gpus[0].get('Manufacturer', '')} {gpus[0].get('Name', '')}".strip() if gpus else "",
            network_bits_per_second=_bandwidth(raw),
        )
        shape.observe_time.FromNanoseconds(round(observed * 1e9))
        return shape


def _bandwidth(raw: InstanceTypeInfoTypeDef) -> int | None:
    """Peak bandwidth in bits per second; older types have only words such as "Up to 5 Gigabit" or "Moderate"."""
    network = raw.get("NetworkInfo", {})
    peaks = [card.get("PeakBandwidthInGbps", 0.0) for card in network.get("NetworkCards", [])]
    if any(peaks):
        return round(sum(peaks) * _GB)
    told = re.search(r"(?:(\d+)x )?([\d.]+) Gigabit", network.get("NetworkPerformance", ""))
    return round(int(told[1] or 1) * float(told[2]) * _GB) if told else None


def _word(architecture: compute_pb2.Architecture) -> str:
    """EC2's word for an architecture."""
    return next(word for word, value in ARCHITECTURES.items() if value == architecture)


def _pushed(query: Filter) -> list[FilterTypeDef]:
    """EC2 filters that narrow a list to what can match; the whole filter is applied to what comes back."""
    names = {"native_id": "instance-type", "vcpus": "vcpu-info.default-vcpus"}
    return [
        {"Name": names[path], "Values": [value]}
        for path, operator, value in query.conditions
        if operator == "=" and path in names and value and not re.search(r"[*?\\]", value)
    ]
