"""Live metrics: the table, what changes in it, and streams that break, resume and start over."""

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import novacron_client
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1 import common_pb2, metrics_pb2, streams_pb2
from novacron.cloud.v1.metrics_service_pb2 import MetricEvent, StreamMetricsRequest, StreamMetricsResponse
from novacron_client import Backoff, CloudError, MetricStream, MetricUpdate, Row, Sample, SeriesKey, Unreachable
from novacron_client.follow import duration

from tests.unit.client import scripted_server as script

Code = grpc.StatusCode
CPU, NET = "cloud.instance.cpu.utilization", "cloud.instance.network.receive_bytes"
QUICK = Backoff(base=0.001, limit=0.002)


def key(metric: str, resource: str) -> SeriesKey:
    return SeriesKey(metric, resource)


def table(first: int, *series: tuple[str, str], removed: Sequence[int] = ()) -> MetricEvent:
    metrics = sorted({metric for metric, _ in series})
    resources = sorted({resource for _, resource in series})
    rows = [
        metrics_pb2.MetricTableSeries(metric=metrics.index(metric), resource=resources.index(resource))
        for metric, resource in series
    ]
    return MetricEvent(
        table=metrics_pb2.MetricTable(
            first_slot=first,
            series=rows,
            metrics=[metrics_pb2.MetricDescriptor(type=metric, unit="1") for metric in metrics],
            resources=[common_pb2.ResourceRef(name=name, region="us-east-1") for name in resources],
            removed_slots=removed,
        )
    )


def batch(
    time: int, first: int, values: Sequence[float], *, steps: Sequence[int] = (), sequence: int = 0
) -> MetricEvent:
    return MetricEvent(
        sequence=sequence,
        batch=metrics_pb2.MetricBatch(time=Timestamp(seconds=time), first_slot=first, slot_steps=steps, values=values),
    )


def opened(epoch: str, *, resumed: bool = False, heartbeat: float = 15.0) -> MetricEvent:
    return MetricEvent(control=script.opened(epoch, resumed=resumed, heartbeat=heartbeat))


def synced(sequence: int) -> MetricEvent:
    return MetricEvent(sequence=sequence, control=script.synced())


