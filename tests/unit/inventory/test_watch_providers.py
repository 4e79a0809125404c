"""WatchResources where providers come, go and fail."""

from typing import Any

import pytest
from novacron.cloud.v1 import provider_pb2
from novacron_providers.contract.errors import Internal, Unavailable
from novacron_server.inventory import follower
from novacron_server.inventory.health import RegionState
from novacron_server.times import duration

from tests.unit.inventory.watchlab import INSTANCE, PROVIDER, STOPPED, WatchedCloud, WatchLab

DEGRADED, ACTIVE = provider_pb2.PROVIDER_STATE_DEGRADED, provider_pb2.PROVIDER_STATE_ACTIVE


async def test_a_provider_that_is_registered_appears_with_its_instances(lab: WatchLab) -> None:
    watcher = await lab.synced()
    assert watcher.told == ["opened", "synced"]
    cloud = await lab.register()
    cloud.start("a")
    await lab.clock.advance(2)
    assert watcher.instances == {"a": "RUNNING"}
    assert watcher.provider().state == ACTIVE


async def test_a_provider_that_is_unregistered_goes_with_its_instances(lab: WatchLab, cloud: WatchedCloud) -> None:
    (await lab.register("other")).start("b")
    cloud.start("a")
    watcher = await lab.synced()
    one = await lab.synced(parent="providers/toy")
    await lab.providers.remove("toy")
    await lab.clock.advance(1)
    assert watcher.told[-2:] in (["-east~a", "-toy"], ["-toy", "-east~a"])
    assert watcher.instances == {"b": "RUNNING"}
    assert one.state == {}
    asked = len(cloud.asked)
    await lab.clock.advance(120)
    assert len(cloud.asked) == asked
    # One who watches a provider by name is still there when it comes back.
    await lab.register()
    await lab.clock.advance(1)
    assert one.instances == {"a": "RUNNING"}


async def test_a_change_of_a_provider_shows_within_a_second(lab: WatchLab, cloud: WatchedCloud) -> None:
    watcher = await lab.synced()
    watcher.forget()
    await lab.rename("toy", "Our toy")
    await lab.clock.advance(1)
    assert watcher.provider().display_name == "Our toy"
    assert watcher.provider().etag == "v2"


async def test_what_is_no_change_of_a_provider_is_not_told(lab: WatchLab, cloud: WatchedCloud) -> None:
    watcher = await lab.synced()
    cloud.billed += 100
    health = lab.providers.get("toy").health
    assert health
    health.regions = {**health.regions, "east": RegionState(latency=duration(123.0))}
    health.observed = lab.clock.time() + 7
    watcher.forget()
    await lab.clock.advance(5)
    assert watcher.told == []
    await lab.rename("toy", "Our toy")
    await lab.clock.advance(1)
    assert watcher.provider().health.metric_spend.billed == 100


@pytest.mark.parametrize("kind", ["toy", "at-once"])
async def test_a_region_that_cannot_be_read_keeps_its_last_state(lab: WatchLab, kind: str) -> None:
    cloud = await lab.register(kind=kind)
    cloud.start("a")
    cloud.start("b", "west")
    watcher = await lab.synced()
    cloud.broken["west"] = Unavailable("west is on fire")
    cloud.set("a", STOPPED)
    await lab.clock.advance(62)
    assert watcher.instances == {"a": "STOPPED", "b": "RUNNING"}
    provider = watcher.provider()
    assert provider.state == DEGRADED
    [west] = [region for region in provider.health.regions if region.region == "west"]
    assert west.error.message == "west is on fire"

    watcher.forget()
    del cloud.broken["west"]
    cloud.remove("b", "west")
    await lab.clock.advance(62)
    assert watcher.instances == {"a": "STOPPED"}
    assert watcher.provider().state == ACTIVE
    assert not watcher.provider().health.HasField("error")


