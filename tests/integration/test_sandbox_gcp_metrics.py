"""Cloud Monitoring of the sandbox: samples, lag, alignment, reducers, views and pages, through Google's own library."""

import math
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core.exceptions import (
    InternalServerError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    ServiceUnavailable,
    Unauthenticated,
)
from google.cloud import monitoring_v3
from novacron_sandbox import Sandbox
from novacron_sandbox.world import activity, moments

from tests.unit.sandbox.google import ZONE, Metrics, Project, points

FLEET = 40
ALIGN = monitoring_v3.Aggregation.Aligner
REDUCE = monitoring_v3.Aggregation.Reducer


@pytest.fixture(scope="module")
def basic() -> Iterator[Sandbox]:
    """A sandbox with the period and lag of Google."""
    with Sandbox(clouds=("gcp",)) as sandbox:
        sandbox.seed(FLEET, cloud="gcp")
        yield sandbox


@pytest.fixture(scope="module")
def metrics(basic: Sandbox) -> Iterator[Metrics]:
    found = Metrics(basic)
    yield found
    found.close()


def _aligned(aligner: Any, seconds: int = 300, **more: Any) -> monitoring_v3.Aggregation:
    return monitoring_v3.Aggregation(alignment_period={"seconds": seconds}, per_series_aligner=aligner, **more)


def _now() -> int:
    return int(time.time())


def _whole() -> int:
    """The last multiple of 300 s that is published."""
    return (_now() - 300) // 300 * 300


def test_a_fleet_has_three_hours_of_history_that_moves(metrics: Metrics) -> None:
    now = _now()
    found = metrics.series("cpu/utilization", now - 3 * 3600, now)
    assert len(found) == FLEET
    for series in found[:5]:
        values = points(series)
        times = list(values)
        assert times == sorted(times, reverse=True), "newest first"
        assert 175 <= len(times) <= 177
        assert all(time % 60 == 0 for time in times)
        assert len(set(values.values())) == len(values)
        assert all(0 < value <= 1 for value in values.values())
        assert series.resource.type == "gce_instance"
        assert set(series.resource.labels) == {"project_id", "instance_id", "zone"}


def test_samples_come_after_the_lag(metrics: Metrics) -> None:
    now = _now()
    newest = max(max(points(series)) for series in metrics.series("cpu/utilization", now - 900, now + 600))
    assert now - 240 - 60 < newest <= _now() - 240


def test_values_are_those_of_the_world(basic: Sandbox, metrics: Metrics) -> None:
    end = _whole()
    (series,) = metrics.series("cpu/utilization", end - 60, end, filter=' AND metric.labels.instance_name = "api-001"')
    (received,) = metrics.series(
        "network/received_bytes_count", end - 60, end, filter=' AND metric.labels.instance_name = "api-001"'
    )
    number = series.resource.labels["instance_id"]
    (offset,) = moments(60)
    world = activity(number, 2, end - 60 + offset)
    assert points(series) == {end: pytest.approx(world.cpu)}
    assert points(received) == {end: pytest.approx(world.received_bytes * 60, abs=1)}
    (point,) = monitoring_v3.TimeSeries.pb(received).points
    assert point.interval.start_time.seconds == end - 60
    assert point.value.WhichOneof("value") == "int64_value"


def test_a_workload_can_be_named_by_a_label(basic: Sandbox) -> None:
    with Sandbox(clouds=("gcp",), boot_seconds=0, metrics_period=1, metrics_lag=0) as sandbox:
        project, live = Project(sandbox), Metrics(sandbox)
        project.make("one", labels={"novacron-workload": "shared"})
        project.make("two", labels={"novacron-workload": "shared"})
        time.sleep(2.1)
        now = _now()
        one, two = (points(series) for series in live.series("cpu/utilization", now - 60, now))
        common = one.keys() & two.keys()
        assert common
        assert all(one[second] == two[second] for second in common)
        project.do("stop", "one")
        stopped = _now()
        time.sleep(1.1)
        one, two = (points(series) for series in live.series("cpu/utilization", now - 60, _now()))
        assert max(one) <= stopped < max(two)
        rate = _aligned(ALIGN.ALIGN_RATE, 1)
        (series, *_) = live.series("network/sent_bytes_count", now - 10, now, aggregation=rate)
        assert points(series)
        live.close()


def test_alignment_gives_a_value_for_each_period(metrics: Metrics) -> None:
    end = _whole()
    query: dict[str, Any] = {"filter": ' AND metric.labels.instance_name = "api-001"'}
    (raw,) = metrics.series("cpu/utilization", end - 900, end, **query)
    (mean,) = metrics.series("cpu/utilization", end - 900, end, aggregation=_aligned(ALIGN.ALIGN_MEAN), **query)
    values = points(raw)
    assert list(points(mean)) == [end, end - 300, end - 600]
    assert points(mean)[end] == pytest.approx(statistics.fmean(v for t, v in values.items() if t > end - 300))

    (counts,) = metrics.series("network/sent_bytes_count", end - 900, end, **query)
    total = sum(value for t, value in points(counts).items() if t > end - 300)
    for aligner, expected in ((ALIGN.ALIGN_DELTA, total), (ALIGN.ALIGN_RATE, total / 300), (ALIGN.ALIGN_SUM, total)):
        (found,) = metrics.series("network/sent_bytes_count", end - 900, end, aggregation=_aligned(aligner), **query)
        assert points(found)[end] == pytest.approx(expected)
    (found,) = metrics.series("cpu/utilization", end - 900, end, aggregation=_aligned(ALIGN.ALIGN_COUNT), **query)
    assert points(found) == {end: 5.0, end - 300: 5.0, end - 600: 5.0}


