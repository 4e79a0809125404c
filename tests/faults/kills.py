"""The server is killed at each of its named points and at any other moment; every operation ends, with one effect."""

import asyncio
import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
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
# Servers side by side, each on a state of its own: a kill is mostly the start of the next server.
LANES = 2
# Machines that are begun while a server lives, and longest seconds until one without a failpoint is killed.
EACH, LONGEST = 3, 1.5
# Machines under way from which on a server is left in peace until all are made: one that takes up too many never comes
# to an end with any before it is killed again.
MOST = 30


async def run(form: Form, folder: Path) -> Sequence[Row]:
    """As many kills as there are named points are at these in turn, then as many when the dice say, and so on."""
    history = History()
    points = itertools.islice(itertools.cycle([*POINTS, *("" for _ in POINTS)]), form.kills)
    ids = iter(request_ids(form.seed, "kills", form.kills * EACH))
    async with stage(("aws",), folder, seed=form.seed, rate=RATE, boot_seconds=6) as at:
        lanes = [_Lane(at, number, history, ids, random.Random(f"{form.seed}/{number}")) for number in range(LANES)]
        async with asyncio.TaskGroup() as tasks:
            for lane in lanes:
                tasks.create_task(lane.run(points))
        effects = Counter(made.request for made in await asyncio.to_thread(counts.made, at.sandbox, "aws"))
    verdict = history.check(effects)
    load = (
        f"aws, {form.kills} kills: each of {len(POINTS)} named points in turn, then as many moments, seed {form.seed}"
    )
    watchers = [watcher for lane in lanes for watcher in lane.watchers]
    reached = set().union(*(lane.reached for lane in lanes))
    resumed = sum(watcher.resumed for watcher in watchers)
    print(f"{load}: {history.outcomes()}, {resumed} watches resumed")
    return [
        exactly("named points at which it died", load, len(reached), min(form.kills, len(POINTS))),
        exactly("operations made twice", load, len(verdict.twice) + len(verdict.strange), 0),
        exactly("operations lost", load, len(verdict.lost) + len(verdict.ghosts), 0),
        exactly("operations that did not succeed by themselves", load, len(history.entries) - _good(history), 0),
        exactly("watchers that missed something", load, sum(not watcher.right for watcher in watchers), 0),
        at_most("longest doubt of a caller", load, verdict.slowest, SETTLED_WITHIN, " s", timed=True),
        at_most("ready after a kill", load, max(lane.ready for lane in lanes), 5.0, " s", timed=True),
    ]


def _good(history: History) -> int:
    return history.outcomes().get("ok", 0)


class _Lane:
    """One server after the other on a state of its own, and a user who has machines made and watches each of them.

    Attributes:
        reached: Named points at which a server died.
        watchers: Of all that was begun.
        ready: Seconds until the last server was ready.
    """

    def __init__(self, at: Stage, number: int, history: History, ids: Iterator[str], dice: random.Random) -> None:
        self._at = replace(at, folder=at.folder / str(number))
        # An address that outlives the server.
        self._address = f"unix:{self._at.folder / 'door'}"
        self._history, self._ids, self._dice = history, ids, dice
        self._under_way: set[asyncio.Task[None]] = set()
        self.reached: set[str] = set()
        self.watchers: list[Watcher] = []
        self.ready = 0.0

    async def run(self, points: Iterator[str]) -> None:
        """Have servers die at these points, and all that was begun come to its end."""
        self._at.folder.mkdir()
        async with self._at.server(listen=self._address), novacron_client.connect(self._address) as client:
            await self._at.register(client)
        async with novacron_client.connect(self._address) as client, asyncio.TaskGroup() as tasks:
            begin = partial(self._begin, client, tasks)
            for point in points:
                if await self._kill(point, begin) and point:
                    self.reached.add(point)
                if len(self._under_way) > MOST:
                    print(f"{len(self._history.entries):,} machines: {self._history.outcomes()}", flush=True)
                    await self._peace()
            await self._peace()

    def _begin(self, client: Client, tasks: asyncio.TaskGroup) -> None:
        for request_id in itertools.islice(self._ids, EACH):
            task = tasks.create_task(self._one(client, request_id))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _one(self, client: Client, request_id: str) -> None:
        def begun(name: str) -> None:
            watcher = Watcher(client, name)
            self.watchers.append(watcher)
            watches.append(asyncio.ensure_future(watcher.follow()))

        watches: list[asyncio.Future[None]] = []
        await change(client, self._at.create("aws", request_id), self._history, begun=begun)
        await asyncio.gather(*watches)

    async def _kill(self, point: str, begin: Callable[[], None]) -> bool:
        """Start a server, begin something, and see it die at the point, or kill it; whether it died by itself."""
        settings = {"listen": self._address, **({"failpoint": point} if point else {})}
        try:
            async with self._at.server(**settings) as server:
                begin()
                try:
                    async with asyncio.timeout(20.0 if point else self._dice.uniform(0.0, LONGEST)):
                        return await server.process.wait() == -signal.SIGKILL
                except TimeoutError:
                    await server.kill()
                    return False
        except ServerEnded as error:
            # It died while it took up what was left; what was to begin is begun with the next one.
            begin()
            return error.status == -signal.SIGKILL

    async def _peace(self) -> None:
        """A server that lives until all has ended."""
        began = time.monotonic()
        async with self._at.server(listen=self._address):
            self.ready = time.monotonic() - began
            async with asyncio.timeout(2 * SETTLED_WITHIN):
                await asyncio.gather(*self._under_way)
