"""Every cloud is out for a while: callers are told in time, clouds are not flooded, and all is well soon after."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from novacron_client import Client

from tests.faults.matrix import CLOUDS
from tests.faults.proof import Form, Row, at_least, at_most
from tests.faults.stage import Stage, connected, stage
from tests.faults.workload import Calls, names_of, offer, read

# Reads a second at each cloud: within what each of them publishes.
PER_SECOND = 16.0
DEADLINE, MARGIN = 5.0, 0.1
PER_CALL, AGAIN, SUCCESS = 1.25, 5.0, 99.9
FLEET = 32


async def run(form: Form, folder: Path) -> Sequence[Row]:
    """Refused, reset and hanging requests in turns, on the machine's own clock."""
    async with stage(CLOUDS, folder, seed=form.seed) as at, connected(at) as (_, client):
        found = await asyncio.gather(*(_cloud(at, client, cloud, form) for cloud in CLOUDS))
    return [row for rows in found for row in rows]


async def _cloud(at: Stage, client: Client, cloud: str, form: Form) -> list[Row]:
    proxy = at.proxies[cloud]
    await asyncio.to_thread(at.sandbox.seed, FLEET, cloud=cloud)
    names, calls = await names_of(client, cloud), Calls()

    async def send(number: int) -> None:
        await read(client, names[number % len(names)], calls, deadline=DEADLINE)

    # What is read once for all is known before.
    await asyncio.gather(*map(send, range(FLEET)))
    calls.all.clear()
    out, back = time.monotonic() + 2.0, time.monotonic() + 2.0 + form.outage
    load = asyncio.create_task(offer(send, per_second=PER_SECOND, until=back + AGAIN + max(5.0, form.outage / 4)))
    await asyncio.sleep(out - time.monotonic())
    proxy.outage = True
    before = proxy.requests
    await asyncio.sleep(back - time.monotonic())
    proxy.outage = False
    asked = proxy.requests - before
    await load
    during, after = calls.during(out, back), calls.during(back + AGAIN, float("inf"))
    what = f"{cloud}, {PER_SECOND:g} reads/s, all fail for {form.outage:g} s"
    late = [call for call in calls.all if call.reason and call.seconds > DEADLINE + MARGIN]
    healed = next((call.began - back for call in calls.during(back, float("inf")).all if not call.reason), float("inf"))
    print(
        f"{what}: {during.reasons()}, {len(during.good)} good, first good read {healed:.1f} s after, {after.reasons()}"
    )
    return [
        at_most("requests per call in an outage", what, asked / max(1, len(during)), PER_CALL),
        Row("errors later than deadline + 100 ms", what, f"{len(late)}", "0", not late, timed=True),
        at_least(f"success from {AGAIN:g} s after", what, after.share, SUCCESS, " %", timed=True),
    ]
