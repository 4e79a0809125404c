"""The virtual machines of a subscription, as Azure tells of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf import struct_pb2
from novacron.cloud.v1 import common_pb2, compute_pb2, provider_service_pb2

from novacron_providers.azure import instances
from novacron_providers.azure.around import Around, Arounds
from novacron_providers.azure.client import NETWORK, Client
from novacron_providers.azure.instance_types import InstanceTypes
from novacron_providers.azure.regions import Regions
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import InvalidArgument, NotFound, PermissionMissing
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import ResourceName, parse
from novacron_providers.kit.concurrent import each
from novacron_providers.kit.escape import from_struct
from novacron_providers.kit.pages import NativePage, read_page

_NAME = re.compile(r"[\w.()-]{1,90}")
_OPTIONS = "provider_options"
# What ListInstances' provider_options may hold: parameters of Azure's own list.
_LIST_OPTIONS = ("$filter",)


class Place(NamedTuple):
    """Where a machine is: its resource group and name, and the provider that its resource name has."""

    provider: str
    group: str
    machine: str

    @classmethod
    def of(cls, name: str) -> Place:
        """Take a resource name apart; raises InvalidArgument, naming "name"."""
        provider, _, (group, machine) = parse(name, "instances", 2)
        if not _NAME.fullmatch(group) or not _NAME.fullmatch(machine):
            raise InvalidArgument(
                f"{name!r} does not end in a resource group and a machine, such as novacron~web-1", field="name"
            )
        return cls(provider, group.lower(), machine)

    @property
    def name(self) -> str:
        """Resource name."""
        return str(ResourceName(self.provider, "instances", (self.group, self.machine)))

    def native_id(self, subscription: str) -> str:
        """ARM id."""
        return (
            f"/subscriptions/{subscription}/resourceGroups/{self.group}/providers/Microsoft.Compute"
            f"/virtualMachines/{self.machine}"
        )

    def missing(self, facts: Mapping[str, str] | None = None) -> NotFound:
        """The error that says that there is no such instance; `facts` are those of Azure's own."""
        return NotFound(
            f"there is no instance {self.machine} in resource group {self.group}", resource=self.name, facts=facts
        )


