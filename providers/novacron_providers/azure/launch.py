"""An InstanceSpec as what Azure is sent, and what is checked before."""

from __future__ import annotations

import base64
import json
import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from novacron.cloud.v1 import compute_pb2, storage_pb2

from novacron_providers.azure.instances import NAME_TAG, OPERATION_TAG
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.names import parse
from novacron_providers.kit.escape import from_struct, merge

_GIB = 2**30
_USER_DATA_LIMIT = 64 * 1024
_TAGS, _TAG_KEY, _TAG_VALUE = 50, 512, 256
_TAG_FORBIDDEN = re.compile(r"[<>%&\\?/]")
_DISKS = 64
_PUBLIC_KEY = re.compile(r"(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/]+={0,2}( .*)?\s*")
_USER = "novacron"
# The virtual network of machines whose spec names none, one for each region.
DEFAULT_RANGE, DEFAULT_SUBNET_RANGE, DEFAULT_SUBNET = "10.0.0.0/16", "10.0.0.0/20", "default"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a spec leaves to the provider's defaults and to what Azure has, decided once for an operation.

    Attributes:
        region: Where.
        zone: Zone; empty lets Azure choose.
        group: Resource group.
        name: Of the machine; what is made for it is named after it.
        image: imageReference.
        instance_type: As Azure spells it.
        subnets: ARM id of the subnet of each network card, at least one; empty is the default network's.
    """

    region: str
    zone: str
    group: str
    name: str
    image: Mapping[str, str]
    instance_type: str
    subnets: Sequence[str]

    def to_json(self) -> str:
        """As the journal keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """As the journal gave it back."""
        return cls(**json.loads(text))

    @property
    def network(self) -> str:
        """Name of the region's default network."""
        return f"novacron-{self.region}"


def native(reference: str, provider: str, collection: str, kind: str, subscription: str, field: str) -> str:
    """ARM id in a reference: of a name of ours, or the id itself.

    Raises InvalidArgument, naming `field`, for a name of another provider.
    """
    if not reference.startswith("providers/"):
        return reference
    name = parse(reference, collection, 2, field=field)
    if name.provider != provider:
        raise InvalidArgument(f"{reference} is not of providers/{provider}", field=field)
    return f"/subscriptions/{subscription}/resourceGroups/{name.parts[0]}/providers/{kind}/{name.parts[1]}"


def machine_name(display_name: str, operation: str) -> str:
    """Name of a machine: like the one for people where Azure allows it, and of no other operation."""
    slug = re.sub(r"[^a-z0-9]+", "-", display_name.lower()).strip("-")[:40].strip("-") or "vm"
    return f"{slug}-{operation[:8]}"


def check(spec: compute_pb2.InstanceSpec) -> None:
    """Check what can be checked without asking Azure; raises InvalidArgument, naming the field."""
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
        raise InvalidArgument(f"user_data has more than Azure's {_USER_DATA_LIMIT} bytes", field="spec.user_data")
    if spec.ssh_public_key and not _PUBLIC_KEY.fullmatch(spec.ssh_public_key):
        raise InvalidArgument("Azure takes one RSA or ED25519 key in OpenSSH format", field="spec.ssh_public_key")
    for index, card in enumerate(spec.network_interfaces):
        if len(card.security_groups) > 1:
            raise InvalidArgument(
                "a network card of Azure has one security group",
                field=f"spec.network_interfaces[{index}].security_groups",
            )
    _check_tags(tags_of(spec, "0" * 32), "spec.tags")
    if len(spec.data_disks) > _DISKS:
        raise InvalidArgument(f"Azure takes at most {_DISKS} data disks", field="spec.data_disks")
    for index, disk in enumerate(spec.data_disks):
        _check_disk(disk, f"spec.data_disks[{index}]")


def _check_disk(disk: storage_pb2.StorageVolumeSpec, field: str) -> None:
    if disk.size_bytes < 0 or not (disk.size_bytes or disk.snapshot):
        raise InvalidArgument("a disk needs a size, or a snapshot to take it from", field=f"{field}.size_bytes")
    if disk.region or disk.zone:
        raise InvalidArgument("a data disk is made where its instance is; leave region and zone empty", field=field)
    if disk.HasField("iops") or disk.HasField("throughput_bytes_per_second"):
        raise InvalidArgument("Azure takes iops and throughput from the disk's size and type", field=f"{field}.iops")
    if disk.display_name or disk.tags:
        raise InvalidArgument("a data disk has the name and the tags that its instance gives it", field=field)


def _check_tags(tags: Mapping[str, str], field: str) -> None:
    if len(tags) > _TAGS:
        raise InvalidArgument(
            f"Azure takes at most {_TAGS} tags, metadata and two of ours included: {NAME_TAG} and {OPERATION_TAG}",
            field=field,
        )
    for key, value in tags.items():
        if not 0 < len(key) <= _TAG_KEY or len(value) > _TAG_VALUE or _TAG_FORBIDDEN.search(key):
            raise InvalidArgument(
                f"tag {key!r}: keys have 1 to {_TAG_KEY} characters without <>%&\\?/, values at most {_TAG_VALUE}",
                field=field,
            )


def tags_of(spec: compute_pb2.InstanceSpec, operation: str) -> dict[str, str]:
    """Tags of the machine and of all that is made for it: metadata joins them, and the name for people."""
    tags = dict(spec.tags)
    for key, value in spec.metadata.items():
        if tags.setdefault(key, value) != value:
            raise InvalidArgument(f"{key!r} is in tags and metadata with two values", field="spec.metadata")
    ours = {OPERATION_TAG: operation, **({NAME_TAG: spec.display_name} if spec.display_name else {})}
    for key, value in ours.items():
        if tags.setdefault(key, value) != value:
            raise InvalidArgument(f"the tag {key} is set from the request", field="spec.tags")
    return tags


