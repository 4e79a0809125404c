"""Azure's virtual machines as the contract's instances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from novacron.cloud.v1 import common_pb2, compute_pb2

from novacron_providers.azure.errors import kind_of
from novacron_providers.contract.errors import CapacityUnavailable, CloudError, ProviderError, QuotaExceeded
from novacron_providers.contract.names import ResourceName
from novacron_providers.kit.escape import to_struct
from novacron_providers.kit.states import instance_state
from novacron_providers.kit.times import set_time

# Tags of ours: the name for people, and the operation that made a resource.
NAME_TAG, OPERATION_TAG = "novacron-name", "novacron-operation"
_GIB = 2**30

# By provisioningState where it decides, whatever the power is.
PROVISIONING: Mapping[str, compute_pb2.InstanceState] = {
    "Creating": compute_pb2.INSTANCE_STATE_STARTING,
    "Deleting": compute_pb2.INSTANCE_STATE_DELETING,
}
# By power, "PowerState/..." of the instance view.
POWER: Mapping[str, compute_pb2.InstanceState] = {
    "starting": compute_pb2.INSTANCE_STATE_STARTING,
    "running": compute_pb2.INSTANCE_STATE_RUNNING,
    "stopping": compute_pb2.INSTANCE_STATE_STOPPING,
    "stopped": compute_pb2.INSTANCE_STATE_STOPPED,
    "deallocating": compute_pb2.INSTANCE_STATE_STOPPING,
    "deallocated": compute_pb2.INSTANCE_STATE_DEALLOCATED,
    "unknown": compute_pb2.INSTANCE_STATE_UNSPECIFIED,
}
# By provisioningState where Azure tells no power: before the first start, or when the making failed.
POWERLESS: Mapping[str, compute_pb2.InstanceState] = {
    "Failed": compute_pb2.INSTANCE_STATE_ERROR,
    "Canceled": compute_pb2.INSTANCE_STATE_ERROR,
    "Updating": compute_pb2.INSTANCE_STATE_STARTING,
    "Migrating": compute_pb2.INSTANCE_STATE_STARTING,
    "Succeeded": compute_pb2.INSTANCE_STATE_UNSPECIFIED,
}


def state_of(raw: Mapping[str, Any]) -> compute_pb2.InstanceState:
    """What an instance does, in the contract's word."""
    provisioning, power = provisioning_of(raw), power_of(raw)
    if provisioning in PROVISIONING:
        return PROVISIONING[provisioning]
    if power == "deallocated" and "HibernationState/Hibernated" in _codes(raw):
        return compute_pb2.INSTANCE_STATE_SUSPENDED
    if power:
        return instance_state("azure", POWER, power)
    return instance_state("azure", POWERLESS, provisioning)


def provisioning_of(raw: Mapping[str, Any]) -> str:
    """ "Creating", "Updating", "Succeeded", "Failed", "Deleting"."""
    return str(raw["properties"].get("provisioningState") or "")


def power_of(raw: Mapping[str, Any]) -> str:
    """ "running", "stopped", "deallocated" and so on; empty when Azure does not tell."""
    return next((code.partition("/")[2] for code in _codes(raw) if code.startswith("PowerState/")), "")


def size_of(raw: Mapping[str, Any]) -> str:
    """Name of its size; empty when Azure does not tell."""
    return (raw["properties"].get("hardwareProfile") or {}).get("vmSize") or ""


def word_of(raw: Mapping[str, Any]) -> str:
    """The state in Azure's own word: its power, or what is being done with it."""
    provisioning = provisioning_of(raw)
    return provisioning if provisioning in PROVISIONING else power_of(raw) or provisioning


def failure_of(raw: Mapping[str, Any]) -> tuple[str, str]:
    """Code and text of why the last change of an instance failed; empty when it did not."""
    for status in _statuses(raw):
        if status.get("code", "").startswith("ProvisioningState/failed"):
            return status["code"].rpartition("/")[2], status.get("message") or status.get("displayStatus") or ""
    return "", ""


def lost(raw: Mapping[str, Any], doing: str) -> CloudError:
    """Why an instance failed that was on its way to run."""
    code, text = failure_of(raw)
    kind = kind_of(code, 0, text)
    if kind not in (CapacityUnavailable, QuotaExceeded):
        kind = ProviderError
    return kind(
        f"{raw['name']} failed while {doing}: {text or 'Azure does not say why'}",
        facts={"native_code": code or provisioning_of(raw)},
        sent=True,
    )


def group_of(native_id: str) -> str:
    """Resource group of an ARM id, in lower case: Azure spells the same one differently from answer to answer."""
    return native_id.split("/")[4].lower()


