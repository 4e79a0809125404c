"""The world behind the clouds: what a machine's workload makes it do at any moment.

A pure function of the machine's id, its size and the time, so nothing is stored, the past is as easy as the present and
two runs agree to the last digit. Requests drive it: a machine that serves more of them receives and sends more, works
more and touches its disk more, which is why its metrics move together.
"""

import math
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

_DAY = 86400.0
_MASK = (1 << 64) - 1


class Activity(NamedTuple):
    """What one machine does at one moment. Rates are per second; cpu is the share of all its cores, 0 to 1."""

    cpu: float
    received_bytes: float
    sent_bytes: float
    received_packets: float
    sent_packets: float
    read_bytes: float
    written_bytes: float
    read_operations: float
    write_operations: float


class Workload(NamedTuple):
    """The personality of a machine: what its id decides once and for all."""

    seed: int
    idle: float  # cpu share with no requests at all
    mean: float  # load on an average hour, 0 to 1
    daily: float  # how much of the load comes and goes with the day
    peak: float  # second of the day with the most load
    waves: tuple[tuple[float, float, float], ...]  # (amplitude, period in seconds, phase)
    burst_chance: float  # of a burst in any slot
    burst_slot: float  # seconds
    request_bytes: float  # received for one request
    reply_factor: float  # sent bytes for each one received
    cache_hits: float  # share of reads that never reach the disk
    flush_seconds: float  # between two write-backs to disk


def activity(machine: str, vcpus: int, time: float) -> Activity:
    """Return what the machine does at that time (seconds since 1970): the same for the same three, never below zero."""
    return _activity(machine, vcpus, time)


def demand(machine: str, time: float) -> float:
    """Return how busy its users keep the machine over the hours (0 to 1), without bursts and noise."""
    work = _workload(machine)
    day = math.cos((time - work.peak) / _DAY * math.tau)
    return min(1.0, max(0.0, work.mean * (1.0 + work.daily * day)))


def memory(machine: str, time: float) -> float:
    """Return the share of its memory that is in use (0 to 1): a base, and what its users need over the hours."""
    return 0.25 + 0.2 * _chance(_workload(machine).seed, 97) + 0.5 * demand(machine, time)


def moments(period: int) -> list[float]:
    """Return the seconds after the start of a metric's period at which clouds look at a machine.

    The middle of each of its minutes, so that means over five minutes agree whatever a cloud's own period is; of a
    period that is not made of minutes, its middle.
    """
    if period % 60:
        return [period / 2]
    return [minute + 30.0 for minute in range(0, period, 60)]


@lru_cache(maxsize=65536)
def _activity(machine: str, vcpus: int, time: float) -> Activity:
    work = _workload(machine)
    second = math.floor(time)
    load = demand(machine, time)
    for amplitude, period, phase in work.waves:
        load += work.mean * amplitude * math.sin(time / period * math.tau + phase)
    load += _burst(work, time)
    load *= 1.0 + 0.12 * (_chance(work.seed, second) - 0.5)
    load = min(1.0, max(0.01, load))

    requests = 400.0 * vcpus * load
    received = requests * work.request_bytes * (0.9 + 0.2 * _chance(work.seed ^ 0xA1, second))
    sent = received * work.reply_factor * (0.9 + 0.2 * _chance(work.seed ^ 0xB2, second))
    read_operations = requests * (1.0 - work.cache_hits) * (0.8 + 0.4 * _chance(work.seed ^ 0xC3, second))
    since_flush = (time + work.seed % 997) % work.flush_seconds
    write_operations = requests * 0.08 * (0.4 + 4.0 * math.exp(-since_flush / 3.0))
    cpu = work.idle + (1.0 - work.idle) * load * (0.94 + 0.06 * math.sin(time / 17.0 + work.peak))
    return Activity(
        cpu=min(1.0, max(0.0, cpu)),
        received_bytes=received,
        sent_bytes=sent,
        received_packets=received / 620.0,
        sent_packets=sent / 880.0,
        read_bytes=read_operations * 16384.0,
        written_bytes=write_operations * 24576.0,
        read_operations=read_operations,
        write_operations=write_operations,
    )


@lru_cache(maxsize=32768)
def _workload(machine: str) -> Workload:
    seed = int.from_bytes(blake2b(machine.encode(), digest_size=8).digest(), "big")
    draws = iter([_chance(seed, n) for n in range(32)])

    def between(low: float, high: float) -> float:
        return low + (high - low) * next(draws)

    return Workload(
        seed=seed,
        idle=between(0.005, 0.03),
        mean=between(0.08, 0.5),
        daily=between(0.15, 0.6),
        peak=between(0.3, 0.9) * _DAY,
        waves=(
            (between(0.10, 0.25), between(600, 2400), between(0, math.tau)),
            (between(0.05, 0.18), between(70, 300), between(0, math.tau)),
            (between(0.03, 0.10), between(11, 40), between(0, math.tau)),
        ),
        burst_chance=between(0.03, 0.18),
        burst_slot=between(90, 240),
        request_bytes=between(700, 4200),
        reply_factor=between(0.6, 6.0),
        cache_hits=between(0.75, 0.97),
        flush_seconds=between(20, 60),
    )


def _burst(work: Workload, time: float) -> float:
    """A steep rise and a slow fall within one slot; most slots have none."""
    slot, inside = divmod(time, work.burst_slot)
    if _chance(work.seed ^ 0xD4, int(slot)) > work.burst_chance:
        return 0.0
    height = 0.15 + 0.6 * _chance(work.seed ^ 0xE5, int(slot))
    share = inside / work.burst_slot
    return height * (share / 0.15 if share < 0.15 else (1.0 - share) / 0.85)


def _chance(seed: int, index: int) -> float:
    """An even draw from 0 to 1 that depends on nothing but the two numbers (splitmix64)."""
    x = (seed + index * 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return (x ^ (x >> 31)) / 2.0**64
