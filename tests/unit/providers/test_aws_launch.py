"""An InstanceSpec as RunInstances' parameters."""

import dataclasses
from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2
from novacron_providers.aws import launch
from novacron_providers.aws.launch import Plan
from novacron_providers.contract.errors import InvalidArgument

GIB, MIB = 2**30, 2**20
PLAN = Plan("us-east-1", "", "ami-1", "t3.micro", "/dev/xvda", [])
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFTX5Pk0Yj1cC3ZlGtzkHDq4YeB3M5Wmwq7p0c9tWJbR"


def spec(**fields: Any) -> compute_pb2.InstanceSpec:
    return compute_pb2.InstanceSpec(**{"image": "ami-1", "instance_type": "t3.micro", **fields})


def parameters(plan: Plan = PLAN, **fields: Any) -> dict[str, Any]:
    made = spec(**fields)
    launch.check(made)
    return launch.parameters(made, plan, "aws", "nvc1-token")


def refused(**fields: Any) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        parameters(dataclasses.replace(PLAN, subnets=[""] * len(fields.get("network_interfaces", []))), **fields)
    return caught.value


def test_the_least_that_can_be_said() -> None:
    assert parameters() == {
        "ImageId": "ami-1",
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": "nvc1-token",
    }


def test_names_tags_and_metadata_are_tags() -> None:
    made = parameters(display_name="web", tags={"env": "prod"}, metadata={"role": "front"})
    assert made["TagSpecifications"] == [
        {
            "ResourceType": "instance",
            "Tags": [
                {"Key": "Name", "Value": "web"},
                {"Key": "env", "Value": "prod"},
                {"Key": "role", "Value": "front"},
            ],
        },
        {"ResourceType": "volume", "Tags": [{"Key": "env", "Value": "prod"}]},
    ]
    assert made["MetadataOptions"] == {"InstanceMetadataTags": "enabled"}


def test_disks_are_made_with_the_instance() -> None:
    made = parameters(
        boot_disk={"size_bytes": 20 * GIB + 1, "volume_type": "gp3", "keep_on_delete": True},
        data_disks=[
            {"size_bytes": GIB, "iops": 4000, "throughput_bytes_per_second": 125 * MIB + 1},
            {"snapshot": "providers/aws/snapshots/us-east-1~snap-1", "provider_options": {"Encrypted": True}},
        ],
    )
    assert made["BlockDeviceMappings"] == [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 21, "VolumeType": "gp3", "DeleteOnTermination": False}},
        {
            "DeviceName": "/dev/sdf",
            "Ebs": {"VolumeSize": 1, "Iops": 4000, "Throughput": 126, "DeleteOnTermination": True},
        },
        {"DeviceName": "/dev/sdg", "Ebs": {"SnapshotId": "snap-1", "DeleteOnTermination": True, "Encrypted": True}},
    ]


def test_network_cards() -> None:
    plan = dataclasses.replace(PLAN, subnets=["subnet-1"])
    card = {"subnet": "subnet-1", "security_groups": ["sg-1", "sg-2"], "assign_public_ip": False}
    assert parameters(plan, network_interfaces=[card])["NetworkInterfaces"] == [
        {
            "DeviceIndex": 0,
            "DeleteOnTermination": True,
            "SubnetId": "subnet-1",
            "Groups": ["sg-1", "sg-2"],
            "AssociatePublicIpAddress": False,
        }
    ]
    plan = dataclasses.replace(PLAN, subnets=["", ""])
    assert parameters(plan, network_interfaces=[{}, {}])["NetworkInterfaces"] == [
        {"DeviceIndex": 0, "DeleteOnTermination": True},
        {"DeviceIndex": 1, "DeleteOnTermination": True},
    ]


def test_zone_key_user_data_and_spot() -> None:
    plan = dataclasses.replace(PLAN, zone="us-east-1a")
    made = parameters(plan, user_data=b"#!/bin/sh", ssh_public_key=KEY, spot=True)
    assert made["Placement"] == {"AvailabilityZone": "us-east-1a"}
    assert made["UserData"] == b"#!/bin/sh"
    assert made["KeyName"].startswith("novacron-")
    assert made["InstanceMarketOptions"] == {"MarketType": "spot"}


def test_a_key_has_one_name_whatever_its_comment() -> None:
    assert launch.key_name(KEY) == launch.key_name(f"{KEY} me@laptop\n") != launch.key_name(f"{KEY}x")


