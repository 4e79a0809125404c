"""WatchOperations, as streams.proto says."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from novacron.cloud.v1 import compute_pb2, operations_pb2, streams_pb2
from novacron.cloud.v1 import operations_service_pb2 as pb
from novacron_providers.contract.call import Op
from novacron_providers.contract.errors import InvalidArgument, ShuttingDown, from_status
from novacron_server.operations.engine import KEPT
from novacron_server.operations.watch_all import SIZE
from novacron_server.state import journal
from novacron_server.state.store import Store

from tests.unit.operations.bed import ANN, RUNNING, SUCCEEDED, Bed, is_at, kind, nothing, reached, two


class Held:
    """A method that waits for a test to let it end."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def __call__(self, request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"wait": "Wait"})
        await op.step("wait", self.wait)
        return compute_pb2.Instance()

    async def wait(self, token: str) -> str:
        await self.gate.wait()
        return ""


class Watcher:
    """A watch that is read by hand, as a client reads it."""

    def __init__(self, bed: Bed, place: streams_pb2.StreamPosition | None = None, **more: Any) -> None:
        request = pb.WatchOperationsRequest(**{"parent": "providers/-", "resume_after": place, **more})
        self.responses: AsyncGenerator[pb.WatchOperationsResponse, None] = bed.operations.watch_operations(request, ANN)
        self.pending: list[operations_pb2.OperationEvent] = []
        self.place = streams_pb2.StreamPosition()

    async def next(self) -> operations_pb2.OperationEvent:
        async with asyncio.timeout(20):
            while not self.pending:
                self.pending.extend((await anext(self.responses)).events)
        event = self.pending.pop(0)
        if kind(event) == "opened":
            self.place.epoch = event.control.opened.epoch
        if event.sequence:
            assert event.sequence >= self.place.sequence
            self.place.sequence = event.sequence
        return event

    async def to_synced(self) -> list[operations_pb2.OperationEvent]:
        """What comes up to synced, without it."""
        events = []
        while kind(event := await self.next()) != "synced":
            events.append(event)
        return events

    async def until_done(self, name: str) -> operations_pb2.Operation:
        while True:
            event = await self.next()
            if event.operation.name == name and event.operation.done:
                return event.operation

    async def close(self) -> None:
        await self.responses.aclose()


async def held(bed: Bed, **more: str) -> tuple[str, Held]:
    """An operation that waits."""
    method = Held()
    bed.methods["create_instance"] = method
    name = (await bed.create(**more)).name
    await bed.seen(name, is_at("wait"))
    return name, method


async def test_what_is_under_way_is_shown_and_then_each_change_of_any(bed: Bed) -> None:
    await bed.end((await bed.create()).name)
    first, method = await held(bed)
    watcher = Watcher(bed)
    opened, shown = await watcher.to_synced()
    assert opened.control.opened.epoch == bed.store.epoch and not opened.control.opened.resumed
    assert opened.control.opened.heartbeat_interval.seconds == 15
    # Without what is done.
    assert (shown.operation.name, shown.sequence) == (first, 0)
    assert watcher.place.sequence > 0
    bed.methods["create_instance"] = nothing
    second = (await bed.create("another")).name
    assert (await watcher.until_done(second)).state == SUCCEEDED
    method.gate.set()
    assert (await watcher.until_done(first)).state == SUCCEEDED
    await watcher.close()


@pytest.mark.parametrize("restarted", [False, True], ids=["", "restarted"])
async def test_a_watcher_goes_on_where_it_was(bed: Bed, restarted: bool) -> None:
    first, method = await held(bed)
    watcher = Watcher(bed)
    await watcher.to_synced()
    await watcher.close()
    if restarted:
        await bed.restart()
    bed.methods["create_instance"] = nothing
    second = (await bed.create("another")).name
    await bed.end(second)
    method.gate.set()
    await bed.end(first)
    resumed = Watcher(bed, watcher.place)
    opened, *changes = await resumed.to_synced()
    assert opened.control.opened.resumed
    # The newest form of each that changed, in the order of the changes.
    assert [(event.operation.name, event.operation.done) for event in changes] == [(second, True), (first, True)]
    assert watcher.place.sequence < changes[0].sequence < changes[1].sequence == resumed.place.sequence
    await resumed.close()
    again = Watcher(bed, resumed.place)
    assert [kind(event) for event in await again.to_synced()] == ["opened"]
    await again.close()


async def test_a_position_that_cannot_be_gone_on_from_gets_all_anew(bed: Bed) -> None:
    name, _ = await held(bed)
    for epoch, sequence in (("another database", 3), (bed.store.epoch, 10**12), ("", 0)):
        watcher = Watcher(bed, streams_pb2.StreamPosition(epoch=epoch, sequence=sequence))
        opened, shown = await watcher.to_synced()
        assert not opened.control.opened.resumed and shown.operation.name == name
        await watcher.close()


