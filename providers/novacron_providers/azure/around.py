"""What Azure tells of the machines of a subscription in lists of its own: power, network cards, addresses."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from novacron_providers.azure.client import COMPUTE, NETWORK, Client
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import PermissionMissing
from novacron_providers.kit.concurrent import each

# Lists under way whose surroundings are kept, and seconds for which they serve.
LISTS, SERVES = 4, 120.0


@dataclass(frozen=True, slots=True)
class Around:
    """What there is around the machines of one list, by lower-cased ARM id.

    Attributes:
        id: Of the list, in its page tokens.
        observed: When it was read, seconds since 1970.
        power: Instance views of machines.
        cards: Network cards.
        addresses: Public addresses.
    """

    id: str
    observed: float
    power: dict[str, Any]
    cards: dict[str, Any]
    addresses: dict[str, str]


class Arounds:
    """Reads the surroundings with the first page of a list, and keeps them for its other pages.

    Azure pages each of the lists in its own way: for each page of machines all of the others would be read again.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._numbers = itertools.count(1)
        self._kept: OrderedDict[str, Around] = OrderedDict()

    def of(self, id_: str) -> Around | None:
        """Those of a list; None when they are not kept, or are too old."""
        kept = self._kept.get(id_)
        return kept if kept is not None and self._clock.time() - kept.observed < SERVES else None

    async def read(self, call: Call) -> Around:
        """Read those of a new list; raises CloudError."""
        observed = self._clock.time()
        machines = self._path("Microsoft.Compute/virtualMachines")
        lists: list[Callable[[], Awaitable[list[Any]]]] = [
            lambda: self._client.pages(machines, COMPUTE, call, statusOnly="true"),
            lambda: self._permitted("networkInterfaces", call),
            lambda: self._permitted("publicIPAddresses", call),
        ]
        power, cards, addresses = await each(lists, lambda read: read())
        around = Around(
            id=f"{observed:.0f}-{next(self._numbers)}",
            observed=observed,
            power={raw["id"].lower(): (raw.get("properties") or {}).get("instanceView") or {} for raw in power},
            cards={raw["id"].lower(): raw for raw in cards},
            addresses={raw["id"].lower(): ip for raw in addresses if (ip := raw["properties"].get("ipAddress"))},
        )
        self._kept[around.id] = around
        while len(self._kept) > LISTS:
            self._kept.popitem(last=False)
        return around

    def done(self, id_: str) -> None:
        """Forget those of a list that has ended."""
        self._kept.pop(id_, None)

    async def _permitted(self, kind: str, call: Call) -> list[Any]:
        """All network resources of a kind; none when the credentials may not read them."""
        try:
            return await self._client.pages(self._path(f"Microsoft.Network/{kind}"), NETWORK, call)
        except PermissionMissing:
            return []

    def _path(self, kind: str) -> str:
        return f"/subscriptions/{self._client.subscription}/providers/{kind}"
