"""Metrics that callers write: they are in the cloud's own store, and what it refuses is told point by point."""

import asyncio
import math
import uuid

import grpc
import pytest
from novacron.cloud.v1 import compute_pb2, metrics_pb2
from novacron.cloud.v1 import metrics_service_pb2 as pb
from novacron_client import Client, CloudError
from novacron_providers.contract.clock import ScaledClock
from novacron_sandbox import Sandbox

from tests.conformance.conftest import ORIGIN, RATE, Cloud
from tests.conformance.native import Account

pytestmark = pytest.mark.asyncio(loop_scope="session")
CLOCK = ScaledClock(ORIGIN, RATE)


def minute(ago: int = 0) -> int:
    """A whole minute, `ago` minutes before this one."""
    return int(CLOCK.time() // 60 - ago) * 60


def point(metric: str, resource: str, time: float, value: float, **attributes: str) -> metrics_pb2.MetricPoint:
    made = metrics_pb2.MetricPoint(metric=metric, resource=resource, value=value, unit="{job}", attributes=attributes)
    made.time.FromNanoseconds(round(time * 1e9))
    return made


def metric() -> str:
    """A type that nobody else writes."""
    return f"custom.conformance.m{uuid.uuid4().hex[:8]}"


async def test_what_is_written_is_in_the_clouds_own_store(
    client: Client, cloud: Cloud, sandbox: Sandbox, account: Account, instance: compute_pb2.Instance
) -> None:
    name, first = metric(), minute(ago=10)
    points = [point(name, instance.name, first + 60 * i, 10.0 + i, queue="mail", tier="gold") for i in range(3)]
    points += [point(name, instance.name, first, 99.0, queue="other", tier="gold")] * (cloud.provider != "azure")
    answer = await client.call(pb.WriteMetricsRequest(parent=cloud.parent, points=points))
    assert (answer.written, list(answer.rejected)) == (len(points), [])
    attributes = {"queue": "mail", "tier": "gold"}
    found = await asyncio.to_thread(account.custom, name, instance.native_id, attributes, first)
    assert found == {first: 10.0, first + 60: 11.0, first + 120: 12.0}


async def test_the_same_request_id_writes_once(
    client: Client, cloud: Cloud, sandbox: Sandbox, instance: compute_pb2.Instance
) -> None:
    request = pb.WriteMetricsRequest(
        parent=cloud.parent,
        points=[point(metric(), instance.name, minute(ago=2), 1.0)],
        request_id=str(uuid.uuid4()),
    )
    before = writes(sandbox, cloud)
    first, second = await client.call(request), await client.call(request)
    assert (first.written, second) == (1, first)
    assert writes(sandbox, cloud) == before + 1


async def test_bad_points_are_told_one_by_one_and_stop_no_others(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    name, now = metric(), minute(ago=2)
    bad = {
        "points[0].metric": point("app.queue", instance.name, now, 1.0),
        "points[1].value": point(name, instance.name, now, math.nan),
        "points[2].time": point(name, instance.name, now + 3600, 1.0),
        "points[3].time": point(name, instance.name, now - 30 * 86400, 1.0),
        "points[4].resource": point(name, "providers/elsewhere/instances/a~b", now, 1.0),
        "points[5].attributes": point(name, instance.name, now, 1.0, Bad="x"),
    }
    good = point(name, instance.name, now, 1.0)
    request = pb.WriteMetricsRequest(parent=cloud.parent, points=[*bad.values(), good, good])
    checked = await client.call(pb.WriteMetricsRequest(parent=cloud.parent, points=request.points, validate_only=True))
    answer = await client.call(request)
    assert answer.written == 1 and checked.written == 0
    assert [r.index for r in checked.rejected] == [r.index for r in answer.rejected]
    told = {CloudError(rejected.status).fields[0].field: rejected.index for rejected in answer.rejected}
    assert told == {**{field: index for index, field in enumerate(bad)}, "points[7].time": 7}


async def test_a_machine_that_is_not_there_refuses_its_points_alone(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    name, now = metric(), minute(ago=2)
    points = [point(name, cloud.nobody, now, 1.0), point(name, instance.name, now, 2.0)]
    answer = await client.call(pb.WriteMetricsRequest(parent=cloud.parent, points=points))
    if cloud.provider == "aws":
        # CloudWatch does not ask whether there is such a machine.
        assert answer.written == 2
        return
    assert (answer.written, [rejected.index for rejected in answer.rejected]) == (1, [0])
    error = CloudError(answer.rejected[0].status)
    assert (error.reason, error.resource) == ("RESOURCE_NOT_FOUND", cloud.nobody)


async def test_when_nothing_can_be_written_the_first_points_error_is_the_calls(client: Client, cloud: Cloud) -> None:
    points = [point("cpu", cloud.nobody, minute(), 1.0), point(metric(), cloud.nobody, minute(), math.inf)]
    with pytest.raises(CloudError) as caught:
        await client.call(pb.WriteMetricsRequest(parent=cloud.parent, points=points))
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.fields[0].field == "points[0].metric"


async def test_too_many_points_are_refused_as_a_whole(client: Client, cloud: Cloud) -> None:
    points = [point(metric(), cloud.nobody, minute(), 1.0)] * 1001
    with pytest.raises(CloudError) as caught:
        await client.call(pb.WriteMetricsRequest(parent=cloud.parent, points=points))
    assert caught.value.fields[0].field == "points"


async def test_a_value_that_comes_again_is_kept_or_refused_as_the_cloud_has_it(
    client: Client, cloud: Cloud, sandbox: Sandbox, account: Account, instance: compute_pb2.Instance
) -> None:
    name, now = metric(), minute(ago=5)
    await client.call(pb.WriteMetricsRequest(parent=cloud.parent, points=[point(name, instance.name, now, 1.0)]))
    again = pb.WriteMetricsRequest(
        parent=cloud.parent,
        points=[point(name, instance.name, now, 3.0), point(name, instance.name, now + 60, 5.0)],
    )
    answer = await client.call(again)
    found = await asyncio.to_thread(account.custom, name, instance.native_id, {}, now)
    if cloud.provider == "gcp":
        assert [rejected.index for rejected in answer.rejected] == [0]
        assert "in order" in CloudError(answer.rejected[0].status).message
        assert found == {now: 1.0, now + 60: 5.0}
    else:
        assert not answer.rejected
        # Both count.
        assert found == {now: 2.0, now + 60: 5.0}


def writes(sandbox: Sandbox, cloud: Cloud) -> int:
    """How often the cloud has taken points in."""
    effects = sandbox.state(cloud=cloud.provider)["effects"]
    return sum(effects.get(action, 0) for action in ("PutMetricData", "CustomMetrics_Write", "timeSeries.create"))
