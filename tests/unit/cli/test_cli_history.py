"""History, statistics and points to write, from the command line."""

import json
import math

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1 import common_pb2, compute_pb2, metrics_pb2
from novacron.cloud.v1 import metrics_service_pb2 as ms
from novacron_client.follow import duration

from tests.unit.cli.conftest import Terminal, answer
from tests.unit.client import scripted_server as script
from tests.unit.client.test_client_metrics import CPU

WEB = "providers/aws/instances/us-east-1~i-1"
START = Timestamp(seconds=1_795_550_400)


def page(*values: float, more: str = "", **changes: object) -> ms.QueryMetricsResponse:
    series = metrics_pb2.TimeSeries(metric=CPU, resource=WEB, unit="1", values=values)
    found = ms.QueryMetricsResponse(series=[series], start_time=START, period=duration(60), next_page_token=more)
    found.MergeFrom(ms.QueryMetricsResponse(**changes))  # type: ignore[arg-type]  # any field of the response
    return found


def test_history_is_a_line_for_each_series(terminal: Terminal) -> None:
    pages = (page(0.1, math.nan, 0.5, 0.3, more="2"), page(0.2))
    result = terminal.run(
        "metrics", "query", "-p", "aws", "-m", CPU, "--resource", WEB, "--from", "2h", "--until", "1h",
        "--period", "1m", "--statistic", "maximum",
        answers=tuple(answer(ms.QueryMetricsRequest, one) for one in pages),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    title, head, first, second = result.stdout.splitlines()
    assert title == "periods of 60 s from 2026-11-24 20:00:00Z"
    assert head.split() == ["RESOURCE", "METRIC", "LAST", "LEAST", "GREATEST", "COURSE"]
    assert first.split()[:8] == [WEB, CPU, "30.0", "%", "10.0", "%", "50.0", "%"]
    assert len(first.split()[8]) == 3
    assert second.split()[2] == "20.0"
    asked = terminal.asked[0]
    assert (asked.parent, list(asked.selector.metrics), list(asked.selector.resources)) == (
        "providers/aws",
        [CPU],
        [WEB],
    )
    assert asked.end_time.ToMilliseconds() - asked.start_time.ToMilliseconds() == 3_600_000
    assert (asked.period.seconds, asked.statistic) == (60, metrics_pb2.STATISTIC_MAXIMUM)


def test_history_for_programs_has_null_where_there_is_no_value(terminal: Terminal) -> None:
    answers = (answer(ms.QueryMetricsRequest, page(0.5, math.nan, 1.0)),)
    result = terminal.run("metrics", "query", "-o", "json", answers=answers)
    assert result.exit_code == 0, result.output
    [series] = json.loads(result.stdout)["series"]
    assert series == {"metric": CPU, "resource": WEB, "unit": "1", "values": [0.5, None, 1.0]}
    assert json.loads(result.stdout)["period"] == 60


def test_history_of_nothing_says_so(terminal: Terminal) -> None:
    nothing = ms.QueryMetricsResponse(start_time=START, period=duration(60))
    result = terminal.run("metrics", "query", "-m", "custom.*", answers=(answer(ms.QueryMetricsRequest, nothing),))
    assert result.exit_code == 0, result.output
    assert "read with the cloud's own tools" in result.stderr


def test_history_with_a_part_missing_says_so_and_ends_with_1(terminal: Terminal) -> None:
    lost = common_pb2.Unreachable(
        name="providers/gcp", status=script.status(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE", "away")
    )
    result = terminal.run("metrics", "query", answers=(answer(ms.QueryMetricsRequest, page(0.5, unreachable=[lost])),))
    assert result.exit_code == 1
    assert "missing: providers/gcp: away" in result.stderr
    assert WEB in result.stdout


def test_statistics_are_a_table_of_machines(terminal: Terminal) -> None:
    running = metrics_pb2.InstanceStats(
        instance=WEB,
        state=compute_pb2.INSTANCE_STATE_RUNNING,
        time=START,
        cpu=metrics_pb2.CpuStats(utilization=0.25),
        disks=[metrics_pb2.DiskStats(disk="all", read_bytes_per_second=2e6)],
        networks=[metrics_pb2.NetworkStats(interface_id="all", receive_bytes_per_second=1500)],
    )
    stopped = metrics_pb2.InstanceStats(instance=f"{WEB}0", state=compute_pb2.INSTANCE_STATE_STOPPED)
    response = ms.ListInstanceStatsResponse(stats=[running, stopped])
    result = terminal.run(
        "metrics",
        "stats",
        WEB,
        f"{WEB}0",
        "--detail",
        "detailed",
        answers=(answer(ms.ListInstanceStatsRequest, response),),
    )
    assert result.exit_code == 0, result.output
    _, first, second = result.stdout.splitlines()
    assert first.split() == [WEB, "running", "25.0", "%", "-", "2", "MB/s", "-", "1.5", "kB/s", "-", "20:00:00"]
    assert second.split() == [f"{WEB}0", "stopped", *"-------"]
    [asked] = terminal.asked
    assert (list(asked.instances), asked.detail) == ([WEB, f"{WEB}0"], ms.DETAIL_LEVEL_DETAILED)


def test_points_are_written_with_all_that_is_said_of_them(terminal: Terminal) -> None:
    result = terminal.run(
        "metrics", "write", "custom.app.queue=12", "custom.app.lag=-0.5", "--resource", WEB, "-a", "queue=mail",
        "--unit", "{job}", "--ago", "1m",
        answers=(answer(ms.WriteMetricsRequest, ms.WriteMetricsResponse(written=2)),),
    )  # fmt: skip
    assert (result.exit_code, result.stdout) == (0, "2 of 2 written\n"), result.output
    [asked] = terminal.asked
    assert asked.parent == "providers/aws" and asked.request_id
    assert [(p.metric, p.value, p.resource, dict(p.attributes), p.unit) for p in asked.points] == [
        ("custom.app.queue", 12.0, WEB, {"queue": "mail"}, "{job}"),
        ("custom.app.lag", -0.5, WEB, {"queue": "mail"}, "{job}"),
    ]


def test_points_that_are_rejected_are_named_and_end_with_1(terminal: Terminal) -> None:
    refused = ms.RejectedPoint(
        index=0, status=script.status(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", "too old")
    )
    response = ms.WriteMetricsResponse(written=1, rejected=[refused])
    result = terminal.run(
        "metrics", "write", "custom.a=1", "custom.b=2", answers=(answer(ms.WriteMetricsRequest, response),)
    )
    assert result.exit_code == 1
    assert "rejected: custom.a: too old" in result.stderr
    assert terminal.asked[0].parent == "providers/default"


@pytest.mark.parametrize("value", ["custom.a", "custom.a=many"])
def test_what_is_no_value_is_bad_usage(terminal: Terminal, value: str) -> None:
    assert terminal.run("metrics", "write", value).exit_code == 2


@pytest.mark.parametrize("times", [("--until", "2h"), ("--from", "5m", "--until", "5m")])
def test_history_that_ends_before_it_begins_is_refused(terminal: Terminal, times: tuple[str, ...]) -> None:
    result = terminal.run("metrics", "query", *times)
    assert result.exit_code == 2
    assert "--from 2h --until 1h" in result.stderr
