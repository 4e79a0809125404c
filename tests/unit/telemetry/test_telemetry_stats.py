"""GetInstanceStats and ListInstanceStats: the newest values in NovaCron's shape."""

import pytest
from novacron.cloud.v1 import compute_pb2, metrics_service_pb2
from novacron_providers.contract.errors import InvalidArgument, NotFound, PageTokenInvalid, Unavailable
from novacron_providers.contract.paging import encode_token

from tests.unit.telemetry.lab import Lab
from tests.unit.telemetry.toycloud import CPU, CREDITS, READ

BASIC = metrics_service_pb2.DETAIL_LEVEL_BASIC
STANDARD = metrics_service_pb2.DETAIL_LEVEL_STANDARD
DETAILED = metrics_service_pb2.DETAIL_LEVEL_DETAILED


async def test_all_that_is_known_of_one(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    lab.cloud.fleet["east"]["i-1"].MergeFrom(
        compute_pb2.Instance(vcpus=2, memory_bytes=2**30, state=compute_pb2.INSTANCE_STATE_RUNNING)
    )
    now = lab.clock.time()
    stats = await lab.stats(name, detail=DETAILED)
    assert (stats.instance, stats.state) == (name, compute_pb2.INSTANCE_STATE_RUNNING)
    assert (stats.time.ToSeconds(), stats.period.ToSeconds()) == (now, 60)
    assert stats.cpu.utilization == lab.cloud.value(CPU, "i-1", now)
    assert (stats.cpu.vcpus, stats.memory.total_bytes) == (2, 2**30)
    assert [(disk.disk, disk.read_bytes_per_second) for disk in stats.disks] == [
        ("all", lab.cloud.value(READ, "i-1", now))
    ]
    assert dict(stats.native_metrics) == {CREDITS: lab.cloud.value(CREDITS, "i-1", now)}


async def test_what_nobody_tells_is_absent(lab: Lab) -> None:
    stats = await lab.stats(lab.cloud.add("i-1"), detail=DETAILED)
    assert not stats.cpu.HasField("vcpus")
    assert not stats.cpu.HasField("steal")
    assert not stats.memory.HasField("total_bytes")
    assert not stats.memory.HasField("utilization")
    assert not stats.disks[0].HasField("write_bytes_per_second")
    assert not stats.networks


@pytest.mark.parametrize(
    ("detail", "read"), [(0, [CPU]), (BASIC, [CPU]), (STANDARD, [CPU, READ]), (DETAILED, [CPU, READ, CREDITS])]
)
async def test_only_what_the_detail_needs_is_read(
    lab: Lab, detail: metrics_service_pb2.DetailLevel, read: list[str]
) -> None:
    await lab.stats(lab.cloud.add("i-1"), detail=detail)
    assert [metrics for _, metrics, _, _ in lab.cloud.reads] == [read]


async def test_one_that_is_off_has_a_state_and_no_values(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    lab.cloud.fleet["east"]["i-1"].state = compute_pb2.INSTANCE_STATE_STOPPED
    stats = await lab.stats(name, detail=DETAILED)
    assert stats.state == compute_pb2.INSTANCE_STATE_STOPPED
    assert not stats.HasField("time")
    assert not stats.cpu.HasField("utilization")
    assert not lab.cloud.reads


async def test_as_new_as_asked_for(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    await lab.stats(name)
    await lab.clock.advance(30)
    await lab.stats(name)
    assert lab.cloud.calls["collect"] == 1
    await lab.stats(name, max_staleness=5)
    assert lab.cloud.calls["collect"] == 2


async def test_one_that_is_not_there(lab: Lab) -> None:
    lab.cloud.add("i-1")
    with pytest.raises(NotFound) as caught:
        await lab.stats("providers/toy/instances/east~gone")
    assert caught.value.resource == "providers/toy/instances/east~gone"


async def test_one_that_may_be_where_nobody_can_look(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.broken["east"] = Unavailable("no route to east")
    with pytest.raises(Unavailable):
        await lab.stats("providers/toy/instances/east~i-1")


async def test_pages_of_many(lab: Lab) -> None:
    names = sorted(
        lab.cloud.add(f"i-{i}", "east" if i % 2 else "west", team="web" if i < 4 else "db") for i in range(6)
    )
    found, token = [], ""
    while True:
        page = await lab.list_stats(page_size=4, page_token=token, detail=STANDARD)
        assert all(stats.cpu.HasField("utilization") for stats in page.stats)
        found += [stats.instance for stats in page.stats]
        if not (token := page.next_page_token):
            break
    assert found == names
    chosen = await lab.list_stats(filter='tags.team = "db"', regions=["west"])
    assert [stats.instance for stats in chosen.stats] == ["providers/toy/instances/west~i-4"]
    named = await lab.list_stats(instances=names[:2])
    assert [stats.instance for stats in named.stats] == names[:2]


async def test_a_region_that_cannot_be_read(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.add("i-2", "west")
    lab.cloud.broken["west"] = Unavailable("no route to west")
    with pytest.raises(Unavailable):
        await lab.list_stats()
    answer = await lab.list_stats(return_partial_success=True)
    assert [stats.instance for stats in answer.stats] == ["providers/toy/instances/east~i-1"]
    assert [part.name for part in answer.unreachable] == ["providers/toy/regions/west"]


async def test_refusals_name_the_field(lab: Lab) -> None:
    lab.cloud.add("i-1")
    with pytest.raises(NotFound) as missing:
        await lab.list_stats(instances=["providers/toy/instances/east~gone"])
    assert [violation.field for violation in missing.value.violations] == ["instances"]
    with pytest.raises(InvalidArgument) as filtered:
        await lab.list_stats(filter="nonsense")
    assert [violation.field for violation in filtered.value.violations] == ["filter"]
    with pytest.raises(InvalidArgument) as named:
        await lab.list_stats(instances=["providers/other/instances/east~i-1"])
    assert [violation.field for violation in named.value.violations] == ["instances"]
    request = metrics_service_pb2.ListInstanceStatsRequest(parent="providers/toy")
    with pytest.raises(PageTokenInvalid):
        await lab.list_stats(page_token=encode_token(request, 7))