async def test_a_position_before_what_was_forgotten_gets_all_anew(bed: Bed) -> None:
    first, method = await held(bed)
    early, late = Watcher(bed), Watcher(bed)
    await early.to_synced()
    await late.to_synced()
    method.gate.set()
    await late.until_done(first)
    await bed.clock.advance(KEPT + 1)
    assert await bed.store.write(lambda c: journal.forget(c, before=bed.clock.time() - KEPT)) == 1
    for watcher, resumed in ((early, False), (late, True)):
        await watcher.close()
        again = Watcher(bed, watcher.place)
        opened = (await again.to_synced())[0]
        assert opened.control.opened.resumed == resumed
        await again.close()


async def test_what_no_longer_meets_the_filter_comes_once_more(bed: Bed) -> None:
    first, method = await held(bed)
    watcher = Watcher(bed, filter='state = "RUNNING"')
    assert [event.operation.name for event in (await watcher.to_synced())[1:]] == [first]
    never = Watcher(bed, filter='method = "ProviderService/StopInstance"')
    assert len(await never.to_synced()) == 1
    method.gate.set()
    await bed.end(first)
    ended = await watcher.until_done(first)
    assert ended.state == SUCCEEDED
    bed.methods["create_instance"] = nothing
    second = (await bed.create("another")).name
    await bed.end(second)
    third, _ = await held(bed)
    while (event := await watcher.next()).operation.name != third:
        # Of the second one nothing that it does not meet, unless it was shown running.
        assert event.operation.name == second
    assert event.operation.state == RUNNING
    assert not never.pending
    for one in (watcher, never):
        await one.close()


async def test_of_one_provider(bed: Bed) -> None:
    first, _ = await held(bed)
    for parent, found in (("providers/toy", [first]), ("providers/other", [])):
        watcher = Watcher(bed, parent=parent)
        assert [event.operation.name for event in (await watcher.to_synced())[1:]] == found
        await watcher.close()


async def test_without_a_snapshot(bed: Bed) -> None:
    first, method = await held(bed)
    watcher = Watcher(bed, skip_snapshot=True)
    assert len(await watcher.to_synced()) == 1
    method.gate.set()
    await watcher.until_done(first)
    await watcher.close()


async def test_more_than_is_read_at_once(bed: Bed) -> None:
    early = Watcher(bed)
    await early.to_synced()
    await early.close()
    bed.methods["create_instance"] = Held()
    started = await asyncio.gather(*(bed.create(str(number)) for number in range(SIZE + 5)))
    names = {operation.name for operation in started}
    watcher = Watcher(bed)
    assert {event.operation.name for event in (await watcher.to_synced())[1:]} == names
    await watcher.close()
    resumed = Watcher(bed, early.place)
    _, *changes = await resumed.to_synced()
    told = [event.sequence for event in changes]
    assert {event.operation.name for event in changes} >= names and told == sorted(set(told))
    await resumed.close()


async def test_silence_is_broken_by_heartbeats(bed: Bed) -> None:
    await held(bed)
    watcher = Watcher(bed, heartbeat_interval=Duration(seconds=10))
    await watcher.to_synced()
    beat = asyncio.create_task(watcher.next())
    await reached(lambda: True)
    await asyncio.sleep(0.2)
    await bed.clock.advance(9)
    assert not beat.done()
    await bed.clock.advance(1)
    event = await beat
    assert kind(event) == "heartbeat" and event.sequence == watcher.place.sequence > 0
    await watcher.close()


async def test_a_server_that_stops_says_when_to_come_back(bed: Bed) -> None:
    watcher = Watcher(bed)
    await watcher.to_synced()
    waiting = asyncio.create_task(watcher.next())
    await asyncio.sleep(0.05)
    await bed.operations.close()
    event = await waiting
    assert type(from_status(event.control.closing.reason)) is ShuttingDown and event.sequence > 0
    with pytest.raises(ShuttingDown):
        await watcher.next()


async def test_a_filter_that_cannot_be_read_is_an_error_before_the_first_event(bed: Bed) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await Watcher(bed, filter='steps.id = "launch"').next()
    assert caught.value.violations[0].field == "filter"


async def test_the_changes_of_every_replica_come_in_one_order(store: Store) -> None:
    async with two(store) as (a, b):
        watchers = [Watcher(a), Watcher(b)]
        for watcher in watchers:
            await watcher.to_synced()
        started = await asyncio.gather(*((a, b)[number % 2].create(str(number)) for number in range(20)))
        seen: list[list[tuple[int, str]]] = []
        for watcher in watchers:
            done: list[tuple[int, str]] = []
            while len(done) < 20:
                event = await watcher.next()
                if event.operation.done:
                    done.append((event.sequence, event.operation.name))
            seen.append(done)
            await watcher.close()
        assert seen[0] == seen[1] == sorted(seen[0])
        assert {name for _, name in seen[0]} == {operation.name for operation in started}
        # A position of one replica is one of the other.
        resumed = Watcher(b, watchers[0].place)
        assert [kind(event) for event in await resumed.to_synced()] == ["opened"]
        await resumed.close()
