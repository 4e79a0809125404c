"""Regions of AWS."""

from collections.abc import Mapping, Sequence
from typing import Any

from novacron.cloud.v1 import provider_pb2

from novacron_providers.aws.client import Client
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.kit.regions import KnownRegions


class Regions(KnownRegions):
    """The regions of one account; those that it has enabled can be used, the others are listed as not available."""

    def __init__(self, client: Client, provider: str, chosen: Sequence[str], clock: Clock) -> None:
        super().__init__(provider, chosen, clock)
        self._client = client

    async def zones(self, region: str, call: Call) -> list[str]:
        """Zones of a region that the account can use, sorted; raises what reading them raises."""
        answer = await self._client.call("ec2.DescribeAvailabilityZones", region, call)
        return sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])

    async def _ask(self, call: Call) -> Mapping[str, Any]:
        answer = await self._client.call("ec2.DescribeRegions", self._client.home, call)
        return {region["RegionName"]: region for region in answer["Regions"]}

    async def _ask_all(self, call: Call) -> Mapping[str, Any]:
        answer = await self._client.call("ec2.DescribeRegions", self._client.home, call, {"AllRegions": True})
        return {region["RegionName"]: region for region in answer["Regions"]}

    async def _region(self, name: str, raw: Any, call: Call) -> provider_pb2.Region:
        title = (await self._client.region_titles()).get(name, "")
        available = raw.get("OptInStatus") != "not-opted-in"
        return provider_pb2.Region(
            display_name=title,
            available=available,
            location=title[title.find("(") + 1 : -1] if title.endswith(")") else "",
            zones=await self.zones(name, call) if available else (),
        )
