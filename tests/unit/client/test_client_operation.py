"""Operations: waited for over breaks, told as they change, and failures that say what was left behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import novacron_client
import pytest
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import status_pb2
from novacron.cloud.v1 import compute_pb2, streams_pb2
from novacron.cloud.v1.operations_pb2 import Operation, OperationEvent, OperationState, OperationStep
from novacron.cloud.v1.operations_service_pb2 import (
    CancelOperationRequest,
    CancelOperationResponse,
    GetOperationRequest,
    GetOperationResponse,
    WatchOperationRequest,
    WatchOperationResponse,
    WatchOperationsRequest,
    WatchOperationsResponse,
)
from novacron.cloud.v1.provider_service_pb2 import CreateInstanceRequest, CreateInstanceResponse
from novacron_client import Backoff, Client, CloudError, OperationFailed

from tests.unit.client import scripted_server as script

Code = grpc.StatusCode
NAME = "providers/aws/operations/1"
INSTANCE = compute_pb2.Instance(name="providers/aws/instances/us-east-1~i-1", native_id="i-1")
LOST = script.status(Code.UNAVAILABLE, "SERVER_SHUTTING_DOWN", "the server stops")


def operation(revision: int, state: str = "RUNNING", **fields: Any) -> Operation:
    done = state in ("SUCCEEDED", "FAILED", "CANCELLED")
    return Operation(name=NAME, revision=revision, state=f"OPERATION_STATE_{state}", done=done, **fields)


def succeeded(revision: int, result: Message = INSTANCE) -> Operation:
    packed = any_pb2.Any()
    packed.Pack(result)
    return operation(revision, "SUCCEEDED", response=packed)


def event(told: Operation, sequence: int = 0) -> OperationEvent:
    return OperationEvent(sequence=sequence, operation=told)


def opened(epoch: str, *, resumed: bool = False) -> OperationEvent:
    return OperationEvent(control=script.opened(epoch, resumed=resumed))


class Server:
    """Starts one operation and plays a script for each watch of it."""

    def __init__(self) -> None:
        self.watches: list[WatchOperationRequest] = []
        self.scripts: Sequence[Sequence[OperationEvent | status_pb2.Status | None]] = []
        self.first = operation(1, "PENDING")

    async def create(self, _: CreateInstanceRequest, __: script.Context) -> Message:
        return CreateInstanceResponse(operation=self.first)

    async def cancel(self, _: CancelOperationRequest, __: script.Context) -> Message:
        return CancelOperationResponse(operation=operation(5, "CANCELLING"))

    async def get(self, _: GetOperationRequest, __: script.Context) -> Message:
        return GetOperationResponse(operation=succeeded(9))

    async def watch(
        self, request: WatchOperationRequest, context: script.Context
    ) -> AsyncIterator[WatchOperationResponse]:
        self.watches.append(request)
        for part in self.scripts[len(self.watches) - 1]:
            if part is None:
                await asyncio.Event().wait()
            elif isinstance(part, OperationEvent):
                yield script.operations(part)
            else:
                await script.abort(context, part)

    @asynccontextmanager
    async def client(self, *scripts: Sequence[OperationEvent | status_pb2.Status | None]) -> AsyncIterator[Client]:
        self.scripts = scripts
        answers: dict[type[Message], script.Answer] = {
            CreateInstanceRequest: self.create,
            CancelOperationRequest: self.cancel,
            GetOperationRequest: self.get,
        }
        async with (
            script.serve(answers, {WatchOperationRequest: self.watch}) as address,
            novacron_client.connect(address, backoff=Backoff(base=0.001, limit=0.002)) as client,
            asyncio.timeout(10),
        ):
            yield client


@pytest.fixture
def server() -> Server:
    return Server()


async def test_wait_returns_what_was_made_and_tells_each_change(server: Server) -> None:
    steps = [OperationStep(id="run-instance", title="Launch")]
    changes = [opened("e"), event(operation(1, "PENDING")), event(operation(2, steps=steps), 1), event(succeeded(3), 2)]
    told: list[int] = []
    async with server.client(changes) as client:
        handle = await client.start(CreateInstanceRequest(parent="providers/aws"))
        assert repr(handle) == f"Operation('{NAME}', OPERATION_STATE_PENDING)"
        instance = await handle.wait(progress=lambda seen: told.append(seen.revision))
    assert instance == INSTANCE
    assert handle.latest.done
    assert told == [1, 2, 3]


async def test_a_watch_that_breaks_resumes_and_older_copies_are_not_told(server: Server) -> None:
    first = [opened("e"), event(operation(3), 4), LOST]
    second = [opened("e", resumed=True), event(operation(2), 5), event(succeeded(4), 6)]
    told: list[int] = []
    async with server.client(first, second) as client:
        await client.operation(NAME).wait(progress=lambda seen: told.append(seen.revision))
    assert told == [3, 4]
    assert server.watches[0].name == NAME
    assert not server.watches[0].HasField("resume_after")
    assert server.watches[1].resume_after == streams_pb2.StreamPosition(epoch="e", sequence=4)


async def test_a_watch_that_ends_before_the_operation_is_opened_again(server: Server) -> None:
    async with server.client([opened("e"), event(operation(2))], [opened("e"), event(succeeded(3))]) as client:
        assert await client.operation(NAME).wait() == INSTANCE


async def test_one_that_is_done_is_not_watched(server: Server) -> None:
    server.first = succeeded(2)
    async with server.client() as client:
        handle = await client.start(CreateInstanceRequest(parent="providers/aws"))
        assert await handle.wait() == INSTANCE
    assert server.watches == []


async def test_a_failure_carries_the_operation(server: Server) -> None:
    error = script.status(Code.RESOURCE_EXHAUSTED, "CAPACITY_UNAVAILABLE", "no t3.nano in us-east-1a")
    failed = operation(2, "FAILED", error=error)
    failed.targets.add(native_id="i-1")
    async with server.client([opened("e"), event(failed)]) as client:
        with pytest.raises(OperationFailed, match=r"no t3\.nano in us-east-1a") as caught:
            await client.operation(NAME).wait()
    assert caught.value.reason == "CAPACITY_UNAVAILABLE"
    assert caught.value.operation.targets[0].native_id == "i-1"


async def test_an_operation_that_is_not_known_is_an_error(server: Server) -> None:
    missing = script.status(Code.NOT_FOUND, "RESOURCE_NOT_FOUND", "no such operation")
    async with server.client([missing]) as client:
        with pytest.raises(CloudError, match="no such operation") as caught:
            await client.operation(NAME).wait()
    assert not isinstance(caught.value, OperationFailed)


async def test_a_wait_ends_at_its_timeout_and_the_operation_goes_on(server: Server) -> None:
    async with server.client([opened("e"), event(operation(2)), None]) as client:
        handle = client.operation(NAME)
        with pytest.raises(TimeoutError):
            await handle.wait(timeout=0.1)
    assert not handle.latest.done


async def test_cancel_and_refresh_give_the_newest_state(server: Server) -> None:
    async with server.client() as client:
        handle = client.operation(NAME)
        assert (await handle.cancel()).state == OperationState.OPERATION_STATE_CANCELLING
        assert (await handle.refresh()).done
        assert await handle.wait() == INSTANCE


async def test_a_result_of_a_type_from_the_future_is_named(server: Server) -> None:
    later = any_pb2.Any(type_url="type.googleapis.com/novacron.cloud.v1.Wormhole")
    async with server.client([opened("e"), event(operation(2, "SUCCEEDED", response=later))]) as client:
        with pytest.raises(CloudError, match=r"yielded a novacron\.cloud\.v1\.Wormhole"):
            await client.operation(NAME).wait()


async def test_all_operations_are_watched_over_a_break() -> None:
    asked: list[WatchOperationsRequest] = []

    async def watch(request: WatchOperationsRequest, context: script.Context) -> AsyncIterator[Message]:
        asked.append(request)
        resumed = len(asked) > 1
        yield WatchOperationsResponse(events=[opened("e", resumed=resumed)])
        if resumed:
            synced = OperationEvent(sequence=9, control=script.synced())
            yield WatchOperationsResponse(events=[event(succeeded(3), 9), synced])
            await context.abort(Code.NOT_FOUND, "no provider aws")
        synced = OperationEvent(sequence=7, control=script.synced())
        yield WatchOperationsResponse(events=[event(operation(1)), synced, event(operation(2), 8)])
        await script.abort(context, LOST)

    seen: list[int] = []
    async with (
        script.serve(streams={WatchOperationsRequest: watch}) as address,
        novacron_client.connect(address, backoff=Backoff(base=0.001, limit=0.002)) as client,
    ):
        with pytest.raises(CloudError, match="no provider aws"):
            async with client.watch_operations("providers/aws", filter='done = "false"') as changes:
                async for change in changes:
                    assert change.name == NAME
                    seen.append(change.revision)
    assert seen == [1, 2, 3]
    assert [(r.parent, r.filter, r.resume_after.epoch, r.resume_after.sequence) for r in asked] == [
        ("providers/aws", 'done = "false"', "", 0),
        ("providers/aws", 'done = "false"', "e", 8),
    ]
