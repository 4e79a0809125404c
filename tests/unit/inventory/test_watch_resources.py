"""WatchResources: what is there, what changes, and what it costs the cloud."""

from novacron.cloud.v1 import common_pb2, compute_pb2, operations_pb2, provider_pb2
from novacron_providers.contract import Call
from novacron_providers.contract.errors import InvalidArgument, NotFound

from tests.feeds import flat
from tests.unit.inventory.watchlab import INSTANCE, PROVIDER, RUNNING, STOPPED, WatchedCloud, WatchLab
from tests.unit.telemetry.lab import stream_request
from tests.unit.telemetry.reader import Reader


async def test_what_is_there_then_synced_then_what_changes(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a", tag="x")
    cloud.start("b", "west")
    watcher = await lab.synced()
    assert watcher.told[0] == "opened"
    assert set(watcher.told[1:-1]) == {"east~a", "toy", "west~b"}
    assert watcher.told[-1] == "synced"
    assert watcher.instances == {"a": "RUNNING", "b": "RUNNING"}
    assert watcher.provider().state == provider_pb2.PROVIDER_STATE_ACTIVE
    assert watcher.provider().native_id == "toy"

    watcher.forget()
    cloud.set("a", STOPPED)
    cloud.start("c")
    cloud.remove("b", "west")
    await lab.clock.advance(59)
    assert watcher.told == []
    await lab.clock.advance(2)
    assert sorted(watcher.told) == ["-west~b", "east~a", "east~c"]
    assert watcher.instances == {"a": "STOPPED", "c": "RUNNING"}
    assert cloud.asked == [["east"], ["west"]] * 2


async def test_what_does_not_change_is_not_told_and_an_instance_is_whole(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a", env="prod")
    watcher = await lab.synced(types=[INSTANCE])
    watcher.forget()
    await lab.clock.advance(600)
    assert watcher.told == []
    [instance] = watcher.state.values()
    assert isinstance(instance, compute_pb2.Instance)
    assert dict(instance.tags) == {"env": "prod"}
    assert not instance.HasField("observe_time")


async def test_what_we_change_shows_at_once(lab: WatchLab, cloud: WatchedCloud) -> None:
    watcher = await lab.synced()
    await lab.clock.advance(10)
    cloud.start("a")
    lab.changed()
    await lab.clock.settle()
    assert watcher.instances == {"a": "RUNNING"}


async def test_many_changes_at_once_are_few_lists(lab: WatchLab, cloud: WatchedCloud) -> None:
    watcher = await lab.synced()
    await lab.clock.advance(10)
    cloud.asked.clear()
    for n in range(100):
        cloud.start(f"vm-{n}")
        lab.changed()
        await lab.clock.advance(0.02)
    await lab.clock.advance(1)
    assert len(watcher.instances) == 100
    # Two seconds: one list a second of each region, and the first one.
    assert len(cloud.asked) <= 2 * 4
    cloud.asked.clear()
    regions = cloud.calls["regions"]
    await lab.clock.advance(50)
    assert not cloud.asked
    assert cloud.calls["regions"] == regions


async def test_a_change_during_a_list_is_seen_by_the_next_one(lab: WatchLab, cloud: WatchedCloud) -> None:
    watcher = await lab.synced()
    await lab.clock.advance(10)
    cloud.pause = 5.0
    lab.changed()
    await lab.clock.settle()
    cloud.start("a")
    lab.changed()
    await lab.clock.advance(5)
    assert watcher.instances == {}
    await lab.clock.advance(5)
    assert watcher.instances == {"a": "RUNNING"}


async def test_what_we_made_is_there_before_the_cloud_lists_it(lab: WatchLab, cloud: WatchedCloud) -> None:
    made = compute_pb2.Instance(name="providers/toy/instances/east~new", native_id="new", region="east", state=RUNNING)
    operation = operations_pb2.Operation(
        name="providers/toy/operations/1",
        method="ProviderService/CreateInstance",
        state=operations_pb2.OPERATION_STATE_SUCCEEDED,
    )
    operation.response.Pack(made)
    watcher = await lab.synced()
    lab.recent.settled(operation)
    lab.changed()
    await lab.clock.advance(1)
    assert watcher.instances == {"new": "RUNNING"}


async def test_a_filter_lets_resources_in_and_out(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    cloud.start("b")
    cloud.set("b", STOPPED)
    watcher = await lab.synced(filter='state = "RUNNING"', types=[INSTANCE])
    assert watcher.instances == {"a": "RUNNING"}
    watcher.forget()
    cloud.set("a", STOPPED)
    cloud.set("b", RUNNING)
    await lab.clock.advance(61)
    assert sorted(watcher.told) == ["-east~a", "east~b"]
    assert watcher.instances == {"b": "RUNNING"}


async def test_regions_and_types_narrow_what_is_asked(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    cloud.start("b", "west")
    west = await lab.synced(regions=["west", "nowhere"], types=[INSTANCE])
    assert west.instances == {"b": "RUNNING"}
    assert cloud.asked == [["west"]]
    assert cloud.probes == 0
    providers = await lab.synced(types=[PROVIDER])
    assert [*providers.state] == ["providers/toy"]
    assert cloud.asked == [["west"]]
    assert cloud.probes == 2


async def test_requests_that_cannot_be_served_are_refused(lab: WatchLab, cloud: WatchedCloud) -> None:
    cases = {
        "types": lab.watch(types=[common_pb2.RESOURCE_TYPE_IMAGE]),
        "a number": lab.watch(types=[999]),  # a newer client's
        "filter": lab.watch(filter='instance_type = "big"'),
        "alone": lab.watch(filter='colour = "blue"', types=[INSTANCE]),
        "provider": lab.watch(parent="providers/none"),
    }
    await lab.clock.settle()
    errors = {name: watcher.error for name, watcher in cases.items()}
    assert isinstance(errors["types"], InvalidArgument)
    assert "IMAGE cannot be watched" in errors["types"].message
    assert isinstance(errors["a number"], InvalidArgument)
    assert isinstance(errors["filter"], InvalidArgument)
    assert "name one in types" in errors["filter"].message
    assert isinstance(errors["alone"], InvalidArgument)
    assert "name one in types" not in errors["alone"].message
    assert isinstance(errors["provider"], NotFound)
    assert cloud.asked == []


async def test_watchers_share_lists_with_each_other_and_with_metrics(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    cloud.start("b", "west")
    watchers = [await lab.synced(principal=f"user-{n % 3}") for n in range(20)]
    watchers.append(await lab.synced(parent="providers/toy", filter='state = "RUNNING"', types=[INSTANCE]))
    reader = Reader(flat(lab.telemetry.stream_metrics(stream_request(), Call(principal="ada", clock=lab.clock))))
    await lab.clock.advance(30)
    watchers.append(await lab.synced(regions=["east"], types=[INSTANCE]))
    minutes = 10
    await lab.clock.advance(minutes * 60 - 31)
    assert sorted(region for [region] in cloud.asked) == ["east"] * minutes + ["west"] * minutes
    cloud.set("a", STOPPED)
    await lab.clock.advance(61)
    assert {w.instances.get("a") for w in watchers} == {None, "STOPPED"}
    assert [w.instances.get("a") for w in watchers].count(None) == 1
    assert reader.error is None
    await reader.stop()


async def test_who_comes_later_is_told_when_the_others_are(lab: WatchLab, cloud: WatchedCloud) -> None:
    cloud.start("a")
    first = await lab.synced()
    await lab.clock.advance(30)
    second = await lab.synced(types=[INSTANCE])
    cloud.set("a", STOPPED)
    await lab.clock.advance(31)
    assert first.instances == second.instances == {"a": "STOPPED"}


async def test_what_did_not_change_is_the_same_object(lab: WatchLab, cloud: WatchedCloud) -> None:
    same, other = cloud.start("same"), cloud.start("other")
    now = lab.clock.time()
    before = await lab.fleet.instances("toy", "east", not_before=now)
    again = await lab.fleet.instances("toy", "east", not_before=now)
    assert again.instances is before.instances
    cloud.set("other", STOPPED)
    await lab.clock.advance(1)
    after = await lab.fleet.instances("toy", "east", not_before=now + 1)
    assert after.instances[same] is before.instances[same]
    assert after.instances[other] is not before.instances[other]
    assert after.instances[other].state == STOPPED
    await lab.clock.advance(1)
    assert (await lab.fleet.instances("toy", "east", not_before=now + 2)).instances is after.instances
