"""A stream that starts over: what its reader missed comes from history, in order and once."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import novacron_client
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1 import common_pb2, metrics_pb2, streams_pb2
from novacron.cloud.v1.metrics_service_pb2 import (
    MetricEvent,
    QueryMetricsRequest,
    QueryMetricsResponse,
    StreamMetricsRequest,
)
from novacron_client import Backoff, MetricStream, MetricUpdate
from novacron_client.follow import duration

from tests.unit.client import scripted_server as script
from tests.unit.client.test_client_metrics import CPU, GONE, HANG, NET, Server, batch, opened, synced, table

R1, R2 = "providers/aws/instances/a~1", "providers/aws/instances/a~2"
FAR = "providers/gcp/instances/b~1"
PERIOD = 10


class Past:
    """Answers QueryMetrics with what it was given, and keeps the requests."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], Mapping[int, float]] = {}
        self.requests: list[QueryMetricsRequest] = []
        self.answers: list[QueryMetricsResponse] = []

    async def query(self, request: QueryMetricsRequest, context: script.Context) -> QueryMetricsResponse:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        if not self.values:
            await script.abort(context, script.status(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", "gone"))
        start = request.start_time.seconds // PERIOD * PERIOD
        answer = QueryMetricsResponse(start_time=Timestamp(seconds=start), period=duration(PERIOD))
        for (metric, resource), points in self.values.items():
            if metric in request.selector.metrics and resource.startswith(f"{request.parent}/"):
                count = (max(points) - start) // PERIOD
                values = [points.get(start + PERIOD * (i + 1), math.nan) for i in range(count)]
                answer.series.add(metric=metric, resource=resource, values=values)
        return answer


def reading(time: int, first: int, *values: float, sequence: int = 0) -> Any:
    made = batch(time, first, values, sequence=sequence)
    made.batch.period.CopyFrom(duration(PERIOD))
    return made


@asynccontextmanager
async def following(past: Past, *scripts: Any, **options: Any) -> AsyncIterator[tuple[MetricStream, Server]]:
    server = Server()
    server.scripts = list(scripts)
    answers: Any = {QueryMetricsRequest: past.query}
    streams: Any = {StreamMetricsRequest: server.stream}
    async with (
        script.serve(answers, streams) as address,
        novacron_client.connect(address, backoff=Backoff(base=0.001, limit=0.002)) as client,
        asyncio.timeout(10),
        client.stream_metrics("providers/-", **options) as stream,
    ):
        yield stream, server


async def rows(stream: MetricStream, syncs: int) -> tuple[list[tuple[str, str, float, float | None]], MetricUpdate]:
    """All rows up to that many `synced`, and the last of those."""
    found = []
    async for update in stream:
        found += [(key.metric, key.resource, time, value) for key, time, value in update.rows()]
        syncs -= update.synced
        if not syncs:
            return found, update
    raise AssertionError("the stream ended")


BEFORE = [opened("e"), table(0, (CPU, R1), (CPU, R2)), reading(100, 0, 0.1, 0.2), synced(1), GONE]


async def test_what_was_missed_comes_before_the_snapshot_in_the_order_of_time() -> None:
    past = Past()
    past.values[CPU, R1] = {100: 0.1, 110: 0.11, 120: 0.12, 130: 0.13}
    past.values[CPU, R2] = {110: 0.21, 130: 0.23}
    # Slots are others than before.
    after = [opened("f"), table(0, (CPU, R2), (CPU, R1)), reading(130, 0, 0.23, 0.13), synced(4), HANG]
    async with following(past, BEFORE, after, resources=[R1, R2, FAR], filter='state = "RUNNING"') as (stream, _):
        first, _ = await rows(stream, 1)
        found, end = await rows(stream, 1)
        assert stream.synced and end.missing is None
    assert first == [(CPU, R1, 100, 0.1), (CPU, R2, 100, 0.2)]
    assert found == [
        (CPU, R1, 110, 0.11),
        (CPU, R2, 110, 0.21),
        (CPU, R1, 120, 0.12),
        (CPU, R2, 130, 0.23),
        (CPU, R1, 130, 0.13),
    ]
    [asked] = past.requests
    assert (asked.parent, asked.start_time.seconds, asked.period) == ("providers/aws", 100, duration(PERIOD))
    assert asked.selector == metrics_pb2.MetricSelector(metrics=[CPU], resources=[R1, R2], filter='state = "RUNNING"')


async def test_nothing_comes_twice() -> None:
    past = Past()
    past.values[CPU, R1] = {110: 0.11, 120: 0.12}
    past.values[CPU, R2] = {90: 0.19, 100: 0.2}
    after = [
        opened("f"),
        table(0, (CPU, R1), (CPU, R2)),
        reading(120, 0, 0.12),
        # Nothing new since the break.
        reading(100, 1, 0.2),
        synced(4),
        # What the server has read again, one value of which it has changed.
        reading(110, 0, 0.11, sequence=5),
        reading(120, 0, 0.5, 0.22, sequence=6),
        synced(7),
        HANG,
    ]
    async with following(past, BEFORE, after) as (stream, _):
        await rows(stream, 1)
        found, _ = await rows(stream, 1)
        later, _ = await rows(stream, 1)
    assert found == [(CPU, R1, 110, 0.11), (CPU, R1, 120, 0.12)]
    assert later == [(CPU, R1, 120, 0.5), (CPU, R2, 120, 0.22)]


async def test_a_break_while_it_is_read_forgets_nothing() -> None:
    past = Past()
    past.values[CPU, R1] = {110: 0.11, 120: 0.12}
    broken = [opened("f"), table(0, (CPU, R1)), reading(110, 0, 0.11), GONE]
    after = [opened("g"), table(0, (CPU, R1)), reading(120, 0, 0.12), synced(4), HANG]
    async with following(past, BEFORE, broken, after) as (stream, _):
        await rows(stream, 1)
        found, _ = await rows(stream, 1)
    assert found == [(CPU, R1, 110, 0.11), (CPU, R1, 120, 0.12)]


async def test_each_provider_and_period_is_asked_apart() -> None:
    past = Past()
    past.values = {(CPU, R1): {110: 0.11}, (NET, R1): {110: 5.0}, (CPU, FAR): {110: 0.3}}
    before = [opened("e"), table(0, (CPU, R1), (NET, R1), (CPU, FAR)), reading(100, 0, 0.1, 1.0, 0.2), synced(1), GONE]
    other = batch(120, 1, [6.0])
    other.batch.period.CopyFrom(duration(60))
    after = [
        opened("f"),
        table(0, (CPU, R1), (NET, R1), (CPU, FAR)),
        reading(120, 0, 0.12),
        other,
        reading(120, 2, 0.4),
        synced(2),
        HANG,
    ]
    async with following(past, before, after) as (stream, _):
        await rows(stream, 1)
        found, _ = await rows(stream, 1)
    assert sorted(found[:3]) == [(CPU, R1, 110, 0.11), (CPU, FAR, 110, 0.3), (NET, R1, 110, 5.0)]
    asked = [(r.parent, list(r.selector.metrics), r.period.seconds) for r in past.requests]
    assert sorted(asked) == [("providers/aws", [CPU], 10), ("providers/aws", [NET], 60), ("providers/gcp", [CPU], 10)]


async def test_what_cannot_be_read_is_told_and_the_stream_goes_on() -> None:
    after = [opened("f"), table(0, (CPU, R1)), reading(130, 0, 0.13), synced(4), HANG]
    past = Past()
    async with following(past, BEFORE, after) as (stream, _):
        await rows(stream, 1)
        found, end = await rows(stream, 1)
    assert found == [(CPU, R1, 130, 0.13)]
    assert end.missing is not None and end.missing.reason == "RESOURCE_NOT_FOUND"

    lost = script.status(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE", "away")
    past.answers = [QueryMetricsResponse(unreachable=[common_pb2.Unreachable(name="providers/aws", status=lost)])]
    async with following(past, BEFORE, after) as (stream, _):
        await rows(stream, 1)
        _, end = await rows(stream, 1)
    assert end.missing is not None and end.missing.reason == "PROVIDER_UNAVAILABLE"


@pytest.mark.parametrize(
    ("options", "times"),
    [({"interval": 20.0}, [120, 140]), ({"changes_only": True}, [110, 130]), ({}, [110, 120, 130, 140])],
)
async def test_it_keeps_to_what_the_stream_was_asked_for(options: dict[str, Any], times: list[int]) -> None:
    past = Past()
    past.values[CPU, R1] = {110: 0.5, 120: 0.5, 130: 0.6, 140: 0.6}
    after = [opened("f"), table(0, (CPU, R1)), reading(150, 0, 0.7), synced(4), HANG]
    async with following(past, BEFORE, after, **options) as (stream, _):
        await rows(stream, 1)
        found, _ = await rows(stream, 1)
    assert [time for _, _, time, _ in found] == [*times, 150]


async def test_a_stream_without_a_snapshot_asks_for_one_when_it_starts_over() -> None:
    past = Past()
    past.values[CPU, R1] = {110: 0.11}
    before = [opened("e"), table(0, (CPU, R1)), synced(1), reading(100, 0, 0.1, sequence=2), synced(3), GONE]
    after = [opened("f"), table(0, (CPU, R1)), reading(120, 0, 0.12), synced(4), HANG]
    async with following(past, before, after, skip_snapshot=True) as (stream, server):
        await rows(stream, 2)
        found, _ = await rows(stream, 1)
    assert [time for _, _, time, _ in found] == [110, 120]
    assert [request.skip_snapshot for request in server.requests] == [True, False]


async def test_what_was_dropped_for_a_slow_reader_is_read_from_history() -> None:
    past = Past()
    past.values[CPU, R1] = {110: 0.11, 120: 0.12, 130: 0.13}
    past.values[CPU, R2] = {110: 0.21, 120: 0.22}
    dropped = MetricEvent(control=streams_pb2.StreamControl(gap=streams_pb2.StreamGap(dropped_items=4)))
    slow = [
        *(opened("e"), table(0, (CPU, R1), (CPU, R2)), reading(100, 0, 0.1, 0.2), synced(1)),
        # The second gap comes before what follows the first is whole.
        *(dropped, reading(120, 0, 0.12, 0.22), dropped, reading(130, 0, 0.13), reading(120, 1, 0.22), synced(9)),
        *(reading(140, 0, 0.14, 0.24, sequence=10), synced(10), HANG),
    ]
    async with following(past, slow) as (stream, _):
        await rows(stream, 1)
        found, end = await rows(stream, 1)
        assert stream.synced and end.missing is None
        later, _ = await rows(stream, 1)
    assert [(resource, time, value) for _, resource, time, value in found] == [
        *((R1, 110, 0.11), (R2, 110, 0.21), (R1, 120, 0.12), (R1, 130, 0.13), (R2, 120, 0.22)),
    ]
    assert [(time, value) for *_, time, value in later] == [(140, 0.14), (140, 0.24)]
    assert [request.start_time.seconds for request in past.requests] == [100]
