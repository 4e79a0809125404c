"""Reads the metrics of one region, once for all who want them, and only while somebody does."""

import asyncio
import math
import time
from collections.abc import Sequence

import structlog
from novacron.cloud.v1 import compute_pb2, metrics_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import CloudError, Internal
from novacron_providers.contract.metrics import Metrics, Window
from novacron_providers.contract.provider import Connection

from novacron_server.inventory.budget import WIDENED, Budget
from novacron_server.inventory.fleet import INTERVAL, Fleet
from novacron_server.telemetry.alarm import Alarm
from novacron_server.telemetry.cadence import Cadence
from novacron_server.telemetry.demand import Lease, Reader, Region, Scope, Wanted
from novacron_server.telemetry.scopes import Providers, metrics_of
from novacron_server.telemetry.selector import Selector
from novacron_server.telemetry.table import Column
from novacron_server.times import duration, timestamp

# Who the background reads are made for.
PRINCIPAL = "telemetry"
# Seconds for one reading of metrics.
LIMIT = 60.0
# Period of a metric whose descriptor tells none, in seconds.
PERIOD = 60.0
# States in which an instance has no values. Clouds charge for asking all the same.
OFF = (
    compute_pb2.INSTANCE_STATE_STOPPED,
    compute_pb2.INSTANCE_STATE_DEALLOCATED,
    compute_pb2.INSTANCE_STATE_SUSPENDED,
)

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.telemetry")