def address(plan: Plan, tags: Mapping[str, str]) -> dict[str, Any]:
    """Body of a public address."""
    return {
        "location": plan.region,
        "tags": dict(tags),
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4"},
        **_zones(plan),
    }


def card(
    plan: Plan,
    index: int,
    spec: compute_pb2.NetworkInterfaceSpec,
    *,
    subnet: str,
    address: str,
    tags: Mapping[str, str],
) -> dict[str, Any]:
    """Body of a network card; `address` is the ARM id of its public address, empty for none."""
    configuration: dict[str, Any] = {
        "subnet": {"id": subnet},
        "privateIPAllocationMethod": "Dynamic",
        "primary": True,
    }
    if address:
        configuration["publicIPAddress"] = {"id": address, "properties": {"deleteOption": "Delete"}}
    properties: dict[str, Any] = {"ipConfigurations": [{"name": "primary", "properties": configuration}]}
    if spec.security_groups:
        properties["networkSecurityGroup"] = {"id": spec.security_groups[0]}
    return {"location": plan.region, "tags": dict(tags), "properties": properties}


def network(plan: Plan) -> dict[str, Any]:
    """Body of a region's default network."""
    subnet = {"name": DEFAULT_SUBNET, "properties": {"addressPrefix": DEFAULT_SUBNET_RANGE}}
    return {
        "location": plan.region,
        "properties": {"addressSpace": {"addressPrefixes": [DEFAULT_RANGE]}, "subnets": [subnet]},
    }


def machine(
    spec: compute_pb2.InstanceSpec,
    plan: Plan,
    *,
    cards: Sequence[str],
    snapshots: Sequence[str],
    tags: Mapping[str, str],
) -> dict[str, Any]:
    """Body of the virtual machine.

    Args:
        spec: What is asked for.
        plan: What was decided.
        cards: ARM ids of its network cards, the primary one first.
        snapshots: ARM id of the snapshot of each data disk; empty for an empty disk.
        tags: Its tags.

    Raises InvalidArgument, naming the field, when provider_options would replace something that the spec says.
    """
    properties: dict[str, Any] = {
        "hardwareProfile": {"vmSize": plan.instance_type},
        "storageProfile": {
            "imageReference": dict(plan.image),
            "osDisk": _boot_disk(spec, plan),
            "dataDisks": _data_disks(spec, plan, snapshots),
        },
        "networkProfile": {
            "networkInterfaces": [
                {"id": id_, "properties": {"primary": index == 0, "deleteOption": "Delete"}}
                for index, id_ in enumerate(cards)
            ]
        },
        "osProfile": {"computerName": plan.name},
    }
    if spec.spot:
        properties |= {"priority": "Spot", "evictionPolicy": "Deallocate", "billingProfile": {"maxPrice": -1}}
    if spec.user_data:
        # Where cloud-init looks.
        properties["osProfile"]["customData"] = base64.b64encode(spec.user_data).decode()
    body: dict[str, Any] = {"location": plan.region, "tags": dict(tags), "properties": properties, **_zones(plan)}
    body = merge(body, from_struct(spec.provider_options), "spec.provider_options")
    _sign_in(spec, body["properties"]["osProfile"])
    return body


def _sign_in(spec: compute_pb2.InstanceSpec, profile: dict[str, Any]) -> None:
    user = profile.setdefault("adminUsername", _USER)
    if spec.ssh_public_key:
        key = {"path": f"/home/{user}/.ssh/authorized_keys", "keyData": spec.ssh_public_key.strip()}
        linux = profile.setdefault("linuxConfiguration", {})
        linux |= {"disablePasswordAuthentication": True, "ssh": {"publicKeys": [key]}}
    elif "adminPassword" not in profile:
        # Azure makes no machine without a key or a password; this one nobody knows.
        profile["adminPassword"] = f"Aa1!{secrets.token_urlsafe(32)}"


def _boot_disk(spec: compute_pb2.InstanceSpec, plan: Plan) -> dict[str, Any]:
    boot = spec.boot_disk
    disk: dict[str, Any] = {
        "name": f"{plan.name}-boot",
        "createOption": "FromImage",
        "deleteOption": "Detach" if boot.keep_on_delete else "Delete",
    }
    if boot.size_bytes:
        disk["diskSizeGB"] = _gib(boot.size_bytes)
    if boot.volume_type:
        disk["managedDisk"] = {"storageAccountType": boot.volume_type}
    return disk


def _data_disks(spec: compute_pb2.InstanceSpec, plan: Plan, snapshots: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for lun, (wanted, snapshot) in enumerate(zip(spec.data_disks, snapshots, strict=True)):
        disk: dict[str, Any] = {
            "lun": lun,
            "name": f"{plan.name}-data-{lun}",
            "createOption": "Copy" if snapshot else "Empty",
            "deleteOption": "Delete",
        }
        if wanted.size_bytes:
            disk["diskSizeGB"] = _gib(wanted.size_bytes)
        if wanted.volume_type:
            disk["managedDisk"] = {"storageAccountType": wanted.volume_type}
        if snapshot:
            disk["sourceResource"] = {"id": snapshot}
        options = from_struct(wanted.provider_options)
        found.append(merge(disk, options, f"spec.data_disks[{lun}].provider_options"))
    return found


def _zones(plan: Plan) -> dict[str, Any]:
    return {"zones": [plan.zone]} if plan.zone else {}


def _gib(size: int) -> int:
    return math.ceil(size / _GIB)
