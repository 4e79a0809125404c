"""Metrics as clouds have them: the world seen through samples of a period, published late. Nothing is stored."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from novacron_sandbox import world
from novacron_sandbox.clock import Clock
from novacron_sandbox.life import Life


class Machine(NamedTuple):
    """What a metric is read from: the id that the world knows the machine by, and its size; memory in bytes."""

    workload: str
    vcpus: int
    memory: float


Read = Callable[[Machine, float], float]


def activity(field: str, factor: float = 1.0) -> Read:
    """Return what reads a field of the world's Activity, times a factor."""
    index = world.Activity._fields.index(field)
    return lambda machine, time: world.activity(machine.workload, machine.vcpus, time)[index] * factor


def memory_used(machine: Machine, time: float) -> float:
    """Return the bytes of its memory that are in use."""
    return machine.memory * world.memory(machine.workload, time)


class Samples:
    """Samples of `period` seconds that begin at its multiples and are published `lag` seconds after they end."""

    def __init__(self, clock: Clock, period: int, lag: float) -> None:
        self.clock, self.period, self.lag = clock, period, lag
        self._offsets = world.moments(period)

    def begins(self, life: Life, on: Sequence[str], start: float, end: float, now: float | None = None) -> list[int]:
        """Return when those from `start` to `end` begin that were taken in states `on` and are published `now`."""
        published = (self.clock.now() if now is None else now) - self.lag
        found: list[int] = []
        for since, until in life.spans(on):
            first = math.ceil(max(start, since) / self.period) * self.period
            found += range(first, math.floor(min(end, until, published)) - self.period + 1, self.period)
        return found

    def read(self, read: Read, machine: Machine, begin: int, *, counted: bool) -> float:
        """Return the mean over a sample; what is counted grows with the length of the period."""
        mean = math.fsum(read(machine, begin + offset) for offset in self._offsets) / len(self._offsets)
        return mean * self.period if counted else mean