class Collector:
    """Keeps a Region up to date for those who hold a lease on it.

    What is known stays when the last active lease ends, so a reader that soon comes back gets what it missed.
    """

    def __init__(self, scope: Scope, providers: Providers, fleet: Fleet, clock: Clock) -> None:
        self.region = Region(scope)
        self.leases: set[Lease] = set()
        self._providers, self._fleet, self._clock = providers, fleet, clock
        self._alarm = Alarm(clock)
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._listed = -math.inf
        # What active leases select; None when it must be found anew.
        self._wanted: Wanted | None = None
        # Whether there may be series that nobody wants.
        self._is_loose = False
        self._cadences: dict[tuple[float, float], Cadence] = {}
        self._wake_at = -math.inf

    def add(self, lease: Lease) -> None:
        """Begin to read for a lease."""
        lease.refresh()
        self.leases.add(lease)
        self.changed()

    def remove(self, lease: Lease) -> None:
        """A lease ended."""
        self.leases.discard(lease)
        self._is_loose = True
        self.changed()

    def changed(self) -> None:
        """Leases became active, or ceased to be, or ask for newer values."""
        self._wanted = None
        if any(lease.active for lease in self.leases):
            if self._task:
                self._alarm.ring()
            else:
                self._task = asyncio.create_task(self._run(), name=f"collect {self.region.scope}")
        else:
            self.stop()

    def relist(self) -> None:
        """Instances may have changed: list them now, or when somebody wants them."""
        self._listed = -math.inf
        self._alarm.ring()

    def stop(self) -> None:
        """Stop reading."""
        if self._task:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await self._pass()
            await self._alarm.sleep(self._wake_at - self._clock.time())

    async def _pass(self) -> None:
        """Read what is due and what is new, and let the readers know."""
        region, scope = self.region, self.region.scope
        asking = [lease for lease in self.leases if lease.active]
        began = self._clock.time()
        try:
            await self._read(asking, began)
        except CloudError as error:
            self._fail(error.about(provider=scope.provider, region=scope.region), began)
        except Exception as error:  # noqa: BLE001  # a fault in one reading must not end all later ones
            _log.exception("a fault of the server or the adapter", provider=scope.provider, region=scope.region)
            self._fail(Internal(f"internal error ({type(error).__name__}); the server's log has the details"), began)
        else:
            if region.error:
                _log.info("metrics can be read again", provider=scope.provider, region=scope.region)
            region.error = None
            self._providers.report(scope.provider, scope.region, None)
        for lease in asking:
            lease.ready = lease.ready or lease.not_before <= began
        for lease in [*self.leases]:
            lease.reader.settle()

    def _fail(self, error: CloudError, began: float) -> None:
        scope = self.region.scope
        if self.region.error is None:
            _log.warning("metrics cannot be read", provider=scope.provider, region=scope.region, error=error.message)
        self.region.error = error
        self._providers.report(scope.provider, scope.region, error)
        self._publish(self.region.table.void())
        tick = min((cadence.next_tick(began) for cadence in self._cadences.values()), default=math.inf)
        self._wake_at = max(min(tick, began + INTERVAL), began + (error.retry_after or 0.0))

    async def _read(self, asking: Sequence[Lease], began: float) -> None:
        connection = self._providers.connection(self.region.scope.provider)
        scope, metrics = self.region.scope, metrics_of(connection)
        if connection is not self._connection:
            # Another account or other settings: what there is, and when it is published, may be different.
            self._connection, self._listed = connection, -math.inf
            self._cadences.clear()
            self.region.descriptors = {descriptor.type: descriptor for descriptor in metrics.descriptors()}
            self._reselect()
        not_before = max((lease.not_before for lease in asking), default=-math.inf)
        if self._listed < (oldest := max(not_before, began - INTERVAL + 1e-3)):
            await self._list(oldest)
        if self._is_loose:
            self._prune()
        # Of those that are there now: leases can come and go while a list is under way.
        active = [lease for lease in self.leases if lease.active]
        self._wanted = wanted = self._wanted or Wanted.by(active)
        for lease in active:
            if not lease.ready:
                lease.reader.take(lease, [])
        instances = [
            instance
            for name, instance in self.region.instances.items()
            if name in wanted.resources and (instance.state not in OFF or self.region.table.has_value(name))
        ]
        cadences = self._schedule(wanted.metrics)
        budget, config = self._providers.budget(scope.provider), self._providers.config(scope.provider)
        for cadence, types in cadences:
            held_until = self._held_until(cadence, budget.is_spent(metrics, config))
            await self._collect(metrics, cadence, types, instances, not_before, held_until)
        is_spent = budget.is_spent(metrics, config)
        self._notice(budget if is_spent else None)
        self.region.read_time = min((cadence.read_time for cadence, _ in cadences), default=self._listed)
        now = self._clock.time()
        ticks = [max(cadence.next_tick(now), self._held_until(cadence, is_spent)) for cadence, _ in cadences]
        self._wake_at = min([self._listed + INTERVAL, *([budget.reset_time] if is_spent else []), *ticks])

    def _held_until(self, cadence: Cadence, is_spent: bool) -> float:
        """Before this it is not read, however new its values might be."""
        # No longer than a read goes back, so that nothing is lost.
        return cadence.read_time + min(WIDENED, cadence.reach / 2) if is_spent else -math.inf

    def _notice(self, spent: Budget | None) -> None:
        """Tell readers that reads are rare because the budget is spent, or as usual."""
        message = None
        if spent:
            message = metrics_pb2.MetricCollection(
                scope=str(self.region.scope), interval=duration(WIDENED), reset_time=timestamp(spent.reset_time)
            )
        for lease in [*self.leases]:
            lease.reader.notice(self.region.scope, message)

    async def _list(self, not_before: float) -> None:
        scope = self.region.scope
        listing = await self._fleet.instances(scope.provider, scope.region, not_before=not_before)
        self._listed = listing.read_time
        if listing.instances is not self.region.instances:
            self.region.instances = listing.instances
            self.region.names = {instance.native_id: name for name, instance in listing.instances.items()}
            self._reselect()

    def _reselect(self) -> None:
        """Instances or metrics changed: find anew what is selected."""
        for lease in self.leases:
            lease.refresh()
        self._wanted, self._is_loose = None, True

    def _prune(self) -> None:
        """Forget series that ended or that nobody wants any more."""
        self._is_loose = False
        kept, table = Wanted.by(self.leases), self.region.table
        table.drop([k for k in table.rows if k.metric not in kept.metrics or k.resource not in kept.resources])
        self._publish([])

    def _schedule(self, types: frozenset[str]) -> list[tuple[Cadence, frozenset[str]]]:
        """Split types by how they are to be read."""
        config = self._providers.config(self.region.scope.provider)
        interval = config.metrics_interval.ToNanoseconds() / 1e9
        split: dict[tuple[float, float], set[str]] = {}
        for name in types:
            period, delay = _timing(self.region.descriptors[name], interval)
            split.setdefault((period, delay), set()).add(name)
        for key in split:
            self._cadences.setdefault(key, Cadence(len(self._cadences), *key))
        return [(self._cadences[key], frozenset(names)) for key, names in sorted(split.items())]

    async def _collect(
        self,
        metrics: Metrics,
        cadence: Cadence,
        types: frozenset[str],
        instances: Sequence[compute_pb2.Instance],
        not_before: float,
        held_until: float,
    ) -> None:
        now = self._clock.time()
        names = frozenset(instance.name for instance in instances)
        if (cadence.is_due(now) and now >= held_until) or cadence.read_time < not_before:
            new = types - cadence.metrics or names - cadence.resources
            table, lately = self.region.table, cadence.lately(now)
            window = cadence.window(now, table.behind(cadence.group, lately, now))
            if new:
                first = cadence.first_window(now)
                window = Window(min(window.start, first.start), window.end, window.period)
            columns = await self._take(metrics, cadence, types, instances, window)
            is_first = cadence.read_time == -math.inf
            cadence.done(now, columns, table.behind(cadence.group, lately, now))
            cadence.read_time = now
            table.trim(cadence.period, cadence.horizon)
            if not is_first:
                self._publish(table.void(table.silent(cadence.group, cadence.silence(now))))
        else:
            window = cadence.first_window(now)
            await self._take(metrics, cadence, types - cadence.metrics, instances, window)
            new_instances = [instance for instance in instances if instance.name not in cadence.resources]
            await self._take(metrics, cadence, types & cadence.metrics, new_instances, window)
        cadence.metrics, cadence.resources = types, names

    async def _take(
        self,
        metrics: Metrics,
        cadence: Cadence,
        types: frozenset[str],
        instances: Sequence[compute_pb2.Instance],
        window: Window,
    ) -> list[Column]:
        """Read a window, and hand on what is new in it."""
        if not types or not instances:
            return []
        call = self._call("MetricsService/StreamMetrics", max(LIMIT, cadence.period))
        found = await metrics.collect(self.region.scope.region, instances, sorted(types), window, call)
        columns = self.region.table.write(found, cadence.period, cadence.group, cadence.horizon)
        self._publish(columns)
        return columns

    def _publish(self, columns: Sequence[Column]) -> None:
        for lease in [*self.leases]:
            lease.reader.take(lease, columns)

    def _call(self, method: str, limit: float) -> Call:
        return Call(principal=PRINCIPAL, method=method, deadline=time.monotonic() + limit, clock=self._clock)


