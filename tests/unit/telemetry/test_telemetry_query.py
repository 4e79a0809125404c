"""QueryMetrics: history on one grid, whatever the clouds' periods are."""

import math
from collections.abc import Sequence

import pytest
from novacron.cloud.v1 import metrics_pb2, metrics_service_pb2, provider_pb2
from novacron_providers.contract import from_status
from novacron_providers.contract.errors import InvalidArgument, NotFound, PageTokenInvalid, Unavailable
from novacron_providers.contract.paging import encode_token

from tests.unit.telemetry.lab import Lab, query_request
from tests.unit.telemetry.toycloud import CPU, CREDITS, READ, ToyCloud


def shape(answer: metrics_service_pb2.QueryMetricsResponse) -> tuple[float, float]:
    """Begin and length of the periods."""
    return answer.start_time.ToNanoseconds() / 1e9, answer.period.ToNanoseconds() / 1e9


def raw(lab: Lab, native_id: str, first: float, count: int) -> list[float]:
    """What the cloud has, of periods that end from `first` on."""
    return [lab.cloud.value(CPU, native_id, first + 60 * i) for i in range(count)]


async def test_whole_periods_are_answered(lab: Lab) -> None:
    name, now = lab.cloud.add("i-1"), lab.clock.time()
    answer = await lab.query(-290, -70, metrics=[CPU], period=60)
    # Rounded down and up to whole minutes.
    assert shape(answer) == (now - 300, 60)
    [series] = answer.series
    assert (series.metric, series.resource, series.unit) == (CPU, name, "1")
    assert list(series.values) == raw(lab, "i-1", now - 240, 4)
    assert answer.observe_time.ToNanoseconds() / 1e9 == now


