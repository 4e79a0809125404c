"""EC2's instances as the contract's, and the contract's filters as EC2's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from novacron.cloud.v1 import common_pb2, compute_pb2

from novacron_providers.aws.errors import kind_of
from novacron_providers.contract.errors import CapacityUnavailable, CloudError, ProviderError, QuotaExceeded
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import ResourceName
from novacron_providers.kit.escape import to_struct
from novacron_providers.kit.states import instance_state

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef

STATES: Mapping[str, compute_pb2.InstanceState] = {
    "pending": compute_pb2.INSTANCE_STATE_STARTING,
    "running": compute_pb2.INSTANCE_STATE_RUNNING,
    "stopping": compute_pb2.INSTANCE_STATE_STOPPING,
    "stopped": compute_pb2.INSTANCE_STATE_DEALLOCATED,
    "shutting-down": compute_pb2.INSTANCE_STATE_DELETING,
    "terminated": compute_pb2.INSTANCE_STATE_DELETED,
}
_HIBERNATED = "Client.UserInitiatedHibernate"
ARCHITECTURES: Mapping[str, compute_pb2.Architecture] = {
    "x86_64": compute_pb2.ARCHITECTURE_X86_64,
    "x86_64_mac": compute_pb2.ARCHITECTURE_X86_64,
    "arm64": compute_pb2.ARCHITECTURE_ARM64,
    "arm64_mac": compute_pb2.ARCHITECTURE_ARM64,
}
# Fields that an EC2 filter compares as we do.
_PUSHED = {
    "native_id": "instance-id",
    "zone": "availability-zone",
    "instance_type": "instance-type",
    "display_name": "tag:Name",
}
# EC2 takes these for patterns in filters, and at most so many characters.
_PATTERN = re.compile(r"[*?\\]")
_LONGEST = 255


# Images and networks are those of many instances.
_shared_name = lru_cache(1024)(lambda provider, collection, parts: str(ResourceName(provider, collection, parts)))


def state_of(raw: InstanceTypeDef) -> compute_pb2.InstanceState:
    """What an instance does, in the contract's word."""
    if raw["State"]["Name"] == "stopped" and raw.get("StateReason", {}).get("Code") == _HIBERNATED:
        return compute_pb2.INSTANCE_STATE_SUSPENDED
    return instance_state("aws", STATES, raw["State"]["Name"])


def volume_refs(provider: str, region: str, raw: InstanceTypeDef) -> list[common_pb2.ResourceRef]:
    """Pointers to the volumes of an instance, the boot disk first."""
    return [
        common_pb2.ResourceRef(
            name=str(ResourceName(provider, "storageVolumes", (region, volume))),
            native_id=volume,
            display_name=device,
            type=common_pb2.RESOURCE_TYPE_STORAGE_VOLUME,
            region=region,
        )
        for device, volume in volumes_of(raw).items()
    ]


def volumes_of(raw: InstanceTypeDef) -> dict[str, str]:
    """Volumes by device, the boot disk first."""
    found = {
        mapping["DeviceName"]: mapping["Ebs"]["VolumeId"]
        for mapping in raw.get("BlockDeviceMappings", [])
        if "VolumeId" in mapping.get("Ebs", {})
    }
    return dict(sorted(found.items(), key=lambda item: (item[0] != raw.get("RootDeviceName"), item[0])))


def translate(
    raw: InstanceTypeDef,
    *,
    provider: str,
    region: str,
    observed: float,
    shape: compute_pb2.InstanceType | None,
    boot_disk_bytes: int | None = None,
    with_data: bool = False,
) -> compute_pb2.Instance:
    """EC2's answer as an Instance.

    Args:
        raw: One of DescribeInstances' instances.
        provider: Id of the provider.
        region: Where it is.
        observed: When it was read, seconds since 1970.
        shape: Its instance type, for what EC2 does not say of the instance; None when not known.
        boot_disk_bytes: Size of the boot disk, which EC2 does not say of the instance either.
        with_data: Also fill provider_data.
    """

    def named(collection: str, native_id: str) -> str:
        return str(ResourceName(provider, collection, (region, native_id)))

    def shared(collection: str, native_id: str | None) -> str:
        return _shared_name(provider, collection, (region, native_id)) if native_id else ""

    tags = {tag["Key"]: tag["Value"] for tag in raw.get("Tags", [])}
    cards = sorted(raw.get("NetworkInterfaces", []), key=lambda card: card.get("Attachment", {}).get("DeviceIndex", 0))
    private, public = [_private(card) for card in cards], [_public(card) for card in cards]
    instance = compute_pb2.Instance(
        name=named("instances", raw["InstanceId"]),
        native_id=raw["InstanceId"],
        display_name=tags.get("Name", ""),
        state=state_of(raw),
        native_state=raw["State"]["Name"],
        region=region,
        zone=raw.get("Placement", {}).get("AvailabilityZone"),
        state_reason=raw.get("StateReason", {}).get("Message") or raw.get("StateTransitionReason"),
        instance_type=raw.get("InstanceType"),
        architecture=ARCHITECTURES.get(raw.get("Architecture", ""), compute_pb2.ARCHITECTURE_UNSPECIFIED),
        image=shared("images", raw.get("ImageId")),
        public_ips=_first(raw.get("PublicIpAddress"), list(chain(*public))),
        private_ips=_first(raw.get("PrivateIpAddress"), list(chain(*private))),
        storage_volumes=[named("storageVolumes", volume) for volume in volumes_of(raw).values()],
        security_groups=[group["GroupId"] for group in raw.get("SecurityGroups", [])],
        spot=raw.get("InstanceLifecycle") == "spot",
        boot_disk_bytes=boot_disk_bytes,
    )
    # Field by field: maps and messages that are given to the constructor are copied, which takes twice the time.
    for key, value in tags.items():
        instance.tags[key] = value
    for card, privates, publics in zip(cards, private, public, strict=True):
        instance.network_interfaces.add(
            network=shared("networks", card.get("VpcId")),
            subnet=card.get("SubnetId"),
            private_ips=privates,
            public_ips=publics,
            mac_address=card.get("MacAddress"),
        )
    cpus = raw.get("CpuOptions", {})
    if cpus.get("CoreCount"):
        instance.vcpus = cpus["CoreCount"] * cpus.get("ThreadsPerCore", 1)
    if shape is not None:
        if not instance.HasField("vcpus"):
            instance.vcpus = shape.vcpus
        instance.memory_bytes = shape.memory_bytes
        if shape.HasField("network_bits_per_second"):
            instance.network_bits_per_second = shape.network_bits_per_second
    _times(instance, raw)
    instance.observe_time.FromNanoseconds(round(observed * 1e9))
    if with_data:
        instance.provider_data.CopyFrom(to_struct(raw))
    return instance


