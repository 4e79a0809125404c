"""SIGTERM while calls come in: health says NOT_SERVING before any call is turned away, and nothing is lost."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import grpc
import novacron_client
from grpc_health.v1 import health_pb2, health_pb2_grpc
from novacron.cloud.v1 import operations_service_pb2 as operations
from novacron_client import Client

from tests.faults import counts
from tests.faults.history import History
from tests.faults.proof import Form, Row, at_most, exactly
from tests.faults.stage import stage
from tests.faults.workload import Calls, change, offer, request_ids, timed

RATE = 20.0
# Calls a second, and which share of them makes a machine; seconds before and after the signal that they come.
PER_SECOND, EACH = 200.0, 40
BEFORE, AFTER = 0.6, 0.4
DRAINED = 30.0
# Ends of a call that say: not here, not any more. Every gRPC client may repeat both; CANCELLED none would.
AWAY = ("SERVER_SHUTTING_DOWN", "UNAVAILABLE")


async def run(form: Form, folder: Path) -> Sequence[Row]:
    """Each server is asked to stop while it has calls to answer and machines to make; the next one goes on."""
    history, calls = History(), Calls()
    ids = iter(request_ids(form.seed, "shutdown", 100 * form.terminations))
    early, statuses, slowest = 0, Counter[int](), 0.0
    async with stage(("aws",), folder, seed=form.seed, rate=RATE, boot_seconds=6) as at:
        address = f"unix:{folder / 'door'}"
        async with at.server(listen=address), novacron_client.connect(address) as client:
            await at.register(client)
        async with novacron_client.connect(address) as patient:
            made: list[asyncio.Future[object]] = []

            def make() -> None:
                made.append(asyncio.ensure_future(change(patient, at.create("aws", next(ids)), history)))

            for _ in range(form.terminations):
                async with at.server(listen=address) as server, novacron_client.connect(address) as client:
                    health = asyncio.create_task(_not_serving(address))
                    turn = Calls()
                    until = time.monotonic() + BEFORE + AFTER
                    load = asyncio.create_task(_load(client, turn, make, until))
                    await asyncio.sleep(BEFORE)
                    asked = time.monotonic()
                    statuses[await server.terminate()] += 1
                    slowest = max(slowest, time.monotonic() - asked)
                    told = await health
                    await load
                turned_away = [call.began + call.seconds for call in turn.all if call.reason]
                early += told is None or any(when < told for when in turned_away)
                calls.all += turn.all
            async with at.server(listen=address):
                await asyncio.gather(*made)
        effects = Counter(made.request for made in await asyncio.to_thread(counts.made, at.sandbox, "aws"))
    verdict = history.check(effects)
    load_text = f"aws, {form.terminations} x SIGTERM at {PER_SECOND:g} calls/s, {len(history.entries)} machines"
    strange = {reason: count for reason, count in calls.reasons().items() if reason not in AWAY}
    print(f"{load_text}: {len(calls):,} calls, {calls.reasons()}, {history.outcomes()}, {dict(statuses)}")
    return [
        exactly("operations lost or made twice", load_text, len(verdict.wrong) + _failed(history), 0),
        exactly("calls that failed otherwise than by the stop", load_text, sum(strange.values()), 0),
        exactly("stops of which health did not tell first", load_text, early, 0),
        exactly("stops with status 0", load_text, statuses[0], form.terminations),
        at_most("longest stop", load_text, slowest, DRAINED, " s", timed=True),
    ]


def _failed(history: History) -> int:
    return len(history.entries) - history.outcomes().get("ok", 0)


async def _load(client: Client, calls: Calls, make: Callable[[], None], until: float) -> None:
    """Reads of what the server itself knows, and every so often a machine."""
    request = operations.ListOperationsRequest(parent="providers/aws", page_size=1)

    async def send(number: int) -> None:
        if number % EACH == 0:
            make()
        await timed(client.operations.ListOperations(request, timeout=10), calls)

    await offer(send, per_second=PER_SECOND, until=until)


async def _not_serving(address: str) -> float | None:
    """When health said NOT_SERVING; None when the server went away without it."""
    async with grpc.aio.insecure_channel(address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        try:
            async for answer in watch:
                if answer.status == health_pb2.HealthCheckResponse.NOT_SERVING:
                    return time.monotonic()
        except grpc.aio.AioRpcError:
            return None
    return None
