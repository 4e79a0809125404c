"""Operations on a store, with the methods of an adapter that each test writes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from novacron.cloud.v1 import common_pb2, compute_pb2, operations_pb2
from novacron.cloud.v1 import operations_service_pb2 as pb
from novacron.cloud.v1 import provider_service_pb2 as providers
from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.errors import NotFound
from novacron_server.operations import Operations
from novacron_server.rpc import Rpc, contract
from novacron_server.state.store import Store

from tests.clock import ManualClock

RPCS = {rpc.path: rpc for rpc in contract()}
CREATE, STOP, START, DELETE = (
    RPCS[f"ProviderService/{verb}Instance"] for verb in ("Create", "Stop", "Start", "Delete")
)
ANN = Call(principal="ann")
REQUEST_ID = "0f6c3e0e-63a5-4c66-9d4a-0a6f3d7c8a11"
INSTANCE = "providers/toy/instances/north~i-1"
INSTANCE_REF = common_pb2.ResourceRef(name=INSTANCE, native_id="i-1", type=common_pb2.RESOURCE_TYPE_INSTANCE)

# Seconds of replicas; the sweep comes four times as often.
LEASE = 0.8

Method = Callable[[Any, Op], Awaitable[Message]]

PENDING = operations_pb2.OPERATION_STATE_PENDING
RUNNING = operations_pb2.OPERATION_STATE_RUNNING
CANCELLING = operations_pb2.OPERATION_STATE_CANCELLING
SUCCEEDED = operations_pb2.OPERATION_STATE_SUCCEEDED
FAILED = operations_pb2.OPERATION_STATE_FAILED
CANCELLED = operations_pb2.OPERATION_STATE_CANCELLED


def create(name: str = "web", request_id: str = "", **tags: str) -> providers.CreateInstanceRequest:
    spec = compute_pb2.InstanceSpec(display_name=name, tags=tags)
    return providers.CreateInstanceRequest(parent="providers/toy", spec=spec, request_id=request_id)


def stop(request_id: str = "", name: str = INSTANCE) -> providers.StopInstanceRequest:
    return providers.StopInstanceRequest(name=name, request_id=request_id)


async def nothing(request: Any, op: Op) -> compute_pb2.Instance:
    """A method that does nothing."""
    return compute_pb2.Instance(name=INSTANCE)


class Bed:
    """Operations that can be restarted.

    Attributes:
        methods: What the adapter does, by the attribute of the RPC.
        rpcs: What this version of the server serves.
    """

    def __init__(self, store: Store, *, lease: float = 15.0) -> None:
        self.store, self.lease = store, lease
        self.clock = ManualClock()
        self.methods: dict[str, Method] = {"create_instance": nothing, "stop_instance": nothing}
        self.rpcs: Mapping[str, Rpc] = RPCS
        self.ended: list[operations_pb2.Operation] = []
        self.operations = self._made()

    async def launch(self) -> int:
        return await self.operations.launch(self.rpcs, self.resolve)

    async def restart(self) -> int:
        """Stop in the middle of things, and start again."""
        await self.operations.close()
        self.operations = self._made()
        return await self.launch()

    def resolve(self, rpc: Rpc, request: Message) -> Method:
        if method := self.methods.get(rpc.attribute):
            return method
        raise NotFound("no provider 'toy' is registered", resource="providers/toy")

    async def create(self, name: str = "web", request_id: str = "", **tags: str) -> operations_pb2.Operation:
        return await self.operations.start(CREATE, create(name, request_id, **tags), ANN)

    async def get(self, name: str) -> operations_pb2.Operation:
        return (await self.operations.get_operation(pb.GetOperationRequest(name=name), ANN)).operation

    async def end(self, name: str) -> operations_pb2.Operation:
        """The operation once it is done."""
        async with asyncio.timeout(20):
            answer = await self.operations.wait_operation(pb.WaitOperationRequest(name=name), ANN)
        assert answer.operation.done, answer.operation
        return answer.operation

    async def run(self, method: Method) -> operations_pb2.Operation:
        """The end of an operation that does this."""
        self.methods["create_instance"] = method
        return await self.end((await self.create()).name)

    async def seen(self, name: str, condition: Callable[[operations_pb2.Operation], bool]) -> operations_pb2.Operation:
        """The operation once it is so."""
        responses = self.operations.watch_operation(pb.WatchOperationRequest(name=name), ANN)
        async with asyncio.timeout(20), contextlib.aclosing(responses):
            async for response in responses:
                for event in response.events:
                    if event.HasField("operation") and condition(event.operation):
                        return event.operation
        raise AssertionError("it ended before it was so")

    async def cancel(self, name: str) -> operations_pb2.Operation:
        request = pb.CancelOperationRequest(name=name)
        return (await self.operations.cancel_operation(request, ANN)).operation

    def _made(self) -> Operations:
        operations = Operations(self.store, clock=self.clock, lease=self.lease)
        operations.subscribe(self.ended.append)
        return operations


@contextlib.asynccontextmanager
async def bed_on(store: Store, *, lease: float = 15.0) -> AsyncIterator[Bed]:
    bed = Bed(store, lease=lease)
    await bed.launch()
    yield bed
    await bed.operations.close()


class Replica(Bed):
    """One of several processes, by name."""

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        super().__init__(store, lease=LEASE)

    def _made(self) -> Operations:
        operations = Operations(self.store, clock=self.clock, replica=self.name, lease=self.lease)
        operations.subscribe(self.ended.append)
        return operations


@contextlib.asynccontextmanager
async def two(store: Store) -> AsyncIterator[tuple[Replica, Replica]]:
    replicas = Replica(store, "a"), Replica(store, "b")
    for replica in replicas:
        await replica.launch()
    yield replicas
    for replica in replicas:
        await replica.operations.close()


def at(operation: operations_pb2.Operation, step: str) -> operations_pb2.OperationStep:
    """A step of an operation."""
    return next(found for found in operation.steps if found.id == step)


def is_at(step: str, state: int = RUNNING) -> Callable[[operations_pb2.Operation], bool]:
    """Whether a step of an operation stands so."""
    return lambda operation: any(found.id == step and found.state == state for found in operation.steps)


async def events(
    bed: Bed, name: str, *, epoch: str = "", sequence: int = 0, logs: bool = False
) -> list[operations_pb2.OperationEvent]:
    """Every event of a watch, to its end."""
    request = pb.WatchOperationRequest(name=name, include_logs=logs)
    if epoch:
        request.resume_after.epoch, request.resume_after.sequence = epoch, sequence
    async with asyncio.timeout(20):
        return [event async for response in bed.operations.watch_operation(request, ANN) for event in response.events]


def kind(event: operations_pb2.OperationEvent) -> str:
    """ "opened", "operation", "log", ..."""
    which = event.WhichOneof("event")
    return str(event.control.WhichOneof("control") if which == "control" else which)


async def reached(condition: Callable[[], bool]) -> None:
    """Return once it is so, and what goes on from there has come to its own wait."""
    for _ in range(10_000):
        if condition():
            break
        await asyncio.sleep(0.002)
    assert condition()
    for _ in range(20):
        await asyncio.sleep(0)
