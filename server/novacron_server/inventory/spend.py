"""Keeps on record what reading metrics costs: a day's budget outlives restarts and is one for all replicas."""

import asyncio

import structlog
from novacron_providers.contract.clock import Clock

from novacron_server.inventory.providers import Providers
from novacron_server.state.errors import StoreUnavailable
from novacron_server.state.spend import add_spend
from novacron_server.state.store import Store

# Seconds between two looks at the record: so much later a replica knows what the others have spent, and so much is
# forgotten by a crash.
INTERVAL = 30.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.spend")


class Spend:
    """Writes down what the budgets of all providers have counted, and tells them what others have."""

    def __init__(self, store: Store, providers: Providers, clock: Clock) -> None:
        self._store, self._providers, self._clock = store, providers, clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read what this day has on record, and go on in the background."""
        await self._share()
        self._task = asyncio.create_task(self._run(), name="spend")

    async def close(self) -> None:
        """Write down the rest."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
            await self._share()

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(INTERVAL)
            await self._share()

    async def _share(self) -> None:
        budgets = {}
        for name in self._providers.names():
            registered = self._providers.get(name)
            if registered.metrics is not None:
                registered.budget.billed(registered.metrics)
                budgets[name] = registered.budget
        if not budgets:
            return
        day = next(iter(budgets.values())).day
        more = {name: budget.unrecorded for name, budget in budgets.items()}
        try:
            recorded = await add_spend(self._store, day, more)
        except StoreUnavailable as error:
            # Counted here all the same, and written down the next time.
            _log.warning("what metrics cost is not on record", reason=error.message)
            return
        for name, budget in budgets.items():
            budget.record(day, more[name], recorded[name])
