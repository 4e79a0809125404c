"""Lists on the sandbox's AWS, and the account itself."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from google.rpc import code_pb2
from mypy_boto3_ec2.type_defs import FilterTypeDef
from novacron.cloud.v1 import compute_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract.errors import (
    CredentialsInvalid,
    InvalidArgument,
    PageTokenInvalid,
    PermissionMissing,
)
from novacron_sandbox import Sandbox

from tests.integration.aws_account import CALL, GIB, OTHER, PARENT, REGION, Account, connect, fast_sandbox

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with fast_sandbox() as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account(sandbox: Sandbox) -> AsyncIterator[Account]:
    connection = connect(sandbox)
    yield Account(sandbox, connection)
    await connection.close()


@pytest.fixture(scope="module")
def fleet(sandbox: Sandbox) -> dict[str, list[str]]:
    """Instances that are there already, by region: seven in one, five in the other."""
    return {REGION: sandbox.seed(7, region=REGION), OTHER: sandbox.seed(5, region=OTHER)}


async def test_regions(account: Account) -> None:
    answer = await account.compute.list_regions(pb.ListRegionsRequest(parent=PARENT), CALL)
    there, here = answer.regions
    assert (here.name, here.native_id) == (f"{PARENT}/regions/{REGION}", REGION)
    assert (here.display_name, here.location, here.available) == ("US East (N. Virginia)", "N. Virginia", True)
    assert here.zones[0] == "us-east-1a" and there.native_id == OTHER
    assert answer.HasField("observe_time") and here.HasField("observe_time") and not here.HasField("provider_data")
    full = await account.compute.list_regions(
        pb.ListRegionsRequest(parent=PARENT, page_size=1, include_provider_data=True), CALL
    )
    assert full.regions[0].provider_data["RegionName"] == OTHER and full.next_page_token


async def test_without_configured_regions_all_that_are_enabled_are_used(account: Account) -> None:
    connection = connect(account.sandbox, regions=[])
    try:
        enabled = {region["RegionName"] for region in account.ec2.describe_regions()["Regions"]}
        assert list(await connection.regions(CALL)) == sorted(enabled)
        calls = account.sandbox.state()["calls"]["DescribeRegions"]
        await connection.regions(CALL)
        assert account.sandbox.state()["calls"]["DescribeRegions"] == calls
    finally:
        await connection.close()


async def test_instance_types_page_truly(account: Account) -> None:
    two: list[FilterTypeDef] = [{"Name": "vcpu-info.default-vcpus", "Values": ["2"]}]
    whole = account.ec2.get_paginator("describe_instance_types").paginate(Filters=two)
    expected = {raw["InstanceType"] for page in whole for raw in page["InstanceTypes"]}
    request = pb.ListInstanceTypesRequest(parent=PARENT, regions=[REGION], filter='vcpus = "2"', page_size=30)
    found: list[compute_pb2.InstanceType] = []
    while True:
        answer = await account.compute.list_instance_types(request, CALL)
        assert 0 < len(answer.instance_types) <= 30
        found += answer.instance_types
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert len(found) == len(expected) and {shape.native_id for shape in found} == expected


async def test_an_instance_type_in_full(account: Account) -> None:
    async def one(name: str) -> compute_pb2.InstanceType:
        request = pb.ListInstanceTypesRequest(
            parent=PARENT, filter=f'native_id = "{name}" AND region = "{REGION}"', include_provider_data=True
        )
        (found,) = (await account.compute.list_instance_types(request, CALL)).instance_types
        return found

    small = await one("t3.small")
    assert small.name == f"{PARENT}/instanceTypes/{REGION}~t3.small"
    assert (small.vcpus, small.memory_bytes, small.gpu_count) == (2, 2 * GIB, 0)
    assert small.architecture == compute_pb2.ARCHITECTURE_X86_64
    assert small.network_bits_per_second == 5 * 10**9
    assert set(small.zones) <= {f"us-east-1{letter}" for letter in "abcdef"} and small.zones
    assert small.provider_data["InstanceType"] == "t3.small"
    assert (await one("m6g.large")).architecture == compute_pb2.ARCHITECTURE_ARM64
    graphic = await one("g4dn.xlarge")
    assert (graphic.gpu_count, graphic.gpu_model) == (1, "NVIDIA T4") and graphic.local_disk_bytes > 0


async def test_pages_joined_are_the_whole_fleet(account: Account, fleet: dict[str, list[str]]) -> None:
    for size in (1, 3, 5, 6, 7, 100):
        found = await account.listed(page_size=size, regions=[OTHER, REGION])
        assert len(found) == len(set(found)) and set(found) >= {*fleet[REGION], *fleet[OTHER]}, size


async def test_one_region(account: Account, fleet: dict[str, list[str]]) -> None:
    assert sorted(await account.listed(regions=[OTHER])) == sorted(fleet[OTHER])
    assert sorted(await account.listed(filter=f'region = "{OTHER}"')) == sorted(fleet[OTHER])


async def test_filters(account: Account, fleet: dict[str, list[str]]) -> None:
    made = await account.create(display_name="needle", tags={"env": "hay*", "Team": "x"}, zone="us-east-1b")
    one = made.native_id
    for query in (
        'display_name = "needle"',
        'tags.env = "hay*"',
        'tags:"Team"',
        f'native_id = "{one}"',
        f'name = "{made.name}"',
        f'private_ips:"{made.private_ips[0]}"',
        f'zone = "us-east-1b" AND instance_type = "{made.instance_type}" AND display_name = "needle"',
        'state = "RUNNING" AND tags.Team = "x" AND spot = "false"',
    ):
        assert await account.listed(filter=query) == [one], query
        assert await account.listed(filter=query, show_deleted=True) == [one], query
    for query in ('display_name = "need*"', 'tags.env = "hay"', 'tags.env = "hay*" AND state = "STOPPED"'):
        assert await account.listed(filter=query) == [], query
    await account.delete(made.name)


async def test_what_nothing_can_match_costs_no_call(account: Account) -> None:
    before = account.sandbox.state()["calls"].get("DescribeInstances", 0)
    assert await account.listed(filter='state = "STOPPED"') == []
    assert account.sandbox.state()["calls"].get("DescribeInstances", 0) == before


async def test_deleted_instances_are_listed_on_demand(account: Account) -> None:
    made = await account.create(display_name="ghost")
    await account.delete(made.name)
    assert await account.listed(filter='display_name = "ghost"') == []
    assert await account.listed(filter='display_name = "ghost"', show_deleted=True) == [made.native_id]
    request = pb.ListInstancesRequest(parent=PARENT, filter='state = "DELETED"', show_deleted=True)
    found = {i.native_id: i for i in (await account.compute.list_instances(request, CALL)).instances}
    assert found[made.native_id].HasField("delete_time")


async def test_options_of_aws_own(account: Account, fleet: dict[str, list[str]]) -> None:
    options = {"Filters": [{"Name": "instance-id", "Values": [fleet[REGION][0]]}]}
    assert await account.listed(provider_options=options) == [fleet[REGION][0]]
    wrong: tuple[dict[str, Any], ...] = (
        {"NoSuchParameter": 1},
        {"MaxResults": 5},
        {"InstanceIds": []},
        {"DryRun": True},
        {"Filters": "x"},
    )
    for bad in wrong:
        with pytest.raises(InvalidArgument) as caught:
            await account.listed(provider_options=bad)
        assert [violation.field for violation in caught.value.violations] == ["provider_options"]


async def test_what_is_wrong_with_a_list(account: Account, fleet: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await account.listed(regions=["mars-north-1"])
    assert [violation.field for violation in caught.value.violations] == ["regions"]
    assert REGION in caught.value.message
    with pytest.raises(InvalidArgument) as caught:
        await account.listed(filter='colour = "red"')
    assert [violation.field for violation in caught.value.violations] == ["filter"]
    first = await account.compute.list_instances(pb.ListInstancesRequest(parent=PARENT, page_size=5), CALL)
    with pytest.raises(PageTokenInvalid):
        await account.listed(page_size=5, show_deleted=True, page_token=first.next_page_token)


async def test_a_region_that_cannot_be_read(account: Account, fleet: dict[str, list[str]]) -> None:
    account.sandbox.fault("DescribeInstances", "denied")
    with pytest.raises(PermissionMissing) as caught:
        await account.listed()
    assert caught.value.facts["permission"] == "ec2:DescribeInstances"
    account.sandbox.fault("DescribeInstances", "denied")
    request = pb.ListInstancesRequest(parent=PARENT, return_partial_success=True)
    answer = await account.compute.list_instances(request, CALL)
    (lacking,) = answer.unreachable
    assert lacking.status.code == code_pb2.FAILED_PRECONDITION
    missing = lacking.name.rpartition("/")[2]
    assert {i.native_id for i in answer.instances} == set(fleet[REGION if missing == OTHER else OTHER])


async def test_what_may_not_be_read_of_types_is_absent(account: Account, fleet: dict[str, list[str]]) -> None:
    connection = connect(account.sandbox)
    try:
        account.sandbox.fault("DescribeInstanceTypes", "denied", count=2)
        request = pb.ListInstancesRequest(parent=PARENT)
        answer = await Account(account.sandbox, connection).compute.list_instances(request, CALL)
    finally:
        await connection.close()
    assert len(answer.instances) == 12
    assert not [i for i in answer.instances if i.HasField("memory_bytes")]


async def test_provider_data(account: Account, fleet: dict[str, list[str]]) -> None:
    request = pb.ListInstancesRequest(parent=PARENT, regions=[OTHER], include_provider_data=True)
    answer = await account.compute.list_instances(request, CALL)
    assert {i.provider_data["InstanceId"] for i in answer.instances} == set(fleet[OTHER])
    name = answer.instances[0].name
    plain = await account.compute.get_instance(pb.GetInstanceRequest(name=name), CALL)
    assert not plain.instance.HasField("provider_data")
    assert plain.instance.HasField("boot_disk_bytes") and plain.instance.HasField("observe_time")


async def test_the_account(account: Account) -> None:
    identity = await account.connection.identify(CALL)
    assert identity.account == "123456789012" and identity.principal.startswith("arn:aws:iam::123456789012:")
    await account.connection.probe(OTHER, CALL)


async def test_the_account_through_a_role(account: Account) -> None:
    keys = {key: account.sandbox.aws[key] for key in ("access_key_id", "secret_access_key", "role_arn")}
    connection = connect(account.sandbox, auth=keys)
    try:
        identity = await connection.identify(CALL)
    finally:
        await connection.close()
    assert ":assumed-role/NovaCron/novacron-aws" in identity.principal


async def test_credentials_that_aws_does_not_know(account: Account) -> None:
    wrong = {"access_key_id": account.sandbox.aws["access_key_id"], "secret_access_key": "canary"}
    unknown = {"access_key_id": "AKIAUNKNOWN", "secret_access_key": "canary"}
    for keys in (wrong, unknown, account.sandbox.aws["expired"]):
        connection = connect(account.sandbox, auth=keys)
        try:
            for run in (connection.identify(CALL), connection.probe(REGION, CALL)):
                with pytest.raises(CredentialsInvalid) as caught:
                    await run
                assert "canary" not in str(caught.value)
        finally:
            await connection.close()
