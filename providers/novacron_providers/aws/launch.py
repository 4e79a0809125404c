"""An InstanceSpec as RunInstances' parameters, and what is checked before."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from novacron.cloud.v1 import compute_pb2, storage_pb2

from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.names import parse
from novacron_providers.kit.escape import from_struct, merge

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import TagTypeDef

_GIB, _MIB = 2**30, 2**20
_USER_DATA_LIMIT = 16 * 1024
# What EC2 allows on one resource; "Name" counts.
_TAGS, _TAG_KEY, _TAG_VALUE = 50, 128, 256
# Devices that EC2 recommends for data volumes: f to p.
_DEVICES = [f"/dev/sd{letter}" for letter in "fghijklmnop"]
_PUBLIC_KEY = re.compile(r"(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/]+={0,2}( .*)?\s*")
# Parameters that would break what an operation promises, whatever the spec says.
_OURS = frozenset({"ClientToken", "DryRun", "MaxCount", "MinCount"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What a spec leaves to the provider's defaults and to what AWS has, decided once for an operation.

    A recovered run launches with the same parameters, or AWS would refuse the token.

    Attributes:
        region: Where.
        zone: Zone; empty lets EC2 choose.
        image: AMI id.
        instance_type: As AWS spells it.
        root_device: Device of the boot disk; empty when the image has none that can be changed.
        subnets: Subnet of each network card of the spec; empty leaves it to EC2.
    """

    region: str
    zone: str
    image: str
    instance_type: str
    root_device: str
    subnets: Sequence[str]

    def to_json(self) -> str:
        """As the journal keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """As the journal gave it back."""
        return cls(**json.loads(text))


def native(reference: str, provider: str, collection: str, region: str, field: str) -> str:
    """AWS's identifier in a reference: a name of ours, or the identifier itself.

    Raises InvalidArgument, naming `field`, for a name of another provider or region.
    """
    if not reference.startswith("providers/"):
        return reference
    name = parse(reference, collection, 2, field=field)
    if (name.provider, name.parts[0]) != (provider, region):
        raise InvalidArgument(f"{reference} is not in {region} of providers/{provider}", field=field)
    return name.parts[1]


def check(spec: compute_pb2.InstanceSpec) -> None:
    """Check what can be checked without asking AWS; raises InvalidArgument, naming the field."""
    if not spec.image:
        raise InvalidArgument("an instance needs an image to start from", field="spec.image")
    if spec.vcpus < 0 or spec.memory_bytes < 0:
        raise InvalidArgument("vcpus and memory_bytes must not be negative", field="spec.vcpus")
    if not spec.instance_type and not (spec.vcpus and spec.memory_bytes):
        raise InvalidArgument("give instance_type, or both vcpus and memory_bytes", field="spec.instance_type")
    if spec.instance_type and (spec.vcpus or spec.memory_bytes):
        raise InvalidArgument("vcpus and memory_bytes go with an empty instance_type", field="spec.vcpus")
    if spec.boot_disk.size_bytes < 0:
        raise InvalidArgument("a size must not be negative", field="spec.boot_disk.size_bytes")
    if len(spec.user_data) > _USER_DATA_LIMIT:
        raise InvalidArgument(f"user_data has more than EC2's {_USER_DATA_LIMIT} bytes", field="spec.user_data")
    if spec.ssh_public_key and not _PUBLIC_KEY.fullmatch(spec.ssh_public_key):
        raise InvalidArgument("EC2 takes one RSA or ED25519 key in OpenSSH format", field="spec.ssh_public_key")
    cards = spec.network_interfaces
    if len(cards) > 1 and any(card.HasField("assign_public_ip") for card in cards):
        raise InvalidArgument(
            "EC2 decides on a public address only for an instance with a single network card",
            field="spec.network_interfaces",
        )
    _check_tags(tags_of(spec), "spec.tags")
    if len(spec.data_disks) > len(_DEVICES):
        raise InvalidArgument(f"EC2 takes at most {len(_DEVICES)} data disks here", field="spec.data_disks")
    for index, disk in enumerate(spec.data_disks):
        _check_disk(disk, f"spec.data_disks[{index}]")


def _check_disk(disk: storage_pb2.StorageVolumeSpec, field: str) -> None:
    if disk.size_bytes < 0 or not (disk.size_bytes or disk.snapshot):
        raise InvalidArgument("a disk needs a size, or a snapshot to take it from", field=f"{field}.size_bytes")
    if disk.region or disk.zone:
        raise InvalidArgument("a data disk is made where its instance is; leave region and zone empty", field=field)
    _check_tags({tag["Key"]: tag["Value"] for tag in disk_tags(disk)}, f"{field}.tags")


def _check_tags(tags: Mapping[str, str], field: str) -> None:
    if len(tags) > _TAGS:
        raise InvalidArgument(f"EC2 takes at most {_TAGS} tags, display_name and metadata included", field=field)
    for key, value in tags.items():
        if not 0 < len(key) <= _TAG_KEY or len(value) > _TAG_VALUE or key.lower().startswith("aws:"):
            raise InvalidArgument(
                f"tag {key!r}: keys have 1 to {_TAG_KEY} characters and do not begin with aws:, "
                f"values at most {_TAG_VALUE}",
                field=field,
            )


def tags_of(spec: compute_pb2.InstanceSpec) -> dict[str, str]:
    """Tags of the instance: metadata joins them, and display_name is the tag Name."""
    tags = dict(spec.tags)
    for key, value in spec.metadata.items():
        if tags.setdefault(key, value) != value:
            raise InvalidArgument(f"{key!r} is in tags and metadata with two values", field="spec.metadata")
    if spec.display_name and tags.setdefault("Name", spec.display_name) != spec.display_name:
        raise InvalidArgument("the tag Name and display_name differ; give one of them", field="spec.display_name")
    return tags


def disk_tags(disk: storage_pb2.StorageVolumeSpec) -> list[TagTypeDef]:
    """Tags that one data disk has of its own."""
    tags = {**disk.tags, **({"Name": disk.display_name} if disk.display_name else {})}
    return _tag_list(tags)


def devices_of(spec: compute_pb2.InstanceSpec) -> dict[str, storage_pb2.StorageVolumeSpec]:
    """Data disks by the device they are attached as."""
    return dict(zip(_DEVICES, spec.data_disks, strict=False))


def key_name(public_key: str) -> str:
    """Name of the key pair for a public key: the same for the same key, whatever its comment."""
    material = " ".join(public_key.split()[:2])
    return f"novacron-{hashlib.sha256(material.encode()).hexdigest()[:24]}"


def parameters(spec: compute_pb2.InstanceSpec, plan: Plan, provider: str, token: str) -> dict[str, Any]:
    """Parameters of RunInstances.

    Raises InvalidArgument, naming the field, when provider_options would replace something that the spec says.
    """
    found: dict[str, Any] = {
        "ImageId": plan.image,
        "InstanceType": plan.instance_type,
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": token,
        "Placement": {"AvailabilityZone": plan.zone} if plan.zone else None,
        "BlockDeviceMappings": _disks(spec, plan, provider),
        "NetworkInterfaces": _cards(spec, plan),
        "UserData": spec.user_data or None,
        "KeyName": key_name(spec.ssh_public_key) if spec.ssh_public_key else None,
        "InstanceMarketOptions": {"MarketType": "spot"} if spec.spot else None,
        # Without this the guest cannot read its tags.
        "MetadataOptions": {"InstanceMetadataTags": "enabled"} if spec.metadata else None,
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": _tag_list(tags)}
            for kind, tags in (("instance", tags_of(spec)), ("volume", dict(spec.tags)))
            if tags
        ],
    }
    found = {key: value for key, value in found.items() if value}
    return merge(found, from_struct(spec.provider_options), "spec.provider_options", refused=_OURS)


def _disks(spec: compute_pb2.InstanceSpec, plan: Plan, provider: str) -> list[dict[str, Any]]:
    found = []
    if spec.HasField("boot_disk") and plan.root_device:
        boot = spec.boot_disk
        ebs = {
            "VolumeSize": _gib(boot.size_bytes),
            "VolumeType": boot.volume_type,
            "DeleteOnTermination": not boot.keep_on_delete,
        }
        found.append({"DeviceName": plan.root_device, "Ebs": _given(ebs)})
    for index, (device, disk) in enumerate(devices_of(spec).items()):
        field = f"spec.data_disks[{index}]"
        snapshot = native(disk.snapshot, provider, "snapshots", plan.region, f"{field}.snapshot")
        ebs = {
            "VolumeSize": _gib(disk.size_bytes),
            "VolumeType": disk.volume_type,
            "Iops": disk.iops,
            "Throughput": math.ceil(disk.throughput_bytes_per_second / _MIB),
            "SnapshotId": snapshot,
            "DeleteOnTermination": True,
        }
        options = from_struct(disk.provider_options)
        found.append({"DeviceName": device, "Ebs": merge(_given(ebs), options, f"{field}.provider_options")})
    return found


def _cards(spec: compute_pb2.InstanceSpec, plan: Plan) -> list[dict[str, Any]]:
    found = []
    for index, (card, subnet) in enumerate(zip(spec.network_interfaces, plan.subnets, strict=True)):
        wanted = {"SubnetId": subnet, "Groups": list(card.security_groups)}
        native_card: dict[str, Any] = {"DeviceIndex": index, "DeleteOnTermination": True, **_given(wanted)}
        if card.HasField("assign_public_ip"):
            native_card["AssociatePublicIpAddress"] = card.assign_public_ip
        found.append(native_card)
    return found


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was left to the cloud's default."""
    return {key: value for key, value in fields.items() if value or value is False}


def _gib(size: int) -> int:
    return math.ceil(size / _GIB)


def _tag_list(tags: Mapping[str, str]) -> list[TagTypeDef]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
