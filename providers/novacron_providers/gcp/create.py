"""CreateInstance on Compute Engine: decide, make, wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from novacron.cloud.v1 import compute_pb2

from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.errors import AlreadyExists, CloudError, InvalidArgument, NotFound, StateInvalid
from novacron_providers.contract.provider import Settings
from novacron_providers.gcp import instances, launch
from novacron_providers.gcp.client import Client
from novacron_providers.gcp.fleet import Fleet, Place
from novacron_providers.gcp.instance_types import InstanceTypes
from novacron_providers.gcp.regions import Regions
from novacron_providers.gcp.waiting import Waiting

_OFF = (compute_pb2.INSTANCE_STATE_DEALLOCATED, compute_pb2.INSTANCE_STATE_SUSPENDED)
_IMAGES = "an image is project/family, project/name, a link to either, or the name of one of the provider's images"
_NAMESPACE = UUID("5f3cf1c2-6d0b-5f0c-9c44-0f3bd41f9a52")


def request_id(token: str) -> str:
    """The idempotency token of a step as the UUID that Google wants for one; never the zero UUID."""
    return str(uuid5(_NAMESPACE, token))


class Creation:
    """Creates instances.

    Args:
        client: The SDK.
        regions: For defaults and checks.
        types: To choose from.
        fleet: To look at what was made.
        settings: For defaults.
    """

    def __init__(
        self, client: Client, regions: Regions, types: InstanceTypes, fleet: Fleet, settings: Settings
    ) -> None:
        self._client, self._regions, self._types, self._fleet = client, regions, types, fleet
        self._provider, self._config = settings.provider, settings.config

    async def run(self, spec: compute_pb2.InstanceSpec, op: Op) -> compute_pb2.Instance:
        """Create an instance with its disks and cards in one call, and wait until it runs.

        The call carries a requestId, and a name that only this operation has: sent twice, it makes one.
        """
        launch.check(spec)
        labels = launch.labels_of(spec, op.id)
        op.plan(
            {
                "check": "Choose image, type, zone and network",
                "machine": "Make the machine",
                "running": "Wait until it runs",
            }
        )

        async def check(token: str) -> str:
            plan = await self._decide(spec, op)
            body = launch.machine(spec, plan, snapshots=self._snapshots(spec), labels=labels)
            await self._client.machine(body, "spec.provider_options")
            return plan.to_json()

        plan = launch.Plan.from_json(await op.step("check", check, checks=True))
        place = Place(self._provider, plan.zone, plan.name)

        async def make(token: str) -> str:
            body = launch.machine(spec, plan, snapshots=self._snapshots(spec), labels=labels)
            return await self._make(place, body, token, op)

        operation = await op.step("machine", make)
        op.target(self._fleet.ref(place))
        op.log(f"Google has it as {plan.name} in {plan.zone}")
        waiting = Waiting(self._client, plan.zone, operation, "instances.insert")

        async def runs() -> float:
            if not await waiting.ended(op.call):
                return 0.8 * waiting.progress
            raw = await self._fleet.must_find(place, op.call)
            for volume in instances.volume_refs(self._provider, raw):
                op.target(volume)
            state = instances.state_of(raw)
            if state in _OFF:
                raise instances.lost(raw, "starting")
            return 1.0 if state == compute_pb2.INSTANCE_STATE_RUNNING else 0.9

        async def look(token: str) -> str:
            return "gone" if await self._fleet.find(place, op.call) is None else "there"

        try:
            await op.until("running", runs)
        except CloudError:
            # An insert that fails leaves nothing; a machine that is there is left to be looked at or deleted.
            if await op.step("look", look, title="See what is left", cleanup=True, checks=True) == "gone":
                op.gone(place.name)
            raise
        return await self._fleet.get(place, op.call)

    async def _decide(self, spec: compute_pb2.InstanceSpec, op: Op) -> launch.Plan:
        call = op.call
        region = spec.region or self._config.default_region
        if not region:
            raise InvalidArgument("the provider has no default region; give one", field="spec.region")
        await self._regions.check(region, "spec.region", call)
        zones = await self._regions.zones(region, call)
        zone = spec.zone or (self._config.default_zone if region == self._config.default_region else "")
        if zone and zone not in zones:
            raise InvalidArgument(f"{region} has no zone {zone!r}; it has {', '.join(zones)}", field="spec.zone")
        # Which zone comes first changes from one instance to the next, so that they spread.
        first = int(op.id[:8], 16) % len(zones)
        image, architecture = await self._image(spec, call)
        zone, shape = await self._types.choose(
            [zone] if zone else zones[first:] + zones[:first], spec, architecture, call
        )
        cards = list(spec.network_interfaces) or [compute_pb2.NetworkInterfaceSpec()]
        found = [await self._network(card, region, index, call) for index, card in enumerate(cards)]
        return launch.Plan(
            zone=zone,
            name=launch.machine_name(spec.display_name, op.id),
            image=image,
            instance_type=shape.native_id,
            networks=[network for network, _ in found],
            subnets=[subnet for _, subnet in found],
        )

    async def _image(self, spec: compute_pb2.InstanceSpec, call: Call) -> tuple[str, compute_pb2.Architecture]:
        """Link to the image, the newest of a family, and its architecture; raises NotFound, naming spec.image."""
        wanted = launch.native(spec.image, self._provider, "images", self._client.project, "spec.image")
        project, name, family_only = self._image_parts(wanted)
        try:
            if not name:
                raise NotFound(_IMAGES)
            try:
                raw = await self._client.compute("images.get_from_family", call, project=project, family=name)
            except NotFound:
                if family_only:
                    raise
                raw = await self._client.compute("images.get", call, project=project, image=name)
        except (NotFound, InvalidArgument) as error:
            missing = f"there is no image {wanted!r} that this project may use; {_IMAGES}"
            raise NotFound(missing, field="spec.image", facts=error.facts) from error
        if raw.get("status", "READY") != "READY":
            raise StateInvalid(f"image {wanted} is {raw['status']}", field="spec.image")
        architecture = instances.ARCHITECTURES.get(raw.get("architecture", ""), compute_pb2.ARCHITECTURE_UNSPECIFIED)
        return f"projects/{project}/global/images/{raw['name']}", architecture

    def _image_parts(self, wanted: str) -> tuple[str, str, bool]:
        """Project and name of an image, and whether the name can only be that of a family."""
        path = launch.path_of(wanted, self._client.project, "global/images")
        match path.split("/") if launch.PATH.fullmatch(path) else []:
            case ["projects", project, "global", "images", "family", name]:
                return project, name, True
            case ["projects", project, "global", "images", name]:
                return project, name, False
            # "debian-cloud/debian-12"
            case ["projects", _, project, name] if project != "global":
                return project, name, False
            # A name of ours: "providers/gcp/images/debian-cloud~debian-12".
            case ["projects", project, name]:
                return project, name, False
            case _:
                return "", "", False

    async def _network(
        self, card: compute_pb2.NetworkInterfaceSpec, region: str, index: int, call: Call
    ) -> tuple[str, str]:
        """Network and subnet of a card, which are there; raises NotFound, naming the field."""
        field, project = f"spec.network_interfaces[{index}]", self._client.project
        network = launch.native(card.network, self._provider, "networks", project, f"{field}.network")
        subnet = card.subnet and launch.path_of(card.subnet, project, f"regions/{region}/subnetworks")
        if network or not subnet:
            network = launch.path_of(network or "default", project, "global/networks")
            await self._there(network, f"{field}.network", call)
        if subnet:
            raw = await self._there(subnet, f"{field}.subnet", call)
            if raw and instances.last(raw.get("region", region)) != region:
                raise InvalidArgument(f"subnet {subnet} is not in {region}", field=f"{field}.subnet")
        return network, subnet

    async def _there(self, path: str, field: str, call: Call) -> Mapping[str, Any]:
        """What Google says of a thing of our project; nothing of what another project shares with us."""
        own = f"projects/{self._client.project}/"
        if not launch.PATH.fullmatch(path):
            raise InvalidArgument(f"{path!r} is no name or link of Google's", field=field)
        if not path.startswith(own):
            return {}
        kind = path.split("/")[-2]
        try:
            found: Mapping[str, Any] = await self._client.read(f"{kind}.get", path.removeprefix(own), call)
        except (NotFound, InvalidArgument) as error:
            raise NotFound(f"there is no {path}", field=field, facts=error.facts) from error
        return found

    def _snapshots(self, spec: compute_pb2.InstanceSpec) -> list[str]:
        project = self._client.project
        found = [
            launch.native(disk.snapshot, self._provider, "snapshots", project, f"spec.data_disks[{i}].snapshot")
            for i, disk in enumerate(spec.data_disks)
        ]
        return [snapshot and launch.path_of(snapshot, project, "global/snapshots") for snapshot in found]

    async def _make(self, place: Place, body: dict[str, Any], token: str, op: Op) -> str:
        """Begin to make a machine; name of the operation, empty when an earlier try has made it."""
        try:
            operation = await self._client.compute(
                "instances.insert",
                op.call,
                region=place.region,
                mutates=True,
                zone=place.zone,
                request_id=request_id(token),
                instance_resource=await self._client.machine(body, "spec.provider_options"),
            )
        except AlreadyExists as error:
            # Google remembers a requestId only for a while.
            there = await self._fleet.must_find(place, op.call)
            if (there.get("labels") or {}).get(instances.OPERATION_LABEL) != op.id:
                raise AlreadyExists(f"there is another machine {place.machine}", resource=place.name) from error
            return ""
        return str(operation["name"])
