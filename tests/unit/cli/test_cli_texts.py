"""Durations, quantities, words, tables: how texts are read and written."""

from pathlib import Path

import pytest
import typer
from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1.compute_pb2 import Instance
from novacron.cloud.v1.operations_pb2 import Operation, OperationStep
from novacron_cli.arguments import content, pairs, secret, settings
from novacron_cli.board import ASCII_BLOCKS, sparkline
from novacron_cli.dashboard import Fleet, Reading, line
from novacron_cli.durations import duration
from novacron_cli.output import Column, binary, quantity, when, word, write_fields, write_table
from novacron_cli.progress import percent_of, step_of
from novacron_cli.terminal import keys_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1.5m", 90), ("250ms", 0.25), ("2h", 7200), ("7", 7), (" .5s ", 0.5), (30.0, 30)],
)
def test_durations(text: str | float, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 d", "1e3", "soon", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no duration; write it as 30s"):
        duration(text)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1234, "1", "12.3 %"),
        (0.0, "1", "0.0 %"),
        (1_234_567.0, "By/s", "1.2 MB/s"),
        (999.96, "By/s", "1000 B/s"),
        (12.0, "By/s", "12 B/s"),
        (4.5, "{operation}/s", "4.5 operation/s"),
        (9999.4, "{packet}/s", "9999 packet/s"),
        (-12_345.0, "{packet}/s", "-12.3k packet/s"),
        (3.0, "", "3"),
        (None, "1", "-"),
    ],
)
def test_values_with_their_units(value: float | None, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


def test_bytes_come_in_powers_of_1024() -> None:
    assert [binary(0), binary(1 << 30), binary(3 << 39), binary(1 << 62)] == ["0 B", "1 GiB", "1.5 TiB", "4096 PiB"]


def test_enums_are_words() -> None:
    instance = Instance(state="INSTANCE_STATE_RUNNING")
    assert word(instance, "state") == "running"
    assert word(instance, "architecture") == "unknown"
    assert word(Instance.FromString(b"\x20\x63"), "state") == "99"


def test_times_are_utc_and_absent_ones_empty() -> None:
    assert when(Timestamp(seconds=1_700_000_000)) == "2023-11-14 22:13:20Z"
    assert when(Timestamp()) == ""


def test_a_table_without_a_terminal_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    write_table([Column("NAME", lambda row: row[0]), Column("B", lambda row: row[1])], [("x" * 300, "1"), ("y", "")])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["NAME" + " " * 298 + "B", "x" * 300 + "  1", "y"]


def test_fields_come_with_their_paths(capsys: pytest.CaptureFixture[str]) -> None:
    write_fields(Instance(name="n", tags={"a": "b"}, public_ips=["1.2.3.4"]))
    assert capsys.readouterr().out == "name: n\ntags.a: b\npublic_ips[0]: 1.2.3.4\n"


def test_pairs_and_settings() -> None:
    assert pairs(["a=b=c", "d="], "--tag") == {"a": "b=c", "d": ""}
    assert settings(["metrics.period=1", "deep=true", "name=x"], "--option") == {
        "metrics.period": 1,
        "deep": True,
        "name": "x",
    }
    for text in ("a", "=b"):
        with pytest.raises(typer.BadParameter, match="is not of the form KEY=VALUE"):
            pairs([text], "--tag")


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret\n")
    assert secret(f"token=@{file}") == "token=s3cret"
    assert secret("token=plain") == "token=plain"
    assert content(str(file)) == b"s3cret\n"
    with pytest.raises(typer.BadParameter, match="No such file"):
        secret(f"token=@{file}.not")


def test_sparklines_go_from_the_least_to_the_greatest() -> None:
    assert sparkline([0.0, 0.5, 1.0]) == "▁▅█"
    assert sparkline([0.3, 0.3]) == "▁▁"
    assert sparkline([1, 8], ASCII_BLOCKS) == "_#"
    assert sparkline([]) == ""


def test_the_step_that_is_shown_is_the_one_at_work() -> None:
    stamp = Timestamp(seconds=1)
    done = OperationStep(id="launch", title="Launch", state="OPERATION_STATE_SUCCEEDED", start_time=stamp)
    running = OperationStep(id="wait", state="OPERATION_STATE_RUNNING", start_time=stamp)
    planned = OperationStep(id="tag", title="Tag")
    assert step_of(Operation(steps=[done, running, planned])) == "wait"
    assert step_of(Operation(steps=[done, planned])) == "Launch"
    assert step_of(Operation(steps=[planned])) == ""
    assert percent_of(Operation(progress_percent=0)) == 0
    assert percent_of(Operation()) is None


def test_a_line_tells_of_an_instance_also_when_nothing_but_its_name_is_known() -> None:
    web = Instance(
        name="providers/gcp/instances/us-central1-a~web-1f",
        display_name="web",
        region="us-central1",
        instance_type="e2-medium",
        state="INSTANCE_STATE_RUNNING",
    )
    values = ("12.0 %", "-", "-", "-", "-")
    assert line(Reading(web, 0.0, values)).startswith("00:00:00 gcp us-central1 web e2-medium running cpu 12.0 % in - ")
    unknown = Instance(name="providers/azure/instances/novacron~web-2e")
    assert line(Reading(unknown, 0.0, values)).startswith("00:00:00 azure novacron~web-2e unknown cpu 12.0 % ")


def test_the_fleet_is_ordered_by_provider_region_and_name() -> None:
    def instance(provider: str, region: str, name: str) -> Instance:
        return Instance(name=f"providers/{provider}/instances/{region}~{name}", region=region, display_name=name)

    ordered = [
        instance("aws", "b", "2"),
        instance("aws", "c", "1"),
        instance("gcp", "a", "1"),
        instance("gcp", "a", "2"),
    ]
    assert [reading.instance for reading in Fleet(reversed(ordered)).readings()] == ordered


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("sq", ["s", "q"]),
        # A key that is held down.
        ("\x1b[B\x1b[B\x1bOA", ["down", "down", "up"]),
        ("\x1b[6~\x1b[5~\x1b[Hj", ["page down", "page up", "home", "j"]),
        # F5, Ctrl-right, and what is cut off.
        ("\x1b[15~\x1b[1;5Cr\x1b", ["r"]),
    ],
)
def test_keys(sent: str, keys: list[str]) -> None:
    assert keys_of(sent) == keys
