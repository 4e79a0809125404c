"""WatchResources as a stream: resuming, slow watchers, heartbeats, the end."""

import pytest
from novacron.cloud.v1 import streams_pb2
from novacron_providers.contract.errors import ShuttingDown
from novacron_server import streams
from novacron_server.inventory import resources, view

from tests.unit.inventory.watchlab import INSTANCE, PROVIDER, STOPPED, WatchedCloud, WatchLab


async def test_who_resumes_gets_what_changed_each_once(lab: WatchLab, cloud: WatchedCloud) -> None:
    for name in "abcd":
        cloud.start(name)
    stays = await lab.synced()
    leaves = await lab.synced()
    await leaves.stop()
    cloud.set("a", STOPPED)
    cloud.remove("b")
    await lab.clock.advance(61)
    cloud.set("a", STOPPED)
    cloud.start("e")
    await lab.clock.advance(61)
    back = await lab.synced(state=leaves)
    assert back.told[0] == "resumed"
    assert sorted(back.told[1:-1]) == ["-east~b", "east~a", "east~e"]
    assert back.state == stays.state
    assert back.position == stays.position


async def test_who_missed_nothing_is_told_so(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    first = await lab.synced()
    again = await lab.synced(state=first)
    assert again.told == ["resumed", "synced"]


async def test_what_changed_while_nobody_watched_is_found(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    watcher = await lab.synced()
    await watcher.stop()
    cloud.start("b")
    await lab.clock.advance(100)
    back = await lab.synced(state=watcher)
    assert back.told == ["resumed", "east~b", "synced"]
    await back.stop()
    await lab.clock.advance(resources.KEEP + 1)
    late = await lab.synced(state=back)
    assert late.told[0] == "opened"
    assert late.instances == {"a": "RUNNING", "b": "RUNNING"}


async def test_nobody_is_synced_by_what_was_known_before(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    await (await lab.synced()).stop()
    await lab.clock.advance(90)
    cloud.pause = 5.0
    cloud.remove("a")
    watcher = lab.watch()
    await lab.clock.settle()
    assert not watcher.is_synced
    await lab.clock.advance(5)
    assert watcher.is_synced
    assert watcher.instances == {}


async def test_nobody_watches_and_nobody_is_asked(lab: WatchLab, cloud: WatchedCloud) -> None:
    await lab.clock.advance(300)
    assert not cloud.asked
    watcher = await lab.synced()
    await watcher.stop()
    asked, regions, probes = len(cloud.asked), cloud.calls["regions"], cloud.probes
    await lab.clock.advance(600)
    assert (len(cloud.asked), cloud.calls["regions"], cloud.probes) == (asked, regions, probes)


@pytest.mark.parametrize("sequence", [0, 1_000_000])
async def test_a_position_that_was_never_given_starts_anew(lab: WatchLab, cloud: WatchedCloud, sequence: int) -> None:
    cloud.start("a")
    first = await lab.synced()
    assert first.position
    position = streams_pb2.StreamPosition(epoch=first.position.epoch, sequence=sequence)
    assert (await lab.synced(resume_after=position)).told[0] == "opened"


async def test_a_position_of_another_epoch_starts_anew(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    all_of_it = await lab.synced()
    other = await lab.synced(state=all_of_it, types=[INSTANCE])
    assert other.told == ["opened", "east~a", "synced"]


async def test_what_is_gone_for_too_long_is_forgotten(
    lab: WatchLab, cloud: WatchedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "GONE", 3)
    for n in range(10):
        cloud.start(f"{n}")
    stays, leaves = await lab.synced(), await lab.synced()
    await leaves.stop()
    for n in range(10):
        cloud.remove(f"{n}")
        if n == 5:
            await lab.clock.advance(61)
            known = await lab.synced()
            await known.stop()
    await lab.clock.advance(61)
    # Of ten that are gone, the last three to six are remembered.
    again = await lab.synced(state=leaves)
    assert again.told[0] == "opened"
    assert again.state == stays.state
    assert (await lab.synced(state=known)).told[0] == "resumed"


async def test_a_slow_watcher_gets_the_newest_form_once(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    slow, quick = await lab.synced(), await lab.synced()
    slow.pause()
    cloud.start("b")
    await lab.clock.advance(61)
    for n in range(10):
        cloud.start("c", version=str(n))
        await lab.clock.advance(61)
    slow.forget()
    slow.resume()
    await lab.clock.settle()
    assert slow.told.count("east~c") == 1
    assert slow.state == quick.state


async def test_a_watcher_so_slow_that_something_was_forgotten_starts_over(
    lab: WatchLab, cloud: WatchedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "GONE", 3)
    for n in range(10):
        cloud.start(f"{n}")
    slow, quick = await lab.synced(), await lab.synced()
    slow.pause()
    cloud.start("more")
    await lab.clock.advance(61)
    for n in range(9):
        cloud.remove(f"{n}")
    await lab.clock.advance(61)
    slow.forget()
    slow.resume()
    await lab.clock.settle()
    assert "opened" in slow.told
    assert slow.is_synced
    assert slow.state == quick.state
    assert slow.instances == {"9": "RUNNING", "more": "RUNNING"}


async def test_a_snapshot_can_be_left_out(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    cloud.pause = 2.0
    watcher = lab.watch(skip_snapshot=True)
    await lab.clock.advance(5)
    assert watcher.told == ["opened", "synced"]
    cloud.start("b")
    await lab.clock.advance(70)
    assert watcher.told == ["opened", "synced", "east~b"]
    back = await lab.synced(state=watcher, skip_snapshot=True)
    assert back.told == ["resumed", "synced"]


async def test_messages_are_at_most_one_mebibyte(lab: WatchLab, cloud: WatchedCloud) -> None:
    for n in range(3000):
        cloud.start(f"{n}", text="x" * 1000)
    watcher = await lab.synced(types=[INSTANCE])
    assert len(watcher.instances) == 3000
    assert sum(watcher.sizes) > 3 << 20
    assert max(watcher.sizes) <= 1 << 20
    # opened, the snapshot, synced.
    assert len(watcher.sizes) <= 7


async def test_silence_is_broken_by_heartbeats(lab: WatchLab, cloud: WatchedCloud) -> None:
    default, quick = await lab.synced(heartbeat=None), await lab.synced(heartbeat=0.2)
    assert quick.controls[0].opened.heartbeat_interval.ToSeconds() == 1
    assert default.controls[0].opened.heartbeat_interval.ToSeconds() == 15
    for watcher in (default, quick):
        watcher.forget()
    await lab.clock.advance(31)
    assert default.told == ["heartbeat"] * 2
    assert quick.told == ["heartbeat"] * 31
    assert quick.controls[-1].heartbeat.server_time.ToSeconds() == lab.clock.time()


async def test_heartbeats_come_while_the_first_list_takes_its_time(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    cloud.pause = 40.0
    watcher = lab.watch(heartbeat=15.0, types=[INSTANCE])
    await lab.clock.advance(41)
    assert watcher.told == ["opened", "heartbeat", "heartbeat", "east~a", "synced"]


async def test_a_cloud_that_hangs_does_not_hide_the_others(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    slow = await lab.register("slow")
    slow.start("b")
    slow.pause = 30.0
    watcher = lab.watch()
    await lab.clock.settle()
    assert watcher.instances == {"a": "RUNNING"}
    assert not watcher.is_synced
    cloud.remove("a")
    lab.changed()
    await lab.clock.advance(2)
    assert watcher.instances == {}
    await lab.clock.advance(29)
    assert watcher.is_synced
    assert watcher.instances == {"b": "RUNNING"}


async def test_a_server_that_stops_sends_what_is_pending_and_says_so(lab: WatchLab, cloud: WatchedCloud) -> None:
    watcher, slow = await lab.synced(), await lab.synced()
    slow.pause()
    cloud.start("a")
    await lab.clock.advance(61)
    cloud.start("b")
    await lab.clock.advance(61)
    await lab.resources.close()
    slow.resume()
    await lab.clock.settle()
    for each in (watcher, slow):
        assert each.told[-1] == "closing"
        assert each.instances == {"a": "RUNNING", "b": "RUNNING"}
        assert isinstance(each.error, ShuttingDown)
        delay = each.controls[-1].closing.reconnect_after.ToNanoseconds() / 1e9
        assert streams.SPREAD[0] <= delay <= streams.SPREAD[1]
    late = lab.watch(types=[PROVIDER])
    await lab.clock.settle()
    assert isinstance(late.error, ShuttingDown)
