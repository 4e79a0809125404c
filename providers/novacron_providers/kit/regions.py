"""Regions of an account: which there are, which the provider uses, and where a request looks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from novacron.cloud.v1 import provider_pb2, provider_service_pb2

from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import ResourceName
from novacron_providers.kit.escape import to_struct
from novacron_providers.kit.pages import NativePage, read_page

# Seconds for which what was read of the regions is good.
FRESH = 600.0


class KnownRegions(ABC):
    """The regions of one account, by what the cloud says of each.

    Args:
        provider: Id of the provider.
        chosen: Regions to use; empty means every region that the account can use.
        clock: Where time comes from.
    """

    def __init__(self, provider: str, chosen: Sequence[str], clock: Clock) -> None:
        self._provider, self._clock = provider, clock
        self._chosen = sorted(set(chosen))
        self._found: Mapping[str, Any] = {}
        self._read_at = float("-inf")

    @abstractmethod
    async def _ask(self, call: Call) -> Mapping[str, Any]:
        """The cloud's words on each region that the account can use, by name."""

    async def _ask_all(self, call: Call) -> Mapping[str, Any]:
        """The same, with the regions that there are besides, where the cloud tells of them."""
        return await self.read(call)

    @abstractmethod
    async def _region(self, name: str, raw: Any, call: Call) -> provider_pb2.Region:
        """Translate what is particular to the cloud: display name, availability, place, zones."""

    async def read(self, call: Call) -> Mapping[str, Any]:
        """The cloud's words on each region, now; raises what reading them raises."""
        found = await self._ask(call)
        self._found, self._read_at = found, self._clock.monotonic()
        return found

    async def known(self, call: Call) -> Mapping[str, Any]:
        """The cloud's words on each region, at most FRESH seconds old."""
        fresh = self._clock.monotonic() < self._read_at + FRESH
        return self._found if fresh else await self.read(call)

    async def usable(self, call: Call) -> list[str]:
        """Regions to use, sorted."""
        return self._chosen or sorted(await self.known(call))

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

    async def list_regions(
        self, request: provider_service_pb2.ListRegionsRequest, call: Call
    ) -> provider_service_pb2.ListRegionsResponse:
        """Implement ListRegions."""
        observed = self._clock.time()
        found = await self._ask_all(call)

        async def fetch(name: str, token: str, wanted: int) -> NativePage[provider_pb2.Region]:
            region = await self._region(name, found[name], call)
            region.name, region.native_id = str(ResourceName(self._provider, "regions", (name,))), name
            if request.include_provider_data:
                region.provider_data.CopyFrom(to_struct(found[name]))
            region.observe_time.FromNanoseconds(round(observed * 1e9))
            return NativePage([region])

        names = sorted(found.keys() & set(self._chosen) if self._chosen else found)
        page = await read_page(request, self._provider, names, fetch)
        response = provider_service_pb2.ListRegionsResponse(
            regions=page.items, next_page_token=page.next_page_token, unreachable=page.unreachable
        )
        response.observe_time.FromNanoseconds(round(observed * 1e9))
        return response

    def _must_be_in(self, name: str, usable: Sequence[str], field: str) -> None:
        if name not in usable:
            raise InvalidArgument(f"{self._provider} uses no region {name!r}; it uses {', '.join(usable)}", field=field)
