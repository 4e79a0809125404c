"""Wires the server and runs it.

async with App(load()) as app:
    print(app.address)
"""

import asyncio
import gc
import json
import os
import signal
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import structlog
from novacron.cloud.v1 import operations_pb2
from novacron_providers.contract.clock import Clock, SystemClock
from novacron_providers.contract.names import provider_of
from novacron_providers.contract.provider import Provider

from novacron_server import observability
from novacron_server.config import Config
from novacron_server.dispatch import Dispatch
from novacron_server.doors.grpc import GrpcDoor
from novacron_server.inventory.fleet import Fleet
from novacron_server.inventory.providers import Installed, Providers
from novacron_server.inventory.reads import Reads
from novacron_server.inventory.resources import Resources
from novacron_server.inventory.service import ProvidersService
from novacron_server.inventory.spend import Spend
from novacron_server.loop import Loop
from novacron_server.operations import Operations
from novacron_server.security.seal import Seal
from novacron_server.state.store import Store
from novacron_server.telemetry.late import LateTelemetry

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.server")


class App:
    """The whole server in one object; entering it serves calls, leaving it stops.

    Args:
        config: What to do.
        clock: Where time comes from.
        plugins: Adapters by kind; None takes those that are installed.

    Attributes:
        address: Where calls are served, once entered: "127.0.0.1:7443" or "unix:/path".
        telemetry: Its streams, once entered.
    """

    def __init__(
        self, config: Config, *, clock: Clock | None = None, plugins: Mapping[str, Provider] | None = None
    ) -> None:
        self.config = config
        self.address = ""
        self._clock = clock or SystemClock()
        self._plugins = plugins

    async def __aenter__(self) -> Self:
        config = self.config
        plugins = self._plugins if self._plugins is not None else Installed()
        self._seal = await asyncio.to_thread(Seal.from_file, config.key_file)
        self._store = await Store.open(config.database)
        self._providers = Providers(self._store, self._seal, plugins, self._clock)
        self._spend = Spend(self._store, self._providers, self._clock)
        try:
            await self._providers.load(config.providers)
            await self._spend.start()
            self._operations = Operations(self._store, clock=self._clock, replica=config.replica, lease=config.lease)
            reads = Reads(self._providers, self._clock)
            self._fleet = Fleet(self._providers, reads.recent, self._clock)
            self.telemetry = LateTelemetry(self._providers, self._fleet, clock=self._clock)
            self._resources = Resources(self._providers, self._fleet, self._clock)
            services = (
                ProvidersService(self._providers, self._operations.active),
                self._resources,
                self._operations,
            )
            self._operations.subscribe_changes(reads.changed)
            self._operations.subscribe(reads.settled)
            self._operations.subscribe(self._settled)
            dispatch = Dispatch(services, self._providers, reads, self._operations, self._store, self.telemetry)
            self._door = GrpcDoor(
                dispatch, self._clock, listen=config.listen, max_concurrent_rpcs=config.max_concurrent_rpcs
            )
            recovered = await self._operations.launch(dispatch.rpcs, dispatch.method)
        except BaseException:
            await self._spend.close()
            await self._providers.close()
            await self._store.close()
            raise
        await self._door.start()
        self.address = self._door.address
        _log.info("serving", address=self.address, providers=self._providers.names(), recovered=recovered)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _log.info("stopping")
        await self._door.not_serving()
        # Who streams or waits is told first, so that nobody holds the door for the whole grace.
        await asyncio.gather(self.telemetry.close(), self._resources.close(), self._operations.close())
        await self._door.stop(self.config.shutdown_grace)
        await self._fleet.close()
        await self._spend.close()
        await self._providers.close()
        await self._store.close()
        _log.info("stopped")

    def warm(self) -> None:
        """Import what a start does not wait for, and the first who needs it would. Blocking."""
        observability.signals()
        _ = self._seal.cipher

    def _settled(self, operation: operations_pb2.Operation) -> None:
        """An operation ended: what there is may have changed."""
        provider = provider_of(operation.name)
        self.telemetry.inventory_changed(provider)
        self._resources.changed(provider)


async def serve(config: Config, *, clock: Clock | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with App(config, clock=clock) as app:
        if config.ready_file:
            await asyncio.to_thread(_tell, config.ready_file, app.address)
        # Whoever waits for the server has been told; so the first who need the rest do not wait for it.
        app.telemetry.make()
        await asyncio.to_thread(app.warm)
        await stop.wait()


# A page of a cloud's list is some 100,000 objects that live until it is translated; at Python's own first threshold of
# 700 the collector would look through them and the SDKs again and again (2.6 s of CPU for 20 pages instead of 0.75).
# gc.freeze() after the start would spare none of that, as SDKs are imported after it. The price: cycles that grew old
# are freed later, at worst some 150 MiB.
COLLECTED_AFTER = (50_000, 10, 10)


def run(config: Config) -> None:
    """Set up logs and export, then serve until SIGTERM or SIGINT: what `novacron-cloud serve` does. Blocking."""
    gc.set_threshold(*COLLECTED_AFTER)
    ends: list[Callable[[], None]] = [observability.setup_logs(config.log_level, config.log_format)]
    try:
        if config.otlp_endpoint:
            ends.append(observability.setup_export(config.otlp_endpoint))
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(serve(config))
    finally:
        for end in reversed(ends):
            end()


def _tell(path: os.PathLike[str], address: str) -> None:
    """Write the ready file whole or not at all."""
    part = f"{os.fspath(path)}.part"
    with open(part, "w", encoding="utf-8") as file:
        json.dump({"address": address, "pid": os.getpid()}, file)
    os.replace(part, path)
