"""Lists over the regions of an account, page by page."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from novacron.cloud.v1 import common_pb2

from novacron_providers.contract.errors import CloudError, InvalidArgument, PageTokenInvalid, to_status
from novacron_providers.contract.names import ResourceName
from novacron_providers.contract.paging import ListRequest, decode_token, encode_token, page_size

T = TypeVar("T")

# Regions read at once.
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class NativePage(Generic[T]):
    """A page as the cloud gave it: all its items, and the cloud's token of the next page, empty on the last."""

    items: Sequence[T]
    next_token: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of ours: what fits into page_size, the token that goes on, and the regions that could not be read."""

    items: list[T]
    next_page_token: str
    unreachable: list[common_pb2.Unreachable]


class RegionalRequest(ListRequest, Protocol):
    """A request of a list that can be answered in part."""

    return_partial_success: bool


# Reads one page of a region: (region, the cloud's token or "", how many items are wanted).
Fetch = Callable[[str, str, int], Awaitable[NativePage[T]]]


async def read_page(
    request: RegionalRequest,
    provider: str,
    regions: Sequence[str],
    fetch: Fetch[T],
    keep: Callable[[T], bool] = lambda item: True,
) -> Page[T]:
    """Answer a list request: region after region in the order of `regions`, never more than page_size items.

    A cloud that lists its whole account at once has one region here, the empty one.

    Items that `keep` refuses are left out. The page token holds the region, the cloud's token there, and how many items
    from there on are done. A region that cannot be read is in `unreachable` with return_partial_success, else its error
    is raised; what is wrong with the request itself is always raised. Raises PageTokenInvalid.
    """
    wanted = page_size(request)
    regions, token, skip = _place(request, regions)
    within = bool(token or skip)
    found: list[T] = []
    unreachable: list[common_pb2.Unreachable] = []
    ahead: dict[str, asyncio.Future[NativePage[T]]] = {}

    async def fill(region: str, token: str, skip: int) -> tuple[str, int] | None:
        """Take items of a region; where to go on when the page is full, None at the region's end."""
        page = await ahead.pop(region)
        while True:
            for index, item in enumerate(page.items[skip:], skip):
                if len(found) == wanted:
                    return token, index
                if keep(item):
                    found.append(item)
            if not page.next_token:
                return None
            # A page may be shorter than the one that `skip` was counted on.
            token, skip = page.next_token, max(0, skip - len(page.items))
            if len(found) == wanted:
                return token, skip
            page = await fetch(region, token, wanted - len(found))

    try:
        for index, region in enumerate(regions):
            if len(found) == wanted:
                return Page(found, encode_token(request, (region, "", 0)), unreachable)
            # A page that begins within a region most likely ends there: the others are not read ahead.
            for name in regions[index : index + (1 if within else AT_ONCE)]:
                if name not in ahead:
                    ahead[name] = asyncio.ensure_future(fetch(name, token, wanted))
            try:
                place = await fill(region, token, skip)
            except InvalidArgument:
                raise
            except CloudError as error:
                if not request.return_partial_success:
                    raise
                name = str(ResourceName(provider, "regions", (region,))) if region else f"providers/{provider}"
                unreachable.append(common_pb2.Unreachable(name=name, status=to_status(error)))
            else:
                if place:
                    return Page(found, encode_token(request, (region, *place)), unreachable)
            token, skip, within = "", 0, False
        if not found and not request.page_token and len(unreachable) == len(regions) > 1:
            # Nothing of the provider could be read: that is told of the provider, not of each region.
            unreachable = [common_pb2.Unreachable(name=f"providers/{provider}", status=unreachable[0].status)]
        return Page(found, "", unreachable)
    finally:
        for task in ahead.values():
            task.cancel()
        await asyncio.gather(*ahead.values(), return_exceptions=True)


def _place(request: RegionalRequest, regions: Sequence[str]) -> tuple[Sequence[str], str, int]:
    """Regions that are left, the cloud's token in the first of them, and how many of its items are done."""
    match decode_token(request):
        case None:
            return regions, "", 0
        case [str(region), str(token), int(skip)] if skip >= 0 and region in regions:
            return regions[regions.index(region) :], token, skip
        case _:
            raise PageTokenInvalid(
                "page_token goes on in a region that is no longer used; start the list again", field="page_token"
            )
