"""Every fifth request meets a fault: nearly all calls succeed all the same, and nothing is made twice or lost."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.message import Message
from novacron.cloud.v1 import compute_pb2, operations_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client

from tests.faults import counts
from tests.faults.history import History
from tests.faults.proof import Form, Row, at_least, at_most, exactly
from tests.faults.proxy import mix
from tests.faults.stage import Stage, connected, stage
from tests.faults.workload import change, names_of, read_all, request_ids

CLOUDS = ("aws", "azure", "gcp")
SHARE = 0.2
SUCCESS, PER_CALL = 99.9, 1.35
# Clouds' own rates and back-off pass so much faster; attempts and deadlines are on the machine's clock.
RATE = 20.0
FLEET = 48
WORKERS = 16


async def run(form: Form, folder: Path) -> Sequence[Row]:
    """Reads, then machines that are made, stopped and deleted, at each cloud."""
    rows: list[Row] = []
    async with stage(CLOUDS, folder, seed=form.seed, rate=RATE, boot_seconds=4) as at, connected(at) as (_, client):
        for found in await asyncio.gather(*(_cloud(at, client, cloud, form) for cloud in CLOUDS)):
            rows += found
    return rows


async def _cloud(at: Stage, client: Client, cloud: str, form: Form) -> list[Row]:
    proxy = at.proxies[cloud]
    await asyncio.to_thread(at.sandbox.seed, FLEET, cloud=cloud)
    names = await names_of(client, cloud)
    # Once to know what has to be known, and once to see how many calls a read takes; one after the other, so that each
    # name has its own faults in each run.
    for _ in range(2):
        proxy.forget()
        await read_all(client, names, len(names), workers=1)
    usual = proxy.requests / len(names)
    proxy.mix = mix(SHARE)
    proxy.forget()
    reads = await read_all(client, names, round(form.calls / usual), workers=WORKERS)
    requests = proxy.requests
    print(f"{cloud}: {len(reads):,} reads, {reads.rate:.0f} a second, p99 {reads.within(0.99):.2f} s")
    print(f"{cloud}: faults {dict(proxy.faults)}, failed {reads.reasons()}")
    proxy.forget()
    history, later = History(), History()
    wanted = await _changes(at, client, cloud, form, history, later)
    proxy.mix = {}
    outcomes = Counter(history.outcomes()) + Counter(later.outcomes())
    print(f"{cloud}: {outcomes.total():,} changes, faults {dict(proxy.faults)}, {dict(outcomes)}")
    found = await asyncio.to_thread(counts.made, at.sandbox, cloud)
    verdict = history.check(Counter(made.request for made in found) | _gone(wanted))
    there = {made.request: made.state for made in found}
    wrong = [request for request, state in wanted.items() if there.get(request, "gone") != state]
    # Of a change only the requests that change something are counted, and not those that see how far it is.
    calls = round(len(reads) * usual) + len(proxy.changes)
    failed = len(reads) - len(reads.good) + outcomes.total() - outcomes["ok"]
    requests += proxy.changes.total()
    load = (
        f"{cloud}, {calls:,} calls in {len(reads):,} reads and {outcomes.total():,} changes "
        f"({form.creates} machines made, a third stopped, a third deleted), {SHARE:.0%} faults, seed {form.seed}"
    )
    return [
        at_least("idempotent calls that succeed", load, 100.0 * (calls - failed) / calls, SUCCESS, " %"),
        at_most("requests per call", load, requests / calls, PER_CALL),
        exactly("made twice", load, len(verdict.twice) + len(verdict.strange), 0),
        exactly("lost, or not as was told", load, len(verdict.lost) + len(verdict.ghosts) + len(wrong), 0),
    ]


async def _changes(
    at: Stage, client: Client, cloud: str, form: Form, history: History, later: History
) -> dict[str, str]:
    """Make the machines; gives in which state each has to be, by the request that made it.

    What is made is in `history`. Whether it was stopped or deleted is seen in its state, and told in `later`.
    """
    gate = asyncio.Semaphore(WORKERS)
    wanted: dict[str, str] = {}
    stops, deletes = (request_ids(form.seed, f"{cloud}/{what}", form.creates) for what in ("stop", "delete"))

    async def one(number: int, request_id: str) -> None:
        async with gate:
            operation = await change(client, at.create(cloud, request_id), history)
            if operation is None or operation.state != operations_pb2.OPERATION_STATE_SUCCEEDED:
                return
            wanted[request_id] = "running"
            instance = compute_pb2.Instance()
            operation.response.Unpack(instance)
            after: Message | None = None
            if number % 3 == 1:
                after = pb.StopInstanceRequest(name=instance.name, request_id=stops[number])
            if number % 3 == 2:
                after = pb.DeleteInstanceRequest(name=instance.name, request_id=deletes[number])
            told = None if after is None else await change(client, after, later)
            if told is not None and told.state == operations_pb2.OPERATION_STATE_SUCCEEDED:
                wanted[request_id] = "off" if number % 3 == 1 else "gone"

    await asyncio.gather(*(one(*pair) for pair in enumerate(request_ids(form.seed, f"{cloud}/create", form.creates))))
    return wanted


def _gone(wanted: dict[str, str]) -> Counter[str]:
    """Machines that were made and deleted, which not every cloud still tells of."""
    return Counter(request for request, state in wanted.items() if state == "gone")
