"""Regions of an account: which are used, how long they are known, what a list says of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract import Call
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.filters import Filter
from novacron_providers.kit.regions import FRESH, KnownRegions

from tests.unit.providers.skipping_clock import SkippingClock

CALL = Call(principal="tester")


class Regions(KnownRegions):
    """A cloud with two regions, and one more that is only listed."""

    def __init__(self, chosen: Sequence[str] = ()) -> None:
        self.clock, self.asked_for = SkippingClock(), 0
        super().__init__("toy", chosen, self.clock)

    async def _ask(self, call: Call) -> Mapping[str, Any]:
        self.asked_for += 1
        return {"north": {"place": "Oslo"}, "south": {"place": "Rome"}}

    async def _ask_all(self, call: Call) -> Mapping[str, Any]:
        return {**await self.read(call), "west": {}}

    async def _region(self, name: str, raw: Any, call: Call) -> provider_pb2.Region:
        return provider_pb2.Region(location=raw.get("place"), available=bool(raw))


async def test_what_the_cloud_has_is_used_unless_regions_are_chosen() -> None:
    assert await Regions().usable(CALL) == ["north", "south"]
    chosen = Regions(["south", "south"])
    assert await chosen.usable(CALL) == ["south"]
    assert chosen.asked_for == 0


async def test_regions_are_known_for_a_while_and_then_read_again() -> None:
    regions = Regions()
    for _ in range(2):
        await regions.usable(CALL)
    assert regions.asked_for == 1
    regions.clock.now += FRESH
    await regions.usable(CALL)
    assert regions.asked_for == 2


@pytest.mark.parametrize(
    ("names", "text", "found"),
    [
        ([], "", ["north", "south"]),
        (["south"], "", ["south"]),
        ([], 'region = "north"', ["north"]),
        (["south"], 'region = "north"', []),
    ],
)
async def test_a_list_looks_where_it_is_told_to(names: list[str], text: str, found: list[str]) -> None:
    query = Filter.parse(text, compute_pb2.Instance)
    assert await Regions().asked(names, query, CALL) == found


async def test_a_region_that_is_not_used_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument, match="toy uses no region 'east'; it uses north, south") as caught:
        await Regions().check("east", "spec.region", CALL)
    assert [violation.field for violation in caught.value.violations] == ["spec.region"]
    with pytest.raises(InvalidArgument) as caught:
        await Regions().asked(["east"], Filter.parse("", compute_pb2.Instance), CALL)
    assert [violation.field for violation in caught.value.violations] == ["regions"]


async def test_a_list_has_names_times_and_the_clouds_own_words() -> None:
    regions = Regions()
    answer = await regions.list_regions(pb.ListRegionsRequest(parent="providers/toy", include_provider_data=True), CALL)
    assert [(one.name, one.native_id, one.available) for one in answer.regions] == [
        ("providers/toy/regions/north", "north", True),
        ("providers/toy/regions/south", "south", True),
        ("providers/toy/regions/west", "west", False),
    ]
    assert dict(answer.regions[0].provider_data) == {"place": "Oslo"}
    assert {one.observe_time.seconds for one in answer.regions} == {int(regions.clock.time())}
    chosen = await Regions(["south"]).list_regions(pb.ListRegionsRequest(parent="providers/toy"), CALL)
    assert [one.native_id for one in chosen.regions] == ["south"]
    assert not chosen.regions[0].HasField("provider_data")
