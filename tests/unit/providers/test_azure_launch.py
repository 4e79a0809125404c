"""An InstanceSpec as what Azure is sent."""

import base64
import dataclasses
from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2
from novacron_providers.azure import launch
from novacron_providers.azure.launch import Plan
from novacron_providers.contract.errors import InvalidArgument

GIB = 2**30
IMAGE = {"publisher": "Canonical", "offer": "ubuntu", "sku": "server", "version": "1"}
PLAN = Plan("westeurope", "", "novacron", "web-0123", IMAGE, "Standard_B2s", [""])
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFTX5Pk0Yj1cC3ZlGtzkHDq4YeB3M5Wmwq7p0c9tWJbR"
OPERATION = "0123456789abcdef"


def spec(**fields: Any) -> compute_pb2.InstanceSpec:
    return compute_pb2.InstanceSpec(**{"image": "a:b:c:d", "instance_type": "Standard_B2s", **fields})


def body(plan: Plan = PLAN, **fields: Any) -> dict[str, Any]:
    made = spec(**fields)
    launch.check(made)
    snapshots = [disk.snapshot for disk in made.data_disks]
    tags = launch.tags_of(made, OPERATION)
    return launch.machine(made, plan, cards=["/nic-0", "/nic-1"], snapshots=snapshots, tags=tags)


def refused(**fields: Any) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        body(**fields)
    return caught.value


def test_the_least_that_can_be_said() -> None:
    made = body()
    password = made["properties"]["osProfile"].pop("adminPassword")
    assert len(password) > 24 and password != body()["properties"]["osProfile"]["adminPassword"]
    assert made == {
        "location": "westeurope",
        "tags": {"novacron-operation": OPERATION},
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_B2s"},
            "storageProfile": {
                "imageReference": IMAGE,
                "osDisk": {"name": "web-0123-boot", "createOption": "FromImage", "deleteOption": "Delete"},
                "dataDisks": [],
            },
            "networkProfile": {
                "networkInterfaces": [
                    {"id": "/nic-0", "properties": {"primary": True, "deleteOption": "Delete"}},
                    {"id": "/nic-1", "properties": {"primary": False, "deleteOption": "Delete"}},
                ]
            },
            "osProfile": {"computerName": "web-0123", "adminUsername": "novacron"},
        },
    }


def test_names_tags_and_metadata_are_tags() -> None:
    made = body(display_name="Web", tags={"env": "prod"}, metadata={"role": "front"})
    assert made["tags"] == {
        "env": "prod",
        "role": "front",
        "novacron-name": "Web",
        "novacron-operation": OPERATION,
    }


def test_disks_are_made_with_the_machine() -> None:
    made = body(
        boot_disk={"size_bytes": 40 * GIB + 1, "volume_type": "Premium_LRS", "keep_on_delete": True},
        data_disks=[{"size_bytes": GIB}, {"snapshot": "/snap", "provider_options": {"caching": "ReadOnly"}}],
    )["properties"]["storageProfile"]
    assert made["osDisk"] == {
        "name": "web-0123-boot",
        "createOption": "FromImage",
        "deleteOption": "Detach",
        "diskSizeGB": 41,
        "managedDisk": {"storageAccountType": "Premium_LRS"},
    }
    assert made["dataDisks"] == [
        {"lun": 0, "name": "web-0123-data-0", "createOption": "Empty", "deleteOption": "Delete", "diskSizeGB": 1},
        {
            "lun": 1,
            "name": "web-0123-data-1",
            "createOption": "Copy",
            "deleteOption": "Delete",
            "sourceResource": {"id": "/snap"},
            "caching": "ReadOnly",
        },
    ]


def test_a_key_takes_the_place_of_a_password() -> None:
    made = body(ssh_public_key=KEY, user_data=b"#cloud-config", provider_options={"properties": {}})
    profile = made["properties"]["osProfile"]
    assert "adminPassword" not in profile
    assert base64.b64decode(profile["customData"]) == b"#cloud-config"
    assert profile["linuxConfiguration"] == {
        "disablePasswordAuthentication": True,
        "ssh": {"publicKeys": [{"path": "/home/novacron/.ssh/authorized_keys", "keyData": KEY}]},
    }


