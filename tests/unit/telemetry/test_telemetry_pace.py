"""Streams that ask for less: intervals, changes only, refreshes."""

from tests.unit.telemetry.lab import Lab
from tests.unit.telemetry.toycloud import CPU


def constant(lab: Lab, value: float = 7.0, minutes: int = 200) -> None:
    """Make the cpu of i-1 stand still."""
    for n in range(-10, minutes):
        lab.cloud.revised[CPU, "i-1", 1_700_000_040.0 + n * 60] = value


async def test_interval_sends_the_newest_value_and_reads_no_less_for_others(lab: Lab) -> None:
    lab.cloud.add("i-1")
    start = lab.clock.time()
    slow, quick = await lab.synced(metrics=[CPU], interval=150.0), await lab.synced(metrics=[CPU])
    slow.forget()
    quick.forget()
    await lab.clock.advance(900)
    assert len(quick.points) == 15
    assert [point.time - start for point in slow.points] == [180, 360, 540, 720, 900]


async def test_interval_shorter_than_the_period_changes_nothing(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU], interval=1.0)
    await lab.clock.advance(300)
    assert len(reader.points) == 6


async def test_changes_only_leaves_out_equal_values(lab: Lab) -> None:
    lab.cloud.add("i-1")
    constant(lab)
    start = lab.clock.time()
    lab.cloud.revised[CPU, "i-1", start + 180] = 8.0
    reader = await lab.synced(metrics=[CPU], changes_only=True)
    reader.forget()
    await lab.clock.advance(600)
    assert [(point.time - start, point.value) for point in reader.points] == [(180, 8.0), (240, 7.0)]


async def test_changes_only_sends_no_column_for_series_that_stand_still(lab: Lab) -> None:
    constant(lab)
    for n in range(1, 101):
        lab.cloud.add(f"i-{n}")
    reader = await lab.synced(metrics=[CPU], changes_only=True)
    reader.forget()
    await lab.clock.advance(60)
    assert len(reader.points) == 99
    assert all(point.resource[-4:] != "~i-1" for point in reader.points)


async def test_refresh_interval_sends_equal_values_again(lab: Lab) -> None:
    lab.cloud.add("i-1")
    constant(lab)
    start = lab.clock.time()
    reader = await lab.synced(metrics=[CPU], changes_only=True, refresh_interval=150.0)
    reader.forget()
    await lab.clock.advance(610)
    assert [point.time - start for point in reader.points] == [120, 240, 420, 540]


async def test_refresh_interval_alone_means_nothing(lab: Lab) -> None:
    lab.cloud.add("i-1")
    plain = await lab.synced(metrics=[CPU])
    reader = await lab.synced(metrics=[CPU], refresh_interval=10.0)
    epochs = {r.controls("opened")[0].control.opened.epoch for r in (plain, reader)}
    assert len(epochs) == 1


async def test_snapshot_of_a_held_back_stream_agrees_with_its_changes(lab: Lab) -> None:
    lab.cloud.add("i-1")
    constant(lab)
    start = lab.clock.time()
    lab.cloud.revised[CPU, "i-1", start + 60] = 8.0
    await lab.synced(metrics=[CPU], changes_only=True, interval=150.0)
    await lab.clock.advance(70)
    # 8 is held back and never told, for at 180 the value is 7 again: who comes now must not be told 8 either.
    late = await lab.synced(metrics=[CPU], changes_only=True, interval=150.0)
    await lab.clock.advance(600)
    assert set(late.values().values()) == {7.0}
    assert [point.value for point in late.points] == [7.0]


async def test_instance_that_comes_during_an_interval_is_told_at_once(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU], interval=150.0)
    name = lab.cloud.add("i-2")
    lab.telemetry.inventory_changed("toy")
    await lab.clock.settle()
    assert (CPU, name) in reader.values()


async def test_last_value_is_told_though_no_other_follows(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    lab.cloud.add("i-2")
    start = lab.clock.time()
    reader = await lab.synced(metrics=[CPU], interval=110.0)
    await lab.clock.advance(60)
    lab.cloud.silent.add("i-1")
    await lab.clock.advance(60)
    assert reader.last[CPU, name].time == start + 60


async def test_nan_is_a_change(lab: Lab) -> None:
    lab.cloud.add("i-1")
    constant(lab)
    reader = await lab.synced(metrics=[CPU], changes_only=True)
    lab.cloud.silent.add("i-1")
    await lab.clock.advance(600)
    assert not reader.values()
    assert len(reader.points) == 2
    lab.cloud.silent.clear()
    await lab.clock.advance(60)
    assert len(reader.values()) == 1
