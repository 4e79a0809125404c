"""Keeps a view of the inventory up to date, while somebody watches it."""

import asyncio
import math
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from msgspec import Struct, field
from novacron.cloud.v1 import capabilities_pb2, common_pb2, compute_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import CloudError, Internal, InvalidArgument
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import WILDCARD, provider_of

from novacron_server.inventory.fleet import INTERVAL, LIMIT, PRINCIPAL, Fleet
from novacron_server.inventory.providers import Providers
from novacron_server.inventory.service import message_of
from novacron_server.inventory.view import View

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.inventory")

# Seconds between two looks at the providers as they are known here, and the least between two at a cloud.
LOOK = 1.0

PROVIDER, INSTANCE = common_pb2.RESOURCE_TYPE_PROVIDER, common_pb2.RESOURCE_TYPE_INSTANCE
_MESSAGES: dict[int, type[provider_pb2.Provider] | type[compute_pb2.Instance]] = {
    PROVIDER: provider_pb2.Provider,
    INSTANCE: compute_pb2.Instance,
}


class Scope(NamedTuple):
    """What is watched; equal ones of one principal share a view.

    Attributes:
        principal: Who watches.
        provider: Id of the provider, or "-".
        filter: As it was written.
        regions: Regions to look in; none means all.
        types: Kinds of resources.
    """

    principal: str
    provider: str
    filter: str
    regions: frozenset[str]
    types: frozenset[int]

    @classmethod
    def of(cls, request: pb.WatchResourcesRequest, principal: str) -> "Scope":
        """What a request is about; raises InvalidArgument, naming the field."""
        if unknown := [kind for kind in request.types if kind not in _MESSAGES]:
            named = common_pb2.ResourceType.DESCRIPTOR.values_by_number.get(unknown[0])
            name = named.name.removeprefix("RESOURCE_TYPE_") if named else str(unknown[0])
            raise InvalidArgument(f"{name} cannot be watched; PROVIDER and INSTANCE can", field="types")
        types = frozenset(int(kind) for kind in request.types or _MESSAGES)
        scope = cls(principal, provider_of(request.parent), request.filter, frozenset(request.regions), types)
        for kind in types:
            try:
                scope.query(kind)
            except InvalidArgument as error:
                if len(types) == 1:
                    raise
                message = f"{error.message}; a filter has to fit all kinds that are watched: name one in types"
                raise InvalidArgument(message, field="filter") from None
        return scope

    def query(self, kind: int) -> Filter:
        """The filter for one kind of resource; raises InvalidArgument where it has no such field."""
        return Filter.parse(self.filter, _MESSAGES[kind])


class _Account(Struct, eq=False):
    """What the view has of one provider.

    Attributes:
        regions: Its instances, by region.
        news: Set when they may have changed.
        is_read: Whether it was looked at in this run.
        task: Looks at it.
    """

    regions: dict[str, Mapping[str, compute_pb2.Instance]] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    is_read: bool = False
    task: asyncio.Task[None] | None = None