def test_provider_options_add_and_never_replace() -> None:
    options = {"properties": {"osProfile": {"adminUsername": "root2"}, "licenseType": "x"}}
    made = body(ssh_public_key=KEY, provider_options=options)
    assert made["properties"]["licenseType"] == "x"
    assert made["properties"]["osProfile"]["linuxConfiguration"]["ssh"]["publicKeys"][0]["path"].startswith(
        "/home/root2"
    )
    error = refused(provider_options={"properties": {"hardwareProfile": {"vmSize": "x"}}})
    assert "vmSize" in error.message and error.violations[0].field.startswith("spec.provider_options")


def test_spot_and_zone() -> None:
    made = body(dataclasses.replace(PLAN, zone="2"), spot=True)
    assert made["zones"] == ["2"] and made["properties"]["priority"] == "Spot"
    assert made["properties"]["evictionPolicy"] == "Deallocate"
    assert launch.address(dataclasses.replace(PLAN, zone="2"), {})["zones"] == ["2"]


def test_a_card_goes_with_its_machine_and_so_does_its_address() -> None:
    wanted = compute_pb2.NetworkInterfaceSpec(security_groups=["/nsg"])
    made = launch.card(PLAN, 0, wanted, subnet="/subnet", address="/ip", tags={"a": "b"})
    configuration = made["properties"]["ipConfigurations"][0]["properties"]
    assert configuration["subnet"] == {"id": "/subnet"}
    assert configuration["publicIPAddress"] == {"id": "/ip", "properties": {"deleteOption": "Delete"}}
    assert made["properties"]["networkSecurityGroup"] == {"id": "/nsg"} and made["tags"] == {"a": "b"}
    private = launch.card(PLAN, 0, compute_pb2.NetworkInterfaceSpec(), subnet="/subnet", address="", tags={})
    assert "publicIPAddress" not in private["properties"]["ipConfigurations"][0]["properties"]


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("web", "web-01234567"),
        ("Web Server #1", "web-server-1-01234567"),
        ("_-.", "vm-01234567"),
        ("", "vm-01234567"),
        ("x" * 80, f"{'x' * 40}-01234567"),
        ("Ünïcode", "n-code-01234567"),
    ],
)
def test_a_name_is_adapted_to_the_rules_of_azure(name: str, made: str) -> None:
    assert launch.machine_name(name, OPERATION) == made


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"image": ""}, "spec.image"),
        ({"vcpus": -1}, "spec.vcpus"),
        ({"instance_type": "", "vcpus": 2}, "spec.instance_type"),
        ({"vcpus": 2, "memory_bytes": GIB}, "spec.vcpus"),
        ({"boot_disk": {"size_bytes": -1}}, "spec.boot_disk.size_bytes"),
        ({"user_data": b"x" * 65537}, "spec.user_data"),
        ({"ssh_public_key": "ssh-dss AAAA"}, "spec.ssh_public_key"),
        ({"network_interfaces": [{"security_groups": ["a", "b"]}]}, "spec.network_interfaces[0].security_groups"),
        ({"tags": {"a/b": "c"}}, "spec.tags"),
        ({"tags": {"a": "x" * 257}}, "spec.tags"),
        ({"tags": {str(i): "x" for i in range(50)}}, "spec.tags"),
        ({"tags": {"novacron-operation": "x"}}, "spec.tags"),
        ({"tags": {"a": "b"}, "metadata": {"a": "c"}}, "spec.metadata"),
        ({"data_disks": [{"size_bytes": GIB}] * 65}, "spec.data_disks"),
        ({"data_disks": [{}]}, "spec.data_disks[0].size_bytes"),
        ({"data_disks": [{"size_bytes": GIB, "iops": 500}]}, "spec.data_disks[0].iops"),
        ({"data_disks": [{"size_bytes": GIB, "zone": "1"}]}, "spec.data_disks[0]"),
        ({"data_disks": [{"size_bytes": GIB, "tags": {"a": "b"}}]}, "spec.data_disks[0]"),
    ],
)
def test_what_azure_cannot_do_is_refused_before_it_is_asked(fields: dict[str, Any], field: str) -> None:
    assert [violation.field for violation in refused(**fields).violations] == [field]


def test_a_reference_is_a_name_of_ours_or_the_clouds_own() -> None:
    def native(reference: str) -> str:
        return launch.native(reference, "azure", "images", "Microsoft.Compute/images", "s", "spec.image")

    assert native("a:b:c:d") == "a:b:c:d"
    assert (
        native("providers/azure/images/g~i") == "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/i"
    )
    with pytest.raises(InvalidArgument):
        native("providers/aws/images/us-east-1~ami-1")


def test_a_plan_comes_back_from_the_journal() -> None:
    assert Plan.from_json(PLAN.to_json()) == PLAN
