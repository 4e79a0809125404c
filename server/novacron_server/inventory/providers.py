"""The registered providers: their configuration, sealed credentials, and the connection of each."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import structlog
from google.protobuf import json_format, struct_pb2
from novacron.cloud.v1 import capabilities_pb2, provider_pb2, provider_service_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import AlreadyExists, CloudError, InvalidArgument, NotFound, Unsupported
from novacron_providers.contract.metrics import Metrics
from novacron_providers.contract.provider import Connection, Provider, Settings
from novacron_providers.contract.secret import Secret

from novacron_server.config import ProviderEntry
from novacron_server.inventory.budget import Budget
from novacron_server.inventory.health import Health
from novacron_server.security.seal import Seal
from novacron_server.state.providers import ProviderRow, all_providers, delete_provider, put_provider
from novacron_server.state.store import Store

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "novacron_cloud.providers"
# Seconds that the connection of a replaced configuration stays open for calls under way.
RETIRE_AFTER = 60.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.providers")


class Installed(Mapping[str, Provider]):
    """Adapters of all installed packages, by kind, which is the name of their entry point. Blocking.

    One is imported, though not its SDK, when it is first looked up: a start does without those that it has no use for,
    and without looking through all that is installed where it needs none.
    """

    def __init__(self) -> None:
        self._imported: dict[str, Provider] = {}

    @cached_property
    def _points(self) -> "dict[str, EntryPoint]":
        from importlib.metadata import entry_points

        return {point.name: point for point in entry_points(group=ENTRY_POINTS)}

    def __getitem__(self, kind: str) -> Provider:
        if kind not in self._imported:
            self._imported[kind] = self._points[kind].load()
        return self._imported[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def __len__(self) -> int:
        return len(self._points)


@dataclass(slots=True)
class Registered:
    """A provider that is registered here.

    Attributes:
        row: As it is stored.
        config: Its configuration, without auth.
        budget: What reading its metrics costs; it outlives changes of the configuration.
        health: Of its connection; None when there is none.
        metrics: Of its connection; None when it has none.
        fault: Why there is no connection; None when there is one.
        shown: The facts that the last answer was made of, the answer, and its bytes; None before the first.
    """

    row: ProviderRow
    config: provider_pb2.ProviderConfig
    budget: Budget
    health: Health | None = None
    metrics: Metrics | None = None
    fault: CloudError | None = None
    shown: tuple[tuple[object, ...], provider_service_pb2.GetProviderResponse, bytes] | None = None

    def facts(self) -> tuple[object, ...]:
        """All that a provider is shown as: while it is equal, the last answer is right."""
        if self.health is None:
            return (self.row, self.fault)
        billed = self.budget.billed(self.metrics) if self.metrics else 0
        return (self.row, billed, self.budget.day, self.health.facts())


class Providers:
    """The registry. Changes are written down before they show; reads never wait for one."""

    def __init__(self, store: Store, seal: Seal, plugins: Mapping[str, Provider], clock: Clock) -> None:
        self._store, self._seal, self._clock = store, seal, clock
        self.plugins = plugins
        self._known: dict[str, Registered] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._change = asyncio.Lock()

    async def load(self, entries: Mapping[str, ProviderEntry]) -> None:
        """Read what is stored, and make it agree with the configuration file.

        What the file names replaces what is stored under that id; what an earlier file named and this one does not is
        forgotten. The clouds are not asked: a start must not depend on them.
        """
        stored = {row.id: row for row in await all_providers(self._store)}
        await self._import([*(row.kind for row in stored.values()), *(entry.kind for entry in entries.values())])
        for row in stored.values():
            if row.origin == "config" and row.id not in entries:
                await delete_provider(self._store, row.id)
                _log.info("provider forgotten", provider=row.id, why="no longer in the configuration")
            elif row.id not in entries:
                self._known[row.id] = self._connect(row)
        for name, entry in entries.items():
            before = stored.get(name)
            row = ProviderRow(
                id=name,
                kind=entry.kind,
                display_name=entry.display_name,
                config=_config_of(name, entry).SerializeToString(deterministic=True),
                auth=self._seal.seal(name, entry.auth),
                is_default=entry.default,
                version=before.version + 1 if before else 1,
                origin="config",
                create_time=before.create_time if before else self._clock.time(),
            )
            registered = self._connect(row)
            if isinstance(registered.fault, InvalidArgument):
                raise registered.fault
            await put_provider(self._store, row)
            self._known[name] = registered
        if default := next((name for name, entry in entries.items() if entry.default), None):
            await self._only_default(default)

    def names(self) -> list[str]:
        """Ids of all registered providers, sorted."""
        return sorted(self._known)

    def get(self, name: str) -> Registered:
        """A registered provider; raises NotFound."""
        if found := self._known.get(name):
            return found
        known = ", ".join(self.names()) or "none"
        raise NotFound(
            f"no provider {name!r} is registered (there are: {known}); register it with RegisterProvider",
            resource=f"providers/{name}",
        )

    def default(self) -> str:
        """Id of the default provider; raises NotFound when there is none."""
        for name, registered in self._known.items():
            if registered.row.is_default:
                return name
        raise NotFound("no provider is the default; set is_default with UpdateProvider", resource="providers/default")

    def connection(self, name: str) -> Connection:
        """Connection of a provider; raises NotFound, or why there is none."""
        registered = self.get(name)
        if registered.health is None:
            raise registered.fault or Unsupported("the provider has no connection")
        return registered.health.connection

    def of_account(self, name: str) -> list[Connection]:
        """Connections that may lead to the same account as that of a provider, its own among them."""
        one = self._known.get(name)
        if one is None or one.health is None:
            return []
        account = one.health.identity.account if one.health.identity else None
        others = [r.health for r in self._known.values() if r.row.kind == one.row.kind and r.health]
        return [
            health.connection
            for health in others
            if health is one.health or not account or not health.identity or health.identity.account == account
        ]

    def config(self, name: str) -> provider_pb2.ProviderConfig:
        """Configuration of a provider, without auth; raises NotFound."""
        return self.get(name).config

    def capabilities(self, name: str) -> dict[int, capabilities_pb2.CapabilityStatus]:
        """Every capability of the contract, as this provider has it; raises NotFound."""
        plugin = self.plugins.get(self.get(name).row.kind)
        told = {int(status.capability): status for status in plugin.capabilities} if plugin else {}
        found = {}
        for key, value in capabilities_pb2.Capability.items():
            none = capabilities_pb2.CapabilityStatus(capability=key, level=capabilities_pb2.SUPPORT_LEVEL_NONE)
            found[value] = told.get(value, none)
        del found[capabilities_pb2.CAPABILITY_UNSPECIFIED]
        return found

    def has(self, name: str, capability: int) -> bool:
        """Whether a provider has a capability; 0 is had by all."""
        if not capability:
            return True
        plugin = self.plugins.get(self.get(name).row.kind)
        return any(
            status.capability == capability and status.level >= capabilities_pb2.SUPPORT_LEVEL_EMULATED
            for status in (plugin.capabilities if plugin else ())
        )

    def budget(self, name: str) -> Budget:
        """What reading the metrics of a provider costs; raises NotFound."""
        return self.get(name).budget

    def report(self, name: str, region: str, error: CloudError | None) -> None:
        """Take in what a background read of a region, or of all ("") found; None when it worked."""
        if (registered := self._known.get(name)) and registered.health:
            registered.health.report(region, error)

    def secrets(self, name: str) -> dict[str, Secret]:
        """Stored credentials of a provider; raises NotFound, CredentialsInvalid."""
        return self._seal.open(name, self.get(name).row.auth)

    async def admit(self, row: ProviderRow, auth: Mapping[str, Secret], call: Call) -> Registered:
        """Check a configuration and sign in with it; nothing is kept.

        Raises InvalidArgument for what the kind cannot have, and whatever signing in to the cloud raises.
        """
        await self._import([row.kind])
        registered = self._connect(replace(row, auth=self._seal.seal(row.id, auth)))
        if registered.health is None:
            raise registered.fault or Unsupported("the provider has no connection")
        try:
            registered.health.identity = await registered.health.connection.identify(call)
        except BaseException:
            await registered.health.connection.close()
            raise
        return registered

    async def add(self, registered: Registered) -> None:
        """Keep a new provider; raises AlreadyExists."""
        async with self._change:
            if registered.row.id in self._known:
                raise AlreadyExists(
                    f"provider {registered.row.id!r} exists; change it with UpdateProvider",
                    resource=f"providers/{registered.row.id}",
                )
            await put_provider(self._store, registered.row)
            self._known[registered.row.id] = registered
            if registered.row.is_default:
                await self._only_default(registered.row.id)

    async def change(self, registered: Registered, expected_version: int) -> None:
        """Replace a provider by a newer version of itself; raises EtagMismatch when it was changed meanwhile."""
        name = registered.row.id
        async with self._change:
            before = self.get(name)
            await put_provider(self._store, registered.row, expected_version=expected_version)
            registered.budget = before.budget
            self._known[name] = registered
            if before.health and (not registered.health or before.health is not registered.health):
                self._retire(before.health.connection, RETIRE_AFTER)
            if registered.row.is_default:
                await self._only_default(name)

    async def remove(self, name: str) -> None:
        """Forget a provider and its credentials; raises NotFound."""
        async with self._change:
            registered = self.get(name)
            await delete_provider(self._store, name)
            del self._known[name]
            if registered.health:
                self._retire(registered.health.connection, RETIRE_AFTER)

    async def close(self) -> None:
        """Close all connections."""
        for task in self._retiring:
            task.cancel()
        connections = [r.health.connection for r in self._known.values() if r.health]
        await asyncio.gather(
            *(connection.close() for connection in connections), *self._retiring, return_exceptions=True
        )

    async def _import(self, kinds: Iterable[str]) -> None:
        """Look adapters up in a thread, so that they are at hand from then on."""
        if wanted := set(kinds):
            await asyncio.to_thread(lambda: [self.plugins.get(kind) for kind in wanted])

    def _connect(self, row: ProviderRow) -> Registered:
        config = provider_pb2.ProviderConfig.FromString(row.config)
        registered = Registered(row=row, config=config, budget=Budget(self._clock))
        plugin = self.plugins.get(row.kind)
        if plugin is None:
            there = ", ".join(sorted(self.plugins)) or "none"
            registered.fault = InvalidArgument(
                f"no adapter of kind {row.kind!r} is installed (there are: {there}); install it, or correct kind",
                field="provider.kind",
            )
            return registered
        try:
            auth = self._seal.open(row.id, row.auth)
            settings = Settings(provider=row.id, config=config, auth=auth, clock=self._clock)
            plugin.check(settings)
            connection = plugin.connect(settings)
            registered.health = Health(connection)
            registered.metrics = next((area for area in connection.areas if isinstance(area, Metrics)), None)
        except CloudError as error:
            registered.fault = error.about(provider=row.id)
        return registered

    async def _only_default(self, name: str) -> None:
        """At most one provider is the default: take it from the others."""
        for other, registered in self._known.items():
            if other != name and registered.row.is_default:
                registered.row = replace(registered.row, is_default=False, version=registered.row.version + 1)
                await put_provider(self._store, registered.row)

    def _retire(self, connection: Connection, after: float) -> None:
        async def end() -> None:
            try:
                await self._clock.sleep(after)
            finally:
                await connection.close()

        task = asyncio.create_task(end())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def _config_of(name: str, entry: ProviderEntry) -> provider_pb2.ProviderConfig:
    """A provider's entry in the configuration file as the contract's message, without auth."""
    config = provider_pb2.ProviderConfig(
        default_region=entry.default_region,
        default_zone=entry.default_zone,
        project=entry.project,
        max_retries=entry.max_retries,
        endpoint=entry.endpoint,
        regions=entry.regions,
        metrics_daily_budget=entry.metrics_daily_budget,
    )
    for field in ("timeout", "max_staleness", "metrics_interval"):
        if (seconds := getattr(entry, field)) is not None:
            getattr(config, field).FromNanoseconds(round(seconds * 1e9))
    if entry.options:
        try:
            config.options.CopyFrom(json_format.ParseDict(entry.options, struct_pb2.Struct()))
        except json_format.ParseError as error:
            raise InvalidArgument(f"providers.{name}.options: {error}", field="config.options") from None
    return config