async def test_end_is_now_and_what_is_not_there_yet_is_left_out(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.delay = 120.0
    now = lab.clock.time()
    [series] = (await lab.query(-300, metrics=[CPU], period=60)).series
    assert list(series.values) == raw(lab, "i-1", now - 240, 3)


async def test_a_hole_is_nan_and_a_series_without_values_is_left_out(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.add("i-2")
    lab.cloud.silent.add("i-2")
    now = lab.clock.time()
    lab.cloud.revised[CPU, "i-1", now - 120] = math.nan
    [series] = (await lab.query(-240, 0, metrics=[CPU], period=60)).series
    assert [math.isnan(value) for value in series.values] == [False, True, False, False]


async def test_without_a_period_at_most_500_are_given(lab: Lab) -> None:
    lab.cloud.add("i-1")
    answer = await lab.query(-86_400, 0, metrics=[CPU])
    assert shape(answer)[1] == 180
    assert len(answer.series[0].values) <= 500


STATISTICS: list[tuple[metrics_pb2.Statistic, object]] = [
    (metrics_pb2.STATISTIC_SUM, sum),
    (metrics_pb2.STATISTIC_MINIMUM, min),
    (metrics_pb2.STATISTIC_MAXIMUM, max),
    (metrics_pb2.STATISTIC_COUNT, len),
]


@pytest.mark.parametrize(("statistic", "of"), STATISTICS)
async def test_statistics_are_of_the_raw_points(lab: Lab, statistic: metrics_pb2.Statistic, of: object) -> None:
    lab.cloud.add("i-1")
    now = lab.clock.time()
    answer = await lab.query(-3600, 0, metrics=[CPU], period=300, statistic=statistic)
    start, period = shape(answer)
    assert callable(of)

    def expected(begin: float) -> float:
        values: Sequence[float] = [
            v for i in range(1, 6) if begin + 60 * i <= now for v in raw(lab, "i-1", begin + 60 * i, 1)
        ]
        return float(of(values))

    assert period == 300
    [series] = answer.series
    assert list(series.values) == pytest.approx([expected(start + 300 * i) for i in range(len(series.values))])
    assert lab.cloud.reads[-1][3].period == 60


async def test_one_grid_for_clouds_of_different_periods(lab: Lab) -> None:
    lab.cloud.add("i-1")
    other = ToyCloud(lab.clock, "other", period=90.0)
    other.add("o-1")
    lab.providers.clouds["other"], lab.providers.configs["other"] = other, provider_pb2.ProviderConfig()
    answer = await lab.query(-3600, 0, parent="providers/-", metrics=[CPU], period=60)
    assert shape(answer)[1] == 180
    assert {series.resource.split("/")[1] for series in answer.series} == {"toy", "other"}


async def test_pages_are_whole_and_on_the_grid_of_the_first(lab: Lab) -> None:
    names = [lab.cloud.add(f"i-{i}", "east" if i % 2 else "west") for i in range(5)]
    request = query_request(lab.clock.time(), -600, metrics=[CPU, READ], page_size=3, period=60)
    found, shapes = [], set()
    while True:
        answer = await lab.telemetry.query_metrics(request, lab.call)
        assert len(answer.series) <= 3
        found += [(series.resource, series.metric) for series in answer.series]
        shapes.add(shape(answer))
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
        await lab.clock.advance(61)
    assert sorted(found) == sorted((name, metric) for name in names for metric in (CPU, READ))
    assert len(shapes) == 1


async def test_a_part_that_cannot_be_read(lab: Lab) -> None:
    lab.cloud.add("i-1")
    lab.cloud.add("i-2", "west")
    lab.cloud.broken["west"] = Unavailable("no route to west")
    with pytest.raises(Unavailable, match="no route"):
        await lab.query(-600, 0)
    answer = await lab.query(-600, 0, return_partial_success=True)
    assert {series.resource for series in answer.series} == {"providers/toy/instances/east~i-1"}
    assert [part.name for part in answer.unreachable] == ["providers/toy/regions/west"]
    assert isinstance(from_status(answer.unreachable[0].status), Unavailable)


@pytest.mark.parametrize(
    ("start", "end", "fields", "field"),
    [
        (0, -60, {}, "start_time"),
        (60, 120, {}, "start_time"),
        (-600, 0, {"period": -1}, "period"),
        (-60 * 100_002, 0, {"period": 60}, "period"),
        (-600, 0, {"metrics": ["cloud.instance.cpu.utilisation"]}, "selector.metrics"),
        (-600, 0, {"max_staleness": -1}, "max_staleness"),
    ],
)
async def test_refusals_name_the_field(
    lab: Lab, start: float, end: float, fields: dict[str, object], field: str
) -> None:
    lab.cloud.add("i-1")
    with pytest.raises(InvalidArgument) as caught:
        await lab.query(start, end, **fields)
    assert [violation.field for violation in caught.value.violations] == [field]
    assert not lab.cloud.reads


async def test_a_named_resource_must_be_there(lab: Lab) -> None:
    with pytest.raises(NotFound) as caught:
        await lab.query(-600, 0, resources=["providers/toy/instances/east~gone"])
    assert [violation.field for violation in caught.value.violations] == ["selector.resources"]


async def test_a_token_that_was_tampered_with(lab: Lab) -> None:
    lab.cloud.add("i-1")
    request = query_request(lab.clock.time(), -600, 0)
    request.page_token = encode_token(request, [1, 2])
    with pytest.raises(PageTokenInvalid):
        await lab.telemetry.query_metrics(request, lab.call)


async def test_instances_are_listed_again_only_when_they_are_too_old(lab: Lab) -> None:
    lab.cloud.add("i-1")
    await lab.query(-600, 0)
    await lab.query(-600, 0)
    assert lab.cloud.calls["list"] == 1
    await lab.query(-600, 0, max_staleness=0)
    assert lab.cloud.calls["list"] == 1
    await lab.clock.advance(1)
    await lab.query(-600, 0, max_staleness=0)
    assert lab.cloud.calls["list"] == 2
    await lab.clock.advance(31)
    await lab.query(-600, 0)
    assert lab.cloud.calls["list"] == 3


async def test_natives_are_asked_for_by_name(lab: Lab) -> None:
    lab.cloud.add("i-1")
    answer = await lab.query(-600, 0, metrics=["toy.*"])
    assert {series.metric for series in answer.series} == {CREDITS}
