"""WatchOperation, as streams.proto says."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from novacron.cloud.v1 import compute_pb2, operations_pb2
from novacron.cloud.v1 import operations_service_pb2 as pb
from novacron_providers.contract.call import Op
from novacron_providers.contract.errors import InvalidArgument, NotFound, ShuttingDown, from_status
from novacron_server.streams import SPREAD

from tests.unit.operations.bed import ANN, SUCCEEDED, Bed, events, is_at, kind, reached


class Stepping:
    """A method of steps that a test lets through one by one."""

    def __init__(self, *steps: str) -> None:
        self.gates = {step: asyncio.Event() for step in steps}
        self.talks = True

    async def __call__(self, request: Any, op: Op) -> compute_pb2.Instance:
        op.plan(dict.fromkeys(self.gates, "Title"))
        for step, gate in self.gates.items():

            async def send(token: str, step: str = step, gate: asyncio.Event = gate) -> str:
                if self.talks:
                    op.log(f"in {step}")
                await gate.wait()
                return ""

            await op.step(step, send)
        return compute_pb2.Instance()


class Watcher:
    """A watch that is read by hand."""

    def __init__(self, bed: Bed, name: str, **more: Any) -> None:
        self.responses: AsyncGenerator[pb.WatchOperationResponse, None] = bed.operations.watch_operation(
            pb.WatchOperationRequest(name=name, **more), ANN
        )
        self.pending: list[operations_pb2.OperationEvent] = []

    async def next(self) -> operations_pb2.OperationEvent:
        async with asyncio.timeout(20):
            while not self.pending:
                self.pending.extend((await anext(self.responses)).events)
        return self.pending.pop(0)

    async def until(self, wanted: str) -> operations_pb2.OperationEvent:
        while kind(event := await self.next()) != wanted:
            pass
        return event


async def begun(bed: Bed, *steps: str) -> tuple[str, Stepping]:
    """An operation that is at its first step."""
    method = Stepping(*steps)
    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await bed.seen(name, is_at(steps[0]))
    return name, method


async def test_a_watch_opens_shows_what_is_syncs_and_shows_each_change_to_the_end(bed: Bed) -> None:
    name, method = await begun(bed, "a", "b")
    watcher = Watcher(bed, name)
    opened = await watcher.next()
    assert opened.sequence == 0 and opened.control.opened.epoch == bed.store.epoch
    assert not opened.control.opened.resumed
    assert opened.control.opened.heartbeat_interval.seconds == 15
    snapshot = await watcher.next()
    assert snapshot.sequence == 0 and snapshot.operation.name == name
    synced = await watcher.next()
    assert kind(synced) == "synced" and synced.sequence == snapshot.operation.revision
    last = synced.sequence
    for gate in method.gates.values():
        gate.set()
    changes = [event async for response in watcher.responses for event in response.events]
    for change in changes:
        assert change.sequence == change.operation.revision > last
        last = change.sequence
    assert changes[-1].operation.done and changes[-1].operation.state == SUCCEEDED
    assert all(not change.operation.done for change in changes[:-1])


async def test_what_is_done_is_shown_once(bed: Bed) -> None:
    name = (await bed.create()).name
    ended = await bed.end(name)
    seen = await events(bed, name)
    assert [kind(event) for event in seen] == ["opened", "operation", "synced"]
    assert seen[1].operation == ended and seen[2].sequence == ended.revision


async def test_a_watch_goes_on_where_it_was(bed: Bed) -> None:
    name, method = await begun(bed, "a", "b")
    first = Watcher(bed, name)
    place = (await first.until("synced")).sequence
    method.gates["a"].set()
    await bed.seen(name, is_at("b"))
    resumed = asyncio.create_task(events(bed, name, epoch=bed.store.epoch, sequence=place))
    await asyncio.sleep(0.05)
    method.gates["b"].set()
    seen = await resumed
    assert seen[0].control.opened.resumed
    assert kind(seen[1]) == "operation" and seen[1].sequence == seen[1].operation.revision > place
    assert kind(seen[2]) == "synced" and seen[2].sequence == seen[1].sequence
    assert seen[-1].operation.done
    # At the newest place there is nothing to tell.
    end = seen[-1].sequence
    assert [kind(e) for e in await events(bed, name, epoch=bed.store.epoch, sequence=end)] == ["opened", "synced"]
    await first.responses.aclose()


@pytest.mark.parametrize("place", [("", 0), ("another database", 3), ("", 3), ("mine", 10**9), ("mine", 0)])
async def test_a_position_that_cannot_be_gone_on_from_gets_all_anew(bed: Bed, place: tuple[str, int]) -> None:
    name = (await bed.create()).name
    await bed.end(name)
    epoch = bed.store.epoch if place[0] == "mine" else place[0]
    seen = await events(bed, name, epoch=epoch, sequence=place[1])
    assert not seen[0].control.opened.resumed
    assert [kind(event) for event in seen] == ["opened", "operation", "synced"]


async def test_a_watch_goes_on_over_a_restart_and_repeats_no_line(bed: Bed) -> None:
    name, method = await begun(bed, "a", "b")
    first = Watcher(bed, name, include_logs=True)
    assert (await first.until("log")).log.text == "in a"
    place = (await first.until("synced")).sequence
    await first.responses.aclose()
    await bed.restart()
    resumed = asyncio.create_task(events(bed, name, epoch=bed.store.epoch, sequence=place, logs=True))
    for gate in method.gates.values():
        gate.set()
    seen = await resumed
    assert seen[0].control.opened.resumed and seen[-1].operation.done
    lines = [event.log.text for event in seen if kind(event) == "log"]
    # The step was under way, so it was begun once more.
    assert lines == ["Goes on after a restart of the server", "in a", "in b"]


async def test_lines_come_before_the_operation_they_belong_to(bed: Bed) -> None:
    name, method = await begun(bed, "a", "b")
    for gate in method.gates.values():
        gate.set()
    await bed.end(name)
    seen = await events(bed, name, logs=True)
    assert [kind(event) for event in seen] == ["opened", "log", "log", "operation", "synced"]
    assert [(e.log.operation, e.log.step, e.log.text) for e in seen[1:3]] == [(name, "a", "in a"), (name, "b", "in b")]
    assert all(event.sequence == 0 for event in seen[:-1])
    assert "log" not in [kind(event) for event in await events(bed, name)]


async def test_many_lines_come_in_messages_that_can_be_sent(bed: Bed) -> None:
    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        for number in range(1500):
            op.log(f"{number:04} " + "x" * 1500)
        return compute_pb2.Instance()

    ended = await bed.run(method)
    request = pb.WatchOperationRequest(name=ended.name, include_logs=True)
    responses = [response async for response in bed.operations.watch_operation(request, ANN)]
    assert all(response.ByteSize() <= 1024 * 1024 for response in responses)
    lines = [event.log.text[:4] for response in responses for event in response.events if event.HasField("log")]
    assert lines == [f"{number:04}" for number in range(1500)]
    # Joined, as streams.proto allows, they are one response.
    joined = pb.WatchOperationResponse.FromString(b"".join(response.SerializeToString() for response in responses))
    assert len(joined.events) == 1500 + 3


async def test_silence_is_broken_by_heartbeats(bed: Bed) -> None:
    name, method = await begun(bed, "a", "b")
    method.talks = False
    watcher = Watcher(bed, name, heartbeat_interval=Duration(seconds=9))
    assert (await watcher.next()).control.opened.heartbeat_interval.seconds == 9
    place = (await watcher.until("synced")).sequence
    beat = asyncio.create_task(watcher.next())
    for _ in range(2):
        await bed.clock.advance(8)
        assert not beat.done()
        await bed.clock.advance(1)
        event = await beat
        assert kind(event) == "heartbeat" and event.sequence == place
        assert event.control.heartbeat.server_time.seconds == int(bed.clock.time())
        beat = asyncio.create_task(watcher.next())
        await reached(lambda: True)
    # A change starts the silence anew.
    await bed.clock.advance(8)
    method.gates["a"].set()
    event = await beat
    while not is_at("b")(event.operation):
        event = await watcher.next()
    beat = asyncio.create_task(watcher.next())
    await reached(lambda: True)
    await bed.clock.advance(8)
    assert not beat.done()
    await bed.clock.advance(1)
    assert kind(await beat) == "heartbeat"
    await watcher.responses.aclose()


async def test_an_interval_below_a_second_is_raised(bed: Bed) -> None:
    name = (await bed.create()).name
    watcher = Watcher(bed, name, heartbeat_interval=Duration(nanos=1))
    assert (await watcher.next()).control.opened.heartbeat_interval == Duration(seconds=1)
    await watcher.responses.aclose()


async def test_a_server_that_stops_says_when_to_come_back(bed: Bed) -> None:
    name, _ = await begun(bed, "a")
    watchers = [Watcher(bed, name) for _ in range(5)]
    for watcher in watchers:
        await watcher.until("synced")
    waiting = [asyncio.create_task(watcher.next()) for watcher in watchers]
    await asyncio.sleep(0.01)
    await bed.operations.close()
    delays = set()
    for event, watcher in zip(await asyncio.gather(*waiting), watchers, strict=True):
        assert kind(event) == "closing" and event.sequence > 0
        closing = event.control.closing
        assert type(from_status(closing.reason)) is ShuttingDown
        delays.add(closing.reconnect_after.ToNanoseconds())
        with pytest.raises(ShuttingDown):
            await watcher.next()
    assert len(delays) == 5 and all(SPREAD[0] * 1e9 <= delay <= SPREAD[1] * 1e9 for delay in delays)


async def test_watchers_share_what_they_are_sent(bed: Bed) -> None:
    name, method = await begun(bed, "a", "b")
    streams = [bed.operations.watch_operation(pb.WatchOperationRequest(name=name), ANN) for _ in range(3)]
    for stream in streams:
        for _ in range(3):
            await anext(stream)
    method.gates["a"].set()
    changes = await asyncio.gather(*(anext(stream) for stream in streams))
    assert changes[0] is changes[1] is changes[2]
    for stream in streams:
        await stream.aclose()


async def test_a_slow_reader_gets_the_newest(bed: Bed) -> None:
    name, method = await begun(bed, "a", "b", "c", "d", "e")
    slow = Watcher(bed, name)
    await slow.until("synced")
    for gate in method.gates.values():
        gate.set()
    await bed.end(name)
    rest = [event async for response in slow.responses for event in response.events]
    assert len(rest) == 1 and rest[0].operation.done


async def test_what_cannot_be_watched_is_an_error_before_the_first_event(bed: Bed) -> None:
    with pytest.raises(NotFound) as caught:
        await events(bed, name := "providers/toy/operations/00000000000000000000000000000000")
    assert caught.value.resource == name
    with pytest.raises(InvalidArgument):
        await events(bed, "operations/1")


async def test_a_watcher_that_leaves_disturbs_nobody(bed: Bed) -> None:
    name, method = await begun(bed, "a")
    stays = asyncio.create_task(events(bed, name))
    leaves = asyncio.create_task(events(bed, name))
    await asyncio.sleep(0.05)
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    method.gates["a"].set()
    assert (await stays)[-1].operation.done
