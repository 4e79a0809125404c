"""Who may call the sandbox, and how it fails when a test asks it to, seen with boto3 over a socket."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ConnectionError
from botocore.parsers import ResponseParserError
from novacron_sandbox import Sandbox, SandboxError

from tests.unit.sandbox.accounts import client


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(boot_seconds=0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


def _refused(call: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(ClientError) as refusal:
        call()
    answer = refusal.value.response
    return str(answer["Error"]["Code"]), int(answer["ResponseMetadata"]["HTTPStatusCode"])


def _run(ec2: Any, sandbox: Sandbox, **more: Any) -> Any:
    return ec2.run_instances(
        **{"ImageId": sandbox.aws["image"], "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, **more}
    )


def _calls(sandbox: Sandbox, **keys: str) -> list[Callable[[], object]]:
    """The same caller at EC2, STS and CloudWatch."""
    return [
        client("ec2", sandbox, **keys).describe_regions,
        client("sts", sandbox, **keys).get_caller_identity,
        client("cloudwatch", sandbox, **keys).list_metrics,
    ]


# Keys


def test_the_sandboxs_own_keys_are_a_user_of_its_account(sandbox: Sandbox) -> None:
    who = client("sts", sandbox).get_caller_identity()
    assert who["Arn"] == f"arn:aws:iam::{who['Account']}:user/novacron-sandbox"


def test_an_unknown_key_is_refused_in_the_words_of_each_service(sandbox: Sandbox) -> None:
    ec2, sts, cloudwatch = _calls(sandbox, access_key_id="AKIA0000000000000000", secret_access_key="wrong")
    assert _refused(ec2) == ("AuthFailure", 401)
    assert _refused(sts) == ("InvalidClientTokenId", 403)
    assert _refused(cloudwatch) == ("InvalidClientTokenId", 403)


def test_a_wrong_secret_is_refused(sandbox: Sandbox) -> None:
    ec2, sts, cloudwatch = _calls(
        sandbox, access_key_id=sandbox.aws["access_key_id"], secret_access_key="not the secret"
    )
    assert _refused(ec2) == ("AuthFailure", 401)
    assert _refused(sts) == ("SignatureDoesNotMatch", 403)
    assert _refused(cloudwatch) == ("SignatureDoesNotMatch", 403)


def test_an_expired_session_is_refused_as_expired(sandbox: Sandbox) -> None:
    ec2, sts, cloudwatch = _calls(sandbox, **sandbox.aws["expired"])
    assert _refused(ec2) == ("RequestExpired", 400)
    assert _refused(sts) == ("ExpiredToken", 403)
    assert _refused(cloudwatch) == ("ExpiredToken", 403)


def test_nobody_is_refused(sandbox: Sandbox) -> None:
    unsigned = boto3.client(
        "ec2",
        region_name="us-east-1",
        endpoint_url=sandbox.aws["endpoint"],
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )
    assert _refused(unsigned.describe_regions) == ("MissingAuthenticationToken", 403)


def test_an_assumed_role_may_call_and_needs_its_token(sandbox: Sandbox) -> None:
    sts = client("sts", sandbox)
    given = sts.assume_role(RoleArn=sandbox.aws["role_arn"], RoleSessionName="test")["Credentials"]
    keys = {"access_key_id": given["AccessKeyId"], "secret_access_key": given["SecretAccessKey"]}
    assumed = client("sts", sandbox, **keys, session_token=given["SessionToken"]).get_caller_identity()
    assert assumed["Arn"].endswith(":assumed-role/NovaCron/test")
    assert client("ec2", sandbox, **keys, session_token=given["SessionToken"]).describe_regions()["Regions"]
    assert _refused(client("ec2", sandbox, **keys).describe_regions) == ("AuthFailure", 401)


def test_a_role_that_is_not_there_cannot_be_assumed(sandbox: Sandbox) -> None:
    sts = client("sts", sandbox)
    missing = sandbox.aws["role_arn"] + "Not"
    assert _refused(lambda: sts.assume_role(RoleArn=missing, RoleSessionName="test")) == ("AccessDenied", 403)
    own = sandbox.aws["role_arn"]
    too_long = lambda: sts.assume_role(RoleArn=own, RoleSessionName="test", DurationSeconds=43201)  # noqa: E731
    assert _refused(too_long) == ("ValidationError", 400)


def test_keys_made_with_iam_are_good_until_they_are_inactive(sandbox: Sandbox) -> None:
    iam = client("iam", sandbox)
    iam.create_user(UserName="second")
    made = iam.create_access_key(UserName="second")["AccessKey"]
    keys = {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}
    assert client("ec2", sandbox, **keys).describe_regions()["Regions"]
    iam.update_access_key(UserName="second", AccessKeyId=made["AccessKeyId"], Status="Inactive")
    assert _refused(client("ec2", sandbox, **keys).describe_regions) == ("AuthFailure", 401)


# Faults


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("throttle", "RequestLimitExceeded", 503),
        ("unavailable", "Unavailable", 503),
        ("expired", "RequestExpired", 400),
        ("denied", "UnauthorizedOperation", 403),
        ("capacity", "InsufficientInstanceCapacity", 500),
        ("quota", "VcpuLimitExceeded", 400),
    ],
)
def test_a_fault_of_ec2_has_its_code_for_as_many_calls_as_asked(
    sandbox: Sandbox, kind: str, code: str, status: int
) -> None:
    ec2 = client("ec2", sandbox)
    sandbox.fault("RunInstances", kind, count=2)
    assert [_refused(lambda: _run(ec2, sandbox)) for _ in range(2)] == [(code, status)] * 2
    assert _run(ec2, sandbox)["Instances"]
    assert sandbox.state()["calls"]["RunInstances"] == 3
    assert sandbox.state()["effects"]["RunInstances"] == 1


def test_faults_of_the_other_services_have_their_codes(sandbox: Sandbox) -> None:
    list_metrics = client("cloudwatch", sandbox).list_metrics
    for kind, code in (
        ("throttle", "Throttling"),
        ("unavailable", "ServiceUnavailable"),
        ("denied", "AccessDenied"),
        ("expired", "ExpiredToken"),
    ):
        sandbox.fault("ListMetrics", kind)
        assert _refused(list_metrics)[0] == code


def test_an_html_page_in_place_of_xml_cannot_be_parsed(sandbox: Sandbox) -> None:
    sandbox.fault("DescribeInstances", "html500")
    with pytest.raises(ResponseParserError):
        client("ec2", sandbox).describe_instances()


def test_a_reset_cuts_the_connection_and_the_next_call_works(sandbox: Sandbox) -> None:
    ec2 = client("ec2", sandbox)
    sandbox.fault("*", "reset")
    with pytest.raises((ConnectionClosedError, ConnectionError)):
        ec2.describe_regions()
    assert ec2.describe_regions()["Regions"]


def test_a_lost_answer_is_found_again_with_its_client_token(sandbox: Sandbox) -> None:
    ec2 = client("ec2", sandbox)
    sandbox.fault("RunInstances", "reset", after=True)
    with pytest.raises((ConnectionClosedError, ConnectionError)):
        _run(ec2, sandbox, ClientToken="t-1")
    assert _run(ec2, sandbox, ClientToken="t-1")["Instances"]
    assert len(ec2.describe_instances()["Reservations"]) == 1
    assert sandbox.state()["effects"]["RunInstances"] == 1


def test_a_slow_call_holds_up_no_other(sandbox: Sandbox) -> None:
    ec2, seconds = client("ec2", sandbox), 0.8
    sandbox.fault("DescribeVpcs", "slow", seconds=seconds)
    started, took = time.monotonic(), []
    slow = threading.Thread(target=lambda: took.append((ec2.describe_vpcs(), time.monotonic() - started)[1]))
    slow.start()
    while not sandbox.state()["calls"].get("DescribeVpcs"):
        time.sleep(0.01)
    ec2.describe_regions()
    assert time.monotonic() - started < seconds
    slow.join()
    assert took[0] >= seconds


def test_a_fault_that_does_not_exist_is_refused_with_those_that_do(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="'gremlin' is none of html500, throttle"):
        sandbox.fault("RunInstances", "gremlin")
    with pytest.raises(SandboxError, match="count is 1 or more"):
        sandbox.fault("RunInstances", "throttle", count=0)
    with pytest.raises(SandboxError, match="'mars' is none of us-east-1"):
        sandbox.seed(1, region="mars")
    with pytest.raises(urllib.error.HTTPError) as missing:
        urllib.request.urlopen(f"{sandbox.aws['endpoint']}/_sandbox/dance", timeout=10)
    with missing.value as answer:
        assert (answer.code, "state, reset" in json.load(answer)["error"]) == (404, True)


def test_connections_are_kept(sandbox: Sandbox) -> None:
    answer = client("ec2", sandbox).describe_regions()["ResponseMetadata"]["HTTPHeaders"]
    assert answer.get("connection", "keep-alive") == "keep-alive"
