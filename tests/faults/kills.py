"""The server is killed at each of its named points and at any other moment; every operation ends, with one effect."""

import asyncio
import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import novacron_client
from novacron_client import Client

from tests.faults import counts
from tests.faults.history import SETTLED_WITHIN, History
from tests.faults.proof import Form, Row, at_most, exactly
from tests.faults.stage import Stage, stage
from tests.faults.watching import Watcher
from tests.faults.workload import change, request_ids
from tests.servers import ServerEnded

# Where the server can be killed in CreateInstance on AWS. Only the launch changes something, and is begun on record.
STEPS, WHEN = ("check", "launch", "running"), ("before", "sent", "kept")
POINTS = ["intent", *(f"{when}:{step}" for step in STEPS for when in WHEN), "begun:launch"]
RATE = 20.0
# Machines that are begun while a server lives, and longest seconds until one without a failpoint is killed.
EACH, LONGEST = 3, 1.5
# Machines under way from which on a server is left in peace until all are made: one that takes up too many never comes
# to an end with any before it is killed again.
MOST = 30


async def run(form: Form, folder: Path) -> Sequence[Row]:
    """As many kills as there are named points are at these in turn, then as many when the dice say, and so on."""
    dice = random.Random(form.seed)
    history = History()
    async with stage(("aws",), folder, seed=form.seed, rate=RATE, boot_seconds=6) as at:
        # An address that outlives the server.
        address = f"unix:{folder / 'door'}"
        async with at.server(listen=address), novacron_client.connect(address) as client:
            await at.register(client)
        async with novacron_client.connect(address) as client, asyncio.TaskGroup() as tasks:
            user = _User(at, client, history, tasks)
            ids = iter(request_ids(form.seed, "kills", form.kills * EACH))
            reached: set[str] = set()
            for number, point in zip(
                range(form.kills), itertools.cycle([*POINTS, *("" for _ in POINTS)]), strict=False
            ):
                fresh = list(itertools.islice(ids, EACH))
                if await _kill(at, address, point, partial(user.make, fresh), dice) and point:
                    reached.add(point)
                if (number + 1) % 50 == 0:
                    print(f"{number + 1} kills, {history.outcomes()}", flush=True)
                if user.under_way > MOST:
                    await _peace(at, address, user)
            ready = await _peace(at, address, user)
        effects = Counter(made.request for made in await asyncio.to_thread(counts.made, at.sandbox, "aws"))
    verdict = history.check(effects)
    load = (
        f"aws, {form.kills} kills: each of {len(POINTS)} named points in turn, then as many moments, seed {form.seed}"
    )
    resumed = sum(watcher.resumed for watcher in user.watchers)
    print(f"{load}: {history.outcomes()}, {resumed} watches resumed")
    return [
        exactly("named points at which it died", load, len(reached), min(form.kills, len(POINTS))),
        exactly("operations made twice", load, len(verdict.twice) + len(verdict.strange), 0),
        exactly("operations lost", load, len(verdict.lost) + len(verdict.ghosts), 0),
        exactly("operations that did not succeed by themselves", load, len(history.entries) - _good(history), 0),
        exactly("watchers that missed something", load, sum(not watcher.right for watcher in user.watchers), 0),
        at_most("longest doubt of a caller", load, verdict.slowest, SETTLED_WITHIN, " s", timed=True),
        at_most("ready after a kill", load, ready, 5.0, " s", timed=True),
    ]


def _good(history: History) -> int:
    return history.outcomes().get("ok", 0)


class _User:
    """Has machines made and watches each of them, whatever becomes of the server."""

    def __init__(self, at: Stage, client: Client, history: History, tasks: asyncio.TaskGroup) -> None:
        self._at, self._client, self._history, self._tasks = at, client, history, tasks
        self._under_way: set[asyncio.Task[None]] = set()
        self.watchers: list[Watcher] = []

    def make(self, ids: Sequence[str]) -> None:
        """Begin with these."""
        for request_id in ids:
            task = self._tasks.create_task(self._one(request_id))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    @property
    def under_way(self) -> int:
        """Machines that were begun and have not ended."""
        return len(self._under_way)

    async def done(self) -> None:
        """Return when all that was begun has ended."""
        await asyncio.gather(*self._under_way)

    async def _one(self, request_id: str) -> None:
        def begun(name: str) -> None:
            watcher = Watcher(self._client, name)
            self.watchers.append(watcher)
            watches.append(asyncio.ensure_future(watcher.follow()))

        watches: list[asyncio.Future[None]] = []
        await change(self._client, self._at.create("aws", request_id), self._history, begun=begun)
        await asyncio.gather(*watches)


async def _kill(at: Stage, address: str, point: str, begin: Callable[[], None], dice: random.Random) -> bool:
    """Start a server, begin something, and see it die at the point, or kill it; whether it died by itself."""
    settings = {"listen": address, **({"failpoint": point} if point else {})}
    try:
        async with at.server(**settings) as server:
            begin()
            try:
                async with asyncio.timeout(20.0 if point else dice.uniform(0.0, LONGEST)):
                    return await server.process.wait() == -signal.SIGKILL
            except TimeoutError:
                await server.kill()
                return False
    except ServerEnded as error:
        # It died while it took up what was left; what was to begin is begun with the next one.
        begin()
        return error.status == -signal.SIGKILL


async def _peace(at: Stage, address: str, user: _User) -> float:
    """A server that lives until all has ended; after how many seconds it was ready."""
    begin = time.monotonic()
    async with at.server(listen=address):
        ready = time.monotonic() - begin
        async with asyncio.timeout(2 * SETTLED_WITHIN):
            await user.done()
    return ready
