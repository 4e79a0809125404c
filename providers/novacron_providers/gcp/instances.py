"""Compute Engine's instances as the contract's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from novacron.cloud.v1 import common_pb2, compute_pb2

from novacron_providers.contract.errors import ProviderError
from novacron_providers.contract.names import ResourceName
from novacron_providers.gcp.regions import region_of
from novacron_providers.kit.escape import to_struct
from novacron_providers.kit.states import instance_state
from novacron_providers.kit.times import set_time

# The label of ours: the operation that made a machine. Its name for people is the description.
OPERATION_LABEL = "novacron-operation"
# Metadata that is no metadata of ours: it is given, and never read back.
USER_DATA, SSH_KEYS = "user-data", "ssh-keys"
_GIB = 2**30

STATES: Mapping[str, compute_pb2.InstanceState] = {
    "PENDING": compute_pb2.INSTANCE_STATE_STARTING,
    "PROVISIONING": compute_pb2.INSTANCE_STATE_STARTING,
    "STAGING": compute_pb2.INSTANCE_STATE_STARTING,
    "REPAIRING": compute_pb2.INSTANCE_STATE_STARTING,
    "RUNNING": compute_pb2.INSTANCE_STATE_RUNNING,
    # Also what is being deleted: Google does not tell.
    "PENDING_STOP": compute_pb2.INSTANCE_STATE_STOPPING,
    "STOPPING": compute_pb2.INSTANCE_STATE_STOPPING,
    "SUSPENDING": compute_pb2.INSTANCE_STATE_STOPPING,
    "SUSPENDED": compute_pb2.INSTANCE_STATE_SUSPENDED,
    "STOPPED": compute_pb2.INSTANCE_STATE_DEALLOCATED,
    "TERMINATED": compute_pb2.INSTANCE_STATE_DEALLOCATED,
    "DEPROVISIONING": compute_pb2.INSTANCE_STATE_DELETING,
}
ARCHITECTURES: Mapping[str, compute_pb2.Architecture] = {
    "X86_64": compute_pb2.ARCHITECTURE_X86_64,
    "ARM64": compute_pb2.ARCHITECTURE_ARM64,
}


def state_of(raw: Mapping[str, Any]) -> compute_pb2.InstanceState:
    """What an instance does, in the contract's word."""
    return instance_state("gcp", STATES, raw.get("status", ""))


def lost(raw: Mapping[str, Any], doing: str) -> ProviderError:
    """Why an instance is off that was on its way to run."""
    return ProviderError(
        f"{raw['name']} went off while {doing}: {raw.get('statusMessage') or 'Google does not say why'}",
        facts={"native_code": raw.get("status", "")},
        sent=True,
    )


def last(link: str) -> str:
    """The name at the end of a link."""
    return link.rpartition("/")[2]


def zone_of(raw: Mapping[str, Any]) -> str:
    """Zone of an instance."""
    return last(raw["zone"])


def disks_of(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Persistent disks of an instance, the boot disk first."""
    disks = [disk for disk in raw.get("disks") or [] if disk.get("source")]
    return sorted(disks, key=lambda disk: (not disk.get("boot", False), disk.get("index", 0)))


def volume_name(provider: str, link: str) -> str:
    """Resource name of a disk: "{zone}~{name}", or "{region}~{name}" where it is in two zones."""
    parts = link.split("/")
    return str(ResourceName(provider, "storageVolumes", (parts[-3], parts[-1])))


def volume_refs(provider: str, raw: Mapping[str, Any]) -> list[common_pb2.ResourceRef]:
    """Pointers to the volumes of an instance, the boot disk first."""
    return [
        common_pb2.ResourceRef(
            name=volume_name(provider, disk["source"]),
            native_id=disk["source"],
            display_name=last(disk["source"]),
            type=common_pb2.RESOURCE_TYPE_STORAGE_VOLUME,
            region=region_of(zone_of(raw)),
        )
        for disk in disks_of(raw)
    ]


def translate(
    raw: Mapping[str, Any],
    *,
    provider: str,
    observed: float,
    shape: compute_pb2.InstanceType | None,
    image: str = "",
    with_data: bool = False,
) -> compute_pb2.Instance:
    """Google's JSON of an instance as an Instance.

    Args:
        raw: The instance.
        provider: Id of the provider.
        observed: When it was read, seconds since 1970.
        shape: Its machine type, for what Google does not say of the instance; None when not known.
        image: Image of its boot disk, which Google does not say of the instance either.
        with_data: Also fill provider_data.
    """
    zone, labels = zone_of(raw), raw.get("labels") or {}
    ours = OPERATION_LABEL in labels
    disks = disks_of(raw)
    instance = compute_pb2.Instance(
        name=str(ResourceName(provider, "instances", (zone, raw["name"]))),
        native_id=raw["selfLink"],
        display_name=(ours and raw.get("description")) or raw["name"],
        state=state_of(raw),
        native_state=raw.get("status"),
        region=region_of(zone),
        zone=zone,
        state_reason=raw.get("statusMessage"),
        instance_type=last(raw.get("machineType", "")),
        image=image,
        storage_volumes=[volume_name(provider, disk["source"]) for disk in disks],
        security_groups=(raw.get("tags") or {}).get("items") or [],
        spot=(raw.get("scheduling") or {}).get("provisioningModel") == "SPOT",
    )
    # Field by field: maps and messages that are given to the constructor are copied, which takes twice the time.
    for key, value in labels.items():
        instance.tags[key] = value
    for item in (raw.get("metadata") or {}).get("items") or ():
        if item["key"] not in (USER_DATA, SSH_KEYS):
            instance.metadata[item["key"]] = item.get("value", "")
    for card in raw.get("networkInterfaces") or ():
        _add_interface(instance, provider, card)
    boot = next((disk for disk in disks if disk.get("boot")), None)
    if boot is not None:
        if boot.get("diskSizeGb"):
            instance.boot_disk_bytes = int(boot["diskSizeGb"]) * _GIB
        instance.architecture = ARCHITECTURES.get(boot.get("architecture", ""), compute_pb2.ARCHITECTURE_UNSPECIFIED)
    if shape is not None:
        instance.vcpus, instance.memory_bytes = shape.vcpus, shape.memory_bytes
        instance.architecture = instance.architecture or shape.architecture
    if created := raw.get("creationTimestamp"):
        set_time(instance.create_time, created)
    if started := raw.get("lastStartTimestamp"):
        set_time(instance.start_time, started)
    instance.observe_time.FromNanoseconds(round(observed * 1e9))
    if with_data:
        instance.provider_data.CopyFrom(to_struct(_shown(raw)))
    return instance


def _add_interface(instance: compute_pb2.Instance, provider: str, card: Mapping[str, Any]) -> None:
    network = last(card.get("network", ""))
    private = [card["networkIP"]] if card.get("networkIP") else []
    public = [one["natIP"] for one in card.get("accessConfigs") or () if one.get("natIP")]
    instance.network_interfaces.add(
        network=str(ResourceName(provider, "networks", ("global", network))) if network else "",
        subnet=card.get("subnetwork"),
        private_ips=private,
        public_ips=public,
    )
    instance.private_ips.extend(private)
    instance.public_ips.extend(public)


def _shown(raw: Mapping[str, Any]) -> dict[str, Any]:
    """An instance without its user data, which may hold secrets."""
    metadata = raw.get("metadata") or {}
    items = [item for item in metadata.get("items") or [] if item["key"] != USER_DATA]
    return {**raw, "metadata": {**metadata, "items": items}}
