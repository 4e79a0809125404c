"""Instances on Compute Engine.

A change begins an operation of Google's. Its name is the outcome of the step that sent it, so a run after a restart
goes on asking. Each change carries a requestId made from the step's token: sent twice, it is carried out once.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf import empty_pb2
from novacron.cloud.v1 import compute_pb2, provider_service_pb2

from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.compute import Compute
from novacron_providers.contract.errors import InvalidArgument, NotFound, StateInvalid, Unsupported
from novacron_providers.contract.provider import Settings
from novacron_providers.gcp import instances
from novacron_providers.gcp.client import Client
from novacron_providers.gcp.create import Creation, request_id
from novacron_providers.gcp.fleet import Fleet, Place
from novacron_providers.gcp.instance_types import InstanceTypes
from novacron_providers.gcp.regions import Regions
from novacron_providers.gcp.waiting import Waiting

_OFF = (compute_pb2.INSTANCE_STATE_DEALLOCATED, compute_pb2.INSTANCE_STATE_SUSPENDED)
_CHECK = "Look at the instance"
_SETTLE = "Wait until it is at rest"
_RUNNING = "Wait until it runs"


class ComputeEngine(Compute):
    """Compute of one project.

    Args:
        client: The SDK.
        regions: Which regions there are.
        settings: The provider's.
    """

    lists_at_once = True

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
            match await self._state(place, op):
                case compute_pb2.INSTANCE_STATE_SUSPENDED:
                    return await self._change("resume", place, token, op)
                case compute_pb2.INSTANCE_STATE_DEALLOCATED:
                    return await self._change("start", place, token, op)
                case _:
                    return ""

        await self._check(place, op)
        await self._settle(place, op, compute_pb2.INSTANCE_STATE_STOPPING)
        return await self._running(place, op, await op.step("start", start), "starting")

    async def stop_instance(self, request: provider_service_pb2.StopInstanceRequest, op: Op) -> compute_pb2.Instance:
        place = Place.of(request.name)
        goal = _goal(request)
        op.plan({"check": _CHECK, "settle": _SETTLE, "stop": "Stop", "stopped": "Wait until it is off"})

        def allowed(state: compute_pb2.InstanceState) -> None:
            if state in _OFF and state != goal:
                raise StateInvalid(
                    f"{place.machine} is off in another mode; start it first",
                    resource=place.name,
                    facts={"state": compute_pb2.InstanceState.Name(state)},
                )

        async def stop(token: str) -> str:
            if await self._state(place, op) != compute_pb2.INSTANCE_STATE_RUNNING:
                return ""
            if goal == compute_pb2.INSTANCE_STATE_SUSPENDED:
                return await self._change("suspend", place, token, op)
            given = {"no_graceful_shutdown": True} if request.force else {}
            return await self._change("stop", place, token, op, **given)

        await self._check(place, op, allowed)
        await self._settle(place, op, compute_pb2.INSTANCE_STATE_STARTING)
        waiting = Waiting(self._client, place.zone, await op.step("stop", stop), "stopping")

        async def is_off() -> float:
            if not await waiting.ended(op.call):
                return 0.8 * waiting.progress
            state = await self._state(place, op)
            if state in _OFF and state != goal:
                raise StateInvalid(f"{place.machine} went off in another mode", resource=place.name)
            return 1.0 if state == goal else 0.9

        await op.until("stopped", is_off)
        return await self._fleet.get(place, op.call)

    async def restart_instance(
        self, request: provider_service_pb2.RestartInstanceRequest, op: Op
    ) -> compute_pb2.Instance:
        # Google has only the reset, which does not ask the guest, with force or without.
        place = Place.of(request.name)
        op.plan({"check": _CHECK, "reset": "Reset", "running": _RUNNING})

        def allowed(state: compute_pb2.InstanceState) -> None:
            if state != compute_pb2.INSTANCE_STATE_RUNNING:
                raise StateInvalid(
                    f"{place.machine} does not run; StartInstance starts it",
                    resource=place.name,
                    facts={"state": compute_pb2.InstanceState.Name(state)},
                )

        await self._check(place, op, allowed)
        operation = await op.step("reset", lambda token: self._change("reset", place, token, op))
        return await self._running(place, op, operation, "restarting")

    async def delete_instance(self, request: provider_service_pb2.DeleteInstanceRequest, op: Op) -> empty_pb2.Empty:
        place = Place.of(request.name)
        op.plan({"check": _CHECK, "delete": "Delete", "deleted": "Wait until it is gone"})

        async def check(token: str) -> str:
            there = await self._fleet.find(place, op.call) is not None
            if not there and not request.allow_missing:
                raise place.missing()
            return "there" if there else "missing"

        async def delete(token: str) -> str:
            try:
                return await self._change("delete", place, token, op)
            except NotFound:
                op.log("Google has forgotten it already")
                return ""

        if await op.step("check", check, checks=True) == "missing":
            return empty_pb2.Empty()
        op.target(self._fleet.ref(place))
        waiting = Waiting(self._client, place.zone, await op.step("delete", delete), "deleting")

        async def is_gone() -> float:
            if not await waiting.ended(op.call):
                return 0.8 * waiting.progress
            return 1.0 if await self._fleet.find(place, op.call) is None else 0.9

        await op.until("deleted", is_gone)
        return empty_pb2.Empty()

    async def _running(self, place: Place, op: Op, operation: str, doing: str) -> compute_pb2.Instance:
        waiting = Waiting(self._client, place.zone, operation, doing)

        async def runs() -> float:
            if not await waiting.ended(op.call):
                return 0.8 * waiting.progress
            raw = await self._fleet.must_find(place, op.call)
            state = instances.state_of(raw)
            if state in _OFF:
                raise instances.lost(raw, doing)
            return 1.0 if state == compute_pb2.INSTANCE_STATE_RUNNING else 0.9

        await op.until("running", runs)
        return await self._fleet.get(place, op.call)

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
            return str(raw["status"])

        op.log(f"it is {await op.step('check', check, checks=True)}")
        op.target(self._fleet.ref(place))

    async def _settle(self, place: Place, op: Op, passing: compute_pb2.InstanceState) -> None:
        """Google refuses to start what is stopping, and to stop what is starting."""

        async def settled() -> float:
            return 0.5 if await self._state(place, op) == passing else 1.0

        await op.until("settle", settled)

    async def _state(self, place: Place, op: Op) -> compute_pb2.InstanceState:
        """State of an instance that must stay; raises NotFound once it is gone."""
        state = instances.state_of(await self._fleet.must_find(place, op.call))
        if state == compute_pb2.INSTANCE_STATE_DELETING:
            raise place.missing()
        return state

    async def _change(self, verb: str, place: Place, token: str, op: Op, **parameters: Any) -> str:
        """Begin a change; name of Google's operation."""
        operation = await self._client.compute(
            f"instances.{verb}",
            op.call,
            region=place.region,
            mutates=True,
            zone=place.zone,
            instance=place.machine,
            request_id=request_id(token),
            **parameters,
        )
        return str(operation["name"])


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
                "Google does not keep the place of an instance that is off; take STOP_MODE_DEALLOCATE",
                field="mode",
                facts={"capability": "INSTANCE_KEEP_HOST"},
            )
        case _:
            raise InvalidArgument(f"there is no stop mode {request.mode}", field="mode")
