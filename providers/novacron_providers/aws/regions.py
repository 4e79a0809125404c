"""Regions of AWS: which there are, which the provider uses, and where a request looks."""

from collections.abc import Sequence

from novacron.cloud.v1 import provider_pb2, provider_service_pb2

from novacron_providers.aws.client import Client
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import ResourceName
from novacron_providers.kit.escape import to_struct
from novacron_providers.kit.pages import NativePage, read_page

# Seconds for which the list of enabled regions is good.
_FRESH = 600.0


class Regions:
    """The regions of one account.

    Args:
        client: The SDK.
        provider: Id of the provider.
        chosen: Regions to use; empty means every region that the account has enabled.
        clock: Where time comes from.
    """

    def __init__(self, client: Client, provider: str, chosen: Sequence[str], clock: Clock) -> None:
        self._client, self._provider, self._clock = client, provider, clock
        self._chosen = sorted(set(chosen))
        self._enabled: list[str] = []
        self._read_at = float("-inf")

    async def usable(self, call: Call) -> list[str]:
        """Regions to use, sorted."""
        if self._chosen:
            return self._chosen
        if self._clock.monotonic() >= self._read_at + _FRESH:
            answer = await self._client.call("ec2.DescribeRegions", self._client.home, call)
            self._enabled = sorted(region["RegionName"] for region in answer["Regions"])
            self._read_at = self._clock.monotonic()
        return self._enabled

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
        """Zones of a region that the account can use, sorted; raises what reading them raises."""
        answer = await self._client.call("ec2.DescribeAvailabilityZones", region, call)
        return sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])

    async def list_regions(
        self, request: provider_service_pb2.ListRegionsRequest, call: Call
    ) -> provider_service_pb2.ListRegionsResponse:
        """Implement ListRegions: also the regions that the account has not enabled, as not available."""
        observed = self._clock.time()
        answer = await self._client.call("ec2.DescribeRegions", self._client.home, call, {"AllRegions": True})
        raw = {region["RegionName"]: region for region in answer["Regions"]}
        titles = await self._client.region_titles()

        async def fetch(name: str, token: str, wanted: int) -> NativePage[provider_pb2.Region]:
            title = titles.get(name, "")
            region = provider_pb2.Region(
                name=str(ResourceName(self._provider, "regions", (name,))),
                native_id=name,
                display_name=title,
                available=raw[name].get("OptInStatus") != "not-opted-in",
                location=title[title.find("(") + 1 : -1] if title.endswith(")") else "",
            )
            if region.available:
                region.zones.extend(await self.zones(name, call))
            if request.include_provider_data:
                region.provider_data.CopyFrom(to_struct(raw[name]))
            region.observe_time.FromNanoseconds(round(observed * 1e9))
            return NativePage([region])

        names = sorted(raw.keys() & set(self._chosen) if self._chosen else raw)
        page = await read_page(request, self._provider, names, fetch)
        response = provider_service_pb2.ListRegionsResponse(
            regions=page.items, next_page_token=page.next_page_token, unreachable=page.unreachable
        )
        response.observe_time.FromNanoseconds(round(observed * 1e9))
        return response

    def _must_be_in(self, name: str, usable: Sequence[str], field: str) -> None:
        if name not in usable:
            raise InvalidArgument(f"{self._provider} uses no region {name!r}; it uses {', '.join(usable)}", field=field)
