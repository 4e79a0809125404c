"""Metrics: described, read once, streamed."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc
import pytest
from novacron.cloud.v1 import compute_pb2, metrics_pb2, streams_pb2
from novacron.cloud.v1 import metrics_service_pb2 as pb
from novacron_client import Client, CloudError

from tests.conformance.conftest import Cloud

pytestmark = pytest.mark.asyncio(loop_scope="session")
CPU = "cloud.instance.cpu.utilization"
RECEIVED = "cloud.instance.network.receive_bytes"


def selector(instance: compute_pb2.Instance, *metrics: str) -> metrics_pb2.MetricSelector:
    return metrics_pb2.MetricSelector(metrics=metrics or [CPU], resources=[instance.name])


async def events(client: Client, request: pb.StreamMetricsRequest) -> AsyncGenerator[pb.MetricEvent, None]:
    call = client.metrics.StreamMetrics(request, timeout=60)
    try:
        async for response in call:
            for event in response.events:
                # One may come at any time, and says nothing but that the server lives.
                if not event.control.HasField("heartbeat"):
                    yield event
    finally:
        call.cancel()


async def some(client: Client, request: pb.StreamMetricsRequest, batches: int) -> list[pb.MetricEvent]:
    """Events until that many batches came after synced, without heartbeats: those may come at any time."""
    found: list[pb.MetricEvent] = []
    synced = False
    async with aclosing(events(client, request)) as following:
        async for event in following:
            if event.control.HasField("heartbeat"):
                continue
            found.append(event)
            synced = synced or event.control.HasField("synced")
            if synced and event.HasField("batch"):
                batches -= 1
            if synced and batches <= 0:
                break
    return found


async def test_descriptors_tell_unit_kind_period_and_delay(client: Client, cloud: Cloud) -> None:
    found = {d.type: d async for d in client.list(pb.ListMetricDescriptorsRequest(parent=cloud.parent))}
    cpu = found[CPU]
    assert cpu.name == f"{cloud.parent}/metricDescriptors/{CPU}"
    assert (cpu.unit, cpu.kind) == ("1", metrics_pb2.METRIC_KIND_GAUGE)
    assert found[RECEIVED].unit == "By/s" and found[RECEIVED].native.per_second
    for descriptor in found.values():
        assert descriptor.HasField("min_period") and descriptor.HasField("publish_delay")
        assert descriptor.display_name and descriptor.description and descriptor.native.metric


async def test_the_latest_values_name_all_about_themselves(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    request = pb.GetLatestMetricsRequest(parent=cloud.parent, selector=selector(instance, CPU, RECEIVED))
    points: list[metrics_pb2.MetricPoint] = []
    while len(points) < 2:
        points = list((await client.call(request)).points)
    by_metric = {point.metric: point for point in points}
    assert 0 <= by_metric[CPU].value <= 1 and by_metric[CPU].unit == "1"
    assert by_metric[RECEIVED].value >= 0 and by_metric[RECEIVED].unit == "By/s"
    assert {point.resource for point in points} == {instance.name}
    assert all(point.HasField("time") and point.HasField("period") for point in points)


async def test_a_stream_opens_gives_a_table_a_snapshot_and_then_changes(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    request = pb.StreamMetricsRequest(parent=cloud.parent, selector=selector(instance, CPU, RECEIVED))
    seen = await some(client, request, 2)
    assert seen[0].control.HasField("opened") and not seen[0].control.opened.resumed
    assert seen[1].HasField("table")
    tables = [event.table for event in seen if event.HasField("table")]
    series = [entry for table in tables for entry in table.series]
    assert len(series) == 2
    assert {table.metrics[s.metric].type for table in tables for s in table.series} == {CPU, RECEIVED}
    synced = next(i for i, event in enumerate(seen) if event.control.HasField("synced"))
    assert all(event.sequence == 0 for event in seen[:synced]) and seen[synced].sequence > 0
    live = [event for event in seen[synced:] if event.HasField("batch")]
    sequences = [event.sequence for event in live]
    assert sequences == sorted(set(sequences))
    times = [event.batch.time.ToNanoseconds() for event in live]
    assert times == sorted(times)
    assert all(not math.isnan(value) and value >= 0 for event in live for value in event.batch.values)


async def test_a_stream_resumes_without_a_hole_and_without_a_repeat(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    request = pb.StreamMetricsRequest(parent=cloud.parent, selector=selector(instance))
    whole = client.metrics.StreamMetrics(request, timeout=60)
    reference: list[int] = []
    grown = asyncio.Condition()

    async def follow() -> None:
        async for response in whole:
            async with grown:
                reference.extend(event.sequence for event in response.events if event.HasField("batch"))
                grown.notify_all()

    following = asyncio.create_task(follow())
    before = await some(client, request, 2)
    place = streams_pb2.StreamPosition(epoch=before[0].control.opened.epoch, sequence=before[-1].sequence)
    async with grown:
        await grown.wait_for(lambda: max(reference, default=0) > place.sequence)
    request.resume_after.CopyFrom(place)
    after = await some(client, request, 2)
    assert after[0].control.opened.resumed
    got = [e.sequence for e in after if e.HasField("batch")]
    whole.cancel()
    await asyncio.gather(following, return_exceptions=True)
    expected = [sequence for sequence in reference if sequence > place.sequence]
    assert got[: len(expected)] == expected[: len(got)]


async def test_the_client_reconnects_by_itself(client: Client, cloud: Cloud, instance: compute_pb2.Instance) -> None:
    updates = 0
    async with client.stream_metrics(parent=cloud.parent, metrics=[CPU], resources=[instance.name]) as stream:
        async for update in stream:
            updates += sum(1 for _ in update.rows())
            if updates >= 3:
                break
    assert updates >= 3


async def test_an_unknown_metric_names_the_field_and_the_nearest(client: Client, cloud: Cloud) -> None:
    wanted = metrics_pb2.MetricSelector(metrics=["cloud.instance.cpu.utilisation"])
    with pytest.raises(CloudError) as caught:
        await client.call(pb.GetLatestMetricsRequest(parent=cloud.parent, selector=wanted))
    assert caught.value.reason == "FIELD_INVALID"
    assert caught.value.fields[0].field.startswith("selector.metrics")
    assert CPU in caught.value.message


async def test_a_resource_that_is_not_there_is_not_found(client: Client, cloud: Cloud) -> None:
    wanted = metrics_pb2.MetricSelector(metrics=[CPU], resources=[cloud.nobody])
    with pytest.raises(CloudError) as caught:
        await client.call(pb.GetLatestMetricsRequest(parent=cloud.parent, selector=wanted))
    assert (caught.value.code, caught.value.resource) == (grpc.StatusCode.NOT_FOUND, cloud.nobody)
