"""The table of `metrics watch`: rows, order, groups, and what has room."""

import math
import re
from collections.abc import Sequence

import pytest
from novacron.cloud.v1 import common_pb2, metrics_pb2
from novacron.cloud.v1.compute_pb2 import Instance
from novacron_cli.board import HISTORY, Board
from novacron_cli.terminal import fitted
from novacron_client import MetricUpdate, SeriesKey, SeriesTable

CPU, NET = "cloud.instance.cpu.utilization", "cloud.instance.network.receive_bytes"
NAN = math.nan


def instance(provider: str, native_id: str) -> str:
    return f"providers/{provider}/instances/r~{native_id}"


class Feed:
    """A stream of CPU and network of instances, as the client would tell it."""

    def __init__(self, board: Board, *instances: tuple[str, str, str]) -> None:
        """Begin with instances: their names, display names and regions."""
        self.board, self.table, self.count = board, SeriesTable(), len(instances)
        refs = [common_pb2.ResourceRef(name=name, display_name=shown, region=r) for name, shown, r in instances]
        series = [metrics_pb2.MetricTableSeries(metric=m, resource=n) for m in (0, 1) for n in range(len(refs))]
        metrics = [
            metrics_pb2.MetricDescriptor(type=CPU, unit="1"),
            metrics_pb2.MetricDescriptor(type=NET, unit="By/s"),
        ]
        added = self.table.add(metrics_pb2.MetricTable(series=series, metrics=metrics, resources=refs))
        board.take(MetricUpdate(self.table, added=added))

    def tell(self, time: float, cpu: Sequence[float], net: Sequence[float]) -> None:
        values = [*cpu, *net]
        self.table.put(time, range(len(values)), values)
        self.board.take(MetricUpdate(self.table, time, None, range(len(values)), values))


THREE = (
    (instance("aws", "1"), "web", "us"),
    (instance("gcp", "2"), "db", "eu"),
    (instance("aws", "3"), "api", "us"),
)


def names(board: Board) -> list[str]:
    return [row.cells[-1] for row in board.rows()]


def plain(lines: Sequence[str]) -> list[str]:
    return [re.sub(r"\x1b\[\d*m", "", line) for line in lines]


def test_rows_are_sorted_by_name_or_by_a_column_the_greatest_first() -> None:
    board = Board()
    feed = Feed(board, *THREE)
    feed.tell(60, [0.1, NAN, 0.3], [5, 9, 7])
    assert names(board) == ["api", "web", "db"]
    board.sort = "cpu.utilization"
    assert names(board) == ["api", "web", "db"]
    board.press("r")
    # What has no value is last all the same.
    assert names(board) == ["web", "api", "db"]
    board.press("r")
    board.press("s")
    assert board.sort == NET
    assert names(board) == ["db", "api", "web"]
    board.press("s")
    assert board.sort == "name"
    board.press("r")
    assert names(board) == ["db", "web", "api"]


@pytest.mark.parametrize("name", ["CPU", "cpu", "cpu.utilization", "utilization", CPU])
def test_a_column_has_several_names(name: str) -> None:
    board = Board()
    Feed(board, *THREE)
    assert board.column(name) == CPU
    assert board.column("nothing") is None


def test_a_row_has_a_history_and_values_with_units() -> None:
    board = Board(blocks="123")
    feed = Feed(board, *THREE[:1])
    for minute, value in enumerate((0.0, 0.5, NAN, 1.0)):
        feed.tell(60.0 * minute, [value], [1e6])
    # A revision of what came before, and a value that is told once more.
    feed.tell(180, [1.0], [2e6])
    status, head, row = plain(board.page(100, 10))
    assert status.startswith("00:03:00 UTC  1 row  by name")
    assert head.split() == ["PROVIDER", "REGION", "INSTANCE", "CPU", "CPU", "NET", "IN"]
    assert row.split() == ["aws", "us", "web", "123", "100.0", "%", "2", "MB/s"]
    for minute in range(100):
        feed.tell(60.0 * minute, [minute % 7], [0])
    assert len(plain(board.page(100, 10))[2].split()[3]) == HISTORY


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("provider", {("aws", "2"): (0.2, 12), ("gcp", "1"): (NAN, 9)}),
        ("region", {("aws us", "2"): (0.2, 12), ("gcp eu", "1"): (NAN, 9)}),
        ("type", {("-", "1"): (NAN, 9), ("big", "1"): (0.1, 5), ("small", "1"): (0.3, 7)}),
        ("tags.team", {("-", "1"): (0.1, 5), ("x", "2"): (0.3, 16)}),
    ],
)
def test_groups_have_sums_of_rates_and_means_of_ratios(
    group: str, expected: dict[tuple[str, str], tuple[float, float]]
) -> None:
    board = Board(group=group)
    board.instances = {
        THREE[0][0]: Instance(instance_type="big"),
        THREE[1][0]: Instance(tags={"team": "x"}),
        THREE[2][0]: Instance(instance_type="small", tags={"team": "x"}),
    }
    Feed(board, *THREE).tell(60, [0.1, NAN, 0.3], [5, 9, 7])
    rows = {row.cells: (row.value(CPU), row.value(NET)) for row in board.rows()}
    assert rows == {cells: pytest.approx(values, nan_ok=True) for cells, values in expected.items()}
    head = plain(board.page(100, 10))[1]
    assert head.split()[:2] == [group.upper(), "INSTANCES"]


