"""The readers of one view: while there are any, what they want is read."""

import asyncio
import math
import time
from collections.abc import Coroutine, Sequence
from typing import Protocol

import structlog
from novacron.cloud.v1 import metrics_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import CloudError, Internal, NotFound

from novacron_server.inventory.fleet import INTERVAL
from novacron_server.telemetry.alarm import Alarm
from novacron_server.telemetry.collector import LIMIT, PRINCIPAL, Collectors
from novacron_server.telemetry.demand import Lease, Scope
from novacron_server.telemetry.pace import Pace
from novacron_server.telemetry.scopes import Providers, resolve
from novacron_server.telemetry.selector import Selector
from novacron_server.telemetry.table import Column
from novacron_server.telemetry.view import View

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.telemetry")


class Beating(Protocol):
    """A reader that must say now and then that it lives.

    Attributes:
        beat_at: When, on the monotonic clock.
    """

    @property
    def beat_at(self) -> float: ...

    def wake(self) -> None:
        """It is time."""


class Audience:
    """Readers of equal streams, and the leases that feed their view.

    While anybody is in, the leases are active. When the last one leaves, they and the view stay as they are until
    `close`, so that a reader whose connection broke can go on where it was.

    Attributes:
        selector: Which series.
        view: Them.
        leases: One for each region.
        faults: Why the regions of a provider cannot be told, by provider.
        is_settled: Whether all regions were read, well or not, since somebody came in.
        is_ending: Whether the server stops, and streams with it.
    """

    def __init__(
        self, selector: Selector, pace: Pace, providers: Providers, collectors: Collectors, clock: Clock
    ) -> None:
        self.selector = selector
        self.view = View(pace, clock)
        self.leases: dict[Scope, Lease] = {}
        self.faults: dict[str, CloudError] = {}
        self.is_settled = self.is_ending = False
        self._is_resolved = False
        self._providers, self._collectors, self._clock = providers, collectors, clock
        self._count = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._alarm, self._alarm_at = Alarm(clock), math.inf
        # When each reader must say that it lives.
        self._beats: dict[Beating, float] = {}

    def enter(self) -> None:
        """A reader comes."""
        self._count += 1
        if self._count == 1:
            self.is_settled = self._is_resolved = False
            for lease in self.leases.values():
                lease.active, lease.ready = True, False
                self._collectors.changed(lease)
            self._tasks = [self._run(self._follow()), self._run(self._keep_time())]

    def leave(self) -> bool:
        """A reader goes; returns whether nobody is in any more."""
        self._count -= 1
        if not self._count:
            for task in self._tasks:
                task.cancel()
            for lease in self.leases.values():
                lease.active = False
                self._collectors.changed(lease)
        return not self._count

    def close(self) -> None:
        """Forget what is known."""
        for lease in self.leases.values():
            self._collectors.release(lease)
        self.leases.clear()

    def end(self) -> None:
        """Have streams end when they have sent all that is pending."""
        self.is_ending = True
        self.view.ring.wake()

    def ask(self, not_before: float) -> None:
        """Have everything read that was read earlier than this; `is_settled` tells when it was."""
        for lease in self.leases.values():
            if lease.region.read_time < not_before:
                lease.not_before, lease.ready = max(lease.not_before, not_before), False
                self.is_settled = False
                self._collectors.changed(lease)

    def expect(self, reader: Beating) -> None:
        """Wake a reader when it must say that it lives."""
        self._beats[reader] = beat_at = reader.beat_at
        if beat_at < self._alarm_at:
            self._alarm.ring()

    def forget(self, reader: Beating) -> None:
        """A reader expects nothing any more."""
        self._beats.pop(reader, None)

    def check(self, field: str = "selector.resources") -> None:
        """Raise what keeps a reader from starting: a resource that is not there, or that nothing can be read.

        `field` is the one in which resources are named.

        Errors are shared by readers; each raises them without the others' traceback.
        """
        if self.view.fault:
            raise self.view.fault.with_traceback(None)
        errors = self.unreadable()
        if self.selector.resources:
            there = {name: i for lease in self.leases.values() for name, i in lease.region.instances.items()}
            if missing := self.selector.missing(there):
                if errors:
                    # It may be where nobody can look now.
                    raise errors[0][1].with_traceback(None)
                raise NotFound(
                    f"there is no {missing[0]!r}; leave it out of {field}",
                    field=field,
                    resource=missing[0],
                )
        if errors and len(errors) == len(self.leases) + len(self.faults):
            raise errors[0][1].with_traceback(None)

    def unreadable(self) -> list[tuple[str, CloudError]]:
        """Names of the providers and regions that could not be read last, and why."""
        providers = [(f"providers/{name}", error) for name, error in self.faults.items()]
        regions = [(str(scope), lease.region.error) for scope, lease in self.leases.items()]
        return providers + [(name, error) for name, error in regions if error]

    def take(self, lease: Lease, columns: Sequence[Column]) -> None:
        """Values came, or series came or went."""
        self.view.take(lease, columns)

    def notice(self, scope: Scope, message: metrics_pb2.MetricCollection | None) -> None:
        """How a region is read, where it is not as usual."""
        self.view.notice(scope, message)

    def settle(self) -> None:
        """A reading ended."""
        if not self.is_settled and self._is_resolved and all(lease.ready for lease in self.leases.values()):
            self.is_settled = True
            if not self.view.is_open:
                self.view.open()
                self._alarm.ring()
            self.view.ring.wake()

    async def _follow(self) -> None:
        """Hold a lease on each region in which something can be selected, also on those that come later."""
        while True:
            call = Call(
                principal=PRINCIPAL,
                method="ProviderService/ListRegions",
                deadline=time.monotonic() + LIMIT,
                clock=self._clock,
            )
            try:
                scopes, self.faults = await resolve(self._providers, self.selector, call)
            except CloudError as error:
                # The provider that was asked for was unregistered, or cannot be had.
                self._fail(error)
                return
            # A provider that does not answer now keeps what it has.
            for scope in [s for s in self.leases if s not in scopes and s.provider not in self.faults]:
                lease = self.leases.pop(scope)
                self._collectors.release(lease)
                self.view.drop(lease)
            for scope in scopes:
                if scope not in self.leases:
                    self.leases[scope] = self._collectors.lease(scope, self.selector, self)
            self._is_resolved = True
            self.settle()
            await self._clock.sleep(INTERVAL)

    async def _keep_time(self) -> None:
        """Wake readers that must say that they live, and have the view refresh its values."""
        while True:
            now = self._clock.monotonic()
            self.view.refresh()
            for reader in [reader for reader, beat_at in self._beats.items() if beat_at <= now]:
                # It may have been sent something since.
                if (beat_at := reader.beat_at) > now:
                    self._beats[reader] = beat_at
                else:
                    # A reader that is busy writing does not answer; it comes again when it is done.
                    del self._beats[reader]
                    reader.wake()
            self._alarm_at = min([self.view.refresh_at, *self._beats.values()])
            await self._alarm.sleep(self._alarm_at - now)

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            _log.error("a fault of the server", exc_info=error)
            self._fail(Internal(f"internal error ({type(error).__name__}); the server's log has the details"))

    def _fail(self, error: CloudError) -> None:
        self.view.fault = error
        self.view.ring.wake()
