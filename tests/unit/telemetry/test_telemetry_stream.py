"""What a reader of StreamMetrics sees."""

import math

import pytest
import structlog
from novacron.cloud.v1 import metrics_service_pb2, streams_pb2
from novacron_providers.contract import from_status
from novacron_providers.contract.errors import (
    NotFound,
    ShuttingDown,
    Unavailable,
)

from tests.unit.telemetry.lab import Lab
from tests.unit.telemetry.toycloud import CPU, CREDITS, READ, ToyCloud


async def test_opened_table_snapshot_synced_then_each_point_once(lab: Lab) -> None:
    names = [lab.cloud.add("i-1"), lab.cloud.add("i-2")]
    start = lab.clock.time()
    reader = await lab.synced()
    assert reader.kinds == ["opened", "table", "batch", "synced"]
    assert [e.sequence for e in reader.events[:3]] == [0, 0, 0]
    assert reader.events[3].sequence > 0
    assert reader.values() == {
        (metric, name): lab.cloud.value(metric, name[-3:], start) for metric in (CPU, READ) for name in names
    }
    reader.forget()
    await lab.clock.advance(180)
    assert reader.kinds == ["batch"] * 3
    assert sorted(reader.points) == sorted(
        (metric, name, start + n * 60, lab.cloud.value(metric, name[-3:], start + n * 60))
        for metric in (CPU, READ)
        for name in names
        for n in (1, 2, 3)
    )


async def test_table_names_metrics_with_units_and_resources(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=["toy.*"])
    [table] = [event.table for event in reader.events if event.HasField("table")]
    assert [(m.type, m.unit, m.name) for m in table.metrics] == [
        (CREDITS, "{credit}", f"providers/toy/metricDescriptors/{CREDITS}")
    ]
    [resource] = table.resources
    assert (resource.native_id, resource.display_name, resource.region) == ("i-1", "vm i-1", "east")


async def test_tick_is_one_packed_column_without_steps(lab: Lab) -> None:
    for n in range(100):
        lab.cloud.add(f"i-{n:03}")
    reader = await lab.synced()
    reader.forget()
    await lab.clock.advance(60)
    [event] = reader.events
    assert event.batch.first_slot == 0
    assert not event.batch.slot_steps
    assert len(event.batch.values) == 200
    assert event.batch.period.ToSeconds() == 60
    assert len(reader.messages[0]) < 200 * 8 + 40


