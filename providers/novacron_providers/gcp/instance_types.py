"""Compute Engine's machine types as the contract's instance types."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from novacron.cloud.v1 import compute_pb2, provider_service_pb2

from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import InvalidArgument, NotFound, PermissionMissing
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import ResourceName
from novacron_providers.gcp.client import Client
from novacron_providers.gcp.instances import ARCHITECTURES
from novacron_providers.gcp.regions import Regions, region_of
from novacron_providers.kit.concurrent import each
from novacron_providers.kit.escape import to_struct
from novacron_providers.kit.pages import NativePage, read_page

_PAGE = 500
_GIB, _MIB = 2**30, 2**20
NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_CUSTOM = re.compile(r"(?:[a-z0-9]+-)?custom-(\d+)-(\d+)(?:-ext)?")
# Custom machines: E2 where it can be, which is the cheapest; only N1 has a single vcpu.
_STEP, _MOST_VCPUS, _MOST_MEMORY = 256 * _MIB, 32, 128 * _GIB
_PER_VCPU = (512 * _MIB, 8192 * _MIB)
_SINGLE = (1024 * _MIB, 6656 * _MIB)


class InstanceTypes:
    """The shapes that Google sells: zone by zone there, one for a region here."""

    def __init__(self, client: Client, regions: Regions, provider: str, clock: Clock) -> None:
        self._client, self._regions = client, regions
        self._provider, self._clock = provider, clock
        # Shapes by name: the same in every zone that has them, and one never changes.
        self._known: dict[str, compute_pb2.InstanceType] = {}

    async def list_instance_types(
        self, request: provider_service_pb2.ListInstanceTypesRequest, call: Call
    ) -> provider_service_pb2.ListInstanceTypesResponse:
        """Implement ListInstanceTypes: a type of several zones is one, and provider_data is that of the first."""
        query = Filter.parse(request.filter, compute_pb2.InstanceType)
        regions = await self._regions.asked(request.regions, query, call)
        observed = self._clock.time()

        async def fetch(region: str, token: str, wanted: int) -> NativePage[compute_pb2.InstanceType]:
            zones = await self._regions.zones(region, call)
            found: dict[str, compute_pb2.InstanceType] = {}
            for zone, there in zip(zones, await each(zones, lambda zone: self._all(zone, call)), strict=True):
                for raw in there:
                    if shape := found.get(raw["name"]):
                        shape.zones.append(zone)
                        continue
                    shape = found[raw["name"]] = self._translate(zone, raw, observed)
                    if request.include_provider_data:
                        shape.provider_data.CopyFrom(to_struct(raw))
            return NativePage(list(found.values()))

        page = await read_page(request, self._provider, regions, fetch, query.matches)
        answer = provider_service_pb2.ListInstanceTypesResponse(
            instance_types=page.items, next_page_token=page.next_page_token, unreachable=page.unreachable
        )
        answer.observe_time.FromNanoseconds(round(observed * 1e9))
        return answer

    async def known(self, used: Mapping[str, str], call: Call) -> dict[str, compute_pb2.InstanceType]:
        """Shapes of machine types, given with a zone that has each; one that cannot be read is left out."""

        async def read(name: str) -> None:
            try:
                await self._read(used[name], name, call)
            except (NotFound, PermissionMissing, InvalidArgument):
                return

        # A custom one says in its name what it is.
        custom = {name: _custom(name) for name in used}
        await each([name for name, shape in custom.items() if shape is None and name not in self._known], read)
        found = {name: self._known.get(name) or custom[name] for name in used}
        return {name: shape for name, shape in found.items() if shape is not None}

    async def choose(
        self,
        zones: Collection[str],
        spec: compute_pb2.InstanceSpec,
        architecture: compute_pb2.Architecture,
        call: Call,
    ) -> tuple[str, compute_pb2.InstanceType]:
        """Zone and type: the type that a spec names, or one with exactly what it asks for, in the first zone with it.

        Arm is not sold to measure: there the smallest type that has what is asked for. Raises NotFound,
        InvalidArgument, naming the field.
        """
        if not spec.instance_type and architecture == compute_pb2.ARCHITECTURE_ARM64:
            return await self._smallest(zones, spec, architecture, call)
        name = spec.instance_type or custom_name(spec.vcpus, spec.memory_bytes)
        field = "spec.instance_type" if spec.instance_type else "spec.vcpus"
        for zone in zones:
            try:
                shape = await self._read(zone, name, call)
            except NotFound:
                continue
            except InvalidArgument as error:
                raise InvalidArgument(error.message, field=field, facts=error.facts) from error
            if architecture and shape.architecture and architecture != shape.architecture:
                raise InvalidArgument(f"{name} and the image are of different architectures", field=field)
            return zone, shape
        raise NotFound(
            f"no zone of {', '.join(zones)} has an instance type {name!r}; ListInstanceTypes tells which there are",
            field=field,
        )

    async def _smallest(
        self,
        zones: Collection[str],
        spec: compute_pb2.InstanceSpec,
        architecture: compute_pb2.Architecture,
        call: Call,
    ) -> tuple[str, compute_pb2.InstanceType]:
        for zone in zones:
            shapes = [self._translate(zone, raw, self._clock.time()) for raw in await self._all(zone, call)]
            fitting = [
                shape
                for shape in shapes
                if shape.vcpus >= spec.vcpus
                and shape.memory_bytes >= spec.memory_bytes
                and shape.architecture == architecture
                and not shape.gpu_count
            ]
            if fitting:
                return zone, min(fitting, key=lambda shape: (shape.vcpus, shape.memory_bytes, shape.native_id))
        raise InvalidArgument(
            f"no zone of {', '.join(zones)} has an Arm type with {spec.vcpus} vcpus and {spec.memory_bytes} bytes",
            field="spec.vcpus",
        )

    async def _read(self, zone: str, name: str, call: Call) -> compute_pb2.InstanceType:
        raw = await self._client.read(
            "machineTypes.get", f"zones/{zone}/machineTypes/{name}", call, region=region_of(zone)
        )
        shape = self._known[name] = self._translate(zone, raw, self._clock.time())
        return shape

    async def _all(self, zone: str, call: Call) -> list[Any]:
        """Google's words on each machine type of a zone."""
        found: list[Any] = []
        token = ""
        while True:
            parameters: dict[str, str | int] = {"maxResults": _PAGE, **({"pageToken": token} if token else {})}
            answer = await self._client.read(
                "machineTypes.list",
                f"zones/{zone}/machineTypes",
                call,
                parameters,
                region=region_of(zone),
                rate="list",
            )
            found += answer.get("items", [])
            token = answer.get("nextPageToken", "")
            if not token:
                return found

    def _translate(self, zone: str, raw: Mapping[str, Any], observed: float) -> compute_pb2.InstanceType:
        gpus = raw.get("accelerators") or []
        shape = compute_pb2.InstanceType(
            name=str(ResourceName(self._provider, "instanceTypes", (region_of(zone), raw["name"]))),
            native_id=raw["name"],
            region=region_of(zone),
            zones=[zone],
            vcpus=int(raw.get("guestCpus", 0)),
            memory_bytes=int(raw.get("memoryMb", 0)) * _MIB,
            architecture=ARCHITECTURES.get(raw.get("architecture", "")),
            gpu_count=sum(int(gpu.get("guestAcceleratorCount", 0)) for gpu in gpus),
            # "nvidia-tesla-t4"
            gpu_model=str(gpus[0].get("guestAcceleratorType", "")) if gpus else "",
        )
        shape.observe_time.FromNanoseconds(round(observed * 1e9))
        return shape


