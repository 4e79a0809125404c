"""Azure's virtual machines as instances."""

from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2
from novacron_providers.azure import instances
from novacron_providers.azure.fleet import Place
from novacron_providers.contract.errors import CapacityUnavailable, InvalidArgument, ProviderError

GROUP = "/subscriptions/s/resourceGroups/NOVACRON"
NIC = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/web-0"
IP = f"{GROUP}/providers/Microsoft.Network/publicIPAddresses/web-0"
VNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net"
DISK = f"{GROUP}/providers/Microsoft.Compute/disks"


def machine(provisioning: str = "Succeeded", *codes: str, **properties: Any) -> dict[str, Any]:
    statuses = [{"code": code} for code in codes]
    return {
        "id": f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web",
        "name": "web",
        "location": "westeurope",
        "properties": {"provisioningState": provisioning, "instanceView": {"statuses": statuses}, **properties},
    }


WORDS = {
    ("Creating", ""): "STARTING",
    ("Creating", "starting"): "STARTING",
    ("Creating", "running"): "STARTING",
    ("Deleting", "running"): "DELETING",
    ("Deleting", ""): "DELETING",
    ("Succeeded", "starting"): "STARTING",
    ("Updating", "starting"): "STARTING",
    ("Succeeded", "running"): "RUNNING",
    ("Updating", "running"): "RUNNING",
    ("Failed", "running"): "RUNNING",
    ("Succeeded", "stopping"): "STOPPING",
    ("Succeeded", "deallocating"): "STOPPING",
    ("Updating", "deallocating"): "STOPPING",
    ("Succeeded", "stopped"): "STOPPED",
    ("Succeeded", "deallocated"): "DEALLOCATED",
    ("Failed", "deallocated"): "DEALLOCATED",
    ("Succeeded", "unknown"): "UNSPECIFIED",
    ("Succeeded", "somethingNew"): "UNSPECIFIED",
    ("Failed", ""): "ERROR",
    ("Canceled", ""): "ERROR",
    ("Updating", ""): "STARTING",
    ("Migrating", ""): "STARTING",
    ("Succeeded", ""): "UNSPECIFIED",
    ("SomethingNew", ""): "UNSPECIFIED",
}


@pytest.mark.parametrize(("words", "state"), WORDS.items(), ids=lambda value: "-".join(value).strip("-"))
def test_states(words: tuple[str, str], state: str) -> None:
    provisioning, power = words
    raw = machine(provisioning, *([f"PowerState/{power}"] if power else []))
    assert instances.state_of(raw) == compute_pb2.InstanceState.Value(f"INSTANCE_STATE_{state}")
    assert instances.word_of(raw) == (provisioning if provisioning in instances.PROVISIONING else power or provisioning)


def test_a_hibernated_machine_is_suspended() -> None:
    raw = machine("Succeeded", "PowerState/deallocated", "HibernationState/Hibernated")
    assert instances.state_of(raw) == compute_pb2.INSTANCE_STATE_SUSPENDED


def translated(raw: dict[str, Any], **more: Any) -> compute_pb2.Instance:
    given: dict[str, Any] = {"shape": None, "cards": [], "addresses": {}, **more}
    return instances.translate(raw, provider="azure", observed=1_700_000_000.5, **given)


