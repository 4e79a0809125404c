"""An InstanceSpec as what Compute Engine is sent, and what is checked before."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from novacron.cloud.v1 import compute_pb2, storage_pb2

from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.names import parse
from novacron_providers.gcp.instances import OPERATION_LABEL, SSH_KEYS, USER_DATA
from novacron_providers.kit.escape import from_struct, merge

_GIB, _MB = 2**30, 10**6
_METADATA_LIMIT = 256 * 1024
_LABELS, _DISKS, _DESCRIPTION = 64, 127, 2048
# Small letters of any script, which have no upper case.
_LABEL_KEY, _LABEL_VALUE = re.compile(r"[^\W\d_][\w-]{0,62}"), re.compile(r"[\w-]{0,63}")
_METADATA_KEY = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_NETWORK_TAG = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
# What a path is made of; nothing that would lead elsewhere in a URL.
PATH = re.compile(r"projects(/[\w:-][\w.:-]*)+")
_LINK = re.compile(r"https?://[^/]+/compute/\w+/")
_PUBLIC_KEY = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( [^\n]*)?\s*")
_USER = "novacron"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a spec leaves to the provider's defaults and to what Google has, decided once for an operation.

    Attributes:
        zone: Where.
        name: Of the machine; its data disks are named after it.
        image: Link to the image.
        instance_type: As Google spells it.
        networks: Link to the network of each card, at least one; empty is that of the subnet.
        subnets: Link to the subnet of each card; empty lets Google choose.
    """

    zone: str
    name: str
    image: str
    instance_type: str
    networks: Sequence[str]
    subnets: Sequence[str]

    def to_json(self) -> str:
        """As the journal keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """As the journal gave it back."""
        return cls(**json.loads(text))


def path_of(link: str, project: str, default: str) -> str:
    """Path of a link, "projects/p/global/networks/n": of a whole link, one without its beginning, or a plain name.

    `default` is where a plain name is: "global/networks".
    """
    path = _LINK.sub("", link).lstrip("/")
    if path.startswith("projects/"):
        return path
    return f"projects/{project}/{path if '/' in path else f'{default}/{path}'}"


def native(reference: str, provider: str, collection: str, project: str, field: str) -> str:
    """Path in a reference: of a name of ours, "{place}~{name}", or the reference itself.

    Raises InvalidArgument, naming `field`, for a name of another provider.
    """
    if not reference.startswith("providers/"):
        return reference
    name = parse(reference, collection, 2, field=field)
    if name.provider != provider:
        raise InvalidArgument(f"{reference} is not of providers/{provider}", field=field)
    place, own = name.parts
    return f"projects/{project}/global/{collection}/{own}" if place == "global" else f"projects/{place}/{own}"


def machine_name(display_name: str, operation: str) -> str:
    """Name of a machine: like the one for people where Google allows it, and of no other operation."""
    slug = re.sub(r"[^a-z0-9]+", "-", display_name.lower()).strip("-")
    slug = slug if slug[:1].isalpha() else f"vm-{slug}"
    return f"{slug[:40].strip('-')}-{operation[:8]}"


def check(spec: compute_pb2.InstanceSpec) -> None:
    """Check what can be checked without asking Google; raises InvalidArgument, naming the field."""
    if not spec.image:
        raise InvalidArgument("an instance needs an image to start from", field="spec.image")
    if spec.vcpus < 0 or spec.memory_bytes < 0:
        raise InvalidArgument("vcpus and memory_bytes must not be negative", field="spec.vcpus")
    if not spec.instance_type and not (spec.vcpus and spec.memory_bytes):
        raise InvalidArgument("give instance_type, or both vcpus and memory_bytes", field="spec.instance_type")
    if spec.instance_type and (spec.vcpus or spec.memory_bytes):
        raise InvalidArgument("vcpus and memory_bytes go with an empty instance_type", field="spec.vcpus")
    if spec.instance_type and not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", spec.instance_type):
        raise InvalidArgument(
            f"{spec.instance_type!r} is not how Google spells a machine type: e2-medium", field="spec.instance_type"
        )
    if len(spec.display_name) > _DESCRIPTION:
        raise InvalidArgument(f"a name has at most {_DESCRIPTION} characters", field="spec.display_name")
    if spec.boot_disk.size_bytes < 0:
        raise InvalidArgument("a size must not be negative", field="spec.boot_disk.size_bytes")
    if spec.ssh_public_key and not _PUBLIC_KEY.fullmatch(spec.ssh_public_key):
        raise InvalidArgument("ssh_public_key is one key in OpenSSH format", field="spec.ssh_public_key")
    for index, card in enumerate(spec.network_interfaces):
        for tag in card.security_groups:
            if not _NETWORK_TAG.fullmatch(tag):
                raise InvalidArgument(
                    f"{tag!r} is no network tag, which is what firewall rules of Google are for",
                    field=f"spec.network_interfaces[{index}].security_groups",
                )
    labels_of(spec, "0" * 32)
    metadata_of(spec)
    if len(spec.data_disks) > _DISKS:
        raise InvalidArgument(f"Google takes at most {_DISKS} data disks", field="spec.data_disks")
    for index, disk in enumerate(spec.data_disks):
        _check_disk(disk, f"spec.data_disks[{index}]")


def _check_disk(disk: storage_pb2.StorageVolumeSpec, field: str) -> None:
    if disk.size_bytes < 0 or not (disk.size_bytes or disk.snapshot):
        raise InvalidArgument("a disk needs a size, or a snapshot to take it from", field=f"{field}.size_bytes")
    if disk.region or disk.zone:
        raise InvalidArgument("a data disk is made where its instance is; leave region and zone empty", field=field)
    if disk.display_name:
        raise InvalidArgument("a data disk has the name that its instance gives it", field=f"{field}.display_name")
    _check_labels(disk.tags, f"{field}.tags")


def _check_labels(labels: Mapping[str, str], field: str) -> None:
    if len(labels) > _LABELS:
        raise InvalidArgument(f"Google takes at most {_LABELS} labels, {OPERATION_LABEL} included", field=field)
    for key, value in labels.items():
        small = key == key.lower() and value == value.lower()
        if not small or not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            raise InvalidArgument(
                f"tag {key!r}: Google's labels have small letters, digits, _ and -; a key begins with a letter and has "
                "at most 63 characters, as has a value",
                field=field,
            )


def labels_of(spec: compute_pb2.InstanceSpec, operation: str) -> dict[str, str]:
    """Labels of the machine and of its disks; raises InvalidArgument, naming spec.tags, for what cannot be one."""
    labels = {**spec.tags}
    if labels.setdefault(OPERATION_LABEL, operation) != operation:
        raise InvalidArgument(f"the tag {OPERATION_LABEL} is set from the request", field="spec.tags")
    _check_labels(labels, "spec.tags")
    return labels


def metadata_of(spec: compute_pb2.InstanceSpec) -> dict[str, str]:
    """Metadata of the machine: the caller's, user data and key; raises InvalidArgument, naming the field."""
    found = dict(spec.metadata)
    for key, value in found.items():
        if key in (USER_DATA, SSH_KEYS):
            raise InvalidArgument(f"metadata {key} is set from user_data and ssh_public_key", field="spec.metadata")
        if not _METADATA_KEY.fullmatch(key) or len(value.encode()) > _METADATA_LIMIT:
            raise InvalidArgument(
                f"metadata {key!r}: keys have 1 to 128 letters, digits, _, -, values at most {_METADATA_LIMIT} bytes",
                field="spec.metadata",
            )
    if spec.user_data:
        try:
            found[USER_DATA] = spec.user_data.decode()
        except UnicodeDecodeError:
            raise InvalidArgument("Google takes user_data as text in UTF-8", field="spec.user_data") from None
        if len(spec.user_data) > _METADATA_LIMIT:
            raise InvalidArgument(f"user_data has more than Google's {_METADATA_LIMIT} bytes", field="spec.user_data")
    if spec.ssh_public_key:
        found[SSH_KEYS] = f"{_USER}:{spec.ssh_public_key.strip()}"
    return found


