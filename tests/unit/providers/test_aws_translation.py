"""EC2's instances as the contract's, and the contract's filters as EC2's."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import json_format
from novacron.cloud.v1 import compute_pb2
from novacron_providers.aws import instances
from novacron_providers.contract import errors
from novacron_providers.contract.filters import Filter

LAUNCHED = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MADE = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
RAW: dict[str, Any] = {
    "InstanceId": "i-0abc",
    "InstanceType": "m5.large",
    "ImageId": "ami-1",
    "State": {"Name": "running"},
    "LaunchTime": LAUNCHED,
    "Placement": {"AvailabilityZone": "us-east-1a"},
    "Architecture": "x86_64",
    "Tags": [{"Key": "Name", "Value": "web"}, {"Key": "env", "Value": "prod"}],
    "PublicIpAddress": "203.0.113.7",
    "PrivateIpAddress": "10.0.0.4",
    "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2},
    "RootDeviceName": "/dev/xvda",
    "BlockDeviceMappings": [
        {"DeviceName": "/dev/sdf", "Ebs": {"VolumeId": "vol-2", "AttachTime": LAUNCHED}},
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-1", "AttachTime": MADE}},
    ],
    "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "web"}],
    "NetworkInterfaces": [
        {
            "VpcId": "vpc-1",
            "SubnetId": "subnet-2",
            "PrivateIpAddress": "10.0.1.9",
            "Attachment": {"DeviceIndex": 1},
        },
        {
            "VpcId": "vpc-1",
            "SubnetId": "subnet-1",
            "MacAddress": "02:00:00:00:00:01",
            "PrivateIpAddress": "10.0.0.4",
            "PrivateIpAddresses": [
                {"PrivateIpAddress": "10.0.0.4", "Association": {"PublicIp": "203.0.113.7"}},
                {"PrivateIpAddress": "10.0.0.5", "Association": {"PublicIp": "203.0.113.8"}},
            ],
            "Association": {"PublicIp": "203.0.113.7"},
            "Attachment": {"DeviceIndex": 0, "AttachTime": MADE},
        },
    ],
}
SHAPE = compute_pb2.InstanceType(
    native_id="m5.large", vcpus=2, memory_bytes=8 * 2**30, network_bits_per_second=10 * 10**9
)


def translate(changes: dict[str, Any] | None = None, shape: Any = SHAPE, **more: Any) -> compute_pb2.Instance:
    raw: Any = {**RAW, **(changes or {})}
    return instances.translate(raw, provider="aws", region="us-east-1", observed=1.5, shape=shape, **more)


def test_an_instance_in_full() -> None:
    found = translate(boot_disk_bytes=2**33)
    assert found.name == "providers/aws/instances/us-east-1~i-0abc"
    assert (found.native_id, found.display_name, found.instance_type) == ("i-0abc", "web", "m5.large")
    assert (found.state, found.native_state) == (compute_pb2.INSTANCE_STATE_RUNNING, "running")
    assert (found.region, found.zone) == ("us-east-1", "us-east-1a")
    assert dict(found.tags) == {"Name": "web", "env": "prod"}
    assert (found.vcpus, found.memory_bytes, found.network_bits_per_second) == (2, 8 * 2**30, 10**10)
    assert found.boot_disk_bytes == 2**33
    assert found.architecture == compute_pb2.ARCHITECTURE_X86_64
    assert found.image == "providers/aws/images/us-east-1~ami-1"
    assert list(found.public_ips) == ["203.0.113.7", "203.0.113.8"]
    assert list(found.private_ips) == ["10.0.0.4", "10.0.0.5", "10.0.1.9"]
    assert list(found.security_groups) == ["sg-1"]
    assert [name.rpartition("~")[2] for name in found.storage_volumes] == ["vol-1", "vol-2"]
    first, second = found.network_interfaces
    assert (first.subnet, first.mac_address) == ("subnet-1", "02:00:00:00:00:01")
    assert first.network == "providers/aws/networks/us-east-1~vpc-1"
    assert list(first.public_ips) == ["203.0.113.7", "203.0.113.8"]
    assert (second.subnet, list(second.private_ips)) == ("subnet-2", ["10.0.1.9"])
    assert found.create_time.ToDatetime(UTC) == MADE
    assert found.start_time.ToDatetime(UTC) == LAUNCHED
    assert found.observe_time.ToNanoseconds() == 1_500_000_000
    assert not found.spot and not found.HasField("delete_time") and not found.HasField("provider_data")


def test_what_is_not_known_is_absent() -> None:
    raw: Any = {"InstanceId": "i-0abc", "InstanceType": "x9.new", "State": {"Name": "pending"}}
    found = instances.translate(raw, provider="aws", region="us-east-1", observed=1.0, shape=None)
    unknown = ("vcpus", "memory_bytes", "boot_disk_bytes", "network_bits_per_second", "create_time", "start_time")
    assert not [field for field in unknown if found.HasField(field)]
    assert not found.image and not found.zone and not found.public_ips
    assert found.architecture == compute_pb2.ARCHITECTURE_UNSPECIFIED


def test_provider_data_is_what_ec2_said() -> None:
    data = json_format.MessageToDict(translate(with_data=True).provider_data)
    assert data["LaunchTime"] == "2026-11-24T12:00:00Z"
    assert data["Placement"]["AvailabilityZone"] == "us-east-1a"


@pytest.mark.parametrize(
    ("native", "state"),
    [
        ("pending", "STARTING"),
        ("running", "RUNNING"),
        ("stopping", "STOPPING"),
        ("stopped", "DEALLOCATED"),
        ("shutting-down", "DELETING"),
        ("terminated", "DELETED"),
        ("dancing", "UNSPECIFIED"),
    ],
)
def test_states(native: str, state: str) -> None:
    found = translate({"State": {"Name": native}})
    assert compute_pb2.InstanceState.Name(found.state) == f"INSTANCE_STATE_{state}"
    assert found.native_state == native


def test_a_hibernated_instance_is_suspended() -> None:
    found = translate({"State": {"Name": "stopped"}, "StateReason": {"Code": "Client.UserInitiatedHibernate"}})
    assert found.state == compute_pb2.INSTANCE_STATE_SUSPENDED


def test_an_instance_that_ended_says_when_and_why() -> None:
    found = translate(
        {
            "State": {"Name": "terminated"},
            "StateTransitionReason": "User initiated (2026-11-24 13:30:00 GMT)",
            "StateReason": {"Code": "Client.UserInitiatedShutdown", "Message": "Client.UserInitiatedShutdown: bye"},
        }
    )
    assert found.delete_time.ToDatetime(UTC) == datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
    assert found.state_reason == "Client.UserInitiatedShutdown: bye"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("Server.InsufficientInstanceCapacity", errors.CapacityUnavailable),
        ("Client.VolumeLimitExceeded", errors.QuotaExceeded),
        ("Client.InternalError", errors.ProviderError),
        ("", errors.ProviderError),
    ],
)
def test_why_an_instance_did_not_come_to_run(code: str, kind: type[errors.CloudError]) -> None:
    raw: Any = {**RAW, "State": {"Name": "terminated"}, "StateReason": {"Code": code, "Message": f"{code}: no luck"}}
    error = instances.lost(raw, "starting")
    assert type(error) is kind and "no luck" in error.message and "i-0abc" in error.message
    assert error.facts.get("native_code", "") == code


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("", {}),
        ('state = "RUNNING"', {"instance-state-name": ["running"]}),
        ('state = "SUSPENDED"', {"instance-state-name": ["stopped"]}),
        ('zone = "us-east-1a"', {"availability-zone": ["us-east-1a"]}),
        ('native_id = "i-0abc"', {"instance-id": ["i-0abc"]}),
        ('instance_type = "m5.large"', {"instance-type": ["m5.large"]}),
        ('display_name = "web"', {"tag:Name": ["web"]}),
        ('tags.env = "prod" AND tags:"team"', {"tag:env": ["prod"], "tag-key": ["team"]}),
        ('spot = "true"', {"instance-lifecycle": ["spot"]}),
        # EC2 would take these for patterns, compares otherwise, or has no such filter.
        ('display_name = "web*"', {}),
        ('display_name = "w?b"', {}),
        ('tags.path = "a\\\\b"', {}),
        ('display_name = ""', {}),
        ('zone != "us-east-1a"', {}),
        ('spot = "false"', {}),
        ('public_ips:"203.0.113.7"', {}),
    ],
)
def test_filters_that_ec2_can_apply_are_pushed_down(text: str, filters: dict[str, list[str]]) -> None:
    query = Filter.parse(text, compute_pb2.Instance)
    for show_deleted in (False, True):
        found = instances.pushed(query, show_deleted=show_deleted)
        assert found is not None and {f["Name"]: f["Values"] for f in found} == filters


@pytest.mark.parametrize("text", ['state = "STOPPED"', 'state = "ERROR"', 'state = "RUNNING" AND state = "STOPPING"'])
def test_what_nothing_can_match_is_not_asked(text: str) -> None:
    assert instances.pushed(Filter.parse(text, compute_pb2.Instance), show_deleted=True) is None


def test_deleted_ones_are_asked_for_only_on_demand() -> None:
    query = Filter.parse('state = "DELETED"', compute_pb2.Instance)
    assert instances.pushed(query, show_deleted=False) is None
    assert instances.pushed(query, show_deleted=True) == [{"Name": "instance-state-name", "Values": ["terminated"]}]
