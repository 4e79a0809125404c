"""Metrics of the sandbox's AWS, held against what AWS's own SDK reads."""

import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import boto3
import pytest
import pytest_asyncio
from mypy_boto3_cloudwatch import CloudWatchClient
from novacron.cloud.v1 import compute_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.aws.metrics import SOURCES
from novacron_providers.contract.metrics import Window
from novacron_sandbox import Sandbox

from tests.integration.aws_account import CALL, PARENT, REGION, Account, connect

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERIOD = 300.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.seed(45)
        yield sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account(sandbox: Sandbox) -> AsyncIterator[Account]:
    connection = connect(sandbox)
    yield Account(sandbox, connection)
    await connection.close()


@pytest.fixture(scope="module")
def cloudwatch(sandbox: Sandbox) -> CloudWatchClient:
    return boto3.client(
        "cloudwatch",
        region_name=REGION,
        endpoint_url=sandbox.aws["endpoint"],
        aws_access_key_id=sandbox.aws["access_key_id"],
        aws_secret_access_key=sandbox.aws["secret_access_key"],
    )


async def instances(account: Account) -> list[compute_pb2.Instance]:
    request = pb.ListInstancesRequest(parent=PARENT, regions=[REGION], page_size=100)
    return list((await account.compute.list_instances(request, CALL)).instances)


def last_hour() -> Window:
    """Twelve periods that have ended and arrived."""
    end = (time.time() - PERIOD) // PERIOD * PERIOD
    return Window(end - 3600, end, PERIOD)


async def test_every_metric_of_a_fleet_is_what_aws_says(account: Account, cloudwatch: CloudWatchClient) -> None:
    fleet, window = await instances(account), last_hour()
    before = account.sandbox.state()["calls"].get("GetMetricData", 0)
    found = await account.metrics.collect(REGION, fleet, list(SOURCES), window, CALL)
    # 45 instances with 12 metrics each.
    assert account.sandbox.state()["calls"]["GetMetricData"] == before + 2
    keys = {points.key for points in found}
    assert len(keys) == len(found) and {key.resource for key in keys} == {instance.name for instance in fleet}
    assert {key.metric for key in keys} == set(SOURCES)
    for points in found:
        assert list(points.times) == [window.start + PERIOD * n for n in range(1, 13)]
    for points in (found[0], found[len(found) // 2], found[-1]):
        source = SOURCES[points.key.metric]
        raw = cloudwatch.get_metric_data(
            MetricDataQueries=[
                {
                    "Id": "q",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "AWS/EC2",
                            "MetricName": source.native,
                            "Dimensions": [{"Name": "InstanceId", "Value": points.key.resource.rpartition("~")[2]}],
                        },
                        "Period": 300,
                        "Stat": source.statistic,
                    },
                }
            ],
            StartTime=datetime.fromtimestamp(window.start, UTC),
            EndTime=datetime.fromtimestamp(window.end, UTC),
            ScanBy="TimestampAscending",
        )["MetricDataResults"][0]
        scale = source.scale / (PERIOD if source.per_second else 1.0)
        assert list(points.values) == pytest.approx([value * scale for value in raw["Values"]])
        assert [time.timestamp() + PERIOD for time in raw["Timestamps"]] == list(points.times)


async def test_utilisation_is_a_ratio(account: Account) -> None:
    fleet = await instances(account)
    found = await account.metrics.collect(REGION, fleet, ["cloud.instance.cpu.utilization"], last_hour(), CALL)
    values = [value for points in found for value in points.values]
    assert len(values) == 12 * len(fleet)
    assert 0 <= min(values) < max(values) <= 1


async def test_an_instance_that_is_off_keeps_its_old_points(account: Account) -> None:
    fleet = await instances(account)
    account.ec2.stop_instances(InstanceIds=[fleet[0].native_id])
    found = await account.metrics.collect(
        REGION, fleet[:1], ["cloud.instance.network.receive_bytes"], last_hour(), CALL
    )
    assert len(found) == 1 and len(found[0].values) == 12


async def test_periods_that_have_not_arrived_have_no_point(account: Account) -> None:
    fleet = await instances(account)
    end = time.time() // PERIOD * PERIOD
    window = Window(end, end + PERIOD, PERIOD)
    assert not await account.metrics.collect(REGION, fleet, ["cloud.instance.cpu.utilization"], window, CALL)


async def test_a_throttled_read_is_repeated_and_counted(account: Account) -> None:
    fleet = await instances(account)
    before = account.connection.throttled_calls()
    account.sandbox.fault("GetMetricData", "throttle", count=2)
    found = await account.metrics.collect(REGION, fleet[1:3], ["cloud.instance.cpu.utilization"], last_hour(), CALL)
    assert len(found) == 2
    assert account.connection.throttled_calls() == before + 2
