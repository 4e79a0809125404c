"""CreateInstance on Azure: decide, make what the machine needs, make it, wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from novacron.cloud.v1 import common_pb2, compute_pb2

from novacron_providers.azure import instances, launch
from novacron_providers.azure.client import COMPUTE, GROUPS, NETWORK, Client
from novacron_providers.azure.delete import Thing, removed
from novacron_providers.azure.fleet import Fleet, Place
from novacron_providers.azure.instance_types import ARCHITECTURES, InstanceTypes
from novacron_providers.azure.regions import Regions
from novacron_providers.azure.waiting import Waiting
from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.errors import (
    AlreadyExists,
    CloudError,
    EtagMismatch,
    InUse,
    InvalidArgument,
    NotFound,
    StateInvalid,
)
from novacron_providers.contract.provider import Settings

_ENDING = (compute_pb2.INSTANCE_STATE_DELETING, compute_pb2.INSTANCE_STATE_DELETED)
_GALLERIES = "2023-07-03"
_MARKETPLACE = "an image is Publisher:Offer:Sku:Version, an ARM id, or the name of one of the provider's images"


class Creation:
    """Creates instances, in one resource group.

    Args:
        client: The SDK.
        regions: For defaults and checks.
        types: To choose from.
        fleet: To look at what was made.
        settings: For defaults.
        group: Resource group; it is made where it is missing.
    """

    def __init__(
        self, client: Client, regions: Regions, types: InstanceTypes, fleet: Fleet, settings: Settings, group: str
    ) -> None:
        self._client, self._regions, self._types, self._fleet = client, regions, types, fleet
        self._provider, self._config, self._clock = settings.provider, settings.config, settings.clock
        self._group = group

    async def run(self, spec: compute_pb2.InstanceSpec, op: Op) -> compute_pb2.Instance:
        """Create an instance and wait until it runs.

        Each step is a PUT of a name that only this operation has: sent twice, it makes one. A card, its public address
        and disks go when the machine goes, and are removed again when there is none in the end; resource group and
        default network are shared, and stay.
        """
        launch.check(spec)
        tags = launch.tags_of(spec, op.id)
        wanted = list(spec.network_interfaces) or [compute_pb2.NetworkInterfaceSpec()]
        public = [index for index, card in enumerate(wanted) if card.assign_public_ip]
        op.plan(
            {
                "check": "Choose image, type and network",
                "group": "Make the resource group where it is missing",
                **_titles("network", "Make the network where it is missing"),
                **{k: v for i in public for k, v in _titles(f"address-{i}", "Make a public address").items()},
                **{k: v for i in range(len(wanted)) for k, v in _titles(f"card-{i}", "Make a network card").items()},
                "machine": "Make the machine",
                "running": "Wait until it runs",
            }
        )

        async def check(token: str) -> str:
            plan = await self._decide(spec, op)
            launch.machine(spec, plan, cards=[], snapshots=self._snapshots(spec), tags=tags)
            return plan.to_json()

        plan = launch.Plan.from_json(await op.step("check", check, checks=True))
        await op.step("group", lambda token: self._make_group(plan, op.call))
        if not all(plan.subnets):
            await self._do(op, "network", lambda: self._make_network(plan, op.call))
        addresses = {index: self._id(plan, "publicIPAddresses", f"{plan.name}-{index}") for index in public}
        cards = [self._id(plan, "networkInterfaces", f"{plan.name}-{index}") for index in range(len(wanted))]
        place = Place(self._provider, plan.group.lower(), plan.name)

        async def make(token: str) -> str:
            body = launch.machine(spec, plan, cards=cards, snapshots=self._snapshots(spec), tags=tags)
            return await self._make_machine(place, body, op)

        begun: list[str] = []
        try:
            for index, address in addresses.items():
                begun.append(address)
                await self._put(op, f"address-{index}", address, launch.address(plan, tags))
            for index, card in enumerate(wanted):
                subnet = plan.subnets[index] or (
                    f"{self._id(plan, 'virtualNetworks', plan.network)}/subnets/{launch.DEFAULT_SUBNET}"
                )
                body = launch.card(plan, index, card, subnet=subnet, address=addresses.get(index, ""), tags=tags)
                begun.append(cards[index])
                await self._put(op, f"card-{index}", cards[index], body)
            poll = await op.step("machine", make)
        except CloudError:
            await self._take_back(begun, place, plan, op)
            raise
        op.target(self._fleet.ref(place, plan.region))
        op.log(f"Azure has it as {plan.name}")
        waiting = Waiting(self._client, poll, "making the machine", self._clock)

        async def runs() -> float:
            if not await waiting.ended(op.call):
                return 0.3
            raw = await self._fleet.find(place, op.call)
            if raw is None:
                return 0.0
            for volume in instances.volume_refs(self._provider, raw):
                op.target(volume)
            state = instances.state_of(raw)
            if state in _ENDING or instances.provisioning_of(raw) == "Failed":
                raise instances.lost(raw, "starting")
            return 1.0 if state == compute_pb2.INSTANCE_STATE_RUNNING else 0.5

        try:
            await op.until("running", runs)
        except CloudError:
            if await self._look(place, op) == "gone":
                await self._take_back_parts(begun, plan, op)
                op.gone(place.name)
            raise
        return await self._fleet.get(place, op.call)

    async def _take_back(self, parts: list[str], place: Place, plan: launch.Plan, op: Op) -> None:
        """After a failure: remove what was made for a machine, unless the machine came to be, which is left then."""
        if not parts:
            return
        if await self._look(place, op) == "there":
            op.target(self._fleet.ref(place, plan.region))
            return
        await self._take_back_parts(parts, plan, op)

    async def _take_back_parts(self, parts: list[str], plan: launch.Plan, op: Op) -> None:
        # A card goes before its address, which it holds.
        for number, part in reversed(list(enumerate(parts))):
            kind, name = part.split("/")[-2:]
            ref = common_pb2.ResourceRef(native_id=part, region=plan.region)

            async def gone(part: str = part) -> float:
                try:
                    return 1.0 if await removed(self._client, Thing(part, NETWORK), op) else 0.5
                except InUse:
                    # Azure reserves a card for three minutes for the machine that was not made.
                    return 0.0

            op.target(ref)
            title = f"Remove {name} ({kind})"
            if await op.until(
                f"remove-{number}", gone, title=title, resource=ref, cleanup=True, interval=5.0, timeout=300.0
            ):
                op.gone(part)

    async def _look(self, place: Place, op: Op) -> str:
        """ "there" or "gone"; empty when that cannot be told."""

        async def look(token: str) -> str:
            return "gone" if await self._fleet.find(place, op.call) is None else "there"

        return await op.step("look", look, title="See what is left", cleanup=True, checks=True)

    async def _decide(self, spec: compute_pb2.InstanceSpec, op: Op) -> launch.Plan:
        call = op.call
        region = spec.region or self._config.default_region
        if not region:
            raise InvalidArgument("the provider has no default region; give one", field="spec.region")
        await self._regions.check(region, "spec.region", call)
        zone = spec.zone or (self._config.default_zone if region == self._config.default_region else "")
        if zone and zone not in (zones := await self._regions.zones(region, call)):
            has = f"it has {', '.join(zones)}" if zones else "it has none"
            raise InvalidArgument(f"{region} has no zone {zone!r}; {has}", field="spec.zone")
        image, architecture = await self._image(spec, region, call)
        shape = await self._types.choose(region, zone, spec, architecture, call)
        cards = list(spec.network_interfaces) or [compute_pb2.NetworkInterfaceSpec()]
        return launch.Plan(
            region=region,
            zone=zone,
            group=self._group,
            name=launch.machine_name(spec.display_name, op.id),
            image=image,
            instance_type=shape.native_id,
            subnets=[await self._subnet(card, region, index, call) for index, card in enumerate(cards)],
        )

    async def _image(
        self, spec: compute_pb2.InstanceSpec, region: str, call: Call
    ) -> tuple[dict[str, str], compute_pb2.Architecture]:
        """imageReference, with its version decided, and architecture; raises NotFound, naming spec.image."""
        wanted = launch.native(
            spec.image, self._provider, "images", "Microsoft.Compute/images", self._client.subscription, "spec.image"
        )
        try:
            if wanted.startswith("/"):
                return await self._own_image(wanted, region, call)
            return await self._marketplace_image(wanted, region, call)
        except (NotFound, InvalidArgument) as error:
            missing = f"{region} has no image {wanted!r} that this subscription may use; {_MARKETPLACE}"
            raise NotFound(missing, field="spec.image", facts=error.facts) from error

    async def _own_image(self, id_: str, region: str, call: Call) -> tuple[dict[str, str], compute_pb2.Architecture]:
        version = _GALLERIES if "/galleries/" in id_ else COMPUTE
        raw = (await self._client.arm("GET", id_, version, call)).body
        state = raw["properties"].get("provisioningState", "Succeeded")
        if state != "Succeeded":
            raise StateInvalid(f"image {id_} is {state}", field="spec.image")
        told = raw["properties"].get("architecture", "")
        return {"id": id_}, ARCHITECTURES.get(told, compute_pb2.ARCHITECTURE_UNSPECIFIED)

    async def _marketplace_image(
        self, urn: str, region: str, call: Call
    ) -> tuple[dict[str, str], compute_pb2.Architecture]:
        parts = urn.split(":")
        if len(parts) != 4 or not all(parts):
            raise NotFound(_MARKETPLACE)
        publisher, offer, sku, version = parts
        if version == "latest":
            newest = await self._client.compute(
                "virtual_machine_images.list", call, region, publisher, offer, sku, top=1, orderby="name desc"
            )
            if not newest.body:
                raise NotFound(_MARKETPLACE)
            version = newest.body[0]["name"]
        raw = (
            await self._client.compute("virtual_machine_images.get", call, region, publisher, offer, sku, version)
        ).body
        told = (raw.get("properties") or {}).get("architecture", "")
        reference = {"publisher": publisher, "offer": offer, "sku": sku, "version": version}
        return reference, ARCHITECTURES.get(told, compute_pb2.ARCHITECTURE_UNSPECIFIED)

    async def _subnet(self, card: compute_pb2.NetworkInterfaceSpec, region: str, index: int, call: Call) -> str:
        """ARM id of the subnet of a card; empty for the default network's. Also looks at its security group."""
        field = f"spec.network_interfaces[{index}]"
        for group in card.security_groups:
            await self._there(group, f"{field}.security_groups", call)
        network = launch.native(
            card.network,
            self._provider,
            "networks",
            "Microsoft.Network/virtualNetworks",
            self._client.subscription,
            f"{field}.network",
        )
        if not network:
            if card.subnet:
                await self._there(card.subnet, f"{field}.subnet", call)
            return card.subnet
        raw = await self._there(network, f"{field}.network", call)
        if raw.get("location") != region:
            raise InvalidArgument(f"network {network} is in {raw.get('location')}", field=f"{field}.network")
        subnets = [subnet["id"] for subnet in raw["properties"].get("subnets") or []]
        fitting = [id_ for id_ in subnets if not card.subnet or id_.lower() == card.subnet.lower()]
        if not fitting:
            sought = f"subnet {card.subnet}" if card.subnet else "subnet"
            raise NotFound(f"network {network} has no {sought}", field=f"{field}.subnet")
        found: str = fitting[0]
        return found

    async def _there(self, id_: str, field: str, call: Call) -> Any:
        if not id_.startswith("/subscriptions/"):
            raise InvalidArgument(f"{id_!r} is no ARM id, which begins with /subscriptions/", field=field)
        try:
            return (await self._client.arm("GET", id_, NETWORK, call)).body
        except NotFound as error:
            raise NotFound(f"there is no {id_}", field=field, facts=error.facts) from error

    def _snapshots(self, spec: compute_pb2.InstanceSpec) -> list[str]:
        kind, subscription = "Microsoft.Compute/snapshots", self._client.subscription
        return [
            launch.native(
                disk.snapshot, self._provider, "snapshots", kind, subscription, f"spec.data_disks[{i}].snapshot"
            )
            for i, disk in enumerate(spec.data_disks)
        ]

    async def _make_group(self, plan: launch.Plan, call: Call) -> str:
        path = f"/subscriptions/{self._client.subscription}/resourceGroups/{plan.group}"
        try:
            await self._client.arm("GET", path, GROUPS, call)
        except NotFound:
            await self._client.arm("PUT", path, GROUPS, call, {"location": plan.region})
        return ""

    async def _make_network(self, plan: launch.Plan, call: Call) -> str:
        path = self._id(plan, "virtualNetworks", plan.network)
        try:
            await self._client.arm("GET", path, NETWORK, call)
        except NotFound:
            return (await self._client.arm("PUT", path, NETWORK, call, launch.network(plan))).poll
        return ""

    async def _make_machine(self, place: Place, body: dict[str, Any], op: Op) -> str:
        try:
            answer = await self._client.compute(
                "virtual_machines.begin_create_or_update",
                op.call,
                place.group,
                place.machine,
                body,
                mutates=True,
                headers={"If-None-Match": "*"},
            )
        except EtagMismatch as error:
            there = await self._fleet.must_find(place, op.call)
            if (there.get("tags") or {}).get(instances.OPERATION_TAG) != op.id:
                raise AlreadyExists(f"there is another machine {place.machine}", resource=place.name) from error
            # Sent before, and the answer was lost.
            return ""
        return answer.poll

    async def _put(self, op: Op, step: str, path: str, body: dict[str, Any]) -> None:
        async def put() -> str:
            return (await self._client.arm("PUT", path, NETWORK, op.call, body)).poll

        await self._do(op, step, put)

    async def _do(self, op: Op, step: str, begin: Callable[[], Awaitable[str]]) -> None:
        """Begin something in a step of that name, and wait for its end in the one after it."""
        waiting = Waiting(self._client, await op.step(step, lambda token: begin()), step, self._clock)
        await op.until(f"{step}-made", lambda: waiting.probe(op.call))

    def _id(self, plan: launch.Plan, kind: str, name: str) -> str:
        """ARM id of a network resource in our group."""
        return (
            f"/subscriptions/{self._client.subscription}/resourceGroups/{plan.group}/providers/Microsoft.Network"
            f"/{kind}/{name}"
        )


def _titles(step: str, title: str) -> dict[str, str]:
    return {step: title, f"{step}-made": f"{title}: wait"}