def test_a_whole_machine() -> None:
    raw = machine(
        "Succeeded",
        "ProvisioningState/succeeded",
        "PowerState/running",
        hardwareProfile={"vmSize": "Standard_B2s"},
        timeCreated="2026-11-24T10:00:00.1234567+00:00",
        priority="Spot",
        storageProfile={
            "imageReference": {"publisher": "Canonical", "offer": "ubuntu", "sku": "server", "version": "1"},
            "osDisk": {"diskSizeGB": 30, "managedDisk": {"id": f"{DISK}/boot"}},
            "dataDisks": [
                {"lun": 1, "managedDisk": {"id": f"{DISK}/b"}},
                {"lun": 0, "managedDisk": {"id": f"{DISK}/a"}},
            ],
        },
    )
    raw |= {"tags": {"team": "core", instances.NAME_TAG: "Web 1"}, "zones": ["2"]}
    raw["properties"]["instanceView"]["statuses"][1]["time"] = "2026-11-24T10:01:00+00:00"
    card = {
        "id": NIC,
        "properties": {
            "macAddress": "00-0D-3A-1B-C7-21",
            "networkSecurityGroup": {"id": f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/g"},
            "ipConfigurations": [
                {
                    "properties": {
                        "primary": False,
                        "privateIPAddress": "10.0.0.5",
                        "subnet": {"id": f"{VNET}/subnets/x"},
                    }
                },
                {
                    "properties": {
                        "primary": True,
                        "privateIPAddress": "10.0.0.4",
                        "subnet": {"id": f"{VNET}/subnets/default"},
                        "publicIPAddress": {"id": IP},
                    }
                },
            ],
        },
    }
    shape = compute_pb2.InstanceType(vcpus=2, memory_bytes=4 << 30, architecture=compute_pb2.ARCHITECTURE_X86_64)
    found = translated(raw, shape=shape, cards=[card], addresses={IP.lower(): "20.1.2.3"}, with_data=True)
    assert found.name == "providers/azure/instances/novacron~web" and found.native_id == raw["id"]
    assert (found.display_name, found.region, found.zone) == ("Web 1", "westeurope", "2")
    assert (found.native_state, found.instance_type, found.spot) == ("running", "Standard_B2s", True)
    assert (found.vcpus, found.memory_bytes, found.boot_disk_bytes) == (2, 4 << 30, 30 << 30)
    assert found.image == "Canonical:ubuntu:server:1"
    assert list(found.private_ips) == ["10.0.0.4", "10.0.0.5"] and list(found.public_ips) == ["20.1.2.3"]
    (interface,) = found.network_interfaces
    assert interface.network == "providers/azure/networks/novacron~net"
    assert interface.subnet.endswith("/subnets/default") and interface.mac_address == "00:0d:3a:1b:c7:21"
    assert [volume.rpartition("~")[2] for volume in found.storage_volumes] == ["boot", "a", "b"]
    assert len(found.security_groups) == 1
    assert found.create_time.ToJsonString() == "2026-11-24T10:00:00.123456700Z"
    assert found.start_time.ToJsonString() == "2026-11-24T10:01:00Z"
    assert found.observe_time.ToJsonString() == "2023-11-14T22:13:20.500Z"
    assert found.provider_data["name"] == "web"


def test_what_is_not_known_is_absent() -> None:
    found = translated(machine())
    assert not found.HasField("vcpus") and not found.HasField("memory_bytes")
    assert not found.HasField("boot_disk_bytes") and not found.HasField("create_time")
    assert not found.HasField("provider_data") and not found.image and found.display_name == "web"


def test_why_a_machine_failed() -> None:
    raw = machine("Failed")
    raw["properties"]["instanceView"]["statuses"] = [
        {"code": "ProvisioningState/failed/AllocationFailed", "message": "No room here."}
    ]
    assert translated(raw).state_reason == "No room here."
    assert isinstance(instances.lost(raw, "starting"), CapacityUnavailable)
    assert isinstance(instances.lost(machine("Failed"), "starting"), ProviderError)


def test_a_name_resolves_whatever_its_case() -> None:
    place = Place.of("providers/azure/instances/NovaCron~web-1")
    assert place.name == "providers/azure/instances/novacron~web-1"
    assert place.native_id("s").endswith("/resourceGroups/novacron/providers/Microsoft.Compute/virtualMachines/web-1")
    for bad in (
        "providers/azure/instances/a~b~c",
        "providers/azure/instances/a~b%2Fstart",
        "providers/azure/images/a~b",
    ):
        with pytest.raises(InvalidArgument):
            Place.of(bad)
