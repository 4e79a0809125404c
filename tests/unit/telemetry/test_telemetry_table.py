"""Rows, columns, and what counts as new."""

import math

import numpy as np
from novacron_providers.contract import Points, SeriesKey
from novacron_server.telemetry.table import Column, Table

A, B = SeriesKey("cpu", "vm-a"), SeriesKey("cpu", "vm-b")


def told(table: Table, columns: list[Column]) -> list[tuple[str, float, float]]:
    keys = {row: key.resource for key, row in table.rows.items()}
    return [
        (keys[row], column.time, column.values[row])
        for column in columns
        for row in np.flatnonzero(column.fresh).tolist()
    ]


def test_point_is_new_once_and_again_when_corrected() -> None:
    table = Table()
    assert told(table, table.write([Points(A, [60, 120], [1, 2])], 60, 0, -1)) == [("vm-a", 60, 1), ("vm-a", 120, 2)]
    assert table.write([Points(A, [60, 120], [1, 2])], 60, 0, -1) == []
    columns = table.write([Points(A, [60, 120, 180], [9, 2, 3])], 60, 0, -1)
    assert told(table, columns) == [("vm-a", 60, 9), ("vm-a", 180, 3)]
    assert [column.known for column in columns] == [True, True]
    assert table.newest.values[table.rows[A]] == 3


def test_nan_from_a_cloud_is_no_value() -> None:
    table = Table()
    assert table.write([Points(A, [60], [math.nan])], 60, 0, -1) == []


def test_point_at_or_below_the_horizon_is_only_taken_from_new_series() -> None:
    table = Table()
    table.write([Points(A, [600], [1])], 60, 0, -1)
    columns = table.write([Points(A, [300], [5]), Points(B, [300], [6])], 60, 0, 5)
    assert told(table, columns) == [("vm-b", 300, 6)]


def test_what_is_forgotten_below_the_horizon_does_not_come_twice() -> None:
    table = Table()
    table.write([Points(A, [60, 120], [1, 2])], 60, 0, -1)
    table.trim(60, 1)
    assert table.write([Points(A, [60, 120], [1, 2])], 60, 0, 1) == []


def test_time_within_a_period_counts_for_its_end() -> None:
    table = Table()
    assert told(table, table.write([Points(A, [61.0], [1])], 60, 0, -1)) == [("vm-a", 120, 1)]
    assert table.write([Points(A, [119.5], [1])], 60, 0, -1) == []


def test_void_is_said_once_and_gives_way_to_a_late_value() -> None:
    table = Table()
    table.write([Points(A, [60], [1]), Points(B, [60, 120], [1, 2])], 60, 0, -1)
    nothing = told(table, table.void())
    assert [(name, time) for name, time, _ in nothing] == [("vm-a", 120), ("vm-b", 180)]
    assert all(math.isnan(value) for *_, value in nothing)
    assert table.void() == []
    assert told(table, table.write([Points(A, [120], [7])], 60, 0, -1)) == [("vm-a", 120, 7)]
    assert table.newest.values[table.rows[A]] == 7


def test_row_of_a_dropped_series_starts_empty_for_the_next() -> None:
    table = Table()
    table.write([Points(A, [60], [1])], 60, 0, -1)
    row = table.rows[A]
    table.drop([A])
    assert told(table, table.write([Points(B, [60], [1])], 60, 0, -1)) == [("vm-b", 60, 1)]
    assert table.rows == {B: row}


def test_version_grows_when_series_come_or_go() -> None:
    table = Table()
    versions = [table.version]
    table.write([Points(A, [60], [1])], 60, 0, -1)
    versions.append(table.version)
    table.write([Points(A, [120], [1])], 60, 0, -1)
    assert table.version == versions[-1]
    table.drop([A])
    assert table.version > versions[1] > versions[0]


def test_columns_grow_with_the_table() -> None:
    table = Table()
    keys = [SeriesKey("cpu", f"vm-{n}") for n in range(1000)]
    for n, key in enumerate(keys):
        table.write([Points(key, [60], [float(n)])], 60, 0, -1)
    assert table.write([Points(key, [60], [float(n)]) for n, key in enumerate(keys)], 60, 0, -1) == []
    [column] = table.write([Points(key, [120], [1.0]) for key in keys], 60, 0, -1)
    assert column.fresh.sum() == 1000


def test_series_of_different_periods_do_not_mix() -> None:
    table = Table()
    other = SeriesKey("disk", "vm-a")
    columns = table.write([Points(A, [300], [1])], 60, 0, -1) + table.write([Points(other, [300], [1])], 300, 1, -1)
    assert [column.period for column in columns] == [60, 300]
    moments = [(t, p, rows.tolist()) for t, p, rows in table.newest.moments(np.arange(2))]
    assert moments == [(300, 60, [0]), (300, 300, [1])]
    assert table.silent(1, 301).tolist() == [table.rows[other]]
    assert table.behind(0, 0, 900) == 300
    assert table.behind(0, 301, 900) == 900
