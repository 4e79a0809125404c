"""Reads of metrics, of which every fifth request meets a fault.

Google's monitoring speaks gRPC, before which the proxy cannot stand: the faults are the sandbox's own, ordered before
each read as often as the dice say.
"""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

from google.protobuf import duration_pb2
from novacron.cloud.v1 import metrics_pb2
from novacron.cloud.v1 import metrics_service_pb2 as pb
from novacron_client import Client
from novacron_providers.contract.clock import ScaledClock

from tests.faults.proof import Form, Row, at_least, at_most
from tests.faults.stage import Stage, connected, stage
from tests.faults.workload import Calls, timed

# What each cloud calls a read of values.
ACTIONS = {"aws": "GetMetricData", "azure": "MetricsBatch_Batch", "gcp": "timeSeries.list"}
KINDS = ("unavailable", "throttle", "reset", "html500")
SHARE = 0.2
SUCCESS, PER_CALL = 99.9, 1.35
# Clouds' own rates and back-off pass so much faster.
RATE = 20.0


async def run(form: Form, folder: Path) -> Sequence[Row]:
    """One read after the other at each cloud, the clouds side by side."""
    async with stage((*ACTIONS,), folder, seed=form.seed, rate=RATE) as at, connected(at) as (_, client):
        found = await asyncio.gather(*(_cloud(at, client, cloud, form) for cloud in ACTIONS))
    return [row for rows in found for row in rows]


async def _cloud(at: Stage, client: Client, cloud: str, form: Form) -> list[Row]:
    dice = random.Random(f"{form.seed}/{cloud}")
    await asyncio.to_thread(at.sandbox.seed, 3, cloud=cloud)
    # Once to know what has to be known.
    await _read(at, client, cloud)
    before = await _requests(at, cloud)
    calls, faults = Calls(), 0
    for _ in range(form.metrics):
        while dice.random() < SHARE:
            faults += 1
            await asyncio.to_thread(at.sandbox.fault, ACTIONS[cloud], dice.choice(KINDS), cloud=cloud)
        await timed(_read(at, client, cloud), calls)
        # What is left over when a call has been given up is not for the next one.
        await asyncio.to_thread(at.sandbox.mend, cloud=cloud)
    requests = await _requests(at, cloud) - before
    load = f"{cloud}, {form.metrics:,} reads of metrics, {faults:,} faults, seed {form.seed}"
    print(f"{load}: {requests:,} requests, failed {calls.reasons()}")
    return [
        at_least("reads of metrics that succeed", load, calls.share, SUCCESS, " %"),
        at_most("requests per read of metrics", load, requests / form.metrics, PER_CALL),
    ]


async def _read(at: Stage, client: Client, cloud: str) -> None:
    """The last hour, of which nothing may come from a cache."""
    request = pb.QueryMetricsRequest(
        parent=f"providers/{cloud}",
        selector=metrics_pb2.MetricSelector(metrics=["cloud.instance.cpu.utilization"]),
        max_staleness=duration_pb2.Duration(),
        period=duration_pb2.Duration(seconds=300),
    )
    request.start_time.FromSeconds(int(ScaledClock(at.origin, at.rate).time()) - 3600)
    await client.metrics.QueryMetrics(request, timeout=30)


async def _requests(at: Stage, cloud: str) -> int:
    state = await asyncio.to_thread(at.sandbox.state, cloud=cloud)
    return int(state["calls"].get(ACTIONS[cloud], 0))
