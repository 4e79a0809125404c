"""Regions of Google Cloud."""

from collections.abc import Mapping, Sequence
from typing import Any

from novacron.cloud.v1 import provider_pb2

from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.gcp.client import Client
from novacron_providers.kit.regions import KnownRegions

_PAGE = 500


def region_of(zone: str) -> str:
    """Region of a zone: "us-central1" of "us-central1-a"."""
    return zone.rpartition("-")[0]


class Regions(KnownRegions):
    """The regions of one project."""

    def __init__(self, client: Client, provider: str, chosen: Sequence[str], clock: Clock) -> None:
        super().__init__(provider, chosen, clock)
        self._client = client

    async def zones(self, region: str, call: Call) -> list[str]:
        """Zones of a region, sorted."""
        return _zones((await self.known(call)).get(region, {}))

    async def _ask(self, call: Call) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        token = ""
        while True:
            parameters: dict[str, str | int] = {"maxResults": _PAGE, **({"pageToken": token} if token else {})}
            answer = await self._client.read("regions.list", "regions", call, parameters, rate="list")
            found |= {raw["name"]: raw for raw in answer.get("items", ())}
            token = answer.get("nextPageToken", "")
            if not token:
                return found

    async def _region(self, name: str, raw: Any, call: Call) -> provider_pb2.Region:
        return provider_pb2.Region(available=raw.get("status", "UP") == "UP", zones=_zones(raw))


def _zones(raw: Any) -> list[str]:
    return sorted(link.rpartition("/")[2] for link in raw.get("zones") or [])
