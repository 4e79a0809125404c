"""GetLatestMetrics: the newest values, as new as asked for, no call too many."""

import asyncio

import pytest
from novacron.cloud.v1 import metrics_pb2
from novacron_providers.contract import from_status
from novacron_providers.contract.errors import InvalidArgument, NotFound, PageTokenInvalid, ShuttingDown, Unavailable
from novacron_providers.contract.paging import encode_token

from tests.unit.telemetry.lab import Lab, latest_request
from tests.unit.telemetry.toycloud import CPU, CREDITS, READ, ToyCloud


async def test_points_say_all_about_themselves(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    now = lab.clock.time()
    answer = await lab.latest(metrics=["toy.*", READ])
    assert [(p.metric, p.resource, p.unit, p.value) for p in answer.points] == [
        (READ, name, "By/s", lab.cloud.value(READ, "i-1", now)),
        (CREDITS, name, "{credit}", lab.cloud.value(CREDITS, "i-1", now)),
    ]
    assert {p.time.ToSeconds() for p in answer.points} == {now}
    assert {p.period.ToSeconds() for p in answer.points} == {60}
    assert answer.observe_time.ToSeconds() == now


async def test_second_call_within_the_period_asks_nothing(lab: Lab) -> None:
    lab.cloud.add("i-1")
    first = await lab.latest()
    calls = lab.cloud.calls.copy()
    await lab.clock.advance(30)
    second = await lab.latest()
    assert second.points == first.points
    assert (lab.cloud.calls["list"], lab.cloud.calls["collect"]) == (calls["list"], calls["collect"])
    await lab.clock.advance(31)
    third = await lab.latest()
    assert third.points[0].time.ToSeconds() == first.points[0].time.ToSeconds() + 60
    assert lab.cloud.calls["collect"] == 2


async def test_running_stream_of_the_same_series_is_the_source(lab: Lab) -> None:
    lab.cloud.add("i-1")
    await lab.synced()
    calls = lab.cloud.calls.copy()
    assert len((await lab.latest()).points) == 2
    assert len((await lab.latest(metrics=[CPU])).points) == 1
    assert (lab.cloud.calls["list"], lab.cloud.calls["collect"]) == (calls["list"], calls["collect"])


async def test_close_ends_a_call_that_waits_for_the_cloud(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.pause = 100.0
    call = asyncio.create_task(lab.latest())
    await lab.clock.advance(1)
    await lab.telemetry.close()
    with pytest.raises(ShuttingDown):
        await call


async def test_call_leaves_nothing_running(lab: Lab) -> None:
    lab.cloud.add("i-1")
    await lab.latest()
    calls = lab.cloud.calls.copy()
    await lab.clock.advance(3600)
    assert lab.cloud.calls == calls


async def test_max_staleness_is_never_exceeded(lab: Lab) -> None:
    lab.cloud.add("i-1")
    await lab.synced(metrics=[CPU])
    await lab.clock.advance(20)
    lab.cloud.revised[CPU, "i-1", lab.clock.time() - 20] = 0.5
    before = lab.cloud.calls["collect"]
    assert (await lab.latest(metrics=[CPU], max_staleness=30.0)).points[0].value != 0.5
    assert lab.cloud.calls["collect"] == before
    answer = await lab.latest(metrics=[CPU], max_staleness=10.0)
    assert answer.points[0].value == 0.5
    assert answer.observe_time.ToSeconds() == lab.clock.time()
    await lab.latest(metrics=[CPU], max_staleness=0.0)
    assert lab.cloud.calls["collect"] == before + 1
    await lab.clock.advance(1)
    lab.cloud.add("i-2")
    assert len((await lab.latest(metrics=[CPU], max_staleness=0.0)).points) == 2


async def test_reading_that_began_before_is_not_new_enough(lab: Lab) -> None:
    lab.cloud.add("i-1")
    await lab.synced(metrics=[CPU])
    lab.cloud.pause = 10.0
    # A list and a reading are under way until 80.
    await lab.clock.advance(65)
    asked = lab.clock.time()
    call = asyncio.create_task(lab.latest(metrics=[CPU], max_staleness=0.0))
    await lab.clock.advance(20)
    assert not call.done()
    await lab.clock.advance(20)
    assert (await call).observe_time.ToSeconds() >= asked


async def test_series_without_a_value_are_left_out(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.add("i-2")
    lab.cloud.silent.add("i-2")
    await lab.synced(metrics=[CPU])
    assert len((await lab.latest(metrics=[CPU])).points) == 1
    lab.cloud.silent.add("i-1")
    await lab.clock.advance(600)
    assert not (await lab.latest(metrics=[CPU])).points


async def test_pages_join_to_the_whole(lab: Lab) -> None:
    for n in range(7):
        lab.cloud.add(f"i-{n}")
    whole = await lab.latest()
    request = latest_request(page_size=5)
    points: list[metrics_pb2.MetricPoint] = []
    sizes = []
    while True:
        answer = await lab.telemetry.get_latest_metrics(request, lab.call)
        points += answer.points
        sizes.append(len(answer.points))
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert sizes == [5, 5, 4]
    assert points == [*whole.points]


async def test_pages_stay_whole_when_series_go(lab: Lab) -> None:
    for n in range(4):
        lab.cloud.add(f"i-{n}")
    first = await lab.latest(metrics=[CPU], page_size=2)
    lab.cloud.remove("i-0")
    lab.telemetry.inventory_changed("toy")
    second = await lab.latest(metrics=[CPU], page_size=2, page_token=first.next_page_token)
    assert [point.resource[-3:] for point in second.points] == ["i-2", "i-3"]


async def test_token_of_another_query_is_refused(lab: Lab) -> None:
    lab.cloud.add("i-1")
    first = await lab.latest(page_size=1)
    for fields in ({"metrics": [CPU], "page_token": first.next_page_token}, {"page_token": "zzz"}):
        with pytest.raises(PageTokenInvalid):
            await lab.latest(**fields)


async def test_token_that_somebody_made_up_is_refused(lab: Lab) -> None:
    lab.cloud.add("i-1")
    request = latest_request()
    for state in ("x", 7, ["a", "b"], ["a", "b", 7], ["a", "b", ["c"]]):
        request.page_token = encode_token(request, state)
        with pytest.raises(PageTokenInvalid):
            await lab.telemetry.get_latest_metrics(request, lab.call)


async def test_negative_numbers_are_refused(lab: Lab) -> None:
    for fields in ({"page_size": -1}, {"max_staleness": -1.0}):
        with pytest.raises(InvalidArgument) as caught:
            await lab.latest(**fields)
        assert caught.value.violations[0].field in fields


async def test_part_that_cannot_be_read_fails_the_call_or_is_named(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.add("i-2", "west")
    lab.cloud.broken["west"] = Unavailable("no route to west")
    with pytest.raises(Unavailable):
        await lab.latest(metrics=[CPU])
    answer = await lab.latest(metrics=[CPU], return_partial_success=True)
    assert len(answer.points) == 1
    [part] = answer.unreachable
    assert part.name == "providers/toy/regions/west"
    assert isinstance(from_status(part.status), Unavailable)


async def test_provider_whose_regions_cannot_be_told_is_named(lab: Lab) -> None:
    other = ToyCloud(lab.clock, "other")
    other.add("i-9")
    lab.cloud.broken[""] = Unavailable("no route")
    lab.providers.clouds["other"] = other
    lab.providers.configs["other"] = lab.providers.configs["toy"]
    answer = await lab.latest(parent="providers/-", metrics=[CPU], return_partial_success=True)
    assert [part.name for part in answer.unreachable] == ["providers/toy"]
    assert [point.resource for point in answer.points] == ["providers/other/instances/east~i-9"]


async def test_named_resources_must_be_there(lab: Lab) -> None:
    name = lab.cloud.add("i-1")
    assert len((await lab.latest(resources=["i-1"])).points) == 2
    assert len((await lab.latest(resources=[name])).points) == 2
    with pytest.raises(NotFound):
        await lab.latest(resources=["i-1", "i-9"])