def test_what_ended_is_no_row_and_what_a_new_start_does_not_have_neither() -> None:
    board = Board()
    feed = Feed(board, *THREE)
    feed.tell(60, [0.1, 0.2, 0.3], [5, 9, 7])
    ended = [SeriesKey(metric, THREE[0][0]) for metric in (CPU, NET)]
    board.take(MetricUpdate(feed.table, removed=ended))
    assert names(board) == ["api", "db"]
    other = SeriesTable()
    board.take(MetricUpdate(other, reset=True))
    assert names(board) == ["api", "db"]
    only = Feed(board, THREE[2])
    board.take(MetricUpdate(only.table, synced=True))
    assert names(board) == ["api"]


def test_equal_names_are_told_apart() -> None:
    board = Board()
    feed = Feed(board, (instance("aws", "1"), "web", "us"), (instance("aws", "2"), "web", "us"))
    feed.tell(60, [0.1, 0.2], [5, 9])
    assert names(board) == ["web r~1", "web r~2"]


def test_a_page_has_room_for_so_many_rows_and_columns() -> None:
    board = Board(sort="NET IN")
    feed = Feed(board, *((instance("aws", f"{n:03}"), "", "us") for n in range(100)))
    feed.tell(60, [0.5] * 100, [float(n) for n in range(100)])
    lines = plain(board.page(80, 13))
    assert len(lines) == 13
    assert all(len(line) <= 80 for line in lines)
    assert "r~099" in lines[2]
    assert lines[-1] == "90 more below"
    board.press("page down")
    board.press("down")
    lines = plain(board.page(80, 13))
    assert "r~088" in lines[2]
    assert lines[-1] == "11 more above, 79 more below"
    for _ in range(20):
        board.press("page down")
    lines = plain(board.page(80, 13))
    assert lines[-2].split()[2] == "r~000"
    board.press("home")
    narrow = plain(board.page(64, 13))
    assert "1 columns have no room" in narrow[0]
    assert narrow[1].endswith("NET IN▼")


def test_what_a_terminal_would_obey_is_not_written() -> None:
    assert fitted("a\x1b[31mb\n", 10) == "a?[31mb?  "
    assert fitted("long text", 4) == "long"
    # Two cells each.
    assert fitted("日本語", 5) == "日本 "


def test_what_has_no_room_is_left_out_before_it_touches_its_neighbour() -> None:
    board = Board()
    table = SeriesTable()
    metrics = [
        metrics_pb2.MetricDescriptor(type=f"cloud.instance.network.{way}_packets", unit="{packet}/s")
        for way in ("receive", "transmit")
    ]
    series = [metrics_pb2.MetricTableSeries(metric=0), metrics_pb2.MetricTableSeries(metric=1)]
    ref = common_pb2.ResourceRef(name=THREE[0][0])
    board.take(
        MetricUpdate(table, added=table.add(metrics_pb2.MetricTable(series=series, metrics=metrics, resources=[ref])))
    )
    board.take(MetricUpdate(table, 60, None, range(2), [1794.0, 12_345.0]))
    assert plain(board.page(100, 10))[2].split()[-2:] == ["1794", "12.3k"]
    # As many keys as there is room for.
    assert plain(board.page(100, 10))[0].endswith("q quit")
    assert plain(board.page(60, 10))[0].endswith("by name  1 columns have no room  q quit")
