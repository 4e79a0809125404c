"""The instances of each region, listed once for all inside the server who want to know them."""

import asyncio
import math
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from google.protobuf import duration_pb2
from msgspec import Struct, field
from novacron.cloud.v1 import compute_pb2, provider_service_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.compute import Compute
from novacron_providers.contract.errors import CloudError, Unsupported, from_status
from novacron_providers.contract.provider import Connection

from novacron_server.inventory.recent import Recent

# Who lists are made for.
PRINCIPAL = "inventory"
# Seconds between two lists of what somebody follows.
INTERVAL = 60.0
# Seconds for a list.
LIMIT = 60.0
# Instances on a page of a list.
PAGE = 1000
# Seconds after which a region that nobody asked for is no longer listed along with the others.
FORGOTTEN = 2.5 * INTERVAL


class Connections(Protocol):
    """The registry of providers, as far as it matters here."""

    def connection(self, name: str) -> Connection:
        """Connection of one; raises NotFound, or why there is none."""


class Listing(NamedTuple):
    """What a region has; shared by all who asked, who must not change it.

    Attributes:
        instances: By name, without observe_time. The same objects as before where nothing has changed: the whole, and
            each instance.
        read_time: When the list was begun, seconds since 1970.
    """

    instances: Mapping[str, compute_pb2.Instance]
    read_time: float


class _Reading(Struct):
    """A list that is under way.

    Attributes:
        regions: What it will tell of; no more come to it once it was sent.
        began: When, seconds since 1970.
        is_stale: Whether something changed since.
        task: Ends when all that it told is kept.
    """

    regions: set[str]
    began: float
    is_stale: bool = False
    task: asyncio.Task[None] | None = None


class _Account(Struct):
    """What is known of one provider.

    Attributes:
        connection: With which it was read.
        listings: By region.
        errors: Why the last list of a region failed.
        asked: When each region was asked for last, on the monotonic clock.
        readings: Lists under way, by region.
        next: The one of all regions that will be sent in this turn of the event loop.
    """

    connection: Connection
    listings: dict[str, Listing] = field(default_factory=dict)
    errors: dict[str, CloudError] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    readings: dict[str, _Reading] = field(default_factory=dict)
    next: _Reading | None = None


