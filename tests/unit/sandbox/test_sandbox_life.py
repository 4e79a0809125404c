"""A machine's states over time."""

from novacron_sandbox.life import Life

from tests.unit.sandbox.still_clock import StillClock


def test_each_state_comes_after_its_seconds() -> None:
    clock = StillClock(100.0)
    life = Life(clock)
    life.change("pending", "running", seconds=5)
    assert (life.state, life.since) == ("pending", 100.0)
    clock.time = 104.9
    assert life.state == "pending"
    clock.time = 105.0
    assert (life.state, life.since) == ("running", 105.0)


def test_before_the_first_change_there_is_no_state() -> None:
    assert Life(StillClock()).state == ""


def test_a_change_drops_what_was_still_to_come() -> None:
    clock = StillClock(100.0)
    life = Life(clock)
    life.change("pending", "running", seconds=5)
    clock.time = 102.0
    life.change("shutting-down", "terminated", seconds=5)
    clock.time = 106.0
    assert life.state == "shutting-down"
    clock.time = 107.0
    assert life.state == "terminated"
    assert list(life.spans(("running",))) == []


def test_spans_tell_when_it_ran_also_in_the_past_it_was_given() -> None:
    clock = StillClock(10_000.0)
    life = Life(clock)
    life.change("pending", "running", seconds=10, at=1000.0)
    assert life.state == "running"
    life.change("stopping", "stopped", seconds=10)
    clock.time = 10_100.0
    life.change("pending", "running", seconds=10)
    clock.time = 10_110.0
    assert list(life.spans(("running",))) == [(1010.0, 10_000.0), (10_110.0, float("inf"))]
