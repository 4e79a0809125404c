"""What is asked of a cloud: only what somebody wants, once for all of them, at the right time."""

import pytest
from google.protobuf import duration_pb2
from novacron.cloud.v1 import compute_pb2
from novacron_providers.contract import Call
from novacron_providers.contract.errors import Throttled, Unavailable

from tests.unit.telemetry.lab import Lab
from tests.unit.telemetry.toycloud import CPU, CREDITS, READ


async def test_fifty_readers_are_one_poll_a_tick(lab: Lab) -> None:
    lab.cloud.add("i-1")
    readers = [lab.open() for _ in range(50)]
    await lab.clock.settle()
    assert lab.cloud.calls == {"regions": 1, "list": 1, "collect": 1}
    await lab.clock.advance(300)
    assert lab.cloud.calls["collect"] == 6
    assert all(len(reader.points) == 12 for reader in readers)
    # The bytes themselves are shared: table, snapshot, and the last tick.
    for n in (1, 2, -1):
        assert len({id(reader.messages[n]) for reader in readers}) == 1


async def test_no_reader_is_no_call(lab: Lab) -> None:
    lab.cloud.add("i-1")
    await lab.clock.advance(3600)
    assert not lab.cloud.calls
    reader = await lab.synced()
    await reader.stop()
    calls = lab.cloud.calls.copy()
    await lab.clock.advance(3600)
    assert lab.cloud.calls == calls


