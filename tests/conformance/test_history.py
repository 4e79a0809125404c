"""History and statistics: one grid for all, and the same values as the stream."""

import asyncio
import math

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1 import compute_pb2, metrics_pb2
from novacron.cloud.v1 import metrics_service_pb2 as pb
from novacron.cloud.v1 import provider_service_pb2 as ps
from novacron_client import Client, CloudError
from novacron_client.follow import duration
from novacron_providers.contract.clock import ScaledClock

from tests.conformance.conftest import ORIGIN, RATE, Cloud

pytestmark = pytest.mark.asyncio(loop_scope="session")
CPU = "cloud.instance.cpu.utilization"
RECEIVED = "cloud.instance.network.receive_bytes"
CLOCK = ScaledClock(ORIGIN, RATE)


def request(
    cloud: Cloud, start: float, end: float, period: float, *names: str, **more: object
) -> pb.QueryMetricsRequest:
    made = pb.QueryMetricsRequest(
        parent=cloud.parent,
        selector=metrics_pb2.MetricSelector(metrics=[CPU, RECEIVED], resources=names),
        period=duration(period) if period else None,
        **more,  # type: ignore[arg-type]  # any field of the request
    )
    for field, at in ((made.start_time, start), (made.end_time, end)):
        field.FromNanoseconds(round(at * 1e9))
    return made


async def streamed(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance, count: int
) -> tuple[dict[str, dict[float, float]], float]:
    """Live values by metric and time, at least `count` of each, and their period."""
    found: dict[str, dict[float, float]] = {CPU: {}, RECEIVED: {}}
    period = 0.0
    async with (
        asyncio.timeout(60),
        client.stream_metrics(cloud.parent, metrics=[CPU, RECEIVED], resources=[instance.name]) as stream,
    ):
        async for update in stream:
            period = update.period or period
            for key, time, value in update.rows():
                if value is not None:
                    found[key.metric][time] = value
            if min(map(len, found.values())) >= count:
                break
    return found, period


async def test_history_has_the_values_that_the_stream_had(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    live, period = await streamed(client, cloud, instance, 3)
    times = sorted(time for values in live.values() for time in values)
    asked = request(cloud, times[0] - period, times[-1], period, instance.name)
    answer = await client.call(asked)
    assert answer.period == duration(period)
    assert answer.start_time == Timestamp(seconds=int(times[0] - period))
    assert {series.metric for series in answer.series} == {CPU, RECEIVED}
    for series in answer.series:
        grid = {
            answer.start_time.seconds + (index + 1) * period: value
            for index, value in enumerate(series.values)
            if not math.isnan(value)
        }
        assert {time: grid.get(time) for time in live[series.metric]} == pytest.approx(live[series.metric])
        assert series.unit == {CPU: "1", RECEIVED: "By/s"}[series.metric]


async def test_a_longer_period_is_made_of_the_shorter_ones_in_it(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    _, period = await streamed(client, cloud, instance, 4)
    double = 5 * period if period == 60 else 2 * period
    # A rate is of the whole of its period: so of one in which the machine ran all the time, and that is published.
    start = math.ceil((instance.start_time.seconds + 300) / double) * double
    end = start + double
    async with asyncio.timeout(60):
        await CLOCK.sleep(max(0.0, end + 900 - CLOCK.time()))
    fine = await client.call(request(cloud, start, end, period, instance.name))
    for statistic, combine in (
        (metrics_pb2.STATISTIC_UNSPECIFIED, lambda values: math.fsum(values) / len(values)),
        (metrics_pb2.STATISTIC_MAXIMUM, max),
        (metrics_pb2.STATISTIC_MINIMUM, min),
        (metrics_pb2.STATISTIC_COUNT, len),
    ):
        coarse = await client.call(request(cloud, start, end, double, instance.name, statistic=statistic))
        assert (coarse.start_time, coarse.period) == (fine.start_time, duration(double))
        by_metric = {series.metric: [*series.values] for series in coarse.series}
        for series in fine.series:
            values = [value for value in series.values if not math.isnan(value)]
            assert by_metric[series.metric] == pytest.approx([combine(values)]), statistic


async def test_pages_are_of_one_grid_and_have_all_series_once(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    await streamed(client, cloud, instance, 2)
    now = CLOCK.time()
    asked = request(cloud, now - 3600, now, 0, instance.name, page_size=1)
    pages = [page async for page in client.list(asked).pages()]
    assert [len(page.series) for page in pages] == [1, 1]
    assert {series.metric for page in pages for series in page.series} == {CPU, RECEIVED}
    assert pages[0].start_time == pages[1].start_time and pages[0].period == pages[1].period
    # What is not published yet is left out at the end, what was before the machine is none.
    periods = (now - pages[0].start_time.seconds) / pages[0].period.seconds
    for page in pages:
        assert len(page.series[0].values) < periods
        assert math.isnan(page.series[0].values[0]) and not math.isnan(page.series[0].values[-1])


async def test_long_ago_only_longer_periods_are_to_be_had(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    now = CLOCK.time()
    answer = await client.call(request(cloud, now - 70 * 86400, now - 69 * 86400, 60, instance.name))
    assert answer.period.seconds == (3600 if instance.name.startswith("providers/aws/") else 60)
    assert not answer.series


async def test_a_query_that_cannot_be_names_its_field(client: Client, cloud: Cloud) -> None:
    now = CLOCK.time()
    for field, asked in (
        ("start_time", request(cloud, now, now - 60, 60)),
        ("start_time", request(cloud, now + 3600, now + 7200, 60)),
        ("period", request(cloud, now - 360 * 86400 * 30, now, 300)),
    ):
        with pytest.raises(CloudError) as caught:
            await client.call(asked)
        assert [violation.field for violation in caught.value.fields] == [field]


async def test_statistics_of_a_machine_that_runs_and_of_one_that_is_off(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    live, _ = await streamed(client, cloud, instance, 1)
    asked = pb.GetInstanceStatsRequest(name=instance.name, detail=pb.DETAIL_LEVEL_STANDARD)
    stats = (await client.call(asked)).stats
    assert (stats.instance, stats.state) == (instance.name, compute_pb2.INSTANCE_STATE_RUNNING)
    assert 0 <= stats.cpu.utilization <= 1 and stats.cpu.vcpus == instance.vcpus
    assert stats.networks[0].receive_bytes_per_second >= 0 and stats.disks[0].disk == "all"
    assert stats.time.seconds >= max(live[CPU])
    listed = await client.call(pb.ListInstanceStatsRequest(parent=cloud.parent, instances=[instance.name]))
    assert [one.instance for one in listed.stats] == [instance.name]
    assert not listed.stats[0].networks and listed.stats[0].cpu.HasField("utilization")

    await (await client.start(ps.StopInstanceRequest(name=instance.name))).wait(timeout=60)
    async with asyncio.timeout(60):
        while True:
            off = (await client.call(asked)).stats
            if off.state != compute_pb2.INSTANCE_STATE_RUNNING and not off.disks:
                break
            await asyncio.sleep(0.2)
    assert off.state in (compute_pb2.INSTANCE_STATE_STOPPED, compute_pb2.INSTANCE_STATE_DEALLOCATED)
    assert not off.cpu.HasField("utilization") and not off.networks
