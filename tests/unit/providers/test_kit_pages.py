"""The pager of lists over regions."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from google.rpc import code_pb2
from hypothesis import given
from hypothesis import strategies as st
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract.errors import InvalidArgument, PageTokenInvalid, Unavailable
from novacron_providers.kit.pages import AT_ONCE, NativePage, Page, read_page


class Cloud:
    """Regions with items, in pages of the cloud's own size."""

    def __init__(self, regions: Mapping[str, Sequence[int]], native: int = 1000, least: int = 1) -> None:
        self.regions, self.native, self.least = regions, native, least
        self.fetched: list[tuple[str, str]] = []
        self.broken: dict[str, Exception] = {}
        self.now = self.most = 0

    async def fetch(self, region: str, token: str, wanted: int) -> NativePage[int]:
        self.fetched.append((region, token))
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        start = int(token or 0)
        if region in self.broken and start >= 0:
            raise self.broken[region]
        items = self.regions[region]
        stop = start + min(self.native, max(self.least, wanted))
        return NativePage(items[start:stop], str(stop) if stop < len(items) else "")


def listing(size: int, token: str = "", *, partial: bool = False) -> pb.ListInstancesRequest:
    return pb.ListInstancesRequest(
        parent="providers/aws", page_size=size, page_token=token, return_partial_success=partial
    )


async def all_pages(cloud: Cloud, sizes: Sequence[int], *, even: bool = False) -> list[Page[int]]:
    found: list[Page[int]] = []
    token = ""
    while token or not found:
        request = listing(sizes[len(found) % len(sizes)], token)
        keep = (lambda item: item % 2 == 0) if even else (lambda item: True)
        found.append(await read_page(request, "aws", sorted(cloud.regions), cloud.fetch, keep))
        assert len(found[-1].items) <= request.page_size
        assert len(found) < 1000
        token = found[-1].next_page_token
    return found


@given(
    counts=st.lists(st.integers(0, 12), min_size=0, max_size=12),
    native=st.integers(1, 7),
    least=st.integers(1, 5),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    even=st.booleans(),
)
def test_pages_joined_are_the_whole_list_in_order(
    counts: list[int], native: int, least: int, sizes: list[int], even: bool
) -> None:
    regions = {f"r{index:02}": [100 * index + n for n in range(count)] for index, count in enumerate(counts)}
    pages = asyncio.run(all_pages(Cloud(regions, native, least), sizes, even=even))
    expected = [item for region in sorted(regions) for item in regions[region] if not even or item % 2 == 0]
    assert [item for page in pages for item in page.items] == expected


async def test_two_pages_and_one_item() -> None:
    pages = await all_pages(Cloud({"us-east-1": range(201)}, native=100), [100])
    assert [len(page.items) for page in pages] == [100, 100, 1]


async def test_regions_are_read_at_once_but_not_all_of_them() -> None:
    cloud = Cloud({f"r{index:02}": [index] for index in range(20)})
    page = await read_page(listing(100), "aws", sorted(cloud.regions), cloud.fetch)
    assert page.items == list(range(20)) and not page.next_page_token
    assert 2 < cloud.most <= AT_ONCE


async def test_a_page_within_a_region_reads_no_other_ahead() -> None:
    cloud = Cloud({f"r{index}": range(30) for index in range(5)}, native=10)
    first = await read_page(listing(10), "aws", sorted(cloud.regions), cloud.fetch)
    cloud.fetched.clear()
    await read_page(listing(10, first.next_page_token), "aws", sorted(cloud.regions), cloud.fetch)
    assert cloud.fetched == [("r0", "10")]


async def test_a_region_that_fails_fails_the_list() -> None:
    cloud = Cloud({"r0": [0], "r1": [1], "r2": [2]})
    cloud.broken["r1"] = Unavailable("down")
    with pytest.raises(Unavailable):
        await read_page(listing(10), "aws", ["r0", "r1", "r2"], cloud.fetch)


async def test_a_partial_list_names_what_it_lacks() -> None:
    cloud = Cloud({"r0": [0], "r1": [1], "r2": [2]})
    cloud.broken["r1"] = Unavailable("down", retry_after=5.0)
    page = await read_page(listing(10, partial=True), "aws", ["r0", "r1", "r2"], cloud.fetch)
    assert page.items == [0, 2]
    (lacking,) = page.unreachable
    assert lacking.name == "providers/aws/regions/r1"
    assert (lacking.status.code, lacking.status.message) == (code_pb2.UNAVAILABLE, "down")


async def test_a_provider_of_which_nothing_can_be_read_is_named_itself() -> None:
    cloud = Cloud({"r0": [0], "r1": [1], "r2": [2]})
    cloud.broken["r1"] = cloud.broken["r2"] = Unavailable("down")
    page = await read_page(listing(1, partial=True), "aws", ["r0", "r1", "r2"], cloud.fetch)
    rest = await read_page(listing(1, page.next_page_token, partial=True), "aws", ["r0", "r1", "r2"], cloud.fetch)
    assert [u.name for u in rest.unreachable] == ["providers/aws/regions/r1", "providers/aws/regions/r2"]
    cloud.broken["r0"] = Unavailable("down")
    page = await read_page(listing(1, partial=True), "aws", ["r0", "r1", "r2"], cloud.fetch)
    assert [(u.name, u.status.message) for u in page.unreachable] == [("providers/aws", "down")]


async def test_a_request_that_is_wrong_is_wrong_everywhere() -> None:
    cloud = Cloud({"r0": [0]})
    cloud.broken["r0"] = InvalidArgument("no such filter", field="provider_options")
    with pytest.raises(InvalidArgument):
        await read_page(listing(10, partial=True), "aws", ["r0"], cloud.fetch)


async def test_a_page_that_breaks_midway_keeps_what_it_has() -> None:
    calls = 0

    async def fetch(region: str, token: str, wanted: int) -> NativePage[int]:
        nonlocal calls
        calls += 1
        if token:
            raise Unavailable("down")
        return NativePage([1, 2], "more")

    page = await read_page(listing(10, partial=True), "aws", ["r0"], fetch)
    assert page.items == [1, 2] and [u.name for u in page.unreachable] == ["providers/aws/regions/r0"]
    assert calls == 2


async def test_a_token_of_a_region_no_longer_used_is_refused() -> None:
    cloud = Cloud({"r0": range(5), "r1": range(5)})
    first = await read_page(listing(3), "aws", ["r0", "r1"], cloud.fetch)
    with pytest.raises(PageTokenInvalid):
        await read_page(listing(3, first.next_page_token), "aws", ["r1"], cloud.fetch)


async def test_a_list_that_ends_early_leaves_nothing_behind() -> None:
    ended = asyncio.Event()

    async def fetch(region: str, token: str, wanted: int) -> NativePage[int]:
        if region == "r0":
            return NativePage([1, 2, 3])
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    page = await read_page(listing(2), "aws", ["r0", "r1"], fetch)
    assert page.items == [1, 2] and ended.is_set()