async def test_different_selectors_share_the_poll_of_their_region(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.add("i-2", env="prod")
    for fields in ({"metrics": [CPU]}, {"metrics": [READ, CREDITS]}, {"filter": 'tags.env = "prod"'}):
        await lab.synced(**fields)
    lab.cloud.reads.clear()
    await lab.clock.advance(60)
    [(region, metrics, ids, _)] = lab.cloud.reads
    assert (region, sorted(metrics), ids) == ("east", sorted([CPU, READ, CREDITS]), ["i-1", "i-2"])


async def test_equal_selectors_written_differently_share_a_view_and_principals_do_not(lab: Lab) -> None:
    lab.cloud.add("i-1")
    first = await lab.synced()
    second = await lab.synced(metrics=["cloud.*", CPU])
    other = await lab.synced(call=Call(principal="grace", clock=lab.clock))
    epochs = [reader.controls("opened")[0].control.opened.epoch for reader in (first, second, other)]
    assert epochs[0] == epochs[1] != epochs[2]
    await lab.clock.advance(60)
    assert lab.cloud.calls["collect"] == 2


async def test_later_reader_of_more_reads_only_the_difference_at_once(lab: Lab) -> None:
    lab.cloud.add("i-1", env="prod")
    lab.cloud.add("i-2")
    await lab.synced(metrics=[CPU], filter='tags.env = "prod"')
    lab.cloud.reads.clear()
    reader = await lab.synced(metrics=[CPU, READ])
    assert [(metrics, ids) for _, metrics, ids, _ in lab.cloud.reads] == [([READ], ["i-1", "i-2"]), ([CPU], ["i-2"])]
    assert len(reader.values()) == 4
    lab.cloud.reads.clear()
    await lab.synced(metrics=[READ])
    assert not lab.cloud.reads


async def test_what_nobody_wants_any_more_is_not_read_any_more(lab: Lab) -> None:
    lab.cloud.add("i-1")
    staying, leaving = await lab.synced(metrics=[CPU]), await lab.synced(metrics=[READ])
    await leaving.stop()
    lab.cloud.reads.clear()
    await lab.clock.advance(600)
    assert {tuple(metrics) for _, metrics, _, _ in lab.cloud.reads} == {(CPU,)}
    back = await lab.synced(metrics=[READ])
    assert len(back.values()) == len(staying.values()) == 1


async def test_reader_that_comes_during_a_reading_gets_one_of_its_own(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.pause = 10.0
    first = lab.open(metrics=[CPU])
    # During the list, then during a reading of metrics.
    await lab.clock.advance(5)
    second = lab.open(metrics=[READ])
    await lab.clock.advance(20)
    third = lab.open(metrics=[CREDITS])
    await lab.clock.advance(6)
    assert [metric for metric, _ in second.values()] == [READ]
    await lab.clock.advance(20)
    assert [metric for metric, _ in third.values()] == [CREDITS]
    await lab.clock.advance(60)
    assert all(len(reader.points) > 1 for reader in (first, second, third))


async def test_reader_that_leaves_during_a_reading_takes_nothing_with_it(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.pause = 10.0
    first, second = lab.open(metrics=[CPU]), lab.open(metrics=[READ])
    await lab.clock.advance(5)
    await first.stop()
    await lab.clock.advance(200)
    assert second.values()


async def test_region_without_wanted_instances_is_listed_but_not_read(lab: Lab) -> None:
    lab.cloud.add("i-1")
    await lab.synced(filter='tags.env = "prod"')
    await lab.clock.advance(120)
    assert lab.cloud.calls["list"] == 3
    assert lab.cloud.calls["collect"] == 0


async def test_instance_that_is_off_is_read_until_its_last_value_is_void_and_again_when_it_is_on(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    lab.cloud.add("i-2")
    reader = await lab.synced(metrics=[CPU])
    lab.cloud.fleet["east"]["i-1"].state = compute_pb2.INSTANCE_STATE_STOPPED
    lab.cloud.silent.add("i-1")
    await lab.clock.advance(600)
    assert lab.cloud.reads[1][2] == ["i-1", "i-2"]
    assert lab.cloud.reads[-1][2] == ["i-2"]
    assert (CPU, name) not in reader.values()
    lab.cloud.fleet["east"]["i-1"].state = compute_pb2.INSTANCE_STATE_RUNNING
    lab.cloud.silent.clear()
    lab.telemetry.inventory_changed("toy")
    await lab.clock.settle()
    assert (CPU, name) in reader.values()


async def test_condition_on_region_narrows_the_regions(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.add("i-2", "west")
    reader = await lab.synced(metrics=[CPU], filter='region = "west"')
    assert {region for region, _, _, _ in lab.cloud.reads} == {"west"}
    assert lab.cloud.calls["list"] == 1
    assert len(reader.series) == 1


async def test_ticks_are_aligned_and_wait_for_publication(lab: Lab) -> None:
    lab.cloud.delay = 20.0
    lab.cloud.add("i-1")
    start = lab.clock.time()
    await lab.clock.advance(7)
    await lab.synced(metrics=[CPU])
    await lab.clock.advance(12.9)
    assert lab.cloud.calls["collect"] == 1
    await lab.clock.advance(0.2)
    assert lab.cloud.calls["collect"] == 2
    *_, window = lab.cloud.reads[-1]
    assert window.end == start
    await lab.clock.advance(60)
    *_, window = lab.cloud.reads[-1]
    assert (window.end, window.period) == (start + 60, 60)
    assert window.start <= start - 120


async def test_first_reading_goes_back_far_enough_for_a_value(lab: Lab) -> None:
    lab.cloud.delay = 300.0
    lab.cloud.add("i-1")
    lab.cloud.lag["i-1"] = 290.0
    reader = await lab.synced(metrics=[CPU])
    assert reader.values()


async def test_windows_shrink_again_when_points_are_punctual_again(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    lab.cloud.lag["i-1"] = 300.0
    await lab.clock.advance(1200)
    *_, window = lab.cloud.reads[-1]
    assert window.end - window.start >= 7 * 60
    lab.cloud.lag.clear()
    await lab.clock.advance(1200)
    *_, window = lab.cloud.reads[-1]
    assert window.end - window.start == 3 * 60
    times = [point.time for point in reader.points if point.value == point.value]
    assert sorted(times) == [1_700_000_040 + n * 60 for n in range(41)]


async def test_metrics_interval_of_the_provider_makes_polls_rarer(lab: Lab) -> None:
    lab.providers.configs["toy"].metrics_interval.CopyFrom(duration_pb2.Duration(seconds=150))
    lab.cloud.add("i-1")
    await lab.synced(metrics=[CPU])
    await lab.clock.advance(1800)
    # A whole number of periods, 180 s, so 10 in half an hour.
    assert lab.cloud.calls["collect"] == 11
    assert lab.cloud.reads[-1][3].period == 180


async def test_metrics_of_different_periods_keep_their_own(lab: Lab) -> None:
    lab.cloud.periods[READ] = 300.0
    lab.cloud.add("i-1")
    reader = await lab.synced()
    reader.forget()
    await lab.clock.advance(600)
    assert len([p for p in reader.points if p.metric == CPU]) == 10
    assert len([p for p in reader.points if p.metric == READ]) == 2
    periods = {event.batch.period.ToSeconds() for event in reader.events}
    assert periods == {60, 300}


async def test_inventory_is_read_to_its_last_page(lab: Lab) -> None:
    lab.cloud.page = 2
    for n in range(5):
        lab.cloud.add(f"i-{n}")
    reader = await lab.synced(metrics=[CPU])
    assert lab.cloud.calls["list"] == 3
    assert len(reader.series) == 5


async def test_polls_that_take_longer_than_a_period_lose_nothing(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    lab.cloud.pause = 100.0
    await lab.clock.advance(1000)
    times = [point.time for point in reader.points]
    assert times == [1_700_000_040 + n * 60 for n in range(len(times))]
    assert len(times) >= 12


@pytest.mark.parametrize(("error", "wait"), [(Unavailable("down"), 60), (Throttled("slow", retry_after=200.0), 200)])
async def test_failing_region_is_asked_again_at_the_next_tick_and_not_before_it_says(
    lab: Lab, error: Unavailable, wait: int
) -> None:
    lab.cloud.add("i-1")
    await lab.synced(metrics=[CPU])
    lab.cloud.broken["east"] = error
    await lab.clock.advance(60)
    lab.cloud.calls.clear()
    await lab.clock.advance(wait - 1)
    assert lab.cloud.calls["list"] == 0
    await lab.clock.advance(2)
    assert lab.cloud.calls["list"] == 1


async def test_background_reads_have_a_deadline_and_a_name(lab: Lab) -> None:
    lab.cloud.add("i-1")
    await lab.synced()
    [call] = lab.cloud.callers
    assert call.principal == "telemetry"
    assert call.remaining() is not None
    assert call.clock is lab.clock