async def test_new_instance_joins_a_running_stream(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    reader.forget()
    name = lab.cloud.add("i-2")
    lab.telemetry.inventory_changed("toy")
    await lab.clock.settle()
    assert reader.kinds[0] == "table"
    assert reader.events[0].table.first_slot == 1
    assert reader.values()[CPU, name] == lab.cloud.value(CPU, "i-2", lab.clock.time())


async def test_new_instance_is_found_within_a_minute_untold(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    name = lab.cloud.add("i-2")
    await lab.clock.advance(61)
    assert (CPU, name) in reader.values()


async def test_inventory_change_of_another_provider_is_nothing_to_us(lab: Lab) -> None:
    await lab.synced()
    lab.telemetry.inventory_changed("other")
    await lab.clock.settle()
    assert lab.cloud.calls["list"] == 1


async def test_instance_that_is_gone_leaves_and_its_slot_is_never_reused(lab: Lab) -> None:
    gone, stays = lab.cloud.add("i-1"), lab.cloud.add("i-2")
    reader = await lab.synced(metrics=[CPU])
    lab.cloud.remove("i-1")
    lab.telemetry.inventory_changed("toy")
    await lab.clock.settle()
    assert reader.removed == [(CPU, gone)]
    lab.cloud.add("i-1")
    lab.telemetry.inventory_changed("toy")
    await lab.clock.advance(60)
    # The reader itself objects to a slot that changes its series.
    assert reader.values() == {(CPU, name): lab.cloud.value(CPU, name[-3:], lab.clock.time()) for name in (gone, stays)}
    assert sorted(reader.series) == [1, 2]


async def test_instance_whose_tags_come_to_match_joins_with_its_value(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    lab.cloud.add("i-2", env="prod")
    await lab.synced(metrics=[CPU])
    reader = await lab.synced(metrics=[CPU], filter='tags.env = "prod"')
    assert len(reader.series) == 1
    lab.cloud.add("i-1", env="prod")
    lab.telemetry.inventory_changed("toy")
    await lab.clock.settle()
    assert reader.values()[CPU, name] == lab.cloud.value(CPU, "i-1", lab.clock.time())


async def test_corrected_value_is_sent_again_and_equal_ones_are_not(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    start = lab.clock.time()
    reader = await lab.synced(metrics=[CPU])
    reader.forget()
    lab.cloud.revised[CPU, "i-1", start] = 0.5
    await lab.clock.advance(60)
    assert reader.points == [
        (CPU, name, start, 0.5),
        (CPU, name, start + 60, lab.cloud.value(CPU, "i-1", start + 60)),
    ]


async def test_late_points_are_all_delivered_with_their_own_time(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    punctual = lab.cloud.add("i-2")
    start = lab.clock.time()
    reader = await lab.synced(metrics=[CPU])
    reader.forget()
    lab.cloud.lag["i-1"] = 150.0
    await lab.clock.advance(1800)
    late = [point for point in reader.points if point.resource == name and not math.isnan(point.value)]
    # The newest two are still under way.
    assert sorted(point.time for point in late) == [start + n * 60 for n in range(1, 28)]
    assert all(point.value == lab.cloud.value(CPU, "i-1", point.time) for point in late)
    assert len([p for p in reader.points if p.resource == punctual]) == 30


async def test_point_behind_a_newer_one_does_not_replace_it(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    start = lab.clock.time()
    lab.cloud.revised[CPU, "i-1", start + 60] = math.nan
    reader = await lab.synced(metrics=[CPU])
    await lab.clock.advance(120)
    reader.forget()
    del lab.cloud.revised[CPU, "i-1", start + 60]
    await lab.clock.advance(60)
    assert (CPU, name, start + 60, lab.cloud.value(CPU, "i-1", start + 60)) in reader.points
    assert reader.last[CPU, name].time == start + 180
    newcomer = await lab.synced(metrics=[CPU], call=lab.call)
    assert newcomer.last[CPU, name].time == start + 180


async def test_region_that_fails_has_nan_once_and_recovers_without_loss(lab: Lab) -> None:
    east, west = lab.cloud.add("i-1"), lab.cloud.add("i-2", "west")
    start = lab.clock.time()
    reader = await lab.synced(metrics=[CPU])
    reader.forget()
    lab.cloud.broken["west"] = Unavailable("no route to west")
    await lab.clock.advance(180)
    nothing = [point for point in reader.points if math.isnan(point.value)]
    assert [(p.resource, p.time) for p in nothing] == [(west, start + 60)]
    assert reader.values().keys() == {(CPU, east)}
    reported = lab.providers.reports["toy", "west"]
    assert isinstance(reported, Unavailable)
    assert reported.facts == {"provider": "toy", "region": "west"}
    assert lab.providers.reports["toy", "east"] is None
    reader.forget()
    del lab.cloud.broken["west"]
    await lab.clock.advance(60)
    assert lab.providers.reports["toy", "west"] is None
    assert [p.time - start for p in reader.points if p.resource == west] == [60, 120, 180, 240]


async def test_fault_of_an_adapter_is_told_and_does_not_end_the_collector(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    lab.cloud.broken["east"] = ZeroDivisionError("a bug")
    with structlog.testing.capture_logs() as logs:
        await lab.clock.advance(60)
    assert [line["event"] for line in logs] == ["a fault of the server or the adapter", "metrics cannot be read"]
    reported = lab.providers.reports["toy", "east"]
    assert reported is not None
    assert reported.reason == "INTERNAL"
    assert "a bug" not in reported.message
    lab.cloud.broken.clear()
    await lab.clock.advance(60)
    assert reader.values()


async def test_instance_without_values_any_more_gets_nan_once(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    lab.cloud.silent.add("i-1")
    await lab.clock.advance(600)
    nothing = [point for point in reader.points if math.isnan(point.value)]
    assert len(nothing) == 1
    assert (CPU, name) not in reader.values()
    lab.cloud.silent.clear()
    await lab.clock.advance(60)
    assert reader.values()[CPU, name] == lab.cloud.value(CPU, "i-1", lab.clock.time())


async def test_one_stream_spans_providers(lab: Lab) -> None:
    other = ToyCloud(lab.clock, "other")
    lab.providers.clouds["other"] = other
    lab.providers.configs["other"] = lab.providers.configs["toy"]
    bare = ToyCloud(lab.clock, "bare")
    lab.providers.clouds["bare"] = bare
    lab.providers.without_metrics.add("bare")
    names = {lab.cloud.add("i-1"), other.add("i-9")}
    reader = await lab.synced(parent="providers/-", metrics=[CPU])
    assert {resource for _, resource in reader.values()} == names
    assert not bare.calls


async def test_provider_that_is_registered_later_joins_a_stream_over_all(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(parent="providers/-", metrics=[CPU])
    other = ToyCloud(lab.clock, "other")
    name = other.add("i-9")
    lab.providers.clouds["other"] = other
    lab.providers.configs["other"] = lab.providers.configs["toy"]
    await lab.clock.advance(61)
    assert (CPU, name) in reader.values()
    del lab.providers.clouds["other"]
    await lab.clock.advance(61)
    assert (CPU, name) in reader.removed


async def test_stream_ends_when_its_provider_is_unregistered(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced()
    del lab.providers.clouds["toy"]
    await lab.clock.advance(61)
    assert isinstance(reader.error, NotFound)


async def test_reader_that_comes_back_after_its_provider_does_not_meet_the_end_of_the_others(lab: Lab) -> None:
    lab.cloud.add("i-1")
    stuck, other = await lab.synced(heartbeat_interval=5.0), await lab.synced()
    stuck.pause()
    # The stuck one takes a heartbeat and no more, so it is still there when the provider is back.
    await lab.clock.advance(30)
    del lab.providers.clouds["toy"]
    await lab.clock.advance(31)
    assert isinstance(other.error, NotFound)
    assert stuck.error is None
    lab.providers.clouds["toy"] = lab.cloud
    await lab.synced()


async def test_provider_that_cannot_tell_its_regions_for_a_while_keeps_what_it_has(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    lab.cloud.broken[""] = Unavailable("no route")
    await lab.clock.advance(180)
    assert reader.last[CPU, name].time == lab.clock.time()
    assert not reader.removed


async def test_provider_that_is_configured_anew_is_read_anew(lab: Lab) -> None:
    lab.cloud.period = 20
    lab.cloud.add("i-1")
    reader = await lab.synced(metrics=[CPU])
    replacement = ToyCloud(lab.clock, period=10)
    name = replacement.add("i-7")
    lab.providers.clouds["toy"] = replacement
    await lab.clock.advance(30)
    assert reader.values() == {(CPU, name): replacement.value(CPU, "i-7", lab.clock.time())}


async def test_silent_stream_sends_heartbeats_with_the_position(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.period = 300
    reader = await lab.synced(heartbeat_interval=2.0)
    reader.forget()
    position = reader.position
    await lab.clock.advance(9)
    assert reader.kinds == ["heartbeat"] * 4
    assert reader.position == position
    assert [event.control.heartbeat.server_time.ToSeconds() for event in reader.events] == [
        1_700_000_040 + n for n in (2, 4, 6, 8)
    ]


async def test_heartbeat_interval_in_force_is_told(lab: Lab) -> None:
    for asked, told in ((None, 15.0), (0.2, 1.0), (30.0, 30.0)):
        reader = lab.open(**({} if asked is None else {"heartbeat_interval": asked}), resume_after=None)
        await lab.clock.settle()
        interval = reader.controls("opened")[0].control.opened.heartbeat_interval
        expected = told if asked is not None else 86_400.0
        assert interval.ToMicroseconds() == expected * 1e6


async def test_values_put_off_the_heartbeat(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(heartbeat_interval=50.0)
    reader.forget()
    await lab.clock.advance(240)
    assert reader.kinds == ["heartbeat", "batch"] * 4
    times = [e.control.heartbeat.server_time.ToSeconds() - 1_700_000_040 for e in reader.controls("heartbeat")]
    assert times == [50, 110, 170, 230]


async def test_heartbeats_come_while_the_first_reading_takes_long(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.pause = 10.0
    reader = lab.open(heartbeat_interval=3.0)
    await lab.clock.advance(10)
    assert reader.kinds == ["opened", "heartbeat", "heartbeat", "heartbeat"]
    assert {event.sequence for event in reader.events} == {0}
    await lab.clock.advance(11)
    assert "synced" in reader.kinds


async def test_skip_snapshot_leaves_out_the_newest_values(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced(skip_snapshot=True)
    assert reader.kinds == ["opened", "table", "synced"]
    await lab.clock.advance(60)
    assert reader.kinds[3:] == ["batch"]


async def test_stream_over_nothing_is_opened_and_synced_all_the_same(lab: Lab) -> None:
    reader = await lab.synced()
    assert reader.kinds == ["opened", "table", "synced"]
    assert reader.position is not None


async def test_close_tells_readers_to_come_back_at_different_times(lab: Lab) -> None:
    lab.cloud.add("i-1")
    readers = [await lab.synced() for _ in range(8)]
    await lab.telemetry.close()
    await lab.clock.settle()
    closings = [reader.controls("closing")[-1].control.closing for reader in readers]
    assert all(reader.kinds[-1] == "closing" for reader in readers)
    assert all(isinstance(reader.error, ShuttingDown) for reader in readers)
    assert len({closing.reconnect_after.ToMicroseconds() for closing in closings}) == 8
    assert isinstance(from_status(closings[0].reason), ShuttingDown)
    with pytest.raises(ShuttingDown):
        await anext(lab.responses())


async def test_close_ends_a_stream_that_waits_for_its_first_reading(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.pause = 100.0
    reader = lab.open()
    await lab.clock.advance(1)
    await lab.telemetry.close()
    assert reader.kinds == ["opened", "closing"]
    assert isinstance(reader.error, ShuttingDown)


async def test_large_table_comes_in_parts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("novacron_server.telemetry.roster.SERIES", 4)
    for n in range(5):
        lab.cloud.add(f"i-{n}")
    reader = await lab.synced()
    assert reader.kinds[:4] == ["opened", "table", "table", "table"]
    assert [event.table.first_slot for event in reader.events[1:4]] == [0, 4, 8]
    assert len(reader.values()) == 10
    for n in range(5, 8):
        lab.cloud.add(f"i-{n}")
    lab.telemetry.inventory_changed("toy")
    await lab.clock.advance(60)
    late = await lab.synced()
    assert late.series == reader.series
    assert late.values() == reader.values()
    assert len(late.values()) == 16


async def test_messages_joined_are_one_response_of_the_same_events(lab: Lab) -> None:
    lab.cloud.add("i-1")
    reader = await lab.synced()
    await lab.clock.advance(300)
    joined = metrics_service_pb2.StreamMetricsResponse.FromString(b"".join(reader.messages))
    assert [*joined.events] == reader.events


async def test_slots_given_out_anew_start_the_stream_over(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("novacron_server.telemetry.roster.ENDED", 1)
    for n in range(4):
        lab.cloud.add(f"i-{n}")
    reader = await lab.synced(metrics=[CPU])
    for n in range(3):
        lab.cloud.remove(f"i-{n}")
    lab.telemetry.inventory_changed("toy")
    await lab.clock.settle()
    first, second = (event.control.opened.epoch for event in reader.controls("opened"))
    assert first != second
    assert reader.kinds[-4:] == ["opened", "table", "batch", "synced"]
    assert reader.series == {0: (CPU, "providers/toy/instances/east~i-3")}
    reader.forget()
    await lab.clock.advance(60)
    assert [point.resource[-3:] for point in reader.points] == ["i-3"]
    # A place in the old numbering leads nowhere.
    old = streams_pb2.StreamPosition(epoch=first, sequence=1)
    again = await lab.synced(metrics=[CPU], resume_after=old)
    assert not again.controls("opened")[0].control.opened.resumed