def machine(
    spec: compute_pb2.InstanceSpec, plan: Plan, *, snapshots: Sequence[str], labels: Mapping[str, str]
) -> dict[str, Any]:
    """Body of the instance, in Google's JSON.

    Args:
        spec: What is asked for.
        plan: What was decided.
        snapshots: Link to the snapshot of each data disk; empty for an empty disk.
        labels: Its labels, and those of its disks.

    Raises InvalidArgument, naming the field, when provider_options would replace something that the spec says.
    """
    cards = list(spec.network_interfaces) or [compute_pb2.NetworkInterfaceSpec()]
    body: dict[str, Any] = {
        "name": plan.name,
        "description": spec.display_name,
        "machineType": f"zones/{plan.zone}/machineTypes/{plan.instance_type}",
        "labels": dict(labels),
        "disks": [_boot_disk(spec, plan, labels), *_data_disks(spec, plan, snapshots, labels)],
        "networkInterfaces": [
            _card(card, network, subnet)
            for card, network, subnet in zip(cards, plan.networks, plan.subnets, strict=True)
        ],
    }
    if metadata := metadata_of(spec):
        body["metadata"] = {"items": [{"key": key, "value": value} for key, value in sorted(metadata.items())]}
    if tags := sorted({tag for card in spec.network_interfaces for tag in card.security_groups}):
        body["tags"] = {"items": tags}
    if spec.spot:
        body["scheduling"] = {
            "provisioningModel": "SPOT",
            "instanceTerminationAction": "STOP",
            "onHostMaintenance": "TERMINATE",
            "automaticRestart": False,
        }
    return merge(body, from_struct(spec.provider_options), "spec.provider_options")


