"""A cloud that the project does not know: all of the package `novacron_toy`, as somebody else would write it.

test_foreign_provider.py installs a copy of this file beside the server, with an entry point. It may import the contract
and the stubs, and nothing else of ours. Its cloud is a dictionary: machines start half a second after they are made.
"""

import math
from collections.abc import Sequence

from google.protobuf import empty_pb2
from novacron.cloud.v1 import capabilities_pb2, common_pb2, compute_pb2, metrics_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract import (
    Area,
    Call,
    Compute,
    Connection,
    Filter,
    Identity,
    Metrics,
    Op,
    Points,
    Provider,
    ResourceName,
    SeriesKey,
    Settings,
    Window,
)
from novacron_providers.contract.errors import InvalidArgument, NotFound
from novacron_providers.contract.names import parse
from novacron_providers.contract.paging import decode_offset, encode_token, page_size

REGION, SHAPE, BOOT = "playroom", "brick", 0.5
CPU = "cloud.instance.cpu.utilization"


class Toy(Connection, Compute, Metrics):
    """One account."""

    def __init__(self, settings: Settings) -> None:
        self._provider, self._clock = settings.provider, settings.clock
        # What was made, by id: the request, and when.
        self._machines: dict[str, tuple[compute_pb2.InstanceSpec, float]] = {}
        self._off: set[str] = set()

    @property
    def areas(self) -> Sequence[Area]:
        return (self,)

    async def identify(self, call: Call) -> Identity:
        return Identity(account="toybox")

    async def regions(self, call: Call) -> Sequence[str]:
        return [REGION]

    async def probe(self, region: str, call: Call) -> None:
        pass

    def throttled_calls(self) -> int:
        return 0

    async def close(self) -> None:
        self._machines.clear()

    async def list_regions(self, request: pb.ListRegionsRequest, call: Call) -> pb.ListRegionsResponse:
        answer = pb.ListRegionsResponse(
            regions=[provider_pb2.Region(name=self._name("regions", REGION), native_id=REGION, available=True)]
        )
        answer.observe_time.FromNanoseconds(self._now())
        answer.regions[0].observe_time.CopyFrom(answer.observe_time)
        return answer

    async def list_instance_types(
        self, request: pb.ListInstanceTypesRequest, call: Call
    ) -> pb.ListInstanceTypesResponse:
        name = self._name("instanceTypes", REGION, SHAPE)
        brick = compute_pb2.InstanceType(name=name, native_id=SHAPE, region=REGION, vcpus=1, memory_bytes=2**30)
        answer = pb.ListInstanceTypesResponse(instance_types=[brick])
        answer.observe_time.FromNanoseconds(self._now())
        answer.instance_types[0].observe_time.CopyFrom(answer.observe_time)
        return answer

    async def get_instance(self, request: pb.GetInstanceRequest, call: Call) -> pb.GetInstanceResponse:
        return pb.GetInstanceResponse(instance=self._instance(self._id(request.name)))

    async def list_instances(self, request: pb.ListInstancesRequest, call: Call) -> pb.ListInstancesResponse:
        query = Filter.parse(request.filter, compute_pb2.Instance)
        found = [one for one in map(self._instance, sorted(self._machines)) if query.matches(one)]
        start = decode_offset(request)
        stop = start + page_size(request)
        answer = pb.ListInstancesResponse(instances=found[start:stop])
        if stop < len(found):
            answer.next_page_token = encode_token(request, stop)
        answer.observe_time.FromNanoseconds(self._now())
        return answer

    async def create_instance(self, request: pb.CreateInstanceRequest, op: Op) -> compute_pb2.Instance:
        if request.spec.instance_type != SHAPE:
            raise InvalidArgument(f"there is one type, {SHAPE}", field="spec.instance_type")
        op.plan({"mould": "Press it", "running": "Wait until it runs"})

        async def mould(token: str) -> str:
            # The same token makes the same machine.
            self._machines.setdefault(token, (request.spec, self._clock.time()))
            return token

        made = await op.step("mould", mould)
        op.target(common_pb2.ResourceRef(name=self._name("instances", REGION, made), native_id=made))
        await op.until("running", lambda: self._share_booted(made), interval=0.1)
        return self._instance(made)

    async def delete_instance(self, request: pb.DeleteInstanceRequest, op: Op) -> empty_pb2.Empty:
        if not request.allow_missing:
            self._id(request.name)
        made = parse(request.name, "instances", 2).parts[1]
        op.target(common_pb2.ResourceRef(name=request.name, type=common_pb2.RESOURCE_TYPE_INSTANCE))

        async def throw_away(token: str) -> str:
            self._machines.pop(made, None)
            return made

        await op.step("throw-away", throw_away, title="Throw it away")
        return empty_pb2.Empty()

    async def start_instance(self, request: pb.StartInstanceRequest, op: Op) -> compute_pb2.Instance:
        return await self._switch(request.name, op, on=True)

    async def stop_instance(self, request: pb.StopInstanceRequest, op: Op) -> compute_pb2.Instance:
        return await self._switch(request.name, op, on=False)

    async def restart_instance(self, request: pb.RestartInstanceRequest, op: Op) -> compute_pb2.Instance:
        return await self._switch(request.name, op, on=True)

    def descriptors(self) -> Sequence[metrics_pb2.MetricDescriptor]:
        one = metrics_pb2.MetricDescriptor(
            name=self._name("metricDescriptors", CPU),
            type=CPU,
            display_name="CPU in use",
            description="Share of a brick that is in use.",
            unit="1",
            kind=metrics_pb2.METRIC_KIND_GAUGE,
            resource_type=common_pb2.RESOURCE_TYPE_INSTANCE,
            native=metrics_pb2.NativeMetric(namespace="toy", metric="busy", unit="1", scale=1.0),
        )
        one.min_period.FromSeconds(1)
        one.publish_delay.FromSeconds(0)
        return [one]

    async def collect(
        self,
        region: str,
        instances: Sequence[compute_pb2.Instance],
        metrics: Sequence[str],
        window: Window,
        call: Call,
    ) -> Sequence[Points]:
        ends = [float(end) for end in range(math.floor(window.start) + 1, math.floor(window.end) + 1)]
        return [Points(SeriesKey(CPU, one.name), ends, [0.25] * len(ends)) for one in instances if ends]

    async def _switch(self, name: str, op: Op, *, on: bool) -> compute_pb2.Instance:
        made = self._id(name)

        async def switch(token: str) -> str:
            (self._off.discard if on else self._off.add)(made)
            return made

        await op.step("switch", switch, title="Switch it")
        return self._instance(made)

    async def _share_booted(self, made: str) -> float:
        return min(1.0, (self._clock.time() - self._machines[made][1]) / BOOT)

    def _instance(self, made: str) -> compute_pb2.Instance:
        spec, since = self._machines[made]
        states = compute_pb2.InstanceState
        state = states.INSTANCE_STATE_STARTING if self._clock.time() < since + BOOT else states.INSTANCE_STATE_RUNNING
        if made in self._off:
            state = states.INSTANCE_STATE_STOPPED
        found = compute_pb2.Instance(
            name=self._name("instances", REGION, made),
            native_id=made,
            display_name=spec.display_name,
            state=state,
            region=REGION,
            instance_type=SHAPE,
            tags=spec.tags,
        )
        found.observe_time.FromNanoseconds(self._now())
        return found

    def _id(self, name: str) -> str:
        made = parse(name, "instances", 2).parts[1]
        if made not in self._machines:
            raise NotFound(f"there is no {name}", resource=name)
        return made

    def _name(self, collection: str, *parts: str) -> str:
        return str(ResourceName(self._provider, collection, parts))

    def _now(self) -> int:
        return round(self._clock.time() * 1e9)


def check(settings: Settings) -> None:
    """A toy has no regions but its own."""
    if any(region != REGION for region in settings.config.regions):
        raise InvalidArgument(f"there is one region, {REGION}", field="config.regions")


PROVIDER = Provider(
    kind="toy",
    display_name="Toy box",
    capabilities=[
        capabilities_pb2.CapabilityStatus(capability=capability, level=capabilities_pb2.SUPPORT_LEVEL_NATIVE)
        for capability in (capabilities_pb2.CAPABILITY_INSTANCES, capabilities_pb2.CAPABILITY_METRICS)
    ],
    check=check,
    connect=Toy,
)