class Server:
    """Plays one script for each connection, and keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[StreamMetricsRequest] = []
        self.scripts: list[Any] = []

    async def stream(
        self, request: StreamMetricsRequest, context: script.Context
    ) -> AsyncIterator[StreamMetricsResponse]:
        self.requests.append(request)
        for part in self.scripts[min(len(self.requests), len(self.scripts)) - 1]:
            if isinstance(part, MetricEvent):
                yield script.metrics(part)
            elif isinstance(part, list):
                yield script.metrics(*part)
            elif part is HANG:
                await asyncio.Event().wait()
            else:
                await script.abort(context, part)

    @asynccontextmanager
    async def following(self, *scripts: Any, **options: Any) -> AsyncIterator[MetricStream]:
        self.scripts = list(scripts)
        async with (
            script.serve(streams={StreamMetricsRequest: self.stream}) as address,
            novacron_client.connect(address, backoff=QUICK) as client,
            asyncio.timeout(10),
            client.stream_metrics("providers/-", **options) as stream,
        ):
            yield stream


HANG = object()
GONE = script.status(Code.UNAVAILABLE, "SERVER_SHUTTING_DOWN", "the server stops")


@pytest.fixture
def server() -> Server:
    return Server()


async def until(stream: MetricStream, count: int) -> list[MetricUpdate]:
    """The next updates."""
    return [await anext(stream) for _ in range(count)]


async def test_the_request_says_what_was_asked_for(server: Server) -> None:
    options = {
        "metrics": [CPU],
        "resources": ["r1"],
        "filter": 'state = "RUNNING"',
        "interval": 2.5,
        "changes_only": True,
        "refresh_interval": 30.0,
        "skip_snapshot": True,
        "heartbeat": 4.0,
    }
    async with server.following([opened("e"), synced(1), HANG], **options) as stream:
        await until(stream, 2)
    [request] = server.requests
    selector = metrics_pb2.MetricSelector(metrics=[CPU], resources=["r1"], filter='state = "RUNNING"')
    assert request.parent == "providers/-"
    assert request.selector == selector
    assert (request.interval.seconds, request.interval.nanos) == (2, 500_000_000)
    assert request.changes_only
    assert request.skip_snapshot
    assert (request.refresh_interval.seconds, request.heartbeat_interval.seconds) == (30, 4)
    assert not request.HasField("resume_after")


async def test_a_snapshot_then_changes(server: Server) -> None:
    events = [
        opened("e"),
        [table(0, (CPU, "r1"), (NET, "r1"), (CPU, "r2")), batch(100, 0, [0.5, 1e6, math.nan]), synced(7)],
        batch(101, 0, [0.25, 0.75], steps=[0, 2], sequence=8),
        HANG,
    ]
    async with server.following(events) as stream:
        start, tables, snapshot, whole = await until(stream, 4)
        assert start.reset
        assert list(tables.added) == [key(CPU, "r1"), key(NET, "r1"), key(CPU, "r2")]
        assert list(snapshot.rows()) == [
            Row(key(CPU, "r1"), 100.0, 0.5),
            Row(key(NET, "r1"), 100.0, 1e6),
            Row(key(CPU, "r2"), 100.0, None),
        ]
        assert (snapshot.time, snapshot.period) == (100.0, None)
        assert whole.synced
        assert stream.synced
        assert dict(stream.latest) == {key(CPU, "r1"): Sample(100, 0.5), key(NET, "r1"): Sample(100, 1e6)}
        assert len(stream.latest) == 2
        assert key(CPU, "r2") not in stream.latest
        assert stream.latest.descriptors[CPU].unit == "1"
        assert stream.latest.resources["r1"].region == "us-east-1"

        [change] = await until(stream, 1)
        assert list(change.rows()) == [Row(key(CPU, "r1"), 101.0, 0.25), Row(key(CPU, "r2"), 101.0, 0.75)]
        assert stream.latest[key(CPU, "r2")] == Sample(101, 0.75)
        assert stream.connections == 1


async def test_columns_are_numpy_arrays(server: Server) -> None:
    events = [opened("e"), table(0, (CPU, "r1"), (CPU, "r2"), (CPU, "r3")), batch(5, 1, [0.5, 0.25]), HANG]
    async with server.following(events) as stream:
        *_, named, told = await until(stream, 3)
        columns = told.columns()
        assert [(c.dtype.name, c.tolist()) for c in columns] == [
            ("int64", [1, 2]),
            ("float64", [5.0, 5.0]),
            ("float64", [0.5, 0.25]),
        ]
        assert [stream.latest.keys_by_slot[slot].resource for slot in columns.slots.tolist()] == ["r2", "r3"]
        # Where nothing is told, there are columns all the same.
        assert [(c.dtype.name, c.tolist()) for c in named.columns()] == [
            ("int64", []),
            ("float64", []),
            ("float64", []),
        ]


async def test_columns_of_single_slots(server: Server) -> None:
    told = batch(5, 0, [0.5, 0.25], steps=[0, 2])
    events = [opened("e"), table(0, (CPU, "r1"), (CPU, "r2"), (CPU, "r3")), told, HANG]
    async with server.following(events) as stream:
        slots, _, values = (await until(stream, 3))[-1].columns()
        assert (slots.dtype.name, slots.tolist(), values.tolist()) == ("int64", [0, 2], [0.5, 0.25])


async def test_nan_voids_a_value_and_late_values_do_not_replace_newer_ones(server: Server) -> None:
    events = [
        opened("e"),
        table(0, (CPU, "r1"), (CPU, "r2")),
        batch(100, 0, [0.1, 0.2]),
        synced(1),
        batch(101, 0, [math.nan], sequence=2),
        batch(99, 0, [0.9, 0.9], sequence=3),
        batch(100, 1, [0.3], sequence=4),
        HANG,
    ]
    async with server.following(events) as stream:
        updates = await until(stream, 7)
        assert [row.value for row in updates[4].rows()] == [None]
        assert dict(stream.latest) == {key(CPU, "r2"): Sample(100, 0.3)}


async def test_series_join_and_leave(server: Server) -> None:
    events = [
        opened("e"),
        table(0, (CPU, "r1")),
        batch(1, 0, [0.1]),
        synced(1),
        table(1, (CPU, "r2")),
        batch(2, 0, [0.2, 0.3], sequence=2),
        table(0, removed=[0]),
        # The same series again, in a slot of its own; the end of the old slot must not end the new one.
        table(2, (CPU, "r1")),
        batch(3, 2, [0.4], sequence=3),
        table(0, removed=[0, 9]),
        HANG,
    ]
    async with server.following(events) as stream:
        updates = await until(stream, 7)
        assert list(updates[4].added) == [key(CPU, "r2")]
        assert list(updates[6].removed) == [key(CPU, "r1")]
        assert dict(stream.latest) == {key(CPU, "r2"): Sample(2, 0.3)}
        await until(stream, 3)
        assert stream.latest[key(CPU, "r1")] == Sample(3, 0.4)


async def test_a_broken_stream_resumes_after_the_last_event_that_was_handled(server: Server) -> None:
    first = [
        opened("e"),
        table(0, (CPU, "r1"), (CPU, "r2")),
        batch(1, 0, [0.1, 0.1]),
        synced(7),
        batch(2, 0, [0.2, 0.2], sequence=9),
        GONE,
    ]
    # While the reader was away r2 ended: the whole table does not name it.
    second = [opened("e", resumed=True), table(0, (CPU, "r1")), batch(3, 0, [0.3], sequence=12), synced(12), HANG]
    async with server.following(first, second) as stream:
        updates = await until(stream, 8)
        assert [update.reset for update in updates].count(True) == 1
        assert list(updates[6].removed) == [key(CPU, "r2")]
        assert dict(stream.latest) == {key(CPU, "r1"): Sample(3, 0.3)}
        assert stream.connections == 2
    assert server.requests[1].resume_after == streams_pb2.StreamPosition(epoch="e", sequence=9)


async def test_a_server_that_cannot_resume_starts_over(server: Server) -> None:
    first = [opened("e"), table(0, (CPU, "r1")), batch(1, 0, [0.1]), synced(7), GONE]
    second = [opened("f"), table(0, (CPU, "r2")), GONE]
    third = [opened("f"), table(0, (CPU, "r2")), batch(5, 0, [0.5]), synced(3), GONE]
    fourth = [opened("f", resumed=True), table(0, (CPU, "r2")), HANG]
    async with server.following(first, second, third, fourth) as stream:
        updates = await until(stream, 5)
        assert updates[4].reset
        assert not stream.synced
        assert dict(stream.latest) == {}
        await until(stream, 6)
        assert stream.synced
        assert dict(stream.latest) == {key(CPU, "r2"): Sample(5, 0.5)}
        assert stream.connections == 4
    assert [request.HasField("resume_after") for request in server.requests] == [False, True, False, True]
    assert server.requests[3].resume_after == streams_pb2.StreamPosition(epoch="f", sequence=3)


async def test_starting_over_in_the_middle_of_a_connection(server: Server) -> None:
    events = [
        opened("e"),
        table(0, (CPU, "r1")),
        batch(1, 0, [0.1]),
        synced(7),
        opened("e2"),
        table(0, (CPU, "r9")),
        GONE,
    ]
    async with server.following(events, [opened("e2"), HANG]) as stream:
        updates = await until(stream, 6)
        assert updates[4].reset
        assert dict(stream.latest.keys_by_slot) == {0: key(CPU, "r9")}
        await until(stream, 1)
    assert not server.requests[1].HasField("resume_after")


async def test_a_gap_is_told_and_the_place_before_it_stays(server: Server) -> None:
    gap = streams_pb2.StreamControl(gap=streams_pb2.StreamGap(dropped_events=3, dropped_items=30))
    first = [opened("e"), table(0, (CPU, "r1")), synced(7), MetricEvent(control=gap), batch(9, 0, [0.9]), GONE]
    async with server.following(first, [opened("e", resumed=True), table(0, (CPU, "r1")), synced(20), HANG]) as stream:
        updates = await until(stream, 4)
        assert updates[3].gap is not None
        assert updates[3].gap.dropped_items == 30
        assert not stream.synced
        await until(stream, 3)
        assert stream.synced
    assert server.requests[1].resume_after.sequence == 7


async def test_two_missing_heartbeats_are_a_dead_server(server: Server) -> None:
    beats = MetricEvent(sequence=8, control=script.heartbeat())
    first = [opened("e", heartbeat=0.05), synced(7), beats, HANG]
    async with server.following(first, [opened("e", resumed=True), synced(9), HANG]) as stream:
        began = asyncio.get_running_loop().time()
        await until(stream, 3)
        assert 0.1 < asyncio.get_running_loop().time() - began < 2
    assert server.requests[1].resume_after == streams_pb2.StreamPosition(epoch="e", sequence=8)


async def test_a_server_that_closes_says_how_long_to_wait(server: Server) -> None:
    closing = streams_pb2.StreamControl(closing=streams_pb2.StreamClosing(reason=GONE, reconnect_after=duration(0.3)))
    first = [opened("e"), synced(7), MetricEvent(control=closing), batch(1, 0, [], sequence=8), GONE]
    async with server.following(first, [opened("e", resumed=True), synced(9), HANG]) as stream:
        await until(stream, 3)
        began = asyncio.get_running_loop().time()
        await until(stream, 1)
        assert 0.25 < asyncio.get_running_loop().time() - began < 2
    assert server.requests[1].resume_after.sequence == 8


async def test_a_stream_that_just_ends_is_opened_again(server: Server) -> None:
    async with server.following([opened("e"), synced(7)], [opened("e", resumed=True), synced(8), HANG]) as stream:
        assert not stream.connected
        await until(stream, 3)
        assert stream.connections == 2
        assert stream.connected
    assert not stream.connected


async def test_what_no_new_connection_mends_is_raised(server: Server) -> None:
    refusal = script.status(Code.INVALID_ARGUMENT, "FIELD_INVALID", "no such metric", fields={"selector": "correct it"})
    async with server.following([refusal]) as stream:
        with pytest.raises(CloudError, match="no such metric"):
            await anext(stream)
    assert len(server.requests) == 1


async def test_connecting_in_vain_ends() -> None:
    async with novacron_client.connect("127.0.0.1:1", backoff=QUICK) as client, client.stream_metrics() as stream:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1: Connection refused"):
            await anext(stream)


async def test_a_server_that_stays_away_is_given_up(server: Server) -> None:
    async with server.following([opened("e"), synced(1), GONE], [GONE], give_up_after=0.2) as stream:
        await until(stream, 2)
        with pytest.raises(CloudError, match="the server stops"):
            await anext(stream)
    assert len(server.requests) > 3


async def test_leaving_ends_the_call(server: Server) -> None:
    ended = asyncio.Event()

    async def stream(_: Any, __: script.Context) -> AsyncIterator[StreamMetricsResponse]:
        try:
            yield script.metrics(opened("e"))
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with (
        script.serve(streams={StreamMetricsRequest: stream}) as address,
        novacron_client.connect(address) as client,
    ):
        async with client.stream_metrics() as updates:
            await anext(updates)
        async with asyncio.timeout(5):
            await ended.wait()


async def test_numpy_is_not_needed_for_rows(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    async with server.following([opened("e"), table(0, (CPU, "r1")), batch(1, 0, [0.1]), HANG]) as stream:
        update = (await until(stream, 3))[-1]
        assert [row.value for row in update.rows()] == [0.1]
        with pytest.raises(ImportError):
            update.columns()