class Fleet:
    """Lists instances, a region once at a time.

    Of a cloud that lists an account at once, the regions that are followed are listed together; of another one each by
    itself, so that none waits for another. What we made or deleted a moment ago counts more than the cloud's list.
    """

    def __init__(self, providers: Connections, recent: Recent, clock: Clock) -> None:
        self._providers, self._recent, self._clock = providers, recent, clock
        self._accounts: dict[str, _Account] = {}

    async def instances(self, provider: str, region: str, *, not_before: float) -> Listing:
        """The instances of a region, from a list that began no earlier than `not_before`, seconds since 1970.

        Raises NotFound for a provider that is not registered, Unsupported for one without instances, and what the list
        raised.
        """
        while True:
            account = self._account(provider)
            account.asked[region] = self._clock.monotonic()
            kept = account.listings.get(region)
            if kept is not None and kept.read_time >= not_before:
                return kept
            reading = account.readings.get(region) or self._begin(provider, account, region, not_before)
            answers = reading.began >= not_before and not reading.is_stale
            assert reading.task is not None
            # Who asks may leave; the list goes on for the others.
            await asyncio.shield(reading.task)
            if answers:
                if error := account.errors.get(region):
                    raise error.with_traceback(None)
                return account.listings[region]

    def changed(self, provider: str) -> None:
        """Instances of a provider came, went or changed: what was listed before is old."""
        if account := self._accounts.get(provider):
            for reading in account.readings.values():
                reading.is_stale = True
            for region, listing in account.listings.items():
                account.listings[region] = listing._replace(read_time=-math.inf)

    async def close(self) -> None:
        """End the lists that are under way."""
        readings = [reading for account in self._accounts.values() for reading in account.readings.values()]
        tasks = {reading.task for reading in readings if reading.task}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _account(self, provider: str) -> _Account:
        connection = self._providers.connection(provider)
        account = self._accounts.get(provider)
        if account is None or account.connection is not connection:
            # Another account, or other settings.
            account = self._accounts[provider] = _Account(connection)
        return account

    def _begin(self, provider: str, account: _Account, region: str, not_before: float) -> _Reading:
        compute = compute_of(account.connection)
        if account.next:
            account.next.regions.add(region)
            account.readings[region] = account.next
            return account.next
        reading = _Reading({region}, self._clock.time())
        if compute.lists_at_once:
            account.next = reading
            since = self._clock.monotonic() - FORGOTTEN
            account.asked = {name: at for name, at in account.asked.items() if at >= since}
            old = (n for n in account.asked if n not in account.listings or account.listings[n].read_time < not_before)
            reading.regions.update(n for n in old if n not in account.readings)
        account.readings.update(dict.fromkeys(reading.regions, reading))
        reading.task = asyncio.create_task(self._list(provider, account, compute, reading), name=f"list {provider}")
        return reading

    async def _list(self, provider: str, account: _Account, compute: Compute, reading: _Reading) -> None:
        account.next = None
        try:
            found, errors = await self._read(provider, compute, reading.regions)
        except CloudError as error:
            found, errors = {}, dict.fromkeys(reading.regions, error.about(provider=provider))
        finally:
            for region in reading.regions:
                del account.readings[region]
        # What changed meanwhile may be in this list or not.
        read_time = -math.inf if reading.is_stale else reading.began
        for region in reading.regions:
            account.errors.pop(region, None)
            if region in errors:
                account.errors[region] = errors[region]
                continue
            before = account.listings.get(region)
            instances = _merged(before.instances if before else {}, found.get(region, {}))
            account.listings[region] = Listing(instances, read_time)

    async def _read(
        self, provider: str, compute: Compute, regions: Iterable[str]
    ) -> tuple[dict[str, dict[str, compute_pb2.Instance]], dict[str, CloudError]]:
        deadline = time.monotonic() + LIMIT
        call = Call(principal=PRINCIPAL, method="ProviderService/ListInstances", deadline=deadline, clock=self._clock)
        request = provider_service_pb2.ListInstancesRequest(
            parent=f"providers/{provider}",
            regions=sorted(regions),
            page_size=PAGE,
            max_staleness=duration_pb2.Duration(),
            return_partial_success=True,
        )
        found: dict[str, dict[str, compute_pb2.Instance]] = {}
        errors: dict[str, CloudError] = {}
        while True:
            answer = await self._recent.list_instances(request, call, compute.list_instances)
            for instance in answer.instances:
                kept = compute_pb2.Instance()
                kept.CopyFrom(instance)
                # It differs in each list, and says nothing of the instance.
                kept.ClearField("observe_time")
                found.setdefault(kept.region, {})[kept.name] = kept
            for part in answer.unreachable:
                error = from_status(part.status).about(provider=provider)
                _, _, region = part.name.partition("/regions/")
                errors.update(dict.fromkeys([region] if region else regions, error))
            if not answer.next_page_token:
                return found, errors
            request.page_token = answer.next_page_token


def _merged(
    before: Mapping[str, compute_pb2.Instance], now: Mapping[str, compute_pb2.Instance]
) -> Mapping[str, compute_pb2.Instance]:
    """What is there now, made of the objects of before where they are equal."""
    merged = {name: before[name] if before.get(name) == instance else instance for name, instance in now.items()}
    is_same = len(merged) == len(before) and all(before.get(name) is instance for name, instance in merged.items())
    return before if is_same else merged


def compute_of(connection: Connection) -> Compute:
    """Instances of an account; raises Unsupported when it has none."""
    for area in connection.areas:
        if isinstance(area, Compute):
            return area
    raise Unsupported("the provider has no instances; GetCapabilities tells what it can do")