def test_series_of_disks_are_reduced_to_those_of_machines(metrics: Metrics) -> None:
    end = _whole()
    by_machine = _aligned(
        ALIGN.ALIGN_RATE, cross_series_reducer=REDUCE.REDUCE_SUM, group_by_fields=["resource.label.instance_id"]
    )
    found = metrics.series("disk/read_ops_count", end - 300, end, aggregation=by_machine)
    assert len({series.resource.labels["instance_id"] for series in found}) == len(found) == FLEET
    assert set(found[0].resource.labels) == {"instance_id"}
    zones = _aligned(ALIGN.ALIGN_MEAN, cross_series_reducer=REDUCE.REDUCE_MAX, group_by_fields=["resource.labels.zone"])
    assert len(metrics.series("cpu/utilization", end - 300, end, aggregation=zones)) == 4


def test_memory_is_what_e2_machines_tell(metrics: Metrics) -> None:
    end = _whole()
    used = metrics.series("memory/balloon/ram_used", end - 60, end)
    size = {
        s.resource.labels["instance_id"]: points(s)[end]
        for s in metrics.series("memory/balloon/ram_size", end - 60, end)
    }
    assert 0 < len(used) < FLEET
    assert all(0 < points(series)[end] < size[series.resource.labels["instance_id"]] for series in used)


def test_a_filter_chooses_zones(metrics: Metrics) -> None:
    end = _whole()
    zone = f' AND resource.type = "gce_instance" AND resource.labels.zone = "{ZONE}"'
    found = metrics.series("cpu/utilization", end - 60, end, filter=zone)
    assert len(found) == FLEET / 4
    assert {series.resource.labels["zone"] for series in found} == {ZONE}
    assert metrics.series("cpu/utilization", end - 60, end, filter=' AND resource.labels.zone = "nowhere"') == []


def test_pages_hold_points(metrics: Metrics) -> None:
    end = _whole()
    pages = list(metrics.pages("cpu/utilization", end - 600, end, page_size=64).pages)
    sizes = [sum(len(series.points) for series in page.time_series) for page in pages]
    assert sizes == [64] * (FLEET * 10 // 64) + [FLEET * 10 % 64]
    joined: dict[str, dict[int, float]] = {}
    for page in pages:
        for series in page.time_series:
            joined.setdefault(series.resource.labels["instance_id"], {}).update(points(series))
    whole = {s.resource.labels["instance_id"]: points(s) for s in metrics.series("cpu/utilization", end - 600, end)}
    assert joined == whole


def test_what_monitoring_refuses(metrics: Metrics) -> None:
    now = _now()
    with pytest.raises(InvalidArgument, match="at least 60"):
        metrics.series("cpu/utilization", now - 600, now, aggregation=_aligned(ALIGN.ALIGN_MEAN, 30))
    with pytest.raises(InvalidArgument, match="GAUGE"):
        metrics.series("cpu/utilization", now - 600, now, aggregation=_aligned(ALIGN.ALIGN_RATE))
    with pytest.raises(InvalidArgument, match="aligner"):
        metrics.series("cpu/utilization", now - 600, now, aggregation={"cross_series_reducer": REDUCE.REDUCE_SUM})
    with pytest.raises(InvalidArgument, match="exactly one metric type"):
        metrics.series("cpu/utilization", now - 600, now, filter=' AND metric.type = "b"')
    with pytest.raises(InvalidArgument, match="interval"):
        metrics.series("cpu/utilization", now, now - 600)
    with pytest.raises(InvalidArgument, match="pageToken"):
        metrics.series("cpu/utilization", now - 600, now, page_token="nonsense")
    with pytest.raises(NotFound, match="Cannot find metric"):
        metrics.series("cpu/temperature", now - 600, now)
    metrics.name, name = "projects/other", metrics.name
    with pytest.raises(NotFound):
        metrics.series("cpu/utilization", now - 600, now)
    metrics.name = name


def test_odd_days_can_be_had_by_name(basic: Sandbox, metrics: Metrics) -> None:
    for kind, error in (
        ("throttle", ResourceExhausted),
        ("unavailable", ServiceUnavailable),
        ("reset", ServiceUnavailable),
        ("html500", InternalServerError),
        ("denied", PermissionDenied),
        ("expired", Unauthenticated),
    ):
        basic.fault("timeSeries.list", kind, cloud="gcp", after=kind == "reset")
        with pytest.raises(error):
            metrics.series("cpu/utilization", _now() - 600, _now())
    assert metrics.series("cpu/utilization", _now() - 600, _now())


def test_time_runs_as_fast_as_it_is_told() -> None:
    """At 300 times the speed, five minutes pass in a second."""
    origin = time.time()
    with Sandbox(clouds=("gcp",), origin=origin, rate=300.0, boot_seconds=60) as sandbox:
        project, fast = Project(sandbox), Metrics(sandbox)
        project.make("web-1")
        made = origin + (time.time() - origin) * 300
        time.sleep(2.2)
        now = origin + (time.time() - origin) * 300
        (series,) = fast.series("cpu/utilization", made - 3600, now)
        assert now - 240 - 120 - 60 < max(points(series)) <= math.ceil(now) - 240
        fast.close()