class Collectors:
    """All collectors: one for each region that somebody holds a lease on."""

    def __init__(self, providers: Providers, fleet: Fleet, clock: Clock) -> None:
        self._providers, self._fleet, self._clock = providers, fleet, clock
        self._known: dict[Scope, Collector] = {}

    def lease(self, scope: Scope, selector: Selector, reader: Reader) -> Lease:
        """Begin to read what a selector selects in a region."""
        collector = self._known.get(scope)
        if collector is None:
            collector = self._known[scope] = Collector(scope, self._providers, self._fleet, self._clock)
        lease = Lease(collector.region, selector, reader)
        collector.add(lease)
        return lease

    def changed(self, lease: Lease) -> None:
        """A lease became active, or ceased to be, or asks for newer values."""
        self._known[lease.region.scope].changed()

    def release(self, lease: Lease) -> None:
        """End a lease; what nobody holds a lease on is forgotten."""
        collector = self._known[lease.region.scope]
        collector.remove(lease)
        if not collector.leases:
            del self._known[lease.region.scope]

    def relist(self, provider: str) -> None:
        """The instances of a provider may have changed."""
        for scope, collector in self._known.items():
            if scope.provider == provider:
                collector.relist()

    def close(self) -> None:
        """Stop all reading."""
        for collector in self._known.values():
            collector.stop()


def _timing(descriptor: metrics_pb2.MetricDescriptor, interval: float) -> tuple[float, float]:
    """Period and publish delay of a metric, in seconds; the period is no shorter than `interval`."""
    shortest = descriptor.min_period.ToNanoseconds() / 1e9 or PERIOD
    # A cloud has only whole multiples of its period.
    period = max(1, math.ceil(interval / shortest - 1e-6)) * shortest
    return period, descriptor.publish_delay.ToNanoseconds() / 1e9