def disks_of(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Managed disks of an instance, the boot disk first."""
    storage = raw["properties"].get("storageProfile") or {}
    disks = [storage.get("osDisk") or {}, *sorted(storage.get("dataDisks") or [], key=lambda disk: disk.get("lun", 0))]
    return [disk for disk in disks if (disk.get("managedDisk") or {}).get("id")]


def cards_of(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """References to the network cards of an instance, the primary one first."""
    cards = (raw["properties"].get("networkProfile") or {}).get("networkInterfaces") or []
    return sorted(cards, key=lambda card: not (card.get("properties") or {}).get("primary", len(cards) == 1))


def named(provider: str, collection: str, native_id: str) -> str:
    """Resource name of what an ARM id points to: "{resource group}~{name}"; empty when there is none."""
    if not native_id:
        return ""
    return str(ResourceName(provider, collection, (group_of(native_id), native_id.rpartition("/")[2])))


def volume_refs(provider: str, raw: Mapping[str, Any]) -> list[common_pb2.ResourceRef]:
    """Pointers to the volumes of an instance, the boot disk first."""
    return [
        common_pb2.ResourceRef(
            name=named(provider, "storageVolumes", disk["managedDisk"]["id"]),
            native_id=disk["managedDisk"]["id"],
            display_name=disk.get("name"),
            type=common_pb2.RESOURCE_TYPE_STORAGE_VOLUME,
            region=raw["location"],
        )
        for disk in disks_of(raw)
    ]


def translate(
    raw: Mapping[str, Any],
    *,
    provider: str,
    observed: float,
    shape: compute_pb2.InstanceType | None,
    cards: Iterable[Mapping[str, Any]],
    addresses: Mapping[str, str],
    with_data: bool = False,
) -> compute_pb2.Instance:
    """Azure's answer as an Instance.

    Args:
        raw: A virtual machine with its instance view.
        provider: Id of the provider.
        observed: When it was read, seconds since 1970.
        shape: Its instance type, for what Azure does not say of the machine; None when not known.
        cards: Its network cards, the primary one first.
        addresses: Public addresses by lower-cased ARM id.
        with_data: Also fill provider_data.
    """
    properties = raw["properties"]
    tags = raw.get("tags") or {}
    storage = properties.get("storageProfile") or {}
    groups = [(card["properties"].get("networkSecurityGroup") or {}).get("id") for card in cards]
    _, reason = failure_of(raw)
    instance = compute_pb2.Instance(
        name=named(provider, "instances", raw["id"]),
        native_id=raw["id"],
        display_name=tags.get(NAME_TAG) or raw["name"],
        state=state_of(raw),
        native_state=word_of(raw),
        region=raw["location"],
        zone=next(iter(raw.get("zones") or []), ""),
        state_reason=reason,
        instance_type=size_of(raw),
        image=_image(provider, storage.get("imageReference") or {}),
        storage_volumes=[named(provider, "storageVolumes", disk["managedDisk"]["id"]) for disk in disks_of(raw)],
        security_groups=[group for group in dict.fromkeys(groups) if group],
        spot=properties.get("priority") == "Spot",
    )
    # Field by field: maps and messages that are given to the constructor are copied, which takes twice the time.
    for key, value in tags.items():
        instance.tags[key] = value
    for card in cards:
        _add_interface(instance, provider, card, addresses)
    if size := (storage.get("osDisk") or {}).get("diskSizeGB"):
        instance.boot_disk_bytes = size * _GIB
    if shape is not None:
        instance.vcpus, instance.memory_bytes = shape.vcpus, shape.memory_bytes
        instance.architecture = shape.architecture
    if created := properties.get("timeCreated"):
        set_time(instance.create_time, created)
    for status in _statuses(raw):
        if status.get("code") == "PowerState/running" and status.get("time"):
            set_time(instance.start_time, status["time"])
    instance.observe_time.FromNanoseconds(round(observed * 1e9))
    if with_data:
        instance.provider_data.CopyFrom(to_struct(raw))
    return instance


def _add_interface(
    instance: compute_pb2.Instance, provider: str, card: Mapping[str, Any], addresses: Mapping[str, str]
) -> None:
    properties = card["properties"]
    configurations = [configuration["properties"] for configuration in properties.get("ipConfigurations") or []]
    configurations.sort(key=lambda configuration: not configuration.get("primary", True))
    subnet = next(((c.get("subnet") or {}).get("id", "") for c in configurations), "")
    ids = [((c.get("publicIPAddress") or {}).get("id") or "").lower() for c in configurations]
    private = [c["privateIPAddress"] for c in configurations if c.get("privateIPAddress")]
    public = [addresses[id_] for id_ in ids if id_ in addresses]
    instance.network_interfaces.add(
        network=named(provider, "networks", subnet.rpartition("/subnets/")[0]),
        subnet=subnet,
        private_ips=private,
        public_ips=public,
        # "00-0D-3A-1B-C7-21"
        mac_address=(properties.get("macAddress") or "").replace("-", ":").lower(),
    )
    instance.private_ips.extend(private)
    instance.public_ips.extend(public)


def _image(provider: str, reference: Mapping[str, Any]) -> str:
    """A marketplace image is "Publisher:Offer:Sku:Version", another one an ARM id or a name of ours."""
    native_id = str(reference.get("id") or "")
    if "/providers/Microsoft.Compute/images/" in native_id:
        return named(provider, "images", native_id)
    parts = [str(reference.get(key) or "") for key in ("publisher", "offer", "sku", "version")]
    return native_id or (":".join(parts) if all(parts) else "")


def _statuses(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return (raw["properties"].get("instanceView") or {}).get("statuses") or []


def _codes(raw: Mapping[str, Any]) -> list[str]:
    return [status.get("code", "") for status in _statuses(raw)]