def custom_name(vcpus: int, memory: int) -> str:
    """Name of the machine type with exactly those vcpus and bytes of memory; raises InvalidArgument."""
    if memory % _STEP:
        raise InvalidArgument(
            f"memory comes in steps of 256 MiB; {-(-memory // _STEP) * _STEP} bytes is the next",
            field="spec.memory_bytes",
        )
    if vcpus > _MOST_VCPUS or (vcpus > 1 and vcpus % 2):
        raise InvalidArgument(
            f"machines are made to measure with 1 vcpu or an even number up to {_MOST_VCPUS}; name an instance_type "
            "for others",
            field="spec.vcpus",
        )
    least, most = _SINGLE if vcpus == 1 else (vcpus * _PER_VCPU[0], min(_MOST_MEMORY, vcpus * _PER_VCPU[1]))
    if not least <= memory <= most:
        raise InvalidArgument(f"{vcpus} vcpus go with {least} to {most} bytes of memory", field="spec.memory_bytes")
    return f"{'' if vcpus == 1 else 'e2-'}custom-{vcpus}-{memory // _MIB}"


def _custom(name: str) -> compute_pb2.InstanceType | None:
    """What the name of a custom machine type says of it; None for other types."""
    told = _CUSTOM.fullmatch(name)
    if told is None:
        return None
    return compute_pb2.InstanceType(native_id=name, vcpus=int(told[1]), memory_bytes=int(told[2]) * _MIB)
