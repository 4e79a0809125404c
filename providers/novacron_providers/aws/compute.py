"""Instances on EC2.

EC2 shows a change a little after it was made, and an instance that it has just named may be unknown for seconds; what
waits here takes both for "not yet". No step sends without looking first, so a step that is run again after a crash
changes nothing twice. A reboot takes no token and leaves no trace: one whose answer is lost is not asked for again.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf import empty_pb2
from novacron.cloud.v1 import compute_pb2, provider_service_pb2

from novacron_providers.aws import instances
from novacron_providers.aws.client import Client
from novacron_providers.aws.create import Creation
from novacron_providers.aws.errors import kind_of
from novacron_providers.aws.fleet import Fleet, Place
from novacron_providers.aws.instance_types import InstanceTypes
from novacron_providers.aws.regions import Regions
from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.compute import Compute
from novacron_providers.contract.errors import (
    CapacityUnavailable,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    StateInvalid,
    Unsupported,
)
from novacron_providers.contract.provider import Settings

_OFF = (compute_pb2.INSTANCE_STATE_DEALLOCATED, compute_pb2.INSTANCE_STATE_SUSPENDED)
_ENDING = (compute_pb2.INSTANCE_STATE_DELETING, compute_pb2.INSTANCE_STATE_DELETED)
_CHECK = "Look at the instance"
_SETTLE = "Wait until it is at rest"
_RUNNING = "Wait until it runs"


class Ec2(Compute):
    """Compute of one AWS account."""

    def __init__(self, client: Client, regions: Regions, settings: Settings) -> None:
        self._client, self._regions = client, regions
        self._types = InstanceTypes(client, regions, settings.provider, settings.clock)
        self._fleet = Fleet(client, regions, self._types, settings.provider, settings.clock)
        self._creation = Creation(client, regions, self._types, self._fleet, settings)

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

    async def start_instance(self, request: provider_service_pb2.StartInstanceRequest, op: Op) -> compute_pb2.Instance:
        place = Place.of(request.name)
        op.plan({"check": _CHECK, "settle": _SETTLE, "start": "Start", "running": _RUNNING})

        async def start(token: str) -> str:
            if await self._state(place, op) in _OFF:
                await self._change("ec2.StartInstances", place, op)
            return ""

        await self._check(place, op)
        await self._settle(place, op, compute_pb2.INSTANCE_STATE_STOPPING)
        await op.step("start", start)
        await op.until("running", lambda: self._runs(place, op))
        return await self._fleet.get(place, op.call)

    async def stop_instance(self, request: provider_service_pb2.StopInstanceRequest, op: Op) -> compute_pb2.Instance:
        place = Place.of(request.name)
        goal = _goal(request)
        op.plan({"check": _CHECK, "settle": _SETTLE, "stop": "Stop", "stopped": "Wait until it is off"})

        def allowed(state: compute_pb2.InstanceState, raw: Any) -> None:
            if state in _OFF and state != goal:
                raise StateInvalid(
                    f"{place.native_id} is off in another mode; start it first",
                    resource=place.name,
                    facts={"state": compute_pb2.InstanceState.Name(state)},
                )
            if goal == compute_pb2.INSTANCE_STATE_SUSPENDED and not raw.get("HibernationOptions", {}).get("Configured"):
                raise StateInvalid(
                    f"{place.native_id} cannot be suspended: EC2 hibernates only what was launched with "
                    "HibernationOptions (spec.provider_options)",
                    resource=place.name,
                    facts={"state": compute_pb2.InstanceState.Name(state)},
                )

        async def stop(token: str) -> str:
            if await self._state(place, op) == compute_pb2.INSTANCE_STATE_RUNNING:
                hibernate = goal == compute_pb2.INSTANCE_STATE_SUSPENDED
                await self._change("ec2.StopInstances", place, op, Force=request.force, Hibernate=hibernate)
            return ""

        async def is_off() -> float:
            state = await self._state(place, op)
            if state in _OFF and state != goal:
                raise StateInvalid(f"{place.native_id} went off in another mode", resource=place.name)
            return 1.0 if state == goal else 0.5

        await self._check(place, op, allowed)
        await self._settle(place, op, compute_pb2.INSTANCE_STATE_STARTING)
        await op.step("stop", stop)
        await op.until("stopped", is_off)
        return await self._fleet.get(place, op.call)

    async def restart_instance(
        self, request: provider_service_pb2.RestartInstanceRequest, op: Op
    ) -> compute_pb2.Instance:
        place = Place.of(request.name)
        if request.force:
            raise Unsupported(
                "EC2 cannot cut the power and keep the address; StopInstance with force, then StartInstance",
                field="force",
                facts={"capability": "RestartInstance.force"},
            )
        op.plan({"check": _CHECK, "reboot": "Reboot", "running": _RUNNING})

        def allowed(state: compute_pb2.InstanceState, raw: Any) -> None:
            if state != compute_pb2.INSTANCE_STATE_RUNNING:
                raise StateInvalid(
                    f"{place.native_id} does not run; StartInstance starts it",
                    resource=place.name,
                    facts={"state": compute_pb2.InstanceState.Name(state)},
                )

        async def reboot(token: str) -> str:
            parameters = {"InstanceIds": [place.native_id]}
            await self._client.call("ec2.RebootInstances", place.region, op.call, parameters, mutates=True, once=True)
            return ""

        async def cannot_tell() -> str:
            raise OutcomeUnknown(
                f"the answer to the reboot of {place.native_id} was lost, and EC2 shows no trace of a reboot; look at "
                "the instance before asking again",
                resource=place.name,
                sent=True,
            )

        await self._check(place, op, allowed)
        await op.step("reboot", reboot, find=cannot_tell)
        await op.until("running", lambda: self._runs(place, op))
        return await self._fleet.get(place, op.call)

    async def delete_instance(self, request: provider_service_pb2.DeleteInstanceRequest, op: Op) -> empty_pb2.Empty:
        place = Place.of(request.name)
        op.plan({"check": _CHECK, "terminate": "Terminate", "terminated": "Wait until it is gone"})

        async def check(token: str) -> str:
            raw = await self._fleet.find(place, op.call)
            there = raw is not None and instances.state_of(raw) != compute_pb2.INSTANCE_STATE_DELETED
            if not there and not request.allow_missing:
                raise place.missing()
            return "there" if there else "missing"

        async def terminate(token: str) -> str:
            try:
                await self._change("ec2.TerminateInstances", place, op)
            except NotFound:
                op.log("EC2 has forgotten it already")
            return ""

        async def is_gone() -> float:
            raw = await self._fleet.find(place, op.call)
            return 1.0 if raw is None or instances.state_of(raw) == compute_pb2.INSTANCE_STATE_DELETED else 0.5

        if await op.step("check", check, checks=True) == "there":
            op.target(place.ref)
            await op.step("terminate", terminate)
            await op.until("terminated", is_gone)
        return empty_pb2.Empty()

    async def _check(
        self,
        place: Place,
        op: Op,
        allowed: Callable[[compute_pb2.InstanceState, Any], None] = lambda state, raw: None,
    ) -> None:
        """First step of a change: the instance is there, and its state allows the change."""

        async def check(token: str) -> str:
            raw = await self._fleet.must_find(place, op.call)
            allowed(instances.state_of(raw), raw)
            return raw["State"]["Name"]

        op.log(f"it is {await op.step('check', check, checks=True)}")
        op.target(place.ref)

    async def _settle(self, place: Place, op: Op, passing: compute_pb2.InstanceState) -> None:
        """EC2 refuses to start what is stopping, and to stop what is starting."""

        async def settled() -> float:
            return 0.5 if await self._state(place, op) == passing else 1.0

        await op.until("settle", settled)

    async def _state(self, place: Place, op: Op) -> compute_pb2.InstanceState:
        """State of an instance that must stay; raises NotFound once it is on its way out."""
        state = instances.state_of(await self._fleet.must_find(place, op.call))
        if state in _ENDING:
            raise place.missing()
        return state

    async def _runs(self, place: Place, op: Op) -> float:
        raw = await self._fleet.must_find(place, op.call)
        state = instances.state_of(raw)
        if state == compute_pb2.INSTANCE_STATE_RUNNING:
            return 1.0
        code = raw.get("StateReason", {}).get("Code", "")
        if state in _ENDING or (state in _OFF and kind_of(code.rpartition(".")[2]) is CapacityUnavailable):
            raise instances.lost(raw, "starting")
        return 0.5

    async def _change(self, action: str, place: Place, op: Op, **parameters: bool) -> None:
        given = {key: value for key, value in parameters.items() if value}
        await self._client.call(
            action, place.region, op.call, {"InstanceIds": [place.native_id], **given}, mutates=True
        )


def _goal(request: provider_service_pb2.StopInstanceRequest) -> compute_pb2.InstanceState:
    """State that a stop leads to."""
    match request.mode:
        case provider_service_pb2.STOP_MODE_UNSPECIFIED | provider_service_pb2.STOP_MODE_DEALLOCATE:
            return compute_pb2.INSTANCE_STATE_DEALLOCATED
        case provider_service_pb2.STOP_MODE_SUSPEND if not request.force:
            return compute_pb2.INSTANCE_STATE_SUSPENDED
        case provider_service_pb2.STOP_MODE_SUSPEND:
            raise InvalidArgument("to suspend is to let the guest keep its memory; it cannot be forced", field="force")
        case provider_service_pb2.STOP_MODE_KEEP_HOST:
            raise Unsupported(
                "EC2 does not keep the place of an instance that is off; take STOP_MODE_DEALLOCATE",
                field="mode",
                facts={"capability": "INSTANCE_KEEP_HOST"},
            )
        case _:
            raise InvalidArgument(f"there is no stop mode {request.mode}", field="mode")
