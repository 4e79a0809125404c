"""Four times as much is asked as can be done: what can be done still is, the rest is refused at once."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

from novacron_client import Client

from tests.faults.proof import Form, Row, at_least, at_most
from tests.faults.stage import connected, stage
from tests.faults.workload import Calls, names_of, offer, read

DEADLINE, TIMES = 2.0, 4.0
# Callers who find out the peak; each asks again when it was answered.
CALLERS, FLEET = 16, 32
GOODPUT, REFUSED_WITHIN, GROWTH = 80.0, 0.05, 32.0
REFUSED = "PROVIDER_THROTTLED"


async def run(form: Form, folder: Path) -> Sequence[Row]:
    """Capacity is what AWS grants an account in a region, which is less than the server could do."""
    async with stage(("aws",), folder, seed=form.seed) as at, connected(at) as (server, client):
        await asyncio.to_thread(at.sandbox.seed, FLEET, cloud="aws")
        names = await names_of(client, "aws")
        # What AWS grants beyond its rate is used up first.
        await _closed(client, names, 3.0)
        peak = await _closed(client, names, form.overload)
        before = _memory(server.process.pid)
        calls = Calls()

        async def send(number: int) -> None:
            await read(client, names[number % len(names)], calls, deadline=DEADLINE)

        began = time.monotonic()
        await offer(send, per_second=TIMES * peak, until=began + form.overload)
        grown = _memory(server.process.pid) - before
    goodput = len(calls.good) / form.overload
    load = f"aws, {TIMES * peak:.0f} reads/s where {peak:.1f} can be had, {form.overload:g} s"
    print(f"{load}: {goodput:.1f} good/s, {calls.reasons()}, p99 of the good {calls.within(0.99):.2f} s")
    return [
        at_least("goodput in overload, of the peak", load, 100.0 * goodput / peak, GOODPUT, " %", timed=True),
        at_most("p99 of a refusal", load, 1000 * calls.within(0.99, REFUSED), 1000 * REFUSED_WITHIN, " ms", timed=True),
        at_most("memory that the server gained", load, grown, GROWTH, " MiB"),
    ]


async def _closed(client: Client, names: Sequence[str], seconds: float) -> float:
    """Callers who wait for each answer; how many good reads a second that gives."""
    calls, end = Calls(), time.monotonic() + seconds

    async def caller(number: int) -> None:
        turn = number
        while time.monotonic() < end:
            await read(client, names[turn % len(names)], calls, deadline=30.0)
            turn += CALLERS

    await asyncio.gather(*map(caller, range(CALLERS)))
    return len(calls.good) / seconds


def _memory(pid: int) -> float:
    """MiB that a process holds in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