def _times(instance: compute_pb2.Instance, raw: InstanceTypeDef) -> None:
    """EC2's launch time is that of the last start; what was attached at the creation tells when that was."""
    attached = [
        *(mapping.get("Ebs", {}).get("AttachTime") for mapping in raw.get("BlockDeviceMappings", [])),
        *(card.get("Attachment", {}).get("AttachTime") for card in raw.get("NetworkInterfaces", [])),
    ]
    launched = raw.get("LaunchTime")
    known = [time for time in (launched, *attached) if time]
    # EC2's times have no parts of a second.
    if known:
        instance.create_time.seconds = int(min(known).timestamp())
    if launched:
        instance.start_time.seconds = int(launched.timestamp())
    if instance.state not in (compute_pb2.INSTANCE_STATE_DELETING, compute_pb2.INSTANCE_STATE_DELETED):
        return
    ended = re.search(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)", raw.get("StateTransitionReason", ""))
    if ended:
        instance.delete_time.FromDatetime(datetime.fromisoformat(ended[1]).replace(tzinfo=UTC))


def _private(card: Mapping[str, Any]) -> list[str]:
    addresses = card.get("PrivateIpAddresses", [])
    return _first(card.get("PrivateIpAddress"), [a["PrivateIpAddress"] for a in addresses if "PrivateIpAddress" in a])


def _public(card: Mapping[str, Any]) -> list[str]:
    associations = (card, *card.get("PrivateIpAddresses", []))
    found = [a.get("Association", {}).get("PublicIp") for a in associations]
    return list(dict.fromkeys(ip for ip in found if ip))


def _first(primary: str | None, others: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([primary, *others] if primary else others))


def lost(raw: InstanceTypeDef, doing: str) -> CloudError:
    """Why an instance ended that was on its way to run."""
    code = raw.get("StateReason", {}).get("Code", "")
    told = raw.get("StateReason", {}).get("Message") or raw.get("StateTransitionReason") or "EC2 does not say why"
    kind = kind_of(code.rpartition(".")[2])
    if kind not in (CapacityUnavailable, QuotaExceeded):
        kind = ProviderError
    return kind(f"{raw['InstanceId']} ended while {doing}: {told}", facts={"native_code": code}, sent=True)


def pushed(query: Filter, *, show_deleted: bool) -> list[FilterTypeDef] | None:
    """EC2 filters that narrow a list to what can match; None when nothing can.

    What EC2 compares otherwise than we do stays out; the whole filter is applied to what comes back.
    """
    states = [word for word, state in STATES.items() if show_deleted or state != compute_pb2.INSTANCE_STATE_DELETED]
    # Unless a state is asked for all are read: no filter of EC2 lets through a state that we do not know.
    narrow = False
    filters: dict[str, list[str]] = {}
    for path, operator, value in query.conditions:
        if operator == "=" and path == "state":
            wanted = compute_pb2.InstanceState.Value(f"INSTANCE_STATE_{value}")
            # A hibernated instance is "stopped" too.
            if wanted == compute_pb2.INSTANCE_STATE_SUSPENDED:
                wanted = compute_pb2.INSTANCE_STATE_DEALLOCATED
            if wanted != compute_pb2.INSTANCE_STATE_UNSPECIFIED:
                states, narrow = [word for word in states if STATES[word] == wanted], True
        elif _PATTERN.search(value) or not value or len(value) > _LONGEST:
            continue
        elif operator == "=" and path in _PUSHED:
            filters.setdefault(_PUSHED[path], [value])
        elif operator == "=" and path.startswith("tags."):
            filters.setdefault(f"tag:{path.removeprefix('tags.')}", [value])
        elif operator == ":" and path == "tags":
            filters.setdefault("tag-key", [value])
        elif operator == "=" and path == "spot" and value == "true":
            filters["instance-lifecycle"] = ["spot"]
    if narrow:
        filters["instance-state-name"] = states
    return [{"Name": name, "Values": values} for name, values in filters.items()] if states else None
