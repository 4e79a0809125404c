"""Telemetry that a start does not wait for: what its columns are made of takes as long to import as gRPC."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from novacron.cloud.v1 import metrics_service_pb2 as pb
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock

from novacron_server.inventory.fleet import Fleet
from novacron_server.inventory.providers import Providers

if TYPE_CHECKING:
    from novacron_server.telemetry import Telemetry


class LateTelemetry:
    """Telemetry that is imported and made beside the first calls; those that need it wait for it.

    The methods are those of Telemetry.
    """

    def __init__(self, providers: Providers, fleet: Fleet, *, clock: Clock) -> None:
        self._providers, self._fleet, self._clock = providers, fleet, clock
        self._telemetry: Telemetry | None = None
        self._making: asyncio.Task[Telemetry] | None = None

    def make(self) -> None:
        """Begin, if nobody has needed it yet."""
        if self._making is None:
            self._making = asyncio.create_task(self._make())

    @property
    def open_streams(self) -> int:
        """Number of streams that are open now."""
        return self._telemetry.open_streams if self._telemetry else 0

    def inventory_changed(self, provider: str) -> None:
        """Instances of a provider came, went or changed."""
        # Before it is there nobody has asked, and it has nothing to list anew.
        if self._telemetry:
            self._telemetry.inventory_changed(provider)

    async def get_latest_metrics(self, request: pb.GetLatestMetricsRequest, call: Call) -> pb.GetLatestMetricsResponse:
        """Newest value of each series."""
        return await (await self._made()).get_latest_metrics(request, call)

    async def get_instance_stats(self, request: pb.GetInstanceStatsRequest, call: Call) -> pb.GetInstanceStatsResponse:
        """Statistics of one instance."""
        return await (await self._made()).get_instance_stats(request, call)

    async def list_instance_stats(
        self, request: pb.ListInstanceStatsRequest, call: Call
    ) -> pb.ListInstanceStatsResponse:
        """Statistics of many instances."""
        return await (await self._made()).list_instance_stats(request, call)

    async def query_metrics(self, request: pb.QueryMetricsRequest, call: Call) -> pb.QueryMetricsResponse:
        """History on one grid."""
        return await (await self._made()).query_metrics(request, call)

    async def stream_metrics(self, request: pb.StreamMetricsRequest, call: Call) -> AsyncGenerator[bytes, None]:
        """Serialised StreamMetricsResponses."""
        async with aclosing((await self._made()).stream_metrics(request, call)) as responses:
            async for response in responses:
                yield response

    async def close(self) -> None:
        """Tell streams to end, give them a few seconds, and stop reading."""
        # One that nobody needed too: it is what refuses those who come now.
        await (await self._made()).close()

    async def _make(self) -> "Telemetry":
        kind = await asyncio.to_thread(_imported)
        self._telemetry = kind(self._providers, self._fleet, clock=self._clock)
        return self._telemetry

    async def _made(self) -> "Telemetry":
        if self._telemetry:
            return self._telemetry
        self.make()
        assert self._making
        # Shielded: a caller that leaves takes nothing away from the others.
        return await asyncio.shield(self._making)


def _imported() -> "type[Telemetry]":
    from novacron_server.telemetry import Telemetry

    return Telemetry
