"""Workloads: the same for the same machine and time, together in what belongs together, never below zero."""

import statistics
import subprocess
import sys

import pytest
from novacron_sandbox.world import Activity, activity, demand

_NOON = 1_760_000_000.0
_FLEET = [f"i-{number:017x}" for number in range(40)]


def _hour(machine: str, vcpus: int = 2) -> list[Activity]:
    return [activity(machine, vcpus, _NOON + second) for second in range(0, 3600, 10)]


def test_another_process_computes_the_same() -> None:
    code = f"from novacron_sandbox.world import activity; print(repr(tuple(activity('i-1', 2, {_NOON!r}))))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == repr(tuple(activity("i-1", 2, _NOON)))


def test_machines_differ() -> None:
    means = [statistics.fmean(a.cpu for a in _hour(machine)) for machine in _FLEET]
    assert statistics.stdev(means) > 0.03


@pytest.mark.parametrize("machine", _FLEET[:10])
def test_nothing_is_negative_and_cpu_is_a_share(machine: str) -> None:
    for day in range(0, 7 * 86400, 1801):
        now = activity(machine, 4, _NOON + day)
        assert min(now) >= 0.0
        assert 0.0 < now.cpu <= 1.0


@pytest.mark.parametrize("machine", _FLEET[:10])
@pytest.mark.parametrize("field", ["received_bytes", "sent_packets", "read_operations", "written_bytes"])
def test_network_and_disk_go_with_cpu(machine: str, field: str) -> None:
    minutes = [_mean(machine, _NOON + minute * 60) for minute in range(180)]
    assert statistics.correlation([m.cpu for m in minutes], [getattr(m, field) for m in minutes]) > 0.7


def test_values_move_within_seconds_and_jump_in_bursts() -> None:
    moving = [activity("i-1", 2, _NOON + second).cpu for second in range(20)]
    assert len(set(moving)) == 20
    jumps = [max(a.cpu for a in _hour(m)) / statistics.median(a.cpu for a in _hour(m)) for m in _FLEET]
    assert sum(jump > 1.8 for jump in jumps) > len(_FLEET) / 2


def test_a_day_has_its_busy_hours() -> None:
    day = [demand("i-1", _NOON + hour * 3600) for hour in range(24)]
    assert max(day) > 1.2 * min(day)
    assert day == pytest.approx([demand("i-1", _NOON + 86400 + hour * 3600) for hour in range(24)])


def test_a_larger_machine_serves_more_at_the_same_load() -> None:
    small, large = activity("i-1", 2, _NOON), activity("i-1", 8, _NOON)
    assert large.cpu == small.cpu
    assert large.received_bytes == pytest.approx(4 * small.received_bytes)


def _mean(machine: str, start: float) -> Activity:
    moments = [activity(machine, 2, start + second) for second in range(0, 60, 2)]
    return Activity(*(statistics.fmean(values) for values in zip(*moments, strict=True)))