class Follower:
    """Looks at the providers each second, and asks their clouds once a minute or when told to.

    It can be stopped and started again, and then finds what changed meanwhile.

    Attributes:
        view: What it found.
        fault: Why it looks no longer, although nobody stopped it.
    """

    def __init__(self, scope: Scope, providers: Providers, fleet: Fleet, clock: Clock) -> None:
        self.view = View()
        self.fault: CloudError | None = None
        self._scope, self._providers, self._fleet, self._clock = scope, providers, fleet, clock
        self._queries = {kind: scope.query(kind) for kind in scope.types}
        self._accounts: dict[str, _Account] = {}
        # The providers that the view has, by name, without what differs in each look.
        self._told: dict[str, bytes] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self.view.is_ready, self.fault = False, None
        for account in self._accounts.values():
            account.is_read = False
        self._task = asyncio.create_task(self._run(), name="watch resources")
        self._task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Stop looking."""
        if self._task:
            self._task.cancel()

    def changed(self, provider: str) -> None:
        """Instances of a provider may have changed: look now."""
        if account := self._accounts.get(provider):
            account.news.set()

    async def _run(self) -> None:
        try:
            while True:
                self._settle()
                await self._clock.sleep(LOOK)
        finally:
            for account in self._accounts.values():
                if account.task:
                    account.task.cancel()
                    account.task = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            _log.error("a fault of the server", exc_info=error)
            self.fault = Internal(f"internal error ({type(error).__name__}); the server's log has the details")
            self.view.wake()

    def _settle(self) -> None:
        """Take in which providers there are and how they are, and whether all was read."""
        names = [name for name in self._providers.names() if self._scope.provider in (WILDCARD, name)]
        for name in names:
            account = self._accounts.setdefault(name, _Account())
            if account.task is None:
                account.task = asyncio.create_task(self._follow(name, account), name=f"watch {name}")
        for name in self._accounts.keys() - names:
            account = self._accounts.pop(name)
            if account.task:
                account.task.cancel()
            for instances in account.regions.values():
                self._remove(instances.values())
        if PROVIDER in self._scope.types:
            self._look(names)
        if not self.view.is_ready and all(account.is_read for account in self._accounts.values()):
            self.view.ready()

    def _look(self, names: Sequence[str]) -> None:
        """Take in the providers as they are known here; asks no cloud."""
        told = {}
        for name in names:
            message = message_of(self._providers.get(name))
            if self._queries[PROVIDER].matches(message):
                told[message.name] = _lasting(message)
                if told[message.name] != self._told.get(message.name):
                    self.view.put(message.name, pb.ResourceEvent(provider=message))
        for gone in self._told.keys() - told:
            self.view.remove(common_pb2.ResourceRef(name=gone, type=PROVIDER))
        self._told = told

    async def _follow(self, provider: str, account: _Account) -> None:
        """Look at the cloud of a provider until cancelled."""
        while True:
            account.news.clear()
            began, began_at = self._clock.monotonic(), self._clock.time()
            _, read_time = await asyncio.gather(self._probe(provider), self._read(provider, account, began_at))
            if not account.is_read:
                account.is_read = True
                self._settle()
            await _first(account.news.wait(), self._clock.sleep(read_time + INTERVAL - self._clock.time()))
            # Many changes at once are one look.
            await self._clock.sleep(began + LOOK - self._clock.monotonic())

    async def _probe(self, provider: str) -> None:
        """Bring the health of a provider up to date, where nothing else does."""
        health = self._providers.get(provider).health if provider in self._providers.names() else None
        if health and PROVIDER in self._scope.types:
            # What the lists find is health, too.
            age = math.inf if INSTANCE in self._scope.types else INTERVAL - 1e-3
            await health.refresh(self._call("GetProvider"), age)

    async def _read(self, provider: str, account: _Account, now: float) -> float:
        """Read the instances of a provider; gives how old they are: when the first list was begun."""
        if INSTANCE not in self._scope.types:
            return now
        try:
            if not self._providers.has(provider, capabilities_pb2.CAPABILITY_INSTANCES):
                return now
            found = await self._providers.connection(provider).regions(self._call("ListRegions"))
        except CloudError as error:
            self._providers.report(provider, "", error.about(provider=provider))
            return now
        self._providers.report(provider, "", None)
        there = [region for region in found if not self._scope.regions or region in self._scope.regions]
        times = await asyncio.gather(*(self._list(provider, region, account, now) for region in there))
        for region in account.regions.keys() - there:
            self._remove(account.regions.pop(region).values())
        return min(times, default=now)

    async def _list(self, provider: str, region: str, account: _Account, now: float) -> float:
        """Read one region; what cannot be read stays as it was, and the provider's health says why."""
        try:
            listing = await self._fleet.instances(provider, region, not_before=now - INTERVAL + 1e-3)
        except CloudError as error:
            self._providers.report(provider, region, error)
            return now
        except Exception as error:  # noqa: BLE001  # a fault in one list must not end all later ones
            _log.exception("a fault of the server or the adapter", provider=provider, region=region)
            fault = Internal(f"internal error ({type(error).__name__}); the server's log has the details")
            self._providers.report(provider, region, fault)
            return now
        self._providers.report(provider, region, None)
        self._take(account.regions.get(region, {}), listing.instances)
        account.regions[region] = listing.instances
        return listing.read_time

    def _take(self, before: Mapping[str, compute_pb2.Instance], now: Mapping[str, compute_pb2.Instance]) -> None:
        if now is before:
            return
        for name, instance in now.items():
            if before.get(name) is instance:
                continue
            if self._queries[INSTANCE].matches(instance):
                self.view.put(name, pb.ResourceEvent(instance=instance))
            else:
                self._remove([instance])
        self._remove(instance for name, instance in before.items() if name not in now)

    def _remove(self, instances: Iterable[compute_pb2.Instance]) -> None:
        for instance in instances:
            ref = common_pb2.ResourceRef(
                name=instance.name,
                native_id=instance.native_id,
                display_name=instance.display_name,
                type=INSTANCE,
                region=instance.region,
            )
            self.view.remove(ref)

    def _call(self, method: str) -> Call:
        deadline = time.monotonic() + LIMIT
        return Call(principal=PRINCIPAL, method=f"ProviderService/{method}", deadline=deadline, clock=self._clock)


def _lasting(provider: provider_pb2.Provider) -> bytes:
    """A provider without what differs in each look and is no change of it: times, and counts that only grow."""
    lasting = provider_pb2.Provider()
    lasting.CopyFrom(provider)
    lasting.ClearField("observe_time")
    lasting.health.ClearField("throttled_calls")
    lasting.health.metric_spend.ClearField("billed")
    for region in lasting.health.regions:
        region.ClearField("latency")
    return lasting.SerializeToString(deterministic=True)


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Return when one of these has ended; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
