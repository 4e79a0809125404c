"""A cloud in memory whose every value can be computed: it counts calls, and can break, lag and change its mind."""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence

from google.protobuf import duration_pb2, empty_pb2
from novacron.cloud.v1 import (
    common_pb2,
    compute_pb2,
    metrics_pb2,
    provider_pb2,
    provider_service_pb2,
)
from novacron_providers.contract import (
    Area,
    Call,
    Clock,
    CloudError,
    Compute,
    Connection,
    Identity,
    Metrics,
    Op,
    Points,
    SeriesKey,
    Window,
)
from novacron_providers.contract.errors import NotFound, Unsupported
from novacron_providers.contract.paging import decode_token, encode_token
from novacron_server.inventory.budget import Budget

CPU, READ, CREDITS = "cloud.instance.cpu.utilization", "cloud.instance.disk.read_bytes", "toy.credits"
UNITS = {CPU: "1", READ: "By/s", CREDITS: "{credit}"}


class ToyCloud(Connection, Compute, Metrics):
    """One account.

    Attributes:
        able: What it can do.
        period, delay: Seconds between two points of a series, and from a period's end to its publication.
        periods: Period of single metrics, where it differs.
        fleet: Instances by region.
        broken: Error that everything in a region raises; under "", what asking for the regions raises.
        lag: Seconds that points of an instance, by native id, come later than `delay`.
        pause: Seconds that each list and each reading takes.
        silent: Native ids of instances that have no values.
        revised: Values that replace the computed ones, by (metric, native id, time).
        calls: How many of each kind were made; lists count pages.
        callers: Calls that metrics were read with.
        reads: What each reading of metrics asked for: (region, metrics, native ids, window).
    """

    def __init__(self, clock: Clock, name: str = "toy", *, period: float = 60.0, delay: float = 0.0) -> None:
        self.clock, self.name, self.period, self.delay = clock, name, period, delay
        self.able: tuple[Area, ...] = (self,)
        self.periods: dict[str, float] = {}
        self.fleet: dict[str, dict[str, compute_pb2.Instance]] = {"east": {}}
        self.broken: dict[str, Exception] = {}
        self.lag: dict[str, float] = {}
        self.silent: set[str] = set()
        self.revised: dict[tuple[str, str, float], float] = {}
        self.metrics: list[str] = [CPU, READ, CREDITS]
        self.page = 1000
        self.pause = 0.0
        self.calls: Counter[str] = Counter()
        self.callers: list[Call] = []
        self.reads: list[tuple[str, list[str], list[str], Window]] = []

    def add(self, native_id: str, region: str = "east", **tags: str) -> str:
        """Make an instance and return its name."""
        name = f"providers/{self.name}/instances/{region}~{native_id}"
        self.fleet.setdefault(region, {})[native_id] = compute_pb2.Instance(
            name=name, native_id=native_id, display_name=f"vm {native_id}", region=region, tags=tags
        )
        return name

    def remove(self, native_id: str, region: str = "east") -> None:
        del self.fleet[region][native_id]

    def value(self, metric: str, native_id: str, time: float) -> float:
        """The value that a series has at a time."""
        if (revised := self.revised.get((metric, native_id, time))) is not None:
            return revised
        return round(time) % 10_000 + len(metric) / 100 + sum(native_id.encode()) / 1e6

    @property
    def areas(self) -> Sequence[Area]:
        return self.able

    async def identify(self, call: Call) -> Identity:
        return Identity(account=self.name)

    async def regions(self, call: Call) -> Sequence[str]:
        await asyncio.sleep(0)
        self.calls["regions"] += 1
        if error := self.broken.get(""):
            raise error
        return list(self.fleet)

    async def probe(self, region: str, call: Call) -> None:
        raise AssertionError("telemetry does not probe")

    def throttled_calls(self) -> int:
        return 0

    async def close(self) -> None:
        pass

    async def list_instances(
        self, request: provider_service_pb2.ListInstancesRequest, call: Call
    ) -> provider_service_pb2.ListInstancesResponse:
        await self.clock.sleep(self.pause)
        self.calls["list"] += 1
        [region] = request.regions
        if error := self.broken.get(region):
            raise error
        found = sorted(self.fleet[region].values(), key=lambda i: i.name)
        start = int(decode_token(request) or 0)
        answer = provider_service_pb2.ListInstancesResponse(instances=found[start : start + self.page])
        for instance in answer.instances:
            instance.observe_time.FromNanoseconds(round(self.clock.time() * 1e9))
        if start + self.page < len(found):
            answer.next_page_token = encode_token(request, start + self.page)
        return answer

    def descriptors(self) -> Sequence[metrics_pb2.MetricDescriptor]:
        return [
            metrics_pb2.MetricDescriptor(
                name=f"providers/{self.name}/metricDescriptors/{metric}",
                type=metric,
                unit=UNITS.get(metric, "1"),
                kind=metrics_pb2.METRIC_KIND_GAUGE,
                resource_type=common_pb2.RESOURCE_TYPE_INSTANCE,
                min_period=_duration(self.periods.get(metric, self.period)),
                publish_delay=_duration(self.delay),
            )
            for metric in self.metrics
        ]

    async def collect(
        self,
        region: str,
        instances: Sequence[compute_pb2.Instance],
        metrics: Sequence[str],
        window: Window,
        call: Call,
    ) -> Sequence[Points]:
        await self.clock.sleep(self.pause)
        self.calls["collect"] += 1
        self.billed += len(instances) * len(metrics)
        ids = [instance.native_id for instance in instances]
        self.callers.append(call)
        self.reads.append((region, [*metrics], ids, window))
        if error := self.broken.get(region):
            raise error
        found = []
        for instance in instances:
            if instance.native_id in self.silent:
                continue
            for metric in metrics:
                step = self.periods.get(metric, self.period)
                published = self.clock.time() - self.delay - self.lag.get(instance.native_id, 0.0)
                last = math.floor(min(window.end, published) / step)
                first = math.floor(window.start / step) + 1
                times = [float(n * step) for n in range(first, last + 1)]
                values = [self.value(metric, instance.native_id, time) for time in times]
                if times:
                    found.append(Points(SeriesKey(metric, instance.name), times, values))
        return found

    async def list_regions(
        self, request: provider_service_pb2.ListRegionsRequest, call: Call
    ) -> provider_service_pb2.ListRegionsResponse:
        raise Unsupported("not here")

    async def list_instance_types(
        self, request: provider_service_pb2.ListInstanceTypesRequest, call: Call
    ) -> provider_service_pb2.ListInstanceTypesResponse:
        raise Unsupported("not here")

    async def get_instance(
        self, request: provider_service_pb2.GetInstanceRequest, call: Call
    ) -> provider_service_pb2.GetInstanceResponse:
        raise Unsupported("not here")

    async def create_instance(
        self, request: provider_service_pb2.CreateInstanceRequest, op: Op
    ) -> compute_pb2.Instance:
        raise Unsupported("not here")

    async def delete_instance(self, request: provider_service_pb2.DeleteInstanceRequest, op: Op) -> empty_pb2.Empty:
        raise Unsupported("not here")

    async def start_instance(self, request: provider_service_pb2.StartInstanceRequest, op: Op) -> compute_pb2.Instance:
        raise Unsupported("not here")

    async def stop_instance(self, request: provider_service_pb2.StopInstanceRequest, op: Op) -> compute_pb2.Instance:
        raise Unsupported("not here")

    async def restart_instance(
        self, request: provider_service_pb2.RestartInstanceRequest, op: Op
    ) -> compute_pb2.Instance:
        raise Unsupported("not here")


