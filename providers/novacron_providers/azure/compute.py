"""Instances on Azure.

A change is a POST, PUT or DELETE that begins a long-running operation. Where to ask how it goes is the outcome of the
step that sent it, so a run after a restart goes on asking. Each of them may be sent twice: Azure starts what runs, and
stops what is off, without a further effect. Only a restart would be done twice, and it leaves no trace: one whose
answer is lost is not asked for again.
"""

import json
from collections.abc import Callable
from typing import Any

from google.protobuf import empty_pb2
from novacron.cloud.v1 import compute_pb2, provider_service_pb2

from novacron_providers.azure import instances
from novacron_providers.azure.client import Client
from novacron_providers.azure.create import Creation
from novacron_providers.azure.delete import Deletion
from novacron_providers.azure.errors import kind_of
from novacron_providers.azure.fleet import Fleet, Place
from novacron_providers.azure.instance_types import InstanceTypes
from novacron_providers.azure.regions import Regions
from novacron_providers.azure.waiting import Waiting
from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.compute import Compute
from novacron_providers.contract.errors import (
    CapacityUnavailable,
    InvalidArgument,
    OutcomeUnknown,
    StateInvalid,
    Unsupported,
)
from novacron_providers.contract.provider import Settings

_OFF = (
    compute_pb2.INSTANCE_STATE_STOPPED,
    compute_pb2.INSTANCE_STATE_DEALLOCATED,
    compute_pb2.INSTANCE_STATE_SUSPENDED,
)
_CHECK = "Look at the instance"
_SETTLE = "Wait until it is at rest"
_RUNNING = "Wait until it runs"
_CUT, _IS_CUT = "Cut the power", "Wait until the power is cut"