class Fleet:
    """Reads instances."""

    def __init__(self, client: Client, regions: Regions, types: InstanceTypes, provider: str, clock: Clock) -> None:
        self._client, self._regions, self._types = client, regions, types
        self._provider, self._clock = provider, clock
        self._arounds = Arounds(client, clock)

    def ref(self, place: Place, region: str) -> common_pb2.ResourceRef:
        """Pointer to an instance."""
        return common_pb2.ResourceRef(
            name=place.name,
            native_id=place.native_id(self._client.subscription),
            type=common_pb2.RESOURCE_TYPE_INSTANCE,
            region=region,
        )

    async def find(self, place: Place, call: Call) -> Any | None:
        """What Azure says of a machine; None when there is none."""
        try:
            return await self.must_find(place, call)
        except NotFound:
            return None

    async def must_find(self, place: Place, call: Call) -> Any:
        """What Azure says of a machine, with its instance view; raises NotFound."""
        try:
            answer = await self._client.compute(
                "virtual_machines.get", call, place.group, place.machine, expand="instanceView"
            )
        except NotFound as error:
            raise place.missing(error.facts) from error
        return answer.body

    async def get(self, place: Place, call: Call, *, with_data: bool = False) -> compute_pb2.Instance:
        """An instance with all that can be known of it; raises NotFound."""
        observed = self._clock.time()
        raw = await self.must_find(place, call)
        if raw["location"] not in await self._regions.usable(call):
            raise place.missing()
        size = instances.size_of(raw)
        cards = [card for card in await self.cards(raw, call) if card is not None]
        return instances.translate(
            raw,
            provider=self._provider,
            observed=observed,
            shape=(await self._types.known(raw["location"], [size], call)).get(size),
            cards=cards,
            addresses=await self._addresses(cards, call),
            with_data=with_data,
        )

    async def cards(self, raw: Mapping[str, Any], call: Call) -> list[Any | None]:
        """The network cards of a machine, the primary one first; None for one that is gone or may not be read."""

        async def read(card: Mapping[str, Any]) -> Any | None:
            try:
                return (await self._client.arm("GET", card["id"], NETWORK, call)).body
            except (NotFound, PermissionMissing):
                return None

        return await each(instances.cards_of(raw), read)

    async def list_instances(
        self, request: provider_service_pb2.ListInstancesRequest, call: Call
    ) -> provider_service_pb2.ListInstancesResponse:
        """Implement ListInstances: machines, power, cards and addresses of the whole subscription, a list each."""
        query = Filter.parse(request.filter, compute_pb2.Instance)
        regions = set(await self._regions.asked(request.regions, query, call))
        options = _options(request.provider_options)
        observed = self._clock.time()

        async def fetch(_: str, token: str, wanted: int) -> NativePage[compute_pb2.Instance]:
            nonlocal observed
            id_, _, link = token.partition(" ")
            around = self._arounds.of(id_)
            machines = asyncio.ensure_future(self._client.machines(call, link, options))
            try:
                around = around or await self._arounds.read(call)
                page = await machines
            finally:
                machines.cancel()
            observed = min(observed, around.observed)
            found = [raw for raw in page["value"] if raw["location"] in regions]
            shapes = await self._shapes(found, call)
            next_link = page.get("nextLink")
            if not next_link:
                self._arounds.done(around.id)
            translated = [
                self._translate(raw, around, shapes, with_data=request.include_provider_data) for raw in found
            ]
            return NativePage(translated, f"{around.id} {next_link}" if next_link else "")

        page = await read_page(request, self._provider, [""] if regions else [], fetch, query.matches)
        answer = provider_service_pb2.ListInstancesResponse(
            instances=page.items, next_page_token=page.next_page_token, unreachable=page.unreachable
        )
        answer.observe_time.FromNanoseconds(round(observed * 1e9))
        return answer

    def _translate(
        self,
        raw: Any,
        around: Around,
        shapes: Mapping[tuple[str, str], compute_pb2.InstanceType],
        *,
        with_data: bool,
    ) -> compute_pb2.Instance:
        # A machine that came after the list of powers was read has none there.
        raw["properties"]["instanceView"] = around.power.get(raw["id"].lower(), {})
        ids = (card["id"].lower() for card in instances.cards_of(raw))
        return instances.translate(
            raw,
            provider=self._provider,
            observed=around.observed,
            shape=shapes.get((raw["location"], instances.size_of(raw))),
            cards=[around.cards[id_] for id_ in ids if id_ in around.cards],
            addresses=around.addresses,
            with_data=with_data,
        )

    async def _shapes(self, machines: Sequence[Any], call: Call) -> dict[tuple[str, str], compute_pb2.InstanceType]:
        """Types of machines, by region and name."""
        sizes: dict[str, set[str]] = {}
        for raw in machines:
            sizes.setdefault(raw["location"], set()).add(instances.size_of(raw))
        return {
            (region, name): shape
            for region, names in sizes.items()
            for name, shape in (await self._types.known(region, names, call)).items()
        }

    async def _addresses(self, cards: list[Any], call: Call) -> dict[str, str]:
        """Public addresses of cards, by lower-cased ARM id."""
        ids = [address for card in cards for address in addresses_of(card)]

        async def read(id_: str) -> str:
            try:
                return (await self._client.arm("GET", id_, NETWORK, call)).body["properties"].get("ipAddress") or ""
            except (NotFound, PermissionMissing):
                return ""

        found = zip(ids, await each(ids, read), strict=True)
        return {id_.lower(): address for id_, address in found if address}


def addresses_of(card: Mapping[str, Any]) -> list[str]:
    """ARM ids of the public addresses of a network card."""
    configurations = [c["properties"].get("publicIPAddress") for c in card["properties"].get("ipConfigurations") or []]
    return [address["id"] for address in configurations if address]


def _options(options: struct_pb2.Struct) -> dict[str, Any]:
    """The caller's parameters of Azure's list."""
    parameters = from_struct(options)
    for key, value in parameters.items():
        if key not in _LIST_OPTIONS or not isinstance(value, str):
            raise InvalidArgument(
                f"Azure's list takes no {key!r} from provider_options; it takes the text {', '.join(_LIST_OPTIONS)}",
                field=_OPTIONS,
            )
    return parameters