async def test_a_provider_whose_regions_cannot_be_told_keeps_its_last_state(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    watcher = await lab.synced()
    cloud.broken[""] = Unavailable("no answer")
    await lab.clock.advance(62)
    assert watcher.instances == {"a": "RUNNING"}
    assert watcher.provider().state == provider_pb2.PROVIDER_STATE_UNAVAILABLE
    assert watcher.provider().health.error.message == "no answer"
    assert [region.region for region in watcher.provider().health.regions] == ["east", "west"]
    del cloud.broken[""]
    await lab.clock.advance(62)
    assert watcher.provider().state == ACTIVE


async def test_a_cloud_that_fails_from_the_start_does_not_keep_watchers_waiting(
    lab: WatchLab, cloud: WatchedCloud
) -> None:
    cloud.broken = {region: Unavailable("down") for region in ("east", "west")}
    watcher = await lab.synced()
    assert watcher.provider().health.error.message == "down"
    assert watcher.instances == {}


async def test_a_fault_of_an_adapter_is_told_and_ends_nothing(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("b", "west")
    cloud.broken["east"] = ZeroDivisionError()
    watcher = await lab.synced(types=[INSTANCE, PROVIDER])
    assert watcher.instances == {"b": "RUNNING"}
    assert "internal error (ZeroDivisionError)" in watcher.provider().health.error.message
    del cloud.broken["east"]
    cloud.start("a")
    await lab.clock.advance(62)
    assert watcher.instances == {"a": "RUNNING", "b": "RUNNING"}


async def test_a_fault_of_the_server_ends_the_stream(
    lab: WatchLab, cloud: WatchedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise ZeroDivisionError

    watcher = await lab.synced()
    with monkeypatch.context() as broken:
        broken.setattr(follower, "message_of", fail)
        await lab.clock.advance(1)
        assert isinstance(watcher.error, Internal)
    assert (await lab.synced(state=watcher)).told == ["resumed", "synced"]


async def test_a_region_that_is_no_longer_used_is_empty(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("b", "west")
    watcher = await lab.synced()
    west = cloud.fleet.pop("west")
    await lab.clock.advance(62)
    assert watcher.instances == {}
    cloud.fleet["west"] = west
    await lab.clock.advance(62)
    assert watcher.instances == {"b": "RUNNING"}


async def test_a_cloud_without_instances_is_healthy_all_the_same(lab: WatchLab) -> None:
    cloud = await lab.register("bare", "bare")
    watcher = await lab.synced()
    assert not cloud.asked
    assert watcher.provider("bare").state == ACTIVE


async def test_a_provider_without_a_connection_is_told_with_the_reason(lab: WatchLab, cloud: WatchedCloud) -> None:
    registered = lab.providers.get("toy")
    registered.health, registered.fault = None, Unavailable("no adapter")
    watcher = await lab.synced()
    assert watcher.provider().health.error.message == "no adapter"


async def test_an_account_that_is_listed_at_once_is_one_list(lab: WatchLab) -> None:
    cloud = await lab.register(kind="at-once")
    cloud.start("a")
    cloud.start("b", "west")
    watcher, other = await lab.synced(), await lab.synced(regions=["west"], types=[INSTANCE])
    assert watcher.instances == {"a": "RUNNING", "b": "RUNNING"}
    assert other.instances == {"b": "RUNNING"}
    await lab.clock.advance(60 * 5)
    lab.changed()
    await lab.clock.advance(1)
    assert cloud.asked == [["east", "west"]] * 7


async def test_health_is_probed_once_a_minute_where_no_lists_tell_it(lab: WatchLab, cloud: WatchedCloud) -> None:
    watcher = await lab.synced(types=[PROVIDER])
    for _ in range(4):
        await lab.synced(types=[PROVIDER], principal="bob")
    await lab.clock.advance(59)
    assert cloud.probes == 2
    cloud.broken["west"] = Unavailable("west is on fire")
    await lab.clock.advance(3)
    assert cloud.probes == 4
    assert watcher.provider().state == DEGRADED


async def test_a_filter_on_providers(lab: WatchLab, cloud: WatchedCloud) -> None:
    await lab.register("other")
    watcher = await lab.synced(filter='display_name = "mine"', types=[PROVIDER])
    assert watcher.state == {}
    await lab.rename("toy", "mine")
    await lab.clock.advance(1)
    assert [*watcher.state] == ["providers/toy"]
    await lab.rename("toy", "yours")
    await lab.clock.advance(1)
    assert watcher.state == {}
    assert watcher.told[-1] == "-toy"
