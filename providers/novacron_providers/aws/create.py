"""CreateInstance on EC2: decide, launch, wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from novacron.cloud.v1 import compute_pb2

from novacron_providers.aws import instances, launch
from novacron_providers.aws.client import Client
from novacron_providers.aws.fleet import Fleet, Place
from novacron_providers.aws.instance_types import InstanceTypes
from novacron_providers.aws.regions import Regions
from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.errors import AlreadyExists, CloudError, InvalidArgument, NotFound, StateInvalid
from novacron_providers.contract.provider import Settings

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, ImageTypeDef, SubnetTypeDef

# States from which an instance that was just launched no longer comes to run by itself.
_FAILED = (
    compute_pb2.INSTANCE_STATE_DELETING,
    compute_pb2.INSTANCE_STATE_DELETED,
    compute_pb2.INSTANCE_STATE_STOPPING,
    compute_pb2.INSTANCE_STATE_DEALLOCATED,
)
_GONE = (compute_pb2.INSTANCE_STATE_DELETING, compute_pb2.INSTANCE_STATE_DELETED)
_ARCHITECTURES = instances.ARCHITECTURES


class Creation:
    """Creates instances."""

    def __init__(
        self, client: Client, regions: Regions, types: InstanceTypes, fleet: Fleet, settings: Settings
    ) -> None:
        self._client, self._regions, self._types, self._fleet = client, regions, types, fleet
        self._provider, self._config = settings.provider, settings.config

    async def run(self, spec: compute_pb2.InstanceSpec, op: Op) -> compute_pb2.Instance:
        """Create an instance with its disks in one call of AWS's, and wait until it runs.

        The key pair of ssh_public_key is named after the key; it is shared, and stays when the instance goes.
        """
        launch.check(spec)
        tagged = {device: disk for device, disk in launch.devices_of(spec).items() if launch.disk_tags(disk)}
        op.plan(
            {
                "check": "Choose image, type and network",
                **({"key": "Import the key"} if spec.ssh_public_key else {}),
                "launch": "Launch",
                "running": "Wait until it runs",
                **({"tag-disks": "Tag the disks"} if tagged else {}),
            }
        )

        async def check(token: str) -> str:
            plan = await self._decide(spec, op.call)
            parameters = launch.parameters(spec, plan, self._provider, "t")
            # The SDK encodes user data before it looks at the parameters.
            parameters.pop("UserData", None)
            await self._client.check(
                "ec2.RunInstances", plan.region, parameters, op.call, field="spec.provider_options"
            )
            return plan.to_json()

        plan = launch.Plan.from_json(await op.step("check", check, checks=True))

        async def import_key(token: str) -> str:
            await self._import_key(spec.ssh_public_key, plan.region, op.call)
            return ""

        async def run(token: str) -> str:
            parameters = launch.parameters(spec, plan, self._provider, token)
            answer = await self._client.call("ec2.RunInstances", plan.region, op.call, parameters, mutates=True)
            return str(answer["Instances"][0]["InstanceId"])

        if spec.ssh_public_key:
            await op.step("key", import_key)
        place = Place(self._provider, plan.region, await op.step("launch", run))
        op.target(place.ref)
        op.log(f"EC2 named it {place.native_id}")

        async def runs() -> float:
            raw = await self._fleet.find(place, op.call)
            if raw is None:
                return 0.0
            for volume in instances.volume_refs(self._provider, plan.region, raw):
                op.target(volume)
            state = instances.state_of(raw)
            if state in _FAILED:
                raise instances.lost(raw, "starting")
            return 1.0 if state == compute_pb2.INSTANCE_STATE_RUNNING else 0.5

        async def tag_disks(token: str) -> str:
            volumes = instances.volumes_of(await self._fleet.must_find(place, op.call))
            for device, disk in tagged.items():
                parameters = {"Resources": [volumes[device]], "Tags": launch.disk_tags(disk)}
                await self._client.call("ec2.CreateTags", plan.region, op.call, parameters, mutates=True)
            return ""

        async def look(token: str) -> str:
            raw = await self._fleet.find(place, op.call)
            # One that is not shown may only not be shown yet.
            return "gone" if raw is not None and instances.state_of(raw) in _GONE else "there"

        try:
            await op.until("running", runs)
            if tagged:
                await op.step("tag-disks", tag_disks)
        except CloudError:
            # EC2 terminates what it could not launch; what it launched is left to be looked at or deleted.
            if await op.step("look", look, title="See what is left", cleanup=True, checks=True) == "gone":
                op.gone(place.name)
            raise
        return await self._fleet.get(place, op.call)

    async def _decide(self, spec: compute_pb2.InstanceSpec, call: Call) -> launch.Plan:
        region = spec.region or self._config.default_region
        if not region:
            raise InvalidArgument("the provider has no default region; give one", field="spec.region")
        await self._regions.check(region, "spec.region", call)
        zone = spec.zone or (self._config.default_zone if region == self._config.default_region else "")
        if zone and zone not in (zones := await self._regions.zones(region, call)):
            raise InvalidArgument(f"{region} has no zone {zone!r}; it has {', '.join(zones)}", field="spec.zone")
        image = await self._image(spec, region, call)
        architecture = _ARCHITECTURES.get(image.get("Architecture", ""), compute_pb2.ARCHITECTURE_UNSPECIFIED)
        shape = await self._types.choose(region, spec, architecture, call)
        return launch.Plan(
            region=region,
            zone=zone,
            image=image["ImageId"],
            instance_type=shape.native_id,
            root_device=_root_device(spec, image),
            subnets=await self._subnets(spec, region, zone, call),
        )

    async def _image(self, spec: compute_pb2.InstanceSpec, region: str, call: Call) -> ImageTypeDef:
        wanted = launch.native(spec.image, self._provider, "images", region, "spec.image")
        missing = f"{region} has no image {wanted!r} that this account may use"
        try:
            answer = await self._client.call("ec2.DescribeImages", region, call, {"ImageIds": [wanted]})
        except (NotFound, InvalidArgument) as error:
            raise NotFound(missing, field="spec.image", facts=error.facts) from error
        image: ImageTypeDef | None = next(iter(answer["Images"]), None)
        if image is None:
            raise NotFound(missing, field="spec.image")
        if image.get("State", "available") != "available":
            raise StateInvalid(f"image {wanted} is {image['State']}", field="spec.image")
        return image

    async def _subnets(self, spec: compute_pb2.InstanceSpec, region: str, zone: str, call: Call) -> list[str]:
        """A subnet for each network card, all in one zone; "" where EC2 takes its default."""
        found: list[str] = []
        for index, card in enumerate(spec.network_interfaces):
            field = f"spec.network_interfaces[{index}]"
            if card.security_groups:
                await self._security_groups(list(card.security_groups), region, f"{field}.security_groups", call)
            if not card.network and not card.subnet:
                found.append("")
                continue
            network = launch.native(card.network, self._provider, "networks", region, f"{field}.network")
            subnet = await self._subnet(network, card.subnet, zone, region, field, call)
            zone = subnet["AvailabilityZone"]
            found.append(subnet["SubnetId"])
        return found

    async def _subnet(self, network: str, subnet: str, zone: str, region: str, field: str, call: Call) -> SubnetTypeDef:
        wanted = {"subnet-id": subnet, "vpc-id": network, "availability-zone": zone}
        filters: list[FilterTypeDef] = [{"Name": name, "Values": [value]} for name, value in wanted.items() if value]
        answer = await self._client.call("ec2.DescribeSubnets", region, call, {"Filters": filters})
        subnets: list[SubnetTypeDef] = answer["Subnets"]
        if not subnets:
            sought = ", ".join(f"{name} {value}" for name, value in wanted.items() if value)
            raise NotFound(
                f"{region} has no subnet with {sought}", field=f"{field}.{'subnet' if subnet else 'network'}"
            )
        # The zone's default subnet, else the emptiest; by id where that does not decide.
        return min(subnets, key=lambda s: (not s["DefaultForAz"], -s["AvailableIpAddressCount"], s["SubnetId"]))

    async def _security_groups(self, groups: list[str], region: str, field: str, call: Call) -> None:
        try:
            await self._client.call("ec2.DescribeSecurityGroups", region, call, {"GroupIds": groups})
        except (NotFound, InvalidArgument) as error:
            raise NotFound(error.message, field=field, facts=error.facts) from error

    async def _import_key(self, public_key: str, region: str, call: Call) -> None:
        """ImportKeyPair takes no token; the key's own name tells whether it is there."""
        name = launch.key_name(public_key)
        filters: list[FilterTypeDef] = [{"Name": "key-name", "Values": [name]}]
        found = await self._client.call("ec2.DescribeKeyPairs", region, call, {"Filters": filters})
        if found["KeyPairs"]:
            return
        parameters = {"KeyName": name, "PublicKeyMaterial": public_key.encode()}
        try:
            await self._client.call("ec2.ImportKeyPair", region, call, parameters, mutates=True)
        except AlreadyExists:
            # Another operation with the same key was first.
            return


def _root_device(spec: compute_pb2.InstanceSpec, image: ImageTypeDef) -> str:
    """Device of the boot disk; raises InvalidArgument when the image cannot have the boot disk that is asked for."""
    device = image.get("RootDeviceName", "")
    ebs = next((m.get("Ebs") for m in image.get("BlockDeviceMappings", []) if m.get("DeviceName") == device), None)
    if not spec.HasField("boot_disk"):
        return device
    if ebs is None:
        raise InvalidArgument("the image boots from the host's own disk, which has one size", field="spec.boot_disk")
    smallest = ebs.get("VolumeSize", 0) * 2**30
    if 0 < spec.boot_disk.size_bytes < smallest:
        raise InvalidArgument(
            f"the image needs a boot disk of at least {smallest} bytes", field="spec.boot_disk.size_bytes"
        )
    return device
