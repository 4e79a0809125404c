"""Runs operations to their end, over restarts and dead replicas: start, step, close.

The journal is the state: an operation is a row with an owner and a lease, a finished step is a row with its outcome. An
operation is run again from its begin by whoever owns it, and finished steps answer from their rows.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog
from novacron_providers.contract.clock import Clock

from novacron_server.operations.failpoint import failpoint
from novacron_server.state import journal
from novacron_server.state.connection import Connection
from novacron_server.state.errors import StoreUnavailable
from novacron_server.state.journal import Claimed, Intent, Outcome
from novacron_server.state.records import forget_records
from novacron_server.state.store import Store

_logger: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.operations")

T = TypeVar("T")

# Longest seconds between two sweeps; a cancel that came to another replica is seen at one.
SWEEP = 2.0
# Of a lease, how much is trusted: the rest is for the way of a request and for clocks that differ in speed.
SAFE_SHARE = 0.9
# Seconds that runs get to leave when the server stops.
LEAVE = 5.0
# Seconds that an ended operation is kept, and the record of a mutation, and between two looks for older ones.
KEPT, RECORD_KEPT, FORGET_EVERY = 30 * 24 * 3600.0, 365 * 24 * 3600.0, 3600.0
# Seconds between attempts to write what must be written.
RETRY_FIRST, RETRY_LAST = 0.1, 2.0


class Engine:
    """Owns operations for one process.

    Args:
        store: Where the journal is.
        clock: For how long ended operations and records are kept.
        replica: Name among the processes that share the database; empty when it is the only one, which then owns
            everything and needs no lease.
        lease: Seconds after which others take over what a silent replica owns; on the database's clock.
        run: Brings one operation to its end; may be cancelled at any point, and called again.
        cancel: Is told of an operation that was asked to stop.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        replica: str,
        lease: float,
        run: Callable[[Claimed], Awaitable[None]],
        cancel: Callable[[str], None],
    ) -> None:
        self._store, self._clock, self._lease = store, clock, lease
        self._run, self._cancel = run, cancel
        # New at each start: a frozen process with the same name is another owner.
        self.owner = f"{replica}:{uuid.uuid4().hex}"
        self._alone = not replica
        # Until when nobody can have taken over what this process owns, on _monotonic().
        self._safe = float("inf") if self._alone else 0.0
        self._running: dict[str, tuple[asyncio.Task[None], Claimed]] = {}
        self._starting: set[str] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._swept = asyncio.Event()
        self._forget_next = 0.0

    async def launch(self) -> int:
        """Take over what has no living owner and go on with it; returns how many operations those are."""
        if self._alone:
            await self._store.write(partial(journal.adopt, owner=self.owner, lease=self._lease, everything=True))
        recovered = await self._sweep()
        self._sweeper = asyncio.create_task(self._sweep_on(), name="operations sweeper")
        return recovered

    async def start(self, intent: Intent) -> bytes | None:
        """Write an operation down and run it; or give the body of the one that this request began before.

        Must not be cancelled between the two: shield it. Raises RequestIdReused, Busy, StoreUnavailable.
        """
        self._starting.add(intent.id)
        try:
            before = await self._store.write(partial(journal.begin, intent=intent, owner=self.owner, lease=self._lease))
            if before is not None:
                return before
            failpoint("intent")
            self._spawn(Claimed(id=intent.id, method=intent.method, request=intent.request, body=intent.body))
            return None
        finally:
            self._starting.discard(intent.id)

    async def step(self, operation: str, name: str, attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """The outcome of a step: from the journal when it is there, else of `attempt`, once it is kept.

        An attempt that raises has no outcome, and the step is run again by the next run.
        """
        outcomes = self.claimed(operation).outcomes
        if name in outcomes:
            return outcomes[name]
        failpoint(f"before:{name}")
        outcome = await attempt()
        failpoint(f"sent:{name}")
        kept = await self.durably(partial(journal.keep, owner=self.owner, id_=operation, name=name, outcome=outcome))
        if kept is None:
            self.lost(operation)
            raise asyncio.CancelledError("another replica owns the operation")
        self.claimed(operation).begun.discard(name)
        outcomes[name] = kept
        failpoint(f"kept:{name}")
        return kept

    async def begin_step(self, operation: str, name: str) -> None:
        """Write down that a step may be sent from now on."""
        if not await self.durably(partial(journal.begin_step, owner=self.owner, id_=operation, name=name)):
            self.lost(operation)
            raise asyncio.CancelledError("another replica owns the operation")
        self.claimed(operation).begun.add(name)
        failpoint(f"begun:{name}")

    def claimed(self, operation: str) -> Claimed:
        """What the journal holds of an operation that runs here."""
        return self._running[operation][1]

    async def may_send(self) -> None:
        """Return when it is certain that no other process runs what this one owns; ask before everything that is sent.

        A run that has lost its operation meanwhile is cancelled instead.
        """
        while _monotonic() > self._safe:
            self._swept.clear()
            await self._swept.wait()

    async def durably(self, work: Callable[[Connection], T]) -> T:
        """Write what must be written, however long the database fails."""
        delay = RETRY_FIRST
        while True:
            try:
                return await self._store.write(work)
            except StoreUnavailable as error:
                _logger.warning("waiting for the database", reason=error.message, seconds=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, RETRY_LAST)

    def lost(self, operation: str) -> None:
        """Stop running an operation that another process owns."""
        if operation in self._running:
            _logger.warning("another replica took the operation over", operation=operation)
            self._running[operation][0].cancel("another replica owns the operation")

    def ended(self, operation: str) -> None:
        """Hear that the end of an operation is in the journal; from then on nobody can take it over."""
        self._running.pop(operation, None)

    async def close(self) -> None:
        """Stop running; what is not done is left for the next start, or another replica at once."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
        tasks = [task for task, _ in self._running.values()]
        for task in tasks:
            task.cancel("the server stops")
        if tasks:
            _, slow = await asyncio.wait(tasks, timeout=LEAVE)
            if slow:
                _logger.warning("operations did not stop in time", operations=[task.get_name() for task in slow])
        try:
            await self._store.write(partial(journal.release, owner=self.owner))
        except StoreUnavailable as error:
            _logger.warning("leases end by themselves", reason=error.message)

    def _spawn(self, claimed: Claimed) -> None:
        task = asyncio.create_task(self._perform(claimed), name=claimed.id)
        self._running[claimed.id] = (task, claimed)

    async def _perform(self, claimed: Claimed) -> None:
        try:
            await self._run(claimed)
        except Exception:
            # Only what writes the end of an operation can raise here; the sweep runs it again.
            _logger.exception("the operation could not be brought to its end", operation=claimed.id)
        finally:
            self.ended(claimed.id)

    async def _sweep_on(self) -> None:
        while True:
            await asyncio.sleep(min(self._lease / 4, SWEEP))
            try:
                await self._sweep()
            except StoreUnavailable as error:
                # `_safe` runs out meanwhile, and nothing is sent.
                _logger.warning("leases were not renewed", reason=error.message)
            except Exception:
                _logger.exception("the sweep failed")

    async def _sweep(self) -> int:
        """Renew what is owned, take over what is abandoned, and see that exactly what is owned runs here.

        Gives how many operations it went on with.
        """
        running = set(self._running)
        asked = _monotonic()
        owned = await self._store.write(partial(_hold, owner=self.owner, lease=self._lease))
        if not self._alone:
            self._safe = asked + self._lease * SAFE_SHARE
        self._swept.set()
        for operation in running - owned.keys():
            self.lost(operation)
        for operation, cancel in owned.items():
            if cancel:
                self._cancel(operation)
        idle = [operation for operation in owned if operation not in self._running and operation not in self._starting]
        gone_on_with = 0
        if idle:
            for claimed in await self._store.read(partial(journal.load, owner=self.owner, ids=idle)):
                if claimed.id not in self._running:
                    self._spawn(claimed)
                    gone_on_with += 1
        if _monotonic() >= self._forget_next:
            self._forget_next = _monotonic() + FORGET_EVERY
            now = self._clock.time()
            await self._store.write(partial(journal.forget, before=now - KEPT))
            await self._store.write(partial(forget_records, before=now - RECORD_KEPT))
        return gone_on_with


def _hold(connection: Connection, owner: str, lease: float) -> dict[str, bool]:
    journal.adopt(connection, owner, lease)
    return journal.renew(connection, owner, lease)


def _monotonic() -> float:
    # CLOCK_MONOTONIC stands still while the machine is suspended; a lease does not.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
