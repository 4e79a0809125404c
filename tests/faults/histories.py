"""Everything at once for a while: faults on the wire, a server that is killed, and a history that is checked.

Of 288 calls one makes a machine, one repeats a request that was made before, and the others read operations.
"""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import grpc
import novacron_client
from novacron.cloud.v1 import operations_service_pb2 as operations
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client

from tests.faults import counts
from tests.faults.history import SETTLED_WITHIN, History
from tests.faults.proof import Form, Row, at_most, exactly
from tests.faults.proxy import DEFINITE, mix
from tests.faults.stage import Stage, stage
from tests.faults.workload import AWAY, change, offer, request_ids

# Calls a second that are begun, and of how many one makes a machine; seconds that a server lives. AWS grants 2 launches
# a second: half of that is used, repeats apart, so that nobody is in doubt for want of a turn.
PER_SECOND, EACH, LIFE = 300.0, 288, 8.0
# Requests that meet a fault that heals, and one that does not.
TRANSIENT_SHARE, DEFINITE_SHARE = 0.2, 0.05


async def run(form: Form, folder: Path) -> Sequence[Row]:
    """Each server is killed at a moment of its own; the last one brings everything to its end."""
    dice = random.Random(form.seed)
    async with stage(("aws",), folder, seed=form.seed, boot_seconds=1) as at:
        address = f"unix:{folder / 'door'}"
        async with at.server(listen=address), novacron_client.connect(address) as client:
            await at.register(client)
        at.proxies["aws"].mix = {**mix(TRANSIENT_SHARE), **mix(DEFINITE_SHARE, DEFINITE)}
        async with novacron_client.connect(address) as client:
            user = _User(at, client, form)
            until = time.monotonic() + form.history
            load = asyncio.create_task(offer(user.send, per_second=PER_SECOND, until=until))
            kills = 0
            while time.monotonic() < until:
                async with at.server(listen=address) as server:
                    lives = min(LIFE * dice.uniform(0.5, 1.0), until - time.monotonic())
                    await asyncio.sleep(max(0.0, lives))
                    await server.kill()
                    kills += 1
            async with at.server(listen=address):
                await load
        effects = Counter(made.request for made in await asyncio.to_thread(counts.made, at.sandbox, "aws"))
    verdict = user.history.check(effects, seconds=form.history)
    what = (
        f"aws, {len(user.history.entries):,} machines and {user.history.reads:,} other calls, "
        f"{verdict.rate:.0f} a second, {TRANSIENT_SHARE + DEFINITE_SHARE:.0%} faults, {kills} kills, "
        f"seed {form.seed}"
    )
    print(f"{what}: {user.history.outcomes()}, faults {dict(at.proxies['aws'].faults)}")
    rows = [
        exactly("OK without exactly one effect", what, len(verdict.lost) + len(verdict.twice), 0),
        exactly("definite errors with an effect", what, len(verdict.ghosts), 0),
        exactly("effects of no request", what, len(verdict.strange), 0),
        exactly("unknown for more than 60 s", what, len(verdict.unsettled), 0),
        exactly("reads that went back in time, or repeats that found another operation", what, len(user.wrong), 0),
        at_most("longest doubt of a caller", what, verdict.slowest, SETTLED_WITHIN, " s", timed=True),
    ]
    # A finding stands however slow the run was; that there is none says something only if enough has happened.
    return [replace(row, kept=None) if verdict.void and row.kept else row for row in rows]


class _User:
    """Makes machines, repeats requests and reads operations, and notes what cannot be."""

    def __init__(self, at: Stage, client: Client, form: Form) -> None:
        self._at, self._client = at, client
        self._ids = request_ids(form.seed, "history", math.ceil(form.history * PER_SECOND / EACH))
        self._dice = random.Random(f"{form.seed}/history")
        self._names: dict[str, str] = {}
        self._revisions: Counter[str] = Counter()
        self.history = History()
        self.wrong: list[str] = []

    async def send(self, number: int) -> None:
        """The call of this number."""
        turn = number % EACH
        if turn == 0:
            request_id = self._ids[number // EACH]
            await change(
                self._client,
                self._at.create("aws", request_id),
                self.history,
                begun=lambda name: self._names.update({request_id: name}),
            )
        elif self._names:
            request_id = self._dice.choice([*self._names][-200:])
            await (self._repeat(request_id) if turn == EACH // 2 else self._read(self._names[request_id]))

    async def _repeat(self, request_id: str) -> None:
        try:
            answer: pb.CreateInstanceResponse = await self._client.providers.CreateInstance(
                self._at.create("aws", request_id), timeout=10
            )
        except grpc.aio.AioRpcError as error:
            self._look(error)
        else:
            self.history.reads += 1
            if answer.operation.name != self._names[request_id]:
                self.wrong.append(request_id)

    async def _read(self, name: str) -> None:
        seen = self._revisions[name]
        try:
            answer = await self._client.operations.GetOperation(operations.GetOperationRequest(name=name), timeout=10)
        except grpc.aio.AioRpcError as error:
            self._look(error)
        else:
            self.history.reads += 1
            if answer.operation.revision < seen:
                self.wrong.append(name)
            self._revisions[name] = max(self._revisions[name], answer.operation.revision)

    def _look(self, error: grpc.aio.AioRpcError) -> None:
        """A server that is away is no news; anything else is."""
        if error.code() not in AWAY:
            raise error
