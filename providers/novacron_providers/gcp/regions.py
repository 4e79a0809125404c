"""Regions of Google Cloud: which there are, which the provider uses, and where a request looks."""

from collections.abc import Sequence
from typing import Any

from novacron.cloud.v1 import provider_pb2, provider_service_pb2

from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import ResourceName
from novacron_providers.gcp.client import Client
from novacron_providers.kit.escape import to_struct
from novacron_providers.kit.pages import NativePage, read_page

# Seconds for which the list of regions is good.
_FRESH = 600.0
_PAGE = 500


def region_of(zone: str) -> str:
    """Region of a zone: "us-central1" of "us-central1-a"."""
    return zone.rpartition("-")[0]


class Regions:
    """The regions of one project.

    Args:
        client: The SDK.
        provider: Id of the provider.
        chosen: Regions to use; empty means every region that the project has.
        clock: Where time comes from.
    """

    def __init__(self, client: Client, provider: str, chosen: Sequence[str], clock: Clock) -> None:
        self._client, self._provider, self._clock = client, provider, clock
        self._chosen = sorted(set(chosen))
        self._found: dict[str, Any] = {}
        self._read_at = float("-inf")

    async def usable(self, call: Call) -> list[str]:
        """Regions to use, sorted."""
        return self._chosen or sorted(await self._known(call))

    async def asked(self, names: Sequence[str], query: Filter, call: Call) -> list[str]:
        """Regions that a list looks in: those it names, else all usable ones; of these, those its filter allows.

        Raises InvalidArgument, naming "regions".
        """
        usable = await self.usable(call)
        for name in names:
            self._must_be_in(name, usable, "regions")
        allowed = {value for path, operator, value in query.conditions if (path, operator) == ("region", "=")}
        wanted = set(names or usable)
        return sorted(wanted & allowed if allowed else wanted)

    async def check(self, name: str, field: str, call: Call) -> None:
        """Raise InvalidArgument, naming `field`, unless it is a usable region."""
        self._must_be_in(name, await self.usable(call), field)

    async def zones(self, region: str, call: Call) -> list[str]:
        """Zones of a region, sorted."""
        return _zones((await self._known(call)).get(region, {}))

    async def read(self, call: Call) -> dict[str, Any]:
        """Google's words on each region, now; raises what reading them raises."""
        found: dict[str, Any] = {}
        token = ""
        while True:
            parameters: dict[str, str | int] = {"maxResults": _PAGE, **({"pageToken": token} if token else {})}
            answer = await self._client.read("regions.list", "regions", call, parameters, rate="list")
            found |= {raw["name"]: raw for raw in answer.get("items", ())}
            token = answer.get("nextPageToken", "")
            if not token:
                break
        self._found, self._read_at = found, self._clock.monotonic()
        return found

    async def list_regions(
        self, request: provider_service_pb2.ListRegionsRequest, call: Call
    ) -> provider_service_pb2.ListRegionsResponse:
        """Implement ListRegions."""
        observed = self._clock.time()
        found = await self.read(call)

        async def fetch(name: str, token: str, wanted: int) -> NativePage[provider_pb2.Region]:
            raw = found[name]
            region = provider_pb2.Region(
                name=str(ResourceName(self._provider, "regions", (name,))),
                native_id=name,
                available=raw.get("status", "UP") == "UP",
                zones=_zones(raw),
            )
            if request.include_provider_data:
                region.provider_data.CopyFrom(to_struct(raw))
            region.observe_time.FromNanoseconds(round(observed * 1e9))
            return NativePage([region])

        names = sorted(found.keys() & set(self._chosen) if self._chosen else found)
        page = await read_page(request, self._provider, names, fetch)
        response = provider_service_pb2.ListRegionsResponse(
            regions=page.items, next_page_token=page.next_page_token, unreachable=page.unreachable
        )
        response.observe_time.FromNanoseconds(round(observed * 1e9))
        return response

    async def _known(self, call: Call) -> dict[str, Any]:
        fresh = self._clock.monotonic() < self._read_at + _FRESH
        return self._found if fresh else await self.read(call)

    def _must_be_in(self, name: str, usable: Sequence[str], field: str) -> None:
        if name not in usable:
            raise InvalidArgument(f"{self._provider} uses no region {name!r}; it uses {', '.join(usable)}", field=field)


def _zones(raw: Any) -> list[str]:
    return sorted(link.rpartition("/")[2] for link in raw.get("zones") or [])
