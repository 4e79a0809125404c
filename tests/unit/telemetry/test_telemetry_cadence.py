"""Ticks and windows."""

import numpy as np
from novacron_server.telemetry.cadence import Cadence
from novacron_server.telemetry.table import Column


def column(number: int, *, known: bool = False, period: float = 60.0) -> Column:
    return Column(number * period, period, np.ones(1, np.bool_), np.ones(1), known, whole=True)


def periods(cadence: Cadence, minute: float, behind: float) -> range:
    """Numbers of the periods that a window at a minute holds, when the series that is last has a value of `behind`."""
    window = cadence.window(minute * 60, behind * 60)
    return range(round(window.start / 60) + 1, round(window.end / 60) + 1)


def test_tick_is_a_period_and_the_publish_delay() -> None:
    cadence = Cadence(0, 60.0, 25.0)
    assert cadence.newest(6024.9) == 99
    assert cadence.newest(6025.0) == 100
    assert cadence.next_tick(6025.0) == 6085.0
    assert cadence.is_due(6025.0)
    cadence.done(6025.0, [], 6025.0)
    assert not cadence.is_due(6084.9)
    assert cadence.is_due(6085.0)


def test_first_window_reaches_over_the_delay_and_three_periods() -> None:
    assert periods(Cadence(0, 60.0, 0.0), 100, 100) == range(98, 101)
    assert periods(Cadence(0, 60.0, 300.0), 100, 100) == range(88, 96)


def test_later_windows_overlap_by_two_periods() -> None:
    cadence = Cadence(0, 60.0, 0.0)
    cadence.done(6000, [column(100)], 6000)
    assert periods(cadence, 101, 100) == range(99, 102)


def test_missed_ticks_are_made_up_for() -> None:
    cadence = Cadence(0, 60.0, 0.0)
    cadence.done(6000, [column(100)], 6000)
    assert periods(cadence, 110, 100) == range(99, 111)


def test_series_that_is_behind_is_looked_for() -> None:
    cadence = Cadence(0, 60.0, 0.0)
    for minute in range(100, 105):
        cadence.done(minute * 60, [column(minute)], 6000)
    assert periods(cadence, 105, 100) == range(99, 106)


def test_lag_grows_at_once_and_shrinks_by_a_period_a_tick() -> None:
    cadence = Cadence(0, 60.0, 0.0)
    for minute in range(90, 101):
        cadence.done(minute * 60, [column(minute)], minute * 60)
    cadence.done(6060, [column(98, known=True), column(101)], 6060)
    assert len(periods(cadence, 102, 101)) == 3 + 3
    for minute in (102, 103, 104):
        cadence.done(minute * 60, [column(minute)], minute * 60)
    assert len(periods(cadence, 105, 104)) == 3


def test_values_of_new_series_are_not_late() -> None:
    cadence = Cadence(0, 60.0, 0.0)
    cadence.done(6000, [column(100)], 6000)
    cadence.done(6060, [column(98), column(101)], 6060)
    assert len(periods(cadence, 102, 101)) == 3


def test_windows_end_somewhere() -> None:
    cadence = Cadence(0, 60.0, 0.0)
    cadence.done(6000, [column(100)], 6000)
    assert len(periods(cadence, 1000, 100)) == 60
    assert cadence.lately(60_000) == 60_000 - 3600
    seconds = Cadence(0, 1.0, 0.0)
    seconds.done(6000, [column(6000, period=1.0)], 6000)
    window = seconds.window(60_000, 6000)
    assert window.end - window.start == 150


def test_windows_never_go_back_behind_what_is_remembered() -> None:
    cadence = Cadence(0, 60.0, 0.0)
    for minute in range(100, 110):
        cadence.done(minute * 60, [column(minute)], minute * 60)
    assert cadence.horizon == 109 - 5
    assert periods(cadence, 110, 50)[0] == 105


def test_series_is_silent_after_two_periods_but_not_before_fifteen_seconds() -> None:
    minutes = Cadence(0, 60.0, 0.0)
    assert minutes.silence(6000) == 98 * 60
    seconds = Cadence(0, 1.0, 0.0)
    assert seconds.silence(6000) == 6000 - 15
