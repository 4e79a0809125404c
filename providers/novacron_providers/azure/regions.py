"""Regions of Azure."""

from collections.abc import Mapping, Sequence
from typing import Any

from novacron.cloud.v1 import provider_pb2

from novacron_providers.azure.client import SUBSCRIPTIONS, Client
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.kit.regions import KnownRegions


class Regions(KnownRegions):
    """The regions of one subscription."""

    def __init__(self, client: Client, provider: str, chosen: Sequence[str], clock: Clock) -> None:
        super().__init__(provider, chosen, clock)
        self._client = client

    async def zones(self, region: str, call: Call) -> list[str]:
        """Zones of a region, "1" to "3" as this subscription counts them; empty where there are none."""
        return _zones((await self.known(call)).get(region, {}))

    async def _ask(self, call: Call) -> Mapping[str, Any]:
        found = await self._client.pages(f"/subscriptions/{self._client.subscription}/locations", SUBSCRIPTIONS, call)
        # "Logical" ones are groups of regions, where nothing can be made.
        physical = [raw for raw in found if raw.get("metadata", {}).get("regionType", "Physical") == "Physical"]
        return {raw["name"]: raw for raw in physical}

    async def _region(self, name: str, raw: Any, call: Call) -> provider_pb2.Region:
        return provider_pb2.Region(
            display_name=raw.get("displayName"),
            available=True,
            location=raw.get("metadata", {}).get("physicalLocation"),
            zones=_zones(raw),
        )


def _zones(raw: Any) -> list[str]:
    return sorted(mapping["logicalZone"] for mapping in raw.get("availabilityZoneMappings") or [])