class ToyProviders:
    """A registry.

    Attributes:
        faults: Why there is no connection, by provider.
        reports: What telemetry last found of each region.
    """

    def __init__(self, *clouds: ToyCloud) -> None:
        self.clouds = {cloud.name: cloud for cloud in clouds}
        self.configs = {cloud.name: provider_pb2.ProviderConfig() for cloud in clouds}
        self.budgets: dict[str, Budget] = {}
        self.without_metrics: set[str] = set()
        self.faults: dict[str, CloudError] = {}
        self.reports: dict[tuple[str, str], CloudError | None] = {}

    def names(self) -> list[str]:
        return sorted(self.clouds)

    def connection(self, name: str) -> ToyCloud:
        if name not in self.clouds:
            raise NotFound(f"no provider {name!r}", resource=f"providers/{name}")
        if fault := self.faults.get(name):
            raise fault
        return self.clouds[name]

    def budget(self, name: str) -> Budget:
        return self.budgets.setdefault(name, Budget(self.clouds[name].clock))

    def config(self, name: str) -> provider_pb2.ProviderConfig:
        return self.configs[name]

    def has(self, name: str, capability: int) -> bool:
        if name not in self.clouds:
            raise NotFound(f"no provider {name!r}", resource=f"providers/{name}")
        return name not in self.without_metrics

    def report(self, name: str, region: str, error: CloudError | None) -> None:
        self.reports[name, region] = error


def _duration(seconds: float) -> duration_pb2.Duration:
    found = duration_pb2.Duration()
    found.FromMicroseconds(round(seconds * 1e6))
    return found
