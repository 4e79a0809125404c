"""Readers that come back, readers that are too slow, and what each of them is told."""

from novacron.cloud.v1 import streams_pb2

from tests.unit.telemetry.lab import Lab
from tests.unit.telemetry.reader import Reader
from tests.unit.telemetry.toycloud import CPU, READ


async def test_resume_inside_the_ring_gets_only_what_came_after(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    start = lab.clock.time()
    reader = await lab.synced(metrics=[CPU])
    await lab.synced(metrics=[CPU])
    await lab.clock.advance(120)
    position = reader.position
    await reader.stop()
    await lab.clock.advance(180)
    back = await lab.synced(metrics=[CPU], resume_after=position)
    assert back.controls("opened")[0].control.opened.resumed
    assert back.kinds == ["opened", "table", "batch", "batch", "batch", "synced"]
    assert [(p.resource, p.time - start) for p in back.points] == [(name, 180), (name, 240), (name, 300)]


async def test_only_reader_that_comes_back_soon_loses_nothing(lab: Lab) -> None:
    lab.cloud.add("i-1")
    start = lab.clock.time()
    reader = await lab.synced(metrics=[CPU])
    await lab.clock.advance(60)
    await reader.stop()
    await lab.clock.advance(100)
    back = await lab.synced(metrics=[CPU], resume_after=reader.position)
    assert back.controls("opened")[0].control.opened.resumed
    await lab.clock.advance(60)
    assert [p.time - start for p in back.points] == [120, 180]


async def test_reader_that_comes_back_late_starts_anew(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    position = reader.position
    await reader.stop()
    await lab.clock.advance(200)
    back = await lab.synced(metrics=[CPU], resume_after=position)
    assert not back.controls("opened")[0].control.opened.resumed
    assert back.kinds == ["opened", "table", "batch", "synced"]


async def test_position_that_the_ring_does_not_hold_any_more_starts_anew(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    await lab.synced(metrics=[CPU])
    position = reader.position
    await reader.stop()
    await lab.clock.advance(60 * 65)
    back = await lab.synced(metrics=[CPU], resume_after=position)
    assert not back.controls("opened")[0].control.opened.resumed
    assert back.kinds == ["opened", "table", "batch", "synced"]


async def test_position_of_another_log_or_beyond_the_end_starts_anew(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    assert reader.position is not None
    epoch = reader.position.epoch
    for position in (
        streams_pb2.StreamPosition(epoch="else", sequence=1),
        streams_pb2.StreamPosition(epoch=epoch, sequence=2**63),
        streams_pb2.StreamPosition(epoch=epoch, sequence=0),
    ):
        back = await lab.synced(metrics=[CPU], resume_after=position)
        assert not back.controls("opened")[0].control.opened.resumed
    other = await lab.synced(metrics=[READ], resume_after=reader.position)
    assert not other.controls("opened")[0].control.opened.resumed


async def test_table_of_a_resumed_reader_is_the_one_of_its_place(lab: Lab) -> None:
    gone = lab.cloud.add("i-1")
    lab.cloud.add("i-2")
    reader = await lab.synced(metrics=[CPU])
    await lab.synced(metrics=[CPU])
    position = reader.position
    await reader.stop()
    await lab.clock.advance(60)
    lab.cloud.remove("i-1")
    came = lab.cloud.add("i-3")
    await lab.clock.advance(60)
    back = await lab.synced(metrics=[CPU], resume_after=position)
    # The Reader objects to values of slots that it was not told of, or was told have ended.
    assert back.kinds[:3] == ["opened", "table", "batch"]
    assert not back.events[1].table.removed_slots
    assert len(back.events[1].table.series) == 2
    assert back.removed == [(CPU, gone)]
    assert (CPU, came) in back.values()


async def test_reader_that_lags_gets_what_is_pending_in_one_message(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    reader.pause()
    await lab.clock.advance(60)
    reader.forget()
    await lab.clock.advance(60 * 50)
    reader.resume()
    await lab.clock.settle()
    assert len(reader.messages) == 1
    assert reader.kinds == ["batch"] * 50


async def test_every_tick_is_delivered_or_told_as_dropped(lab: Lab) -> None:
    for n in range(3):
        lab.cloud.add(f"i-{n}")
    start = lab.clock.time()
    slow = await lab.synced()
    quick = await lab.synced()
    slow.pause()
    await lab.clock.advance(60 * 10)
    # One more is under way to the slow one.
    before = [*slow.events]
    came = lab.cloud.add("i-9")
    await lab.clock.advance(60 * 100)
    slow.resume()
    await lab.clock.settle()
    after = slow.events[len(before) :]
    assert [slow.kinds[n] for n in range(len(before), len(slow.kinds))] == ["gap", "table", "batch", "synced"]
    gap = after[0].control.gap
    batches = [event for event in quick.events if event.HasField("batch") and event.sequence]
    delivered = [event for event in slow.events if event.HasField("batch") and event.sequence]
    changes = [event for event in quick.events if event.sequence and not event.HasField("control")]
    assert len(delivered) + gap.dropped_events == len(changes)
    samples = sum(len(event.batch.values) for event in batches)
    assert sum(len(event.batch.values) for event in delivered) + gap.dropped_items == samples
    assert gap.start_time.ToSeconds() == delivered[-1].batch.time.ToSeconds() + 60
    assert gap.end_time.ToSeconds() == start + 110 * 60
    assert slow.position == quick.position
    assert slow.values() == quick.values()
    assert (CPU, came) in slow.values()
    slow.forget()
    await lab.clock.advance(60)
    assert slow.kinds == ["batch"]


async def test_gap_tells_of_series_that_ended_meanwhile(lab: Lab) -> None:
    gone = lab.cloud.add("i-1")
    lab.cloud.add("i-2")
    slow = await lab.synced(metrics=[CPU])
    slow.pause()
    await lab.clock.advance(120)
    lab.cloud.remove("i-1")
    await lab.clock.advance(60 * 80)
    slow.resume()
    await lab.clock.settle()
    assert slow.controls("gap")
    assert slow.removed == [(CPU, gone)]


async def test_reader_that_is_stuck_holds_no_one_else_up(lab: Lab) -> None:
    lab.cloud.add("i-1")
    slow = await lab.synced(metrics=[CPU])
    quick = await lab.synced(metrics=[CPU])
    slow.pause()
    await lab.clock.advance(60 * 100)
    assert len(quick.points) == 101


async def test_reader_that_leaves_in_any_state_is_forgotten(lab: Lab) -> None:
    lab.cloud.add("i-1")
    unsettled = lab.open(metrics=[CPU])
    await unsettled.stop()
    waiting, writing = await lab.synced(metrics=[CPU]), await lab.synced(metrics=[CPU])
    writing.pause()
    await lab.clock.advance(60)
    for reader in (waiting, writing):
        await reader.stop()
    calls = lab.cloud.calls.copy()
    await lab.clock.advance(3600)
    assert lab.cloud.calls == calls


async def test_reader_that_is_cancelled_takes_no_other_with_it(lab: Lab) -> None:
    lab.cloud.add("i-1")
    leaving, staying = await lab.synced(metrics=[CPU]), await lab.synced(metrics=[CPU])
    await leaving.stop()
    staying.forget()
    await lab.clock.advance(60)
    assert staying.kinds == ["batch"]


async def test_resumed_reader_catches_up_before_synced_however_much_there_is(lab: Lab) -> None:
    for n in range(40):
        lab.cloud.add(f"i-{n:02}")
    reader = await lab.synced()
    await lab.synced()
    position = reader.position
    await reader.stop()
    await lab.clock.advance(60 * 60)
    back: Reader = await lab.synced(resume_after=position)
    assert back.kinds == ["opened", "table", *["batch"] * 60, "synced"]
    assert len(back.points) == 60 * 80
