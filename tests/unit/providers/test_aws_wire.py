"""The SDK as the adapter uses it: what goes over the wire, and what becomes of every odd answer."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest
from novacron.cloud.v1 import provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.aws import PROVIDER
from novacron_providers.contract import Call, Compute, Secret, Settings
from novacron_providers.contract.errors import (
    CloudError,
    CredentialsInvalid,
    DeadlineExceeded,
    PermissionMissing,
    Throttled,
    Unavailable,
)
from novacron_providers.contract.provider import Connection

from tests.unit.providers.skipping_clock import SkippingClock
from tests.unit.providers.stub_aws import BROKEN_HTML, HTML, RESET, ZONES, Answer, error, free_port, ok, stub_aws

KEYS = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "canary-secret"}


def connect(
    endpoint: str, clock: SkippingClock | None = None, *, auth: Mapping[str, str] = KEYS, **config: Any
) -> Connection:
    settings = Settings(
        provider="aws",
        config=provider_pb2.ProviderConfig(
            endpoint=endpoint, default_region="us-east-1", regions=["us-east-1"], **config
        ),
        auth={key: Secret(value) for key, value in auth.items()},
        clock=clock or SkippingClock(),
    )
    PROVIDER.check(settings)
    return PROVIDER.connect(settings)


async def probe(connection: Connection, call: Call | None = None) -> CloudError | None:
    """Make one cheap call, DescribeAvailabilityZones; give its error."""
    try:
        await connection.probe("us-east-1", call or Call())
    except CloudError as fault:
        return fault
    finally:
        await connection.close()
    return None


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        BROKEN_HTML,
        RESET,
        error("InternalError", 500),
        error("ServiceUnavailable", 503),
        error("RequestLimitExceeded", 503),
    ],
    ids=["HTML", "broken HTML", "reset", "500", "503", "throttled"],
)
async def test_every_attempt_is_ours(answer: Answer) -> None:
    clock = SkippingClock()
    with stub_aws(answer) as stub:
        fault = await probe(connect(stub.endpoint, clock))
    assert isinstance(fault, Throttled if answer.status == 503 and "Limit" in answer.body else Unavailable)
    assert len(stub.requests) == 5
    # Once throttled, the pace waits as well where the back-off happened to be shorter than its step.
    assert len(clock.slept) == 4 or (isinstance(fault, Throttled) and 4 < len(clock.slept) <= 8)
    assert {request["amz-sdk-request"] for request in stub.requests} == {"attempt=1; max=1"}
    assert fault.facts["provider"] == "aws" and fault.facts["region"] == "us-east-1"
    assert fault.facts["call"] == "ec2.DescribeAvailabilityZones"


@pytest.mark.parametrize("first", [HTML, BROKEN_HTML, RESET, error("InternalError", 500), error("Throttling", 400)])
async def test_a_fault_that_passes_is_not_seen(first: Answer) -> None:
    with stub_aws(first, ZONES) as stub:
        assert await probe(connect(stub.endpoint)) is None
    assert stub.actions() == ["DescribeAvailabilityZones"] * 2


async def test_retries_can_be_switched_off() -> None:
    with stub_aws(error("InternalError", 500)) as stub:
        assert isinstance(await probe(connect(stub.endpoint, max_retries=0)), Unavailable)
    assert len(stub.requests) == 1


async def test_the_wait_that_aws_asks_for_is_kept() -> None:
    clock = SkippingClock()
    answer = error("RequestLimitExceeded", 503, Retry_After="7")
    with stub_aws(answer, ZONES) as stub:
        assert await probe(connect(stub.endpoint, clock)) is None
    assert clock.slept == [7.0]


async def test_throttled_calls_are_counted() -> None:
    with stub_aws(error("RequestLimitExceeded", 503), ZONES) as stub:
        connection = connect(stub.endpoint)
        await probe(connection)
    assert connection.throttled_calls() == 1


async def test_a_cloud_that_is_not_there() -> None:
    clock = SkippingClock()
    fault = await probe(connect(f"http://127.0.0.1:{free_port()}", clock))
    assert isinstance(fault, Unavailable)
    assert fault.facts["native_code"] == "EndpointConnectionError"
    assert len(clock.slept) == 4 and fault.retry_after is not None


async def test_an_attempt_takes_no_longer_than_the_timeout() -> None:
    config = provider_pb2.ProviderConfig()
    config.timeout.FromMilliseconds(300)
    with stub_aws(Answer(delay=6.0), ZONES) as stub:
        connection = connect(stub.endpoint, timeout=config.timeout)
        began = time.monotonic()
        assert await probe(connection) is None
    assert time.monotonic() - began < 5.0


async def test_the_deadline_of_the_caller_bounds_the_sdk() -> None:
    with stub_aws(ZONES, Answer(delay=3.0)) as stub:
        connection = connect(stub.endpoint)
        await connection.probe("us-east-1", Call())
        began = time.monotonic()
        fault = await probe(connection, Call(deadline=began + 0.6))
        took = time.monotonic() - began
    assert isinstance(fault, DeadlineExceeded)
    # The SDK gave up by itself: no thread is left waiting for an answer that nobody wants.
    assert fault.facts["native_code"] == "ReadTimeoutError"
    assert took < 0.6 and len(stub.requests) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error("AuthFailure", 401), CredentialsInvalid),
        (error("RequestExpired", 400), CredentialsInvalid),
        (error("UnauthorizedOperation", 403), PermissionMissing),
    ],
)
async def test_credentials_that_aws_refuses_are_not_tried_again(answer: Answer, kind: type[CloudError]) -> None:
    with stub_aws(answer) as stub:
        fault = await probe(connect(stub.endpoint))
    assert type(fault) is kind and len(stub.requests) == 1
    assert "canary" not in f"{fault} {fault!r} {fault.facts}"


async def test_a_machine_without_identity_has_no_credentials() -> None:
    with stub_aws(ZONES) as stub:
        fault = await probe(connect(stub.endpoint, auth={}))
    assert isinstance(fault, CredentialsInvalid) and not stub.requests
    assert "UpdateProvider" in fault.message


async def test_a_session_token_goes_with_the_keys() -> None:
    with stub_aws(ZONES) as stub:
        assert await probe(connect(stub.endpoint, auth={**KEYS, "session_token": "token-1"})) is None
    assert stub.requests[0]["x-amz-security-token"] == "token-1"
    assert "AKIAEXAMPLE" in stub.requests[0]["authorization"]


def assumed(lifetime: float) -> Answer:
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + lifetime))
    return Answer(
        '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
        "<AccessKeyId>ASIAASSUMED</AccessKeyId><SecretAccessKey>assumed-secret</SecretAccessKey>"
        f"<SessionToken>assumed-token</SessionToken><Expiration>{ends}</Expiration></Credentials>"
        "<AssumedRoleUser><AssumedRoleId>x</AssumedRoleId><Arn>x</Arn></AssumedRoleUser></AssumeRoleResult>"
        "</AssumeRoleResponse>"
    )


ROLE = {**KEYS, "role_arn": "arn:aws:iam::123456789012:role/NovaCron", "external_id": "ours"}


@pytest.mark.parametrize(("lifetime", "times"), [(3600, 1), (300, 2)])
async def test_a_role_is_assumed_once_and_again_before_it_ends(lifetime: float, times: int) -> None:
    def answer(request: Mapping[str, str]) -> Answer:
        return assumed(lifetime) if request["Action"] == "AssumeRole" else ZONES

    with stub_aws(script=answer) as stub:
        connection = connect(stub.endpoint, auth=ROLE)
        await connection.probe("us-east-1", Call())
        assert await probe(connection) is None
    roles = [request for request in stub.requests if request["Action"] == "AssumeRole"]
    zones = [request for request in stub.requests if request["Action"] != "AssumeRole"]
    assert len(roles) >= times and (times > 1 or len(roles) == 1)
    assert (roles[0]["RoleArn"], roles[0]["ExternalId"]) == (ROLE["role_arn"], "ours")
    assert roles[0]["RoleSessionName"] == "novacron-aws" and "AKIAEXAMPLE" in roles[0]["authorization"]
    assert {request["x-amz-security-token"] for request in zones} == {"assumed-token"}


async def test_a_role_that_may_not_be_assumed_names_the_permission() -> None:
    refused = Answer(
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>"
        "<RequestId>r</RequestId></ErrorResponse>",
        403,
    )
    with stub_aws(refused) as stub:
        fault = await probe(connect(stub.endpoint, auth=ROLE))
    assert isinstance(fault, PermissionMissing) and fault.facts["permission"] == "sts:AssumeRole"
    assert stub.actions() == ["AssumeRole"]


IDENTITY = Answer(
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    "<Arn>arn:aws:iam::123456789012:user/ci</Arn><UserId>AIDA</UserId><Account>123456789012</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


async def test_the_identity_is_asked_for_and_is_in_errors_from_then_on() -> None:
    with stub_aws(IDENTITY, error("UnauthorizedOperation", 403)) as stub:
        connection = connect(stub.endpoint)
        identity = await connection.identify(Call())
        fault = await probe(connection)
    assert (identity.account, identity.principal) == ("123456789012", "arn:aws:iam::123456789012:user/ci")
    assert identity.expire_time is None
    assert fault is not None and fault.facts["account"] == "123456789012"


async def test_credentials_of_another_account_than_configured_are_refused() -> None:
    with stub_aws(IDENTITY) as stub:
        connection = connect(stub.endpoint, project="210987654321")
        with pytest.raises(CredentialsInvalid, match="210987654321"):
            await connection.identify(Call())
        await connection.close()


async def test_many_calls_at_once_share_one_client_and_its_connections() -> None:
    with stub_aws(ZONES) as stub:
        connection = connect(stub.endpoint)
        await asyncio.gather(*(connection.probe("us-east-1", Call()) for _ in range(20)))
        await connection.close()
    assert len(stub.requests) == 20


def many(count: int) -> Answer:
    items = "".join(
        f"<item><instanceId>i-{n:017x}</instanceId><instanceType>t3.micro</instanceType>"
        "<instanceState><code>16</code><name>running</name></instanceState>"
        + "<tagSet>"
        + "".join(f"<item><key>k{t}</key><value>v</value></item>" for t in range(20))
        + "</tagSet></item>"
        for n in range(count)
    )
    return ok(
        "DescribeInstances", f"<reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet>"
    )


async def test_a_page_of_a_thousand_is_translated_off_the_loop() -> None:
    def answer(request: Mapping[str, str]) -> Answer:
        if request["Action"] == "DescribeInstances":
            return many(1000)
        return ok("DescribeInstanceTypes", "<instanceTypeSet/>")

    burnt: list[float] = []

    async def tick() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0.001)
            burnt.append(time.thread_time() - began)

    with stub_aws(script=answer) as stub:
        connection = connect(stub.endpoint)
        (compute,) = [area for area in connection.areas if isinstance(area, Compute)]
        ticking = asyncio.create_task(tick())
        request = pb.ListInstancesRequest(parent="providers/aws", page_size=1000, include_provider_data=True)
        found = await compute.list_instances(request, Call())
        await asyncio.sleep(0.01)
        ticking.cancel()
        await connection.close()
    assert len(found.instances) == 1000
    # CPU of the loop's own thread in one go: 20 ms, and 150 if it translated.
    assert max(burnt) < 0.08


def test_neither_the_plug_in_nor_a_connection_imports_an_sdk() -> None:
    program = (
        "import sys\n"
        "from novacron_providers.aws import PROVIDER\n"
        "from novacron_providers.contract import Settings\n"
        "from novacron.cloud.v1 import provider_pb2\n"
        "settings = Settings(provider='aws', config=provider_pb2.ProviderConfig())\n"
        "PROVIDER.check(settings)\n"
        "PROVIDER.connect(settings)\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('boto3', 'botocore')])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, env=os.environ)
    assert (ran.returncode, ran.stdout.strip()) == (0, "[]"), ran.stderr
