"""Telemetry that a start does not wait for: what its columns are made of takes as long to import as gRPC."""

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

from novacron_providers.contract.clock import Clock

from novacron_server.inventory.fleet import Fleet
from novacron_server.inventory.providers import Providers

if TYPE_CHECKING:
    from novacron_server.telemetry.service import Telemetry


class LateTelemetry:
    """Imports and makes Telemetry beside the first calls; those that need it wait for it.

    Attributes:
        answers: The methods of Telemetry that are RPCs.
    """

    answers: Collection[str] = frozenset(
        {"get_instance_stats", "get_latest_metrics", "list_instance_stats", "query_metrics", "stream_metrics"}
    )

    def __init__(self, providers: Providers, fleet: Fleet, *, clock: Clock) -> None:
        self._providers, self._fleet, self._clock = providers, fleet, clock
        self._telemetry: Telemetry | None = None
        self._making: asyncio.Task[Telemetry] | None = None

    def make(self) -> "asyncio.Task[Telemetry]":
        """Begin, if nobody has needed it yet."""
        if self._making is None:
            self._making = asyncio.create_task(self._make())
        return self._making

    async def made(self) -> "Telemetry":
        """Telemetry itself, as soon as it is there."""
        # Shielded: a caller that leaves takes nothing away from the others.
        return await asyncio.shield(self.make())

    @property
    def open_streams(self) -> int:
        """Number of streams that are open now."""
        return self._telemetry.open_streams if self._telemetry else 0

    def inventory_changed(self, provider: str) -> None:
        """Instances of a provider came, went or changed."""
        if self._telemetry:
            self._telemetry.inventory_changed(provider)
        else:
            # Watchers of resources read the same lists, and may have come before it.
            self._fleet.changed(provider)

    async def close(self) -> None:
        """Tell streams to end, give them a few seconds, and stop reading."""
        # One that nobody needed too: it is what refuses those who come now.
        await (await self.made()).close()

    async def _make(self) -> "Telemetry":
        kind = await asyncio.to_thread(_imported)
        self._telemetry = kind(self._providers, self._fleet, clock=self._clock)
        return self._telemetry


def _imported() -> "type[Telemetry]":
    from novacron_server.telemetry.service import Telemetry

    return Telemetry
