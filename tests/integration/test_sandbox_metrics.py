"""CloudWatch of the sandbox: periods, statistics, lag and pages over a world that is computed, seen with boto3."""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from novacron_sandbox import Sandbox

from tests.unit.sandbox.accounts import client

FLEET = 100


@pytest.fixture(scope="module")
def basic() -> Iterator[Sandbox]:
    """A sandbox with the periods and lags of AWS."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def fleet(basic: Sandbox) -> list[str]:
    return basic.seed(FLEET)


@pytest.fixture(scope="module")
def cloudwatch(basic: Sandbox) -> Any:
    return client("cloudwatch", basic)


@pytest.fixture(scope="module")
def live() -> Iterator[Sandbox]:
    """A sandbox that publishes every second at once."""
    with Sandbox(metrics_period=1, metrics_lag=0, boot_seconds=0.2) as sandbox:
        yield sandbox


def _query(number: int, instance: str, metric: str, *, period: int = 300, stat: str = "Average") -> dict[str, Any]:
    dimensions = [{"Name": "InstanceId", "Value": instance}]
    source = {"Namespace": "AWS/EC2", "MetricName": metric, "Dimensions": dimensions}
    return {"Id": f"m{number}", "MetricStat": {"Metric": source, "Period": period, "Stat": stat}}


def _get(cloudwatch: Any, queries: list[dict[str, Any]], start: float, end: float, **more: Any) -> Any:
    return cloudwatch.get_metric_data(
        MetricDataQueries=queries,
        StartTime=datetime.fromtimestamp(start, UTC),
        EndTime=datetime.fromtimestamp(end, UTC),
        **more,
    )


def _points(cloudwatch: Any, query: dict[str, Any], start: float, end: float) -> dict[int, float]:
    """Value by start of period, oldest first."""
    result = _get(cloudwatch, [query], start, end, ScanBy="TimestampAscending")["MetricDataResults"][0]
    assert result["StatusCode"] == "Complete"
    times = [int(time.timestamp()) for time in result["Timestamps"]]
    assert times == sorted(times)
    return dict(zip(times, result["Values"], strict=True))


def _refused(cloudwatch: Any, queries: list[dict[str, Any]], start: float, end: float, **more: Any) -> None:
    with pytest.raises(ClientError) as refusal:
        _get(cloudwatch, queries, start, end, **more)
    assert refusal.value.response["Error"]["Code"] == "ValidationError"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_seed_fleet_has_three_hours_of_history_that_moves(cloudwatch: Any, fleet: list[str]) -> None:
    now = time.time()
    points = _points(cloudwatch, _query(0, fleet[0], "CPUUtilization"), now - 3 * 3600, now)
    assert 34 <= len(points) <= 36
    assert all(start % 300 == 0 for start in points)
    assert len(set(points.values())) == len(points)
    assert all(0 < value <= 100 for value in points.values())


def test_asking_twice_gives_the_same(cloudwatch: Any, fleet: list[str]) -> None:
    start = time.time() - 7200
    first, second = (_points(cloudwatch, _query(0, fleet[3], "NetworkIn"), start, start + 3600) for _ in range(2))
    assert first == second != {}


def test_the_newest_value_is_as_old_as_period_and_lag(cloudwatch: Any, fleet: list[str]) -> None:
    now = time.time()
    newest = max(_points(cloudwatch, _query(0, fleet[0], "CPUUtilization"), now - 3600, now))
    assert 600 <= time.time() - newest < 900 + 5


def test_statistics_of_an_hour_agree_with_its_five_minutes(cloudwatch: Any, fleet: list[str]) -> None:
    hour = (time.time() // 3600 - 2) * 3600
    small = list(_points(cloudwatch, _query(0, fleet[0], "CPUUtilization"), hour, hour + 3600).values())
    assert len(small) == 12
    stats = ("Average", "Sum", "Minimum", "Maximum", "SampleCount")
    asked = [_query(n, fleet[0], "CPUUtilization", period=3600, stat=stat) for n, stat in enumerate(stats)]
    results = _get(cloudwatch, asked, hour, hour + 3600)["MetricDataResults"]
    found = {stat: result["Values"][0] for stat, result in zip(stats, results, strict=True)}
    assert found["SampleCount"] == 12
    assert found["Average"] == pytest.approx(statistics.fmean(small), rel=0.2)
    assert found["Sum"] == pytest.approx(12 * found["Average"])
    assert min(small) - 1e-9 <= found["Minimum"] <= found["Average"] <= found["Maximum"] <= max(small) + 1e-9


def test_what_is_counted_grows_with_the_period(cloudwatch: Any, fleet: list[str]) -> None:
    hour = (time.time() // 3600 - 2) * 3600
    small = _points(cloudwatch, _query(0, fleet[0], "NetworkIn", stat="Sum"), hour, hour + 3600)
    large = _points(cloudwatch, _query(0, fleet[0], "NetworkIn", period=3600, stat="Sum"), hour, hour + 3600)
    assert list(large) == [int(hour)]
    assert large[int(hour)] == pytest.approx(sum(small.values()), rel=0.2)


def test_a_period_below_the_published_one_has_values_only_where_one_was_published(
    cloudwatch: Any, fleet: list[str]
) -> None:
    start = (time.time() // 3600 - 2) * 3600
    points = _points(cloudwatch, _query(0, fleet[0], "CPUUtilization", period=60), start, start + 3600)
    assert [time % 300 for time in points] == [0] * 12


def test_cpu_network_and_disk_move_together(cloudwatch: Any, fleet: list[str]) -> None:
    now = time.time()
    names = ("CPUUtilization", "NetworkOut", "DiskReadOps", "EBSWriteBytes")
    agree = []
    for instance in fleet[:8]:
        series = [list(_points(cloudwatch, _query(0, instance, n), now - 3 * 3600, now).values()) for n in names]
        agree += [statistics.correlation(series[0], other) for other in series[1:]]
    assert statistics.fmean(agree) > 0.6


def test_every_metric_of_the_mapping_has_values_that_are_not_negative(cloudwatch: Any, fleet: list[str]) -> None:
    burstable = next(
        name["Dimensions"][0]["Value"]
        for name in cloudwatch.list_metrics(Namespace="AWS/EC2", MetricName="CPUCreditBalance")["Metrics"]
    )
    listed = cloudwatch.list_metrics(Dimensions=[{"Name": "InstanceId", "Value": burstable}])["Metrics"]
    names = [metric["MetricName"] for metric in listed]
    assert {"CPUUtilization", "NetworkPacketsIn", "DiskWriteOps", "CPUCreditUsage", "StatusCheckFailed"} <= set(names)
    now = time.time()
    results = _get(cloudwatch, [_query(n, burstable, name) for n, name in enumerate(names)], now - 1800, now)
    for result in results["MetricDataResults"]:
        assert result["Values"], result["Label"]
        assert min(result["Values"]) >= 0


def test_credits_are_for_burstable_types_only(cloudwatch: Any, fleet: list[str]) -> None:
    with_credits = cloudwatch.list_metrics(MetricName="CPUCreditBalance", Namespace="AWS/EC2")["Metrics"]
    assert 0 < len(with_credits) < FLEET


def test_list_metrics_comes_in_pages_without_gaps(cloudwatch: Any, fleet: list[str]) -> None:
    pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace="AWS/EC2"))
    assert [len(page["Metrics"]) for page in pages[:-1]] == [500] * (len(pages) - 1)
    seen = {(m["MetricName"], m["Dimensions"][0]["Value"]) for page in pages for m in page["Metrics"]}
    assert len(seen) == sum(len(page["Metrics"]) for page in pages) > 500
    assert {instance for _, instance in seen} == set(fleet)


def test_newest_first_unless_asked_otherwise(cloudwatch: Any, fleet: list[str]) -> None:
    now = time.time()
    times = _get(cloudwatch, [_query(0, fleet[0], "CPUUtilization")], now - 3600, now)["MetricDataResults"][0]
    assert times["Timestamps"] == sorted(times["Timestamps"], reverse=True)


def test_pages_of_data_together_are_the_whole(cloudwatch: Any, fleet: list[str]) -> None:
    now = time.time()
    queries = [_query(n, fleet[n], "CPUUtilization") for n in range(5)]
    whole = _get(cloudwatch, queries, now - 7200, now)
    assert "NextToken" not in whole
    joined: dict[str, list[float]] = {}
    statuses: list[str] = []
    more: dict[str, str] = {}
    while True:
        page = _get(cloudwatch, queries, now - 7200, now, MaxDatapoints=30, **more)
        assert sum(len(result["Values"]) for result in page["MetricDataResults"]) <= 30
        for result in page["MetricDataResults"]:
            joined.setdefault(result["Id"], []).extend(result["Values"])
            statuses.append(result["StatusCode"])
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert joined == {result["Id"]: result["Values"] for result in whole["MetricDataResults"]}
    assert "PartialData" in statuses
    _refused(cloudwatch, queries[:1], now - 7200, now, NextToken="bogus")


def test_unknown_instances_and_metrics_are_empty_not_errors(cloudwatch: Any, fleet: list[str]) -> None:
    now = time.time()
    queries = [_query(0, "i-0123456789abcdef0", "CPUUtilization"), _query(1, fleet[0], "Mood")]
    results = _get(cloudwatch, queries, now - 3600, now)["MetricDataResults"]
    assert [(r["Id"], r["Values"], r["StatusCode"]) for r in results] == [
        ("m0", [], "Complete"),
        ("m1", [], "Complete"),
    ]


def test_what_cloudwatch_refuses_is_refused(cloudwatch: Any, fleet: list[str]) -> None:
    now, good = time.time(), _query(0, fleet[0], "CPUUtilization")
    too_many = [_query(n, fleet[0], "CPUUtilization") for n in range(501)]
    _refused(cloudwatch, too_many, now - 600, now)
    _refused(cloudwatch, [good], now, now - 600)
    _refused(cloudwatch, [good, good], now - 600, now)
    _refused(cloudwatch, [_query(0, fleet[0], "CPUUtilization", period=7)], now - 600, now)
    _refused(cloudwatch, [_query(0, fleet[0], "CPUUtilization", stat="Mode")], now - 600, now)
    _refused(cloudwatch, [{**good, "Id": "Upper"}], now - 600, now)


def test_the_older_way_to_ask_is_refused_not_answered_with_nothing(cloudwatch: Any, fleet: list[str]) -> None:
    metric = _query(0, fleet[0], "CPUUtilization")["MetricStat"]["Metric"]
    now = datetime.now(UTC)
    with pytest.raises(ClientError) as refusal:
        cloudwatch.get_metric_statistics(
            **metric, StartTime=now - timedelta(hours=1), EndTime=now, Period=300, Statistics=["Average"]
        )
    assert refusal.value.response["Error"]["Code"] == "InvalidAction"


def test_500_queries_are_answered_at_once(cloudwatch: Any, fleet: list[str]) -> None:
    now = time.time()
    names = ("CPUUtilization", "NetworkIn", "NetworkOut", "DiskReadBytes", "DiskWriteBytes")
    queries = [_query(n, fleet[n // 5], names[n % 5]) for n in range(500)]
    answer = _get(cloudwatch, queries, now - 1200, now)
    assert "NextToken" not in answer
    assert len(answer["MetricDataResults"]) == 500
    assert all(result["Values"] for result in answer["MetricDataResults"])


def test_live_values_of_every_second_are_there_at_once_and_stop_with_the_instance(live: Sandbox) -> None:
    ec2, cloudwatch = client("ec2", live), client("cloudwatch", live)
    asked = {"ImageId": live.aws["image"], "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    instance = ec2.run_instances(**asked)["Instances"][0]["InstanceId"]
    begun, query = time.time(), _query(0, instance, "CPUUtilization", period=1)
    time.sleep(2.3)
    asked_at = time.time()
    points = _points(cloudwatch, query, begun - 60, asked_at)
    assert 1 <= len(points) <= time.time() - begun
    assert int(begun) <= min(points)
    assert max(points) >= int(asked_at) - 1
    ec2.stop_instances(InstanceIds=[instance])
    stopped = time.time()
    time.sleep(1.3)
    assert max(_points(cloudwatch, query, begun, time.time())) <= stopped


def test_a_minute_of_seconds_sums_up(live: Sandbox) -> None:
    cloudwatch, (instance,) = client("cloudwatch", live), live.seed(1)
    minute = (time.time() // 60 - 10) * 60
    seconds = _points(cloudwatch, _query(0, instance, "NetworkIn", period=1), minute, minute + 60)
    whole = _points(cloudwatch, _query(0, instance, "NetworkIn", period=60, stat="Sum"), minute, minute + 60)
    assert len(seconds) == 60
    assert whole[int(minute)] == pytest.approx(sum(seconds.values()), rel=0.2)


def test_a_fast_clock_gives_new_values_soon_and_dates_instances(basic: Sandbox) -> None:
    origin = time.time()
    with Sandbox(origin=origin, rate=600.0, boot_seconds=60) as fast:
        ec2, cloudwatch = client("ec2", fast), client("cloudwatch", fast)
        (instance,) = fast.seed(1)
        query = _query(0, instance, "CPUUtilization")
        first = max(_points(cloudwatch, query, origin - 3600, origin + 86400 * 30))
        time.sleep(0.6)
        assert max(_points(cloudwatch, query, origin - 3600, origin + 86400 * 30)) > first
        asked = {"ImageId": fast.aws["image"], "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
        made = ec2.run_instances(**asked)["Instances"][0]
        expected = origin + (time.time() - origin) * 600
        assert abs(made["LaunchTime"].timestamp() - expected) < 600