def _boot_disk(spec: compute_pb2.InstanceSpec, plan: Plan, labels: Mapping[str, str]) -> dict[str, Any]:
    boot = spec.boot_disk
    made: dict[str, Any] = {"sourceImage": plan.image, "labels": dict(labels)}
    if boot.size_bytes:
        made["diskSizeGb"] = str(_gib(boot.size_bytes))
    if boot.volume_type:
        made["diskType"] = f"zones/{plan.zone}/diskTypes/{boot.volume_type}"
    return {"boot": True, "autoDelete": not boot.keep_on_delete, "initializeParams": made}


def _data_disks(
    spec: compute_pb2.InstanceSpec, plan: Plan, snapshots: Sequence[str], labels: Mapping[str, str]
) -> list[dict[str, Any]]:
    found = []
    for index, (wanted, snapshot) in enumerate(zip(spec.data_disks, snapshots, strict=True)):
        made: dict[str, Any] = {"diskName": f"{plan.name}-data-{index}", "labels": {**labels, **wanted.tags}}
        if wanted.size_bytes:
            made["diskSizeGb"] = str(_gib(wanted.size_bytes))
        if wanted.volume_type:
            made["diskType"] = f"zones/{plan.zone}/diskTypes/{wanted.volume_type}"
        if wanted.HasField("iops"):
            made["provisionedIops"] = str(wanted.iops)
        if wanted.HasField("throughput_bytes_per_second"):
            made["provisionedThroughput"] = str(math.ceil(wanted.throughput_bytes_per_second / _MB))
        if snapshot:
            made["sourceSnapshot"] = snapshot
        disk = {"boot": False, "autoDelete": True, "deviceName": f"data-{index}", "initializeParams": made}
        found.append(merge(disk, from_struct(wanted.provider_options), f"spec.data_disks[{index}].provider_options"))
    return found


def _card(spec: compute_pb2.NetworkInterfaceSpec, network: str, subnet: str) -> dict[str, Any]:
    card: dict[str, Any] = {}
    if network:
        card["network"] = network
    if subnet:
        card["subnetwork"] = subnet
    if spec.assign_public_ip:
        card["accessConfigs"] = [{"name": "External NAT", "type": "ONE_TO_ONE_NAT"}]
    return card


def _gib(size: int) -> int:
    return math.ceil(size / _GIB)