def test_provider_options_join_what_the_request_says() -> None:
    plan = dataclasses.replace(PLAN, zone="us-east-1a")
    options = {"EbsOptimized": True, "Placement": {"Tenancy": "dedicated"}, "CpuOptions": {"CoreCount": 2}}
    made = parameters(plan, provider_options=options)
    assert made["EbsOptimized"] is True
    assert made["Placement"] == {"AvailabilityZone": "us-east-1a", "Tenancy": "dedicated"}
    assert made["CpuOptions"] == {"CoreCount": 2}


@pytest.mark.parametrize(
    "options",
    [
        {"ImageId": "ami-2"},
        {"MaxCount": 5},
        {"ClientToken": "x"},
        {"DryRun": True},
        {"Placement": {"AvailabilityZone": "b"}},
    ],
)
def test_provider_options_replace_nothing(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parameters(dataclasses.replace(PLAN, zone="us-east-1a"), provider_options=options)
    assert caught.value.violations[0].field.startswith("spec.provider_options")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"image": ""}, "spec.image"),
        ({"instance_type": ""}, "spec.instance_type"),
        ({"instance_type": "", "vcpus": 2}, "spec.instance_type"),
        ({"vcpus": 2, "memory_bytes": GIB}, "spec.vcpus"),
        ({"instance_type": "", "vcpus": -1, "memory_bytes": GIB}, "spec.vcpus"),
        ({"boot_disk": {"size_bytes": -1}}, "spec.boot_disk.size_bytes"),
        ({"data_disks": [{"size_bytes": GIB}, {"size_bytes": -GIB}]}, "spec.data_disks[1].size_bytes"),
        ({"data_disks": [{}]}, "spec.data_disks[0].size_bytes"),
        ({"data_disks": [{"size_bytes": GIB, "zone": "us-east-1b"}]}, "spec.data_disks[0]"),
        ({"data_disks": [{"size_bytes": GIB}] * 12}, "spec.data_disks"),
        ({"data_disks": [{"size_bytes": GIB, "tags": {"aws:x": "1"}}]}, "spec.data_disks[0].tags"),
        (
            {"data_disks": [{"snapshot": "providers/aws/snapshots/eu-west-1~snap-1"}]},
            "spec.data_disks[0].snapshot",
        ),
        (
            {"data_disks": [{"size_bytes": GIB, "provider_options": {"VolumeSize": 9}}]},
            "spec.data_disks[0].provider_options",
        ),
        ({"user_data": b"x" * 16385}, "spec.user_data"),
        ({"ssh_public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "spec.ssh_public_key"),
        ({"ssh_public_key": "ssh-dss AAAA"}, "spec.ssh_public_key"),
        ({"ssh_public_key": f"{KEY}\n{KEY}"}, "spec.ssh_public_key"),
        ({"network_interfaces": [{"assign_public_ip": True}, {}]}, "spec.network_interfaces"),
        ({"tags": {"AWS:x": "1"}}, "spec.tags"),
        ({"tags": {"": "1"}}, "spec.tags"),
        ({"tags": {"x": "1" * 257}}, "spec.tags"),
        ({"tags": {str(n): "" for n in range(51)}}, "spec.tags"),
        ({"tags": {"a": "1"}, "metadata": {"a": "2"}}, "spec.metadata"),
        ({"tags": {"Name": "a"}, "display_name": "b"}, "spec.display_name"),
    ],
)
def test_what_cannot_be_made_names_its_field(fields: dict[str, Any], field: str) -> None:
    assert [violation.field for violation in refused(**fields).violations] == [field]


def test_a_secret_in_user_data_is_in_no_error() -> None:
    assert "canary" not in str(refused(user_data=b"canary" * 3000))


def test_a_plan_outlives_a_restart() -> None:
    plan = dataclasses.replace(PLAN, subnets=["subnet-1", ""])
    assert Plan.from_json(plan.to_json()) == plan


def test_references_are_names_or_what_aws_calls_them() -> None:
    assert launch.native("ami-1", "aws", "images", "us-east-1", "f") == "ami-1"
    assert launch.native("providers/aws/images/us-east-1~ami-1", "aws", "images", "us-east-1", "f") == "ami-1"
    for other in (
        "providers/aws/images/eu-west-1~ami-1",
        "providers/b/images/us-east-1~ami-1",
        "providers/aws/images/x",
    ):
        with pytest.raises(InvalidArgument):
            launch.native(other, "aws", "images", "us-east-1", "f")
