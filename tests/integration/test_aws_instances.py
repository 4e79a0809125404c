"""The life of instances on the sandbox's AWS: each change is looked up past the adapter, in AWS's own words."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from novacron.cloud.v1 import compute_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract.errors import (
    CapacityUnavailable,
    CloudError,
    InvalidArgument,
    NotFound,
    PermissionMissing,
    ProviderError,
    QuotaExceeded,
    StateInvalid,
    Unsupported,
)
from novacron_sandbox import Sandbox

from tests.integration.aws_account import CALL, GIB, OTHER, PARENT, REGION, Account, connect, fast_sandbox
from tests.unit.providers.operation import CheckPassed, Journal, MemoryOp

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFTX5Pk0Yj1cC3ZlGtzkHDq4YeB3M5Wmwq7p0c9tWJbR"
DEALLOCATED, RUNNING = compute_pb2.INSTANCE_STATE_DEALLOCATED, compute_pb2.INSTANCE_STATE_RUNNING


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with fast_sandbox() as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account_of_module(sandbox: Sandbox) -> AsyncIterator[Account]:
    connection = connect(sandbox)
    yield Account(sandbox, connection)
    await connection.close()


@pytest.fixture
def account(account_of_module: Account) -> Account:
    """The account, with nothing in it."""
    account_of_module.sandbox.reset()
    return account_of_module


def fields(error: CloudError) -> list[str]:
    return [violation.field for violation in error.violations]


async def test_an_instance_with_all_that_can_be_asked_for(account: Account) -> None:
    op = MemoryOp()
    made = await account.create(
        op,
        display_name="web-1",
        tags={"env": "prod"},
        metadata={"role": "front"},
        zone="us-east-1c",
        boot_disk={"size_bytes": 20 * GIB, "volume_type": "gp3", "keep_on_delete": True},
        data_disks=[{"size_bytes": 30 * GIB, "display_name": "data", "tags": {"team": "a"}}, {"size_bytes": 40 * GIB}],
        network_interfaces=[{"assign_public_ip": True}],
        user_data=b"#!/bin/sh\necho \xff",
        ssh_public_key=KEY,
        spot=True,
    )
    (raw,) = account.alive()
    assert raw["InstanceId"] == made.native_id and raw["State"]["Name"] == "running"
    assert made.state == RUNNING and made.zone == raw["Placement"]["AvailabilityZone"] == "us-east-1c"
    assert {tag["Key"]: tag["Value"] for tag in raw["Tags"]} == {"Name": "web-1", "env": "prod", "role": "front"}
    assert raw["InstanceLifecycle"] == "spot" and made.spot
    assert made.public_ips[0] == raw["PublicIpAddress"]
    assert (made.vcpus, made.memory_bytes, made.boot_disk_bytes) == (2, GIB, 20 * GIB)
    told = account.ec2.describe_instance_attribute(InstanceId=made.native_id, Attribute="userData")
    assert base64.b64decode(told["UserData"]["Value"]) == b"#!/bin/sh\necho \xff"
    (key,) = account.ec2.describe_key_pairs()["KeyPairs"]
    assert raw["KeyName"] == key["KeyName"]

    volumes = {volume["Size"]: volume for volume in account.ec2.describe_volumes()["Volumes"]}
    assert sorted(volumes) == [20, 30, 40]
    tags = {tag["Key"]: tag["Value"] for tag in volumes[30]["Tags"]}
    assert tags == {"Name": "data", "team": "a", "env": "prod"}
    assert made.storage_volumes[0].endswith(f"~{volumes[20]['VolumeId']}")

    assert list(op.planned) == op.sent == ["check", "key", "launch", "running", "tag-disks"]
    assert op.journal.targets.keys() == {made.name, *made.storage_volumes}
    assert 0.5 in op.journal.progress and op.journal.progress[-1] == 1.0

    await account.delete(made.name)
    assert account.alive() == []
    assert [volume["Size"] for volume in account.ec2.describe_volumes()["Volumes"]] == [20]


async def test_the_smallest_type_that_fits_is_taken(account: Account) -> None:
    made = await account.create(vcpus=2, memory_bytes=3 * GIB)
    (raw,) = account.alive()
    assert raw["InstanceType"] == made.instance_type
    assert made.vcpus == 2 and made.memory_bytes == 4 * GIB
    assert made.instance_type.startswith("t")
    assert made.architecture == compute_pb2.ARCHITECTURE_X86_64


async def test_the_type_has_the_architecture_of_the_image(account: Account) -> None:
    images = account.ec2.describe_images(Filters=[{"Name": "architecture", "Values": ["arm64"]}])["Images"]
    arm = images[0]["ImageId"]
    made = await account.create(image=arm, vcpus=1, memory_bytes=GIB)
    assert made.architecture == compute_pb2.ARCHITECTURE_ARM64
    with pytest.raises(InvalidArgument) as caught:
        await account.create(image=arm)
    assert fields(caught.value) == ["spec.instance_type"] and "arm64" in caught.value.message


async def test_references_are_names_too(account: Account) -> None:
    image = f"providers/aws/images/{REGION}~{account.sandbox.aws['image']}"
    made = await account.create(image=image)
    assert made.image == image


async def test_a_network_and_its_parts(account: Account) -> None:
    vpc = account.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        account.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for n, zone in enumerate(("us-east-1a", "us-east-1b"))
    ]
    group = account.ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    card = {"network": f"providers/aws/networks/{REGION}~{vpc}", "security_groups": [group]}
    made = await account.create(zone="us-east-1b", network_interfaces=[card])
    (raw,) = account.alive()
    assert (raw["VpcId"], raw["SubnetId"]) == (vpc, subnets[1])
    assert [g["GroupId"] for g in raw["NetworkInterfaces"][0]["Groups"]] == [group]
    assert made.network_interfaces[0].subnet == subnets[1] and made.zone == "us-east-1b"

    chosen = await account.create(network_interfaces=[{"subnet": subnets[0]}])
    assert chosen.network_interfaces[0].subnet == subnets[0]
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"subnet": "subnet-0000000000000000"}, "subnet"),
        ({"network": "vpc-0000000000000000"}, "network"),
        ({"network": "vpc-0000000000000000", "subnet": subnets[0]}, "subnet"),
        ({"security_groups": ["sg-0000000000000000"]}, "security_groups"),
    )
    for bad, about in wrong:
        with pytest.raises(NotFound) as caught:
            await account.create(network_interfaces=[bad])
        assert fields(caught.value) == [f"spec.network_interfaces[0].{about}"]
    with pytest.raises(NotFound):
        await account.create(zone="us-east-1b", network_interfaces=[{"subnet": subnets[0]}])


async def test_one_key_pair_for_one_key(account: Account) -> None:
    first, second = await asyncio.gather(
        account.create(ssh_public_key=KEY), account.create(ssh_public_key=f"{KEY} me@laptop")
    )
    assert first.name != second.name
    assert len(account.ec2.describe_key_pairs()["KeyPairs"]) == 1
    assert len({raw["KeyName"] for raw in account.alive()}) == 1


BAD: list[tuple[dict[str, Any], type[CloudError], str]] = [
    ({"image": "ami-00000000000000000"}, NotFound, "spec.image"),
    ({"image": "nonsense"}, NotFound, "spec.image"),
    ({"instance_type": "t3.gigantic"}, NotFound, "spec.instance_type"),
    ({"vcpus": 5000, "memory_bytes": GIB}, InvalidArgument, "spec.vcpus"),
    ({"region": "mars-north-1"}, InvalidArgument, "spec.region"),
    ({"zone": "eu-west-1a"}, InvalidArgument, "spec.zone"),
    ({"boot_disk": {"size_bytes": GIB}}, InvalidArgument, "spec.boot_disk.size_bytes"),
    ({"provider_options": {"NoSuchParameter": 1}}, InvalidArgument, "spec.provider_options"),
    ({"provider_options": {"EbsOptimized": "perhaps"}}, InvalidArgument, "spec.provider_options"),
]


@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize(("given", "kind", "field"), BAD, ids=[field for _, _, field in BAD])
async def test_what_cannot_be_made_is_refused_before_anything_is_sent(
    account: Account, given: dict[str, Any], kind: type[CloudError], field: str, validate_only: bool
) -> None:
    with pytest.raises(kind) as caught:
        await account.create(MemoryOp(validate_only=validate_only), **given)
    assert fields(caught.value) == [field]
    assert account.effects() == {}


async def test_checking_sends_nothing(account: Account) -> None:
    made = await account.create()
    before = account.effects()
    for run in (
        account.create(MemoryOp(validate_only=True), ssh_public_key=KEY),
        account.compute.stop_instance(pb.StopInstanceRequest(name=made.name), MemoryOp(validate_only=True)),
        account.compute.start_instance(pb.StartInstanceRequest(name=made.name), MemoryOp(validate_only=True)),
        account.compute.restart_instance(pb.RestartInstanceRequest(name=made.name), MemoryOp(validate_only=True)),
        account.delete(made.name, MemoryOp(validate_only=True)),
    ):
        with pytest.raises(CheckPassed):
            await run
    assert account.effects() == before


async def test_without_a_region_there_is_nowhere_to_launch(account: Account) -> None:
    connection = connect(account.sandbox, default_region="")
    try:
        with pytest.raises(InvalidArgument) as caught:
            await Account(account.sandbox, connection).create()
    finally:
        await connection.close()
    assert fields(caught.value) == ["spec.region"]


async def test_the_default_zone_is_that_of_the_default_region(account: Account) -> None:
    connection = connect(account.sandbox, default_zone="us-east-1d")
    try:
        other = Account(account.sandbox, connection)
        assert (await other.create()).zone == "us-east-1d"
        assert (await other.create(zone="us-east-1b")).zone == "us-east-1b"
        assert (await other.create(region=OTHER)).region == OTHER
    finally:
        await connection.close()


@pytest.mark.parametrize("kind", ["html500", "reset", "throttle", "unavailable"])
@pytest.mark.parametrize("after", [False, True], ids=["refused", "answer lost"])
async def test_a_launch_whose_answer_is_lost_is_one_instance(account: Account, kind: str, after: bool) -> None:
    account.sandbox.fault("RunInstances", kind, count=2, after=after)
    made = await account.create()
    assert [raw["InstanceId"] for raw in account.alive()] == [made.native_id]
    state = account.sandbox.state()
    assert state["effects"]["RunInstances"] == 1
    assert list(state["tokens"]["RunInstances"].values()) == [3]


@pytest.mark.parametrize(
    ("kind", "error"), [("capacity", CapacityUnavailable), ("quota", QuotaExceeded), ("denied", PermissionMissing)]
)
async def test_a_launch_that_aws_refuses(account: Account, kind: str, error: type[CloudError]) -> None:
    account.sandbox.fault("RunInstances", kind)
    op = MemoryOp()
    with pytest.raises(error) as caught:
        await account.create(op)
    assert account.alive() == [] and op.sent == ["check", "launch"]
    told = {"provider": "aws", "region": REGION, "call": "ec2.RunInstances"}
    assert told.items() <= caught.value.facts.items()
    assert caught.value.facts["native_code"] and caught.value.facts["native_request_id"]


async def test_an_instance_that_ends_while_it_starts_is_told(account: Account) -> None:
    class Saboteur(MemoryOp):
        async def until(self, name: str, probe: Callable[[], Awaitable[float]], **more: Any) -> bool:
            (raw,) = await asyncio.to_thread(account.alive)
            await asyncio.to_thread(account.ec2.terminate_instances, InstanceIds=[raw["InstanceId"]])
            return await super().until(name, probe, **more)

    op = Saboteur()
    with pytest.raises(ProviderError, match="ended while starting"):
        await account.create(op)
    # It is not left behind.
    assert not [target for target in op.journal.targets if "/instances/" in target]


@pytest.mark.parametrize("step", ["check", "key", "launch", "running", "tag-disks"])
async def test_a_creation_killed_at_any_step_is_finished_once(account: Account, step: str) -> None:
    journal = Journal()
    given = {"ssh_public_key": KEY, "data_disks": [{"size_bytes": GIB, "display_name": "data"}]}
    with pytest.raises(ConnectionAbortedError):
        await account.create(MemoryOp(journal, crash_at=step), **given)
    made = await account.create(MemoryOp(journal), **given)
    assert [raw["InstanceId"] for raw in account.alive()] == [made.native_id]
    assert len(account.ec2.describe_volumes()["Volumes"]) == 2
    assert len(account.ec2.describe_key_pairs()["KeyPairs"]) == 1


async def test_a_recovered_creation_does_not_check_again(account: Account) -> None:
    source = await account.create()
    image = account.ec2.create_image(InstanceId=source.native_id, Name="mine")["ImageId"]
    journal = Journal()
    with pytest.raises(ConnectionAbortedError):
        await account.create(MemoryOp(journal, crash_at="running"), image=image)
    account.ec2.deregister_image(ImageId=image)
    made = await account.create(MemoryOp(journal), image=image)
    assert made.state == RUNNING
    with pytest.raises(NotFound):
        await account.create(image=image)


async def stop(account: Account, name: str, op: MemoryOp | None = None, **more: Any) -> compute_pb2.Instance:
    return await account.compute.stop_instance(pb.StopInstanceRequest(name=name, **more), op or MemoryOp())


async def start(account: Account, name: str, op: MemoryOp | None = None) -> compute_pb2.Instance:
    return await account.compute.start_instance(pb.StartInstanceRequest(name=name), op or MemoryOp())


async def restart(account: Account, name: str, op: MemoryOp | None = None, **more: Any) -> compute_pb2.Instance:
    return await account.compute.restart_instance(pb.RestartInstanceRequest(name=name, **more), op or MemoryOp())


def native_state(account: Account) -> str:
    (raw,) = account.alive()
    return raw["State"]["Name"]


async def test_stop_start_restart(account: Account) -> None:
    made = await account.create()
    op = MemoryOp()
    assert (await stop(account, made.name, op)).state == DEALLOCATED
    assert native_state(account) == "stopped"
    assert list(op.planned) == op.sent and op.journal.targets.keys() == {made.name}
    assert (await stop(account, made.name)).state == DEALLOCATED
    with pytest.raises(StateInvalid) as caught:
        await restart(account, made.name)
    assert caught.value.facts["state"] == "INSTANCE_STATE_DEALLOCATED" and caught.value.resource == made.name

    assert (await start(account, made.name)).state == RUNNING
    assert native_state(account) == "running"
    assert (await start(account, made.name)).state == RUNNING
    assert (await restart(account, made.name)).state == RUNNING
    effects = account.effects()
    assert (effects["StopInstances"], effects["StartInstances"], effects["RebootInstances"]) == (1, 1, 1)


async def test_what_ec2_refuses_in_between_is_waited_for(account: Account) -> None:
    made = await account.create()
    account.ec2.stop_instances(InstanceIds=[made.native_id])
    assert (await start(account, made.name)).state == RUNNING
    account.ec2.stop_instances(InstanceIds=[made.native_id])
    await stop(account, made.name)
    account.ec2.start_instances(InstanceIds=[made.native_id])
    assert (await stop(account, made.name)).state == DEALLOCATED


async def test_ways_of_being_off_that_ec2_does_not_have(account: Account) -> None:
    made = await account.create()
    with pytest.raises(Unsupported) as unsupported:
        await stop(account, made.name, mode=pb.STOP_MODE_KEEP_HOST)
    assert unsupported.value.facts["capability"]
    with pytest.raises(StateInvalid, match="HibernationOptions"):
        await stop(account, made.name, mode=pb.STOP_MODE_SUSPEND)
    with pytest.raises(InvalidArgument):
        await stop(account, made.name, mode=pb.STOP_MODE_SUSPEND, force=True)
    with pytest.raises(InvalidArgument):
        await stop(account, made.name, mode=99)
    with pytest.raises(Unsupported):
        await restart(account, made.name, force=True)
    assert native_state(account) == "running"


@pytest.mark.parametrize("step", ["check", "settle", "stop", "stopped"])
async def test_a_stop_killed_at_any_step_is_finished_once(account: Account, step: str) -> None:
    made = await account.create()
    journal = Journal()
    with pytest.raises(ConnectionAbortedError):
        await stop(account, made.name, MemoryOp(journal, crash_at=step))
    assert (await stop(account, made.name, MemoryOp(journal))).state == DEALLOCATED
    assert account.effects()["StopInstances"] == 1


@pytest.mark.parametrize("step", ["check", "settle", "start", "running"])
async def test_a_start_killed_at_any_step_is_finished_once(account: Account, step: str) -> None:
    made = await account.create()
    await stop(account, made.name)
    journal = Journal()
    with pytest.raises(ConnectionAbortedError):
        await start(account, made.name, MemoryOp(journal, crash_at=step))
    assert (await start(account, made.name, MemoryOp(journal))).state == RUNNING
    assert account.effects()["StartInstances"] == 1


@pytest.mark.parametrize("step", ["check", "terminate", "terminated"])
async def test_a_deletion_killed_at_any_step_succeeds(account: Account, step: str) -> None:
    made = await account.create()
    journal = Journal()
    with pytest.raises(ConnectionAbortedError):
        await account.delete(made.name, MemoryOp(journal, crash_at=step))
    await account.delete(made.name, MemoryOp(journal))
    assert account.alive() == []


async def test_no_capacity_at_a_start(account: Account) -> None:
    made = await account.create()
    await stop(account, made.name)
    account.sandbox.fault("StartInstances", "capacity")
    with pytest.raises(CapacityUnavailable):
        await start(account, made.name)
    assert native_state(account) == "stopped"


async def test_what_is_deleted_is_gone(account: Account) -> None:
    made = await account.create()
    op = MemoryOp()
    await account.delete(made.name, op)
    assert list(op.planned) == op.sent == ["check", "terminate", "terminated"]
    assert account.alive() == []
    with pytest.raises(NotFound) as caught:
        await account.compute.get_instance(pb.GetInstanceRequest(name=made.name), CALL)
    assert caught.value.resource == made.name
    for run in (account.delete(made.name), stop(account, made.name), start(account, made.name)):
        with pytest.raises(NotFound):
            await run
    op = MemoryOp()
    await account.delete(made.name, op, allow_missing=True)
    assert op.sent == ["check"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"{PARENT}/instances/{REGION}~i-00000000000000000", NotFound),
        (f"{PARENT}/instances/mars-north-1~i-00000000000000000", NotFound),
        (f"{PARENT}/instances/{REGION}~web-1", InvalidArgument),
        (f"{PARENT}/instances/i-00000000000000000", InvalidArgument),
        (f"{PARENT}/images/{REGION}~ami-1", InvalidArgument),
    ],
)
async def test_names_that_lead_nowhere(account: Account, name: str, kind: type[CloudError]) -> None:
    for run in (
        account.compute.get_instance(pb.GetInstanceRequest(name=name), CALL),
        account.delete(name),
        stop(account, name),
        start(account, name),
        restart(account, name),
    ):
        with pytest.raises(kind) as caught:
            await run
        assert caught.value.resource == name if kind is NotFound else fields(caught.value) == ["name"]
