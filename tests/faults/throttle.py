"""The clouds grant a quarter of what is wanted: everybody is served, if later."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from novacron_client import Client

from tests.faults.matrix import CLOUDS
from tests.faults.proof import Form, Row, at_least, at_most
from tests.faults.proxy import Bucket
from tests.faults.stage import Stage, connected, stage
from tests.faults.workload import Calls, names_of, read, read_all

# Callers at each cloud, and reads a second that they want together; each waits for its answer before it asks again.
CALLERS, WANTED = 16, 48.0
GRANTED = WANTED / 4
DEADLINE, SLOWEST = 30.0, 3.0
FLEET = 32


async def run(form: Form, folder: Path) -> Sequence[Row]:
    """A token bucket at each cloud, on the machine's own clock."""
    async with stage(CLOUDS, folder, seed=form.seed) as at, connected(at) as (_, client):
        found = await asyncio.gather(*(_cloud(at, client, cloud, form) for cloud in CLOUDS))
    return [row for rows in found for row in rows]


async def _cloud(at: Stage, client: Client, cloud: str, form: Form) -> list[Row]:
    proxy = at.proxies[cloud]
    await asyncio.to_thread(at.sandbox.seed, FLEET, cloud=cloud)
    names, calls = await names_of(client, cloud), Calls()
    await read_all(client, names, FLEET, workers=8)
    proxy.forget()
    await read_all(client, names, FLEET, workers=8)
    if cloud == "aws":
        # EC2 has a bucket for each action.
        proxy.buckets = {action: Bucket(GRANTED, GRANTED) for action in proxy.seen}
    else:
        requests = proxy.requests / FLEET * GRANTED
        proxy.buckets = {"*": Bucket(requests, requests)}
    proxy.forget()
    end = time.monotonic() + form.throttle

    async def caller(number: int) -> None:
        turn = number
        while (began := time.monotonic()) < end:
            await read(client, names[turn % len(names)], calls, deadline=DEADLINE)
            turn += CALLERS
            await asyncio.sleep(max(0.0, began + CALLERS / WANTED - time.monotonic()))

    await asyncio.gather(*map(caller, range(CALLERS)))
    throttled = 100.0 * proxy.faults["throttle"] / max(1, proxy.requests)
    load = f"{cloud}, {CALLERS} callers want {WANTED:g} reads/s, {GRANTED:g} are granted, {form.throttle:g} s"
    print(f"{load}: {calls.rate:.1f} reads/s, {throttled:.1f} % of requests throttled, {calls.reasons()}")
    return [
        at_least("calls that succeed under a throttle", load, calls.share, 100.0, " %"),
        at_most("p99 under a throttle", load, calls.within(0.99), SLOWEST, " s", timed=True),
    ]