class VirtualMachines(Compute):
    """Compute of one subscription.

    Args:
        client: The SDK.
        regions: Which regions there are.
        settings: The provider's.
        group: Resource group in which instances are made.
    """

    lists_at_once = True

    def __init__(self, client: Client, regions: Regions, settings: Settings, group: str) -> None:
        self._client, self._regions, self._clock = client, regions, settings.clock
        self._types = InstanceTypes(client, regions, settings.provider, settings.clock)
        self._fleet = Fleet(client, regions, self._types, settings.provider, settings.clock)
        self._creation = Creation(client, regions, self._types, self._fleet, settings, group)
        self._deletion = Deletion(client, self._fleet, settings.clock)

    async def list_regions(
        self, request: provider_service_pb2.ListRegionsRequest, call: Call
    ) -> provider_service_pb2.ListRegionsResponse:
        return await self._regions.list_regions(request, call)

    async def list_instance_types(
        self, request: provider_service_pb2.ListInstanceTypesRequest, call: Call
    ) -> provider_service_pb2.ListInstanceTypesResponse:
        return await self._types.list_instance_types(request, call)

    async def get_instance(
        self, request: provider_service_pb2.GetInstanceRequest, call: Call
    ) -> provider_service_pb2.GetInstanceResponse:
        place = Place.of(request.name)
        instance = await self._fleet.get(place, call, with_data=request.include_provider_data)
        return provider_service_pb2.GetInstanceResponse(instance=instance)

    async def list_instances(
        self, request: provider_service_pb2.ListInstancesRequest, call: Call
    ) -> provider_service_pb2.ListInstancesResponse:
        return await self._fleet.list_instances(request, call)

    async def create_instance(
        self, request: provider_service_pb2.CreateInstanceRequest, op: Op
    ) -> compute_pb2.Instance:
        return await self._creation.run(request.spec, op)

    async def delete_instance(self, request: provider_service_pb2.DeleteInstanceRequest, op: Op) -> empty_pb2.Empty:
        await self._deletion.run(Place.of(request.name), op, allow_missing=request.allow_missing)
        return empty_pb2.Empty()

    async def start_instance(self, request: provider_service_pb2.StartInstanceRequest, op: Op) -> compute_pb2.Instance:
        place = Place.of(request.name)
        op.plan({"check": _CHECK, "settle": _SETTLE, "start": "Start", "running": _RUNNING})
        await self._check(place, op)
        await self._settle(place, op, compute_pb2.INSTANCE_STATE_STOPPING)
        return await self._start(place, op)

    async def stop_instance(self, request: provider_service_pb2.StopInstanceRequest, op: Op) -> compute_pb2.Instance:
        place = Place.of(request.name)
        goal = _goal(request)
        # Only a power-off can leave the guest unasked.
        cut_first = request.force and goal == compute_pb2.INSTANCE_STATE_DEALLOCATED
        op.plan(
            {
                "check": _CHECK,
                "settle": _SETTLE,
                **({"cut": _CUT, "is-cut": _IS_CUT} if cut_first else {}),
                "stop": "Stop",
                "stopped": "Wait until it is off",
            }
        )

        def allowed(state: compute_pb2.InstanceState) -> None:
            if state in _OFF and state != goal:
                raise StateInvalid(
                    f"{place.machine} is off in another mode; start it first",
                    resource=place.name,
                    facts={"state": compute_pb2.InstanceState.Name(state)},
                )

        async def stop(token: str) -> str:
            if await self._state(place, op) == goal:
                return ""
            if goal == compute_pb2.INSTANCE_STATE_DEALLOCATED:
                return await self._change("begin_deallocate", place, op)
            return await self._change("begin_power_off", place, op, skip_shutdown=request.force)

        await self._check(place, op, allowed)
        await self._settle(place, op, compute_pb2.INSTANCE_STATE_STARTING)
        if cut_first:
            await self._cut(place, op)
        waiting = Waiting(self._client, await op.step("stop", stop), "stopping", self._clock)

        async def is_off() -> float:
            if not await waiting.ended(op.call):
                return 0.5
            return 1.0 if await self._state(place, op) == goal else 0.7

        await op.until("stopped", is_off)
        return await self._fleet.get(place, op.call)

    async def restart_instance(
        self, request: provider_service_pb2.RestartInstanceRequest, op: Op
    ) -> compute_pb2.Instance:
        place = Place.of(request.name)
        begin = {"cut": _CUT, "is-cut": _IS_CUT, "start": "Start"} if request.force else {"restart": "Restart"}
        op.plan({"check": _CHECK, **begin, "running": _RUNNING})

        def allowed(state: compute_pb2.InstanceState) -> None:
            if state != compute_pb2.INSTANCE_STATE_RUNNING:
                raise StateInvalid(
                    f"{place.machine} does not run; StartInstance starts it",
                    resource=place.name,
                    facts={"state": compute_pb2.InstanceState.Name(state)},
                )

        async def restart(token: str) -> str:
            restarting = self._client.compute(
                "virtual_machines.begin_restart", op.call, place.group, place.machine, mutates=True, once=True
            )
            return (await restarting).poll

        async def cannot_tell() -> str:
            raise OutcomeUnknown(
                f"the answer to the restart of {place.machine} was lost, and Azure shows no trace of a restart; look "
                "at the instance before asking again",
                resource=place.name,
                sent=True,
            )

        await self._check(place, op, allowed)
        if request.force:
            await self._cut(place, op)
            return await self._start(place, op)
        poll = await op.step("restart", restart, find=cannot_tell)
        return await self._running(place, op, poll)

    async def _start(self, place: Place, op: Op) -> compute_pb2.Instance:
        async def start(token: str) -> str:
            return await self._change("begin_start", place, op) if await self._state(place, op) in _OFF else ""

        return await self._running(place, op, await op.step("start", start))

    async def _running(self, place: Place, op: Op, poll: str) -> compute_pb2.Instance:
        waiting = Waiting(self._client, poll, "starting", self._clock)

        async def runs() -> float:
            if not await waiting.ended(op.call):
                return 0.5
            raw = await self._fleet.must_find(place, op.call)
            state = instances.state_of(raw)
            if state == compute_pb2.INSTANCE_STATE_DELETING:
                raise place.missing()
            code, text = instances.failure_of(raw)
            if state in _OFF and kind_of(code, 0, text) is CapacityUnavailable:
                raise instances.lost(raw, "starting")
            return 1.0 if state == compute_pb2.INSTANCE_STATE_RUNNING else 0.7

        await op.until("running", runs)
        return await self._fleet.get(place, op.call)

    async def _cut(self, place: Place, op: Op) -> None:
        """Cut the power, and wait for it; the place on the host is kept."""

        async def cut(token: str) -> str:
            if await self._state(place, op) != compute_pb2.INSTANCE_STATE_RUNNING:
                return ""
            return await self._change("begin_power_off", place, op, skip_shutdown=True)

        waiting = Waiting(self._client, await op.step("cut", cut), "cutting the power", self._clock)
        await op.until("is-cut", lambda: waiting.probe(op.call))

    async def _check(
        self,
        place: Place,
        op: Op,
        allowed: Callable[[compute_pb2.InstanceState], None] = lambda state: None,
    ) -> None:
        """First step of a change: the instance is there, and its state allows the change."""

        async def check(token: str) -> str:
            raw = await self._fleet.must_find(place, op.call)
            allowed(instances.state_of(raw))
            return json.dumps({"word": instances.word_of(raw), "region": raw["location"]})

        found: dict[str, Any] = json.loads(await op.step("check", check, checks=True))
        op.log(f"it is {found['word']}")
        op.target(self._fleet.ref(place, found["region"]))

    async def _settle(self, place: Place, op: Op, passing: compute_pb2.InstanceState) -> None:
        """Azure refuses to start what is stopping, and to stop what is starting."""

        async def settled() -> float:
            return 0.5 if await self._state(place, op) == passing else 1.0

        await op.until("settle", settled)

    async def _state(self, place: Place, op: Op) -> compute_pb2.InstanceState:
        """State of an instance that must stay; raises NotFound once it is on its way out."""
        state = instances.state_of(await self._fleet.must_find(place, op.call))
        if state == compute_pb2.INSTANCE_STATE_DELETING:
            raise place.missing()
        return state

    async def _change(self, method: str, place: Place, op: Op, **parameters: bool) -> str:
        """Begin a change; where to ask how it goes."""
        given: dict[str, Any] = {key: value for key, value in parameters.items() if value}
        answer = await self._client.compute(
            f"virtual_machines.{method}", op.call, place.group, place.machine, mutates=True, **given
        )
        return answer.poll


def _goal(request: provider_service_pb2.StopInstanceRequest) -> compute_pb2.InstanceState:
    """State that a stop leads to."""
    match request.mode:
        case provider_service_pb2.STOP_MODE_UNSPECIFIED | provider_service_pb2.STOP_MODE_DEALLOCATE:
            return compute_pb2.INSTANCE_STATE_DEALLOCATED
        case provider_service_pb2.STOP_MODE_KEEP_HOST:
            return compute_pb2.INSTANCE_STATE_STOPPED
        case provider_service_pb2.STOP_MODE_SUSPEND:
            raise Unsupported(
                "instances of Azure are not suspended here; take STOP_MODE_DEALLOCATE",
                field="mode",
                facts={"capability": "INSTANCE_SUSPEND"},
            )
        case _:
            raise InvalidArgument(f"there is no stop mode {request.mode}", field="mode")
