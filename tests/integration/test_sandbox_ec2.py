"""EC2 of the sandbox does what AWS does where moto does not, seen with boto3 over a socket."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from novacron_sandbox import Sandbox

from tests.unit.sandbox.accounts import client

BOOT = 0.5


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(boot_seconds=BOOT) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def api(running: Sandbox) -> Any:
    return client("ec2", running)


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def ec2(api: Any, sandbox: Sandbox) -> Any:
    return api


def _run(ec2: Any, sandbox: Sandbox, **more: Any) -> Any:
    asked = {"ImageId": sandbox.aws["image"], "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    return ec2.run_instances(**{**asked, **more})


def _instances(answer: Any) -> list[Any]:
    return [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]


def _state(ec2: Any, instance: str) -> str:
    return str(_instances(ec2.describe_instances(InstanceIds=[instance]))[0]["State"]["Name"])


def _states_until(ec2: Any, instance: str, last: str) -> list[str]:
    """The different states seen until the last, in order."""
    seen: list[str] = []
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        state = _state(ec2, instance)
        if seen[-1:] != [state]:
            seen.append(state)
        if state == last:
            return seen
        time.sleep(0.02)
    raise AssertionError(f"{instance} never was {last}: {seen}")


def _refused(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as refusal:
        call()
    return str(refusal.value.response["Error"]["Code"])


# ClientToken


def test_a_repeated_client_token_answers_with_the_same_instance(ec2: Any, sandbox: Sandbox) -> None:
    first, second = (_run(ec2, sandbox, ClientToken="t-1") for _ in range(2))
    assert first["Instances"][0]["InstanceId"] == second["Instances"][0]["InstanceId"]
    assert len(_instances(ec2.describe_instances())) == 1
    state = sandbox.state()
    assert state["tokens"]["RunInstances"] == {"t-1": 2}
    assert state["effects"]["RunInstances"] == 1


def test_a_client_token_with_other_parameters_is_refused(ec2: Any, sandbox: Sandbox) -> None:
    _run(ec2, sandbox, ClientToken="t-1")
    assert _refused(lambda: _run(ec2, sandbox, ClientToken="t-1", InstanceType="t3.small")) == (
        "IdempotentParameterMismatch"
    )


def test_a_client_token_is_of_its_region(ec2: Any, sandbox: Sandbox) -> None:
    ireland = client("ec2", sandbox, region="eu-west-1")
    here, there = _run(ec2, sandbox, ClientToken="t-1"), _run(ireland, sandbox, ClientToken="t-1")
    assert here["Instances"][0]["InstanceId"] != there["Instances"][0]["InstanceId"]


def test_a_refused_call_does_not_use_up_its_client_token(ec2: Any, sandbox: Sandbox) -> None:
    assert _refused(lambda: _run(ec2, sandbox, ClientToken="t-1", ImageId="ami-00000000")) == "InvalidAMIID.NotFound"
    assert _run(ec2, sandbox, ClientToken="t-1")["Instances"]


def test_calls_at_once_with_one_client_token_make_one_instance(ec2: Any, sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _run(ec2, sandbox, ClientToken="t-1"), range(16)))
    assert len({answer["Instances"][0]["InstanceId"] for answer in answers}) == 1
    assert len(_instances(ec2.describe_instances())) == 1


def test_a_volume_is_made_once_for_a_client_token(ec2: Any) -> None:
    asked = {"AvailabilityZone": "us-east-1a", "Size": 10, "ClientToken": "v-1"}
    assert ec2.create_volume(**asked)["VolumeId"] == ec2.create_volume(**asked)["VolumeId"]
    assert _refused(lambda: ec2.create_volume(**{**asked, "Size": 11})) == "IdempotentParameterMismatch"


# Pages


def test_pages_count_instances_not_reservations(ec2: Any, sandbox: Sandbox) -> None:
    for count in (3, 7, 2):
        _run(ec2, sandbox, MinCount=count, MaxCount=count)
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(_instances(page)) for page in pages] == [5, 5, 2]
    assert len({instance["InstanceId"] for page in pages for instance in _instances(page)}) == 12
    assert len({r["ReservationId"] for page in pages for r in page["Reservations"]}) == 3


def test_a_page_goes_on_where_the_last_one_ended_though_instances_came(ec2: Any, sandbox: Sandbox) -> None:
    _run(ec2, sandbox, MinCount=6, MaxCount=6)
    first = ec2.describe_instances(MaxResults=5)
    _run(ec2, sandbox)
    second = ec2.describe_instances(MaxResults=5, NextToken=first["NextToken"])
    assert len({i["InstanceId"] for i in (*_instances(first), *_instances(second))}) == 7
    assert "NextToken" not in second


@pytest.mark.parametrize("size", [4, 1001])
def test_a_page_has_5_to_1000_instances(ec2: Any, size: int) -> None:
    assert _refused(lambda: ec2.describe_instances(MaxResults=size)) == "InvalidParameterValue"


def test_ids_and_a_page_size_exclude_each_other(ec2: Any, sandbox: Sandbox) -> None:
    made = _run(ec2, sandbox)["Instances"][0]["InstanceId"]
    assert _refused(lambda: ec2.describe_instances(InstanceIds=[made], MaxResults=5)) == "InvalidParameterCombination"


def test_a_token_of_nothing_or_of_another_query_is_refused(ec2: Any, sandbox: Sandbox) -> None:
    _run(ec2, sandbox, MinCount=6, MaxCount=6)
    token = ec2.describe_instances(MaxResults=5)["NextToken"]
    other = [{"Name": "instance-type", "Values": ["t3.*"]}]
    assert _refused(lambda: ec2.describe_instances(MaxResults=5, NextToken="bogus")) == "InvalidNextToken"
    assert _refused(lambda: ec2.describe_instances(MaxResults=5, NextToken=token, Filters=other)) == "InvalidNextToken"


def test_instance_types_come_in_pages_of_what_the_region_offers(ec2: Any, sandbox: Sandbox) -> None:
    pages = list(ec2.get_paginator("describe_instance_types").paginate())
    names = [kind["InstanceType"] for page in pages for kind in page["InstanceTypes"]]
    assert max(len(page["InstanceTypes"]) for page in pages) == 100
    assert len(names) == len(set(names)) > 500
    ireland = client("ec2", sandbox, region="eu-west-1")
    assert "c8gb.large" in names
    assert _refused(lambda: ireland.describe_instance_types(InstanceTypes=["c8gb.large"])) == "InvalidInstanceType"


# States


def test_an_instance_takes_its_time_through_all_states(ec2: Any, sandbox: Sandbox) -> None:
    made = _run(ec2, sandbox)["Instances"][0]
    assert made["State"]["Name"] == "pending"
    instance = made["InstanceId"]
    assert _states_until(ec2, instance, "running") == ["pending", "running"]
    stopped = ec2.stop_instances(InstanceIds=[instance])["StoppingInstances"][0]
    assert (stopped["PreviousState"]["Name"], stopped["CurrentState"]["Name"]) == ("running", "stopping")
    assert _states_until(ec2, instance, "stopped") == ["stopping", "stopped"]
    started = ec2.start_instances(InstanceIds=[instance])["StartingInstances"][0]
    assert (started["PreviousState"]["Name"], started["CurrentState"]["Name"]) == ("stopped", "pending")
    assert _states_until(ec2, instance, "running") == ["pending", "running"]
    ended = ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]
    assert (ended["PreviousState"]["Name"], ended["CurrentState"]["Name"]) == ("running", "shutting-down")
    assert _states_until(ec2, instance, "terminated") == ["shutting-down", "terminated"]


def test_filters_see_the_state_of_the_moment(ec2: Any, sandbox: Sandbox) -> None:
    instance = _run(ec2, sandbox)["Instances"][0]["InstanceId"]

    def found(state: str) -> list[Any]:
        return _instances(ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": [state]}]))

    assert found("pending")
    assert not found("running")
    _states_until(ec2, instance, "running")
    assert found("running")
    assert not found("pending")


def test_changing_to_the_state_it_is_in_changes_nothing(ec2: Any, sandbox: Sandbox) -> None:
    instance = _run(ec2, sandbox)["Instances"][0]["InstanceId"]
    _states_until(ec2, instance, "running")
    launched = _instances(ec2.describe_instances())[0]["LaunchTime"]
    again = ec2.start_instances(InstanceIds=[instance])["StartingInstances"][0]
    assert again["CurrentState"]["Name"] == "running"
    ec2.terminate_instances(InstanceIds=[instance])
    _states_until(ec2, instance, "terminated")
    again = ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]
    assert again["CurrentState"]["Name"] == again["PreviousState"]["Name"] == "terminated"
    assert _instances(ec2.describe_instances())[0]["LaunchTime"] == launched


def test_what_the_state_does_not_allow_is_refused_and_nothing_is_half_done(ec2: Any, sandbox: Sandbox) -> None:
    first, second = (i["InstanceId"] for i in _run(ec2, sandbox, MinCount=2, MaxCount=2)["Instances"])
    assert _refused(lambda: ec2.stop_instances(InstanceIds=[first])) == "IncorrectInstanceState"
    _states_until(ec2, second, "running")
    ec2.stop_instances(InstanceIds=[first])
    assert _refused(lambda: ec2.start_instances(InstanceIds=[first])) == "IncorrectInstanceState"
    assert _refused(lambda: ec2.reboot_instances(InstanceIds=[second, first])) == "IncorrectState"
    ec2.terminate_instances(InstanceIds=[first])
    assert _refused(lambda: ec2.stop_instances(InstanceIds=[second, first])) == "IncorrectInstanceState"
    assert _refused(lambda: ec2.start_instances(InstanceIds=[first])) == "IncorrectInstanceState"
    assert _state(ec2, second) == "running"


def test_a_reboot_keeps_it_running_and_its_checks_start_again(ec2: Any, sandbox: Sandbox) -> None:
    instance = _run(ec2, sandbox)["Instances"][0]["InstanceId"]
    _states_until(ec2, instance, "running")

    def check() -> str:
        status = ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]
        return str(status["InstanceStatus"]["Status"])

    _wait_for(check, "ok")
    ec2.reboot_instances(InstanceIds=[instance])
    assert check() == "initializing"
    assert _state(ec2, instance) == "running"
    _wait_for(check, "ok")


def _wait_for(read: Callable[[], str], wanted: str) -> None:
    deadline = time.monotonic() + 10
    while read() != wanted:
        assert time.monotonic() < deadline, f"{wanted} never came"
        time.sleep(0.02)


# Refusals and filters


def test_bad_parameters_have_the_codes_of_aws(ec2: Any, sandbox: Sandbox) -> None:
    assert _refused(lambda: _run(ec2, sandbox, InstanceType="z9.huge")) == "InvalidParameterValue"
    assert _refused(lambda: _run(ec2, sandbox, InstanceType="t4g.micro")) == "InvalidParameterValue"  # not x86
    assert _refused(lambda: _run(ec2, sandbox, ImageId="ami-0123456789abcdef0")) == "InvalidAMIID.NotFound"
    assert _refused(lambda: _run(ec2, sandbox, KeyName="nobody")) == "InvalidKeyPair.NotFound"
    assert _refused(lambda: _run(ec2, sandbox, DryRun=True)) == "DryRunOperation"
    missing = "i-0123456789abcdef0"
    assert _refused(lambda: ec2.describe_instances(InstanceIds=[missing])) == "InvalidInstanceID.NotFound"
    assert _refused(lambda: ec2.stop_instances(InstanceIds=[missing])) == "InvalidInstanceID.NotFound"
    assert _refused(lambda: ec2.describe_instance_types(InstanceTypes=["z9.huge"])) == "InvalidInstanceType"


@pytest.mark.parametrize(
    "action", ["describe_instances", "describe_instance_types", "describe_volumes", "describe_images"]
)
def test_a_filter_that_nobody_knows_is_a_bad_parameter(ec2: Any, sandbox: Sandbox, action: str) -> None:
    _run(ec2, sandbox)
    call = getattr(ec2, action)
    assert _refused(lambda: call(Filters=[{"Name": "colour", "Values": ["red"]}])) == "InvalidParameterValue"


def test_an_action_that_is_not_there_is_said_to_be_so(ec2: Any) -> None:
    assert _refused(lambda: ec2.describe_volume_status()) == "InvalidAction"


def test_filters_match_any_of_their_values_and_wildcards(ec2: Any, sandbox: Sandbox) -> None:
    for kind, name in (("t3.micro", "web-1"), ("t3.small", "web-2"), ("m5.large", "db*1")):
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
        _run(ec2, sandbox, InstanceType=kind, TagSpecifications=tags)

    def found(**filters: list[str]) -> set[str]:
        asked = [{"Name": name.replace("_", "-"), "Values": values} for name, values in filters.items()]
        return {i["InstanceType"] for i in _instances(ec2.describe_instances(Filters=asked))}

    assert found(instance_type=["t3.*"]) == {"t3.micro", "t3.small"}
    assert found(instance_type=["t3.micro", "m5.large"]) == {"t3.micro", "m5.large"}
    assert found(instance_type=["t3.m?cro"]) == {"t3.micro"}
    assert found(instance_type=["t3*"], **{"tag:Name": ["*2"]}) == {"t3.small"}
    assert found(**{"tag:Name": ["db\\*1"]}) == {"m5.large"}
    assert found(**{"tag:Name": ["db"]}) == set()
    assert found(tag_key=["Name"], availability_zone=["us-east-1a"]) == {"t3.micro", "t3.small", "m5.large"}


# Launches


def test_disks_of_a_launch_keep_what_was_asked_and_the_image_brings_its_own(ec2: Any, sandbox: Sandbox) -> None:
    disk = {"VolumeSize": 50, "VolumeType": "gp3", "Iops": 6000, "Throughput": 250, "DeleteOnTermination": True}
    made = _run(ec2, sandbox, BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": disk}])["Instances"][0]
    assert (
        {m["DeviceName"] for m in made["BlockDeviceMappings"]}
        == {"/dev/xvda", "/dev/sdf"}
        == {volume["Attachments"][0]["Device"] for volume in ec2.describe_volumes()["Volumes"]}
    )
    asked = next(v for v in ec2.describe_volumes()["Volumes"] if v["Size"] == 50)
    assert (asked["VolumeType"], asked["Iops"], asked["Throughput"]) == ("gp3", 6000, 250)


def test_as_many_are_launched_as_maxcount_asks(ec2: Any, sandbox: Sandbox) -> None:
    assert len(_run(ec2, sandbox, MinCount=1, MaxCount=3)["Instances"]) == 3


def test_an_instance_is_in_the_default_network_with_its_group(ec2: Any, sandbox: Sandbox) -> None:
    made = _run(ec2, sandbox)["Instances"][0]
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    assert made["VpcId"] == vpc
    assert [group["GroupName"] for group in made["SecurityGroups"]] == ["default"]


def test_only_the_regions_of_the_account_are_open(ec2: Any, sandbox: Sandbox) -> None:
    assert {r["RegionName"] for r in ec2.describe_regions()["Regions"]} == {"us-east-1", "eu-west-1"}
    every = {r["RegionName"]: r["OptInStatus"] for r in ec2.describe_regions(AllRegions=True)["Regions"]}
    assert every["ap-south-1"] == "not-opted-in"
    assert _refused(lambda: ec2.describe_regions(RegionNames=["mars-north-1"])) == "InvalidParameterValue"
    assert _refused(client("ec2", sandbox, region="ap-south-1").describe_instances) == "AuthFailure"


# The hooks


def test_a_seed_fleet_is_named_mixed_and_running(ec2: Any, sandbox: Sandbox) -> None:
    ids = sandbox.seed(40)
    fleet = _instances(ec2.describe_instances())
    assert [i["InstanceId"] for i in fleet] == ids
    assert {i["State"]["Name"] for i in fleet} == {"running"}
    assert len({i["InstanceType"] for i in fleet}) >= 4
    assert len({i["Placement"]["AvailabilityZone"] for i in fleet}) == 3
    names = [tag["Value"] for i in fleet for tag in i["Tags"] if tag["Key"] == "Name"]
    assert len(set(names)) == 40
    assert all(time.time() - i["LaunchTime"].timestamp() > 3 * 3600 for i in fleet)
    assert len(sandbox.seed(5, region="eu-west-1")) == 5


def test_a_list_that_lags_leaves_out_what_is_young(ec2: Any, sandbox: Sandbox) -> None:
    old = sandbox.seed(1)
    young = _run(ec2, sandbox)["Instances"][0]["InstanceId"]
    sandbox.fault("DescribeInstances", "lag", seconds=60, count=2)
    assert [i["InstanceId"] for i in _instances(ec2.describe_instances())] == old
    # By its id it is known.
    assert [i["InstanceId"] for i in _instances(ec2.describe_instances(InstanceIds=[young]))] == [young]
    assert {i["InstanceId"] for i in _instances(ec2.describe_instances())} == {*old, young}


def test_a_reset_forgets_everything_but_the_keys(ec2: Any, sandbox: Sandbox) -> None:
    before = _run(ec2, sandbox, ClientToken="t-1")["Instances"][0]["InstanceId"]
    sandbox.fault("RunInstances", "throttle")
    sandbox.reset()
    assert _instances(ec2.describe_instances()) == []
    assert sandbox.state() == {"calls": {"DescribeInstances": 1}, "tokens": {}, "effects": {}, "faults": []}
    assert _run(ec2, sandbox, ClientToken="t-1")["Instances"][0]["InstanceId"] != before
