"""Operations in real processes that are killed, frozen and replaced: nothing is lost, nothing happens twice."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import pathlib
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Self

import pytest
from google.protobuf.message import Message
from novacron.cloud.v1 import compute_pb2, operations_pb2
from novacron.cloud.v1 import operations_service_pb2 as pb
from novacron.cloud.v1 import provider_service_pb2 as providers
from novacron_server.state.records import Record, find_records
from novacron_server.state.store import Store

from tests.databases import database, postgresql
from tests.toycloud import ToyCloud

__all__ = ["database", "postgresql"]

PROGRAM = pathlib.Path(__file__).with_name("operations_process.py")
# Seconds; in earnest it is 15.
LEASE = 1.0
SUCCEEDED = operations_pb2.OPERATION_STATE_SUCCEEDED
STEPS = ("launch", "running", "disk", "attach")
# A wait sends nothing, so nothing is written down before it.
POINTS = [
    "intent",
    *(
        f"{when}:{step}"
        for step in STEPS
        for when in ("before", "begun", "sent", "kept")
        if (when, step) != ("begun", "running")
    ),
]


class Server:
    """A process that runs operations."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.recovered = 0
        self._ids = itertools.count()
        self._answers: dict[int, asyncio.Queue[bytes | None]] = {}
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def started(
        cls, database: str, cloud: ToyCloud, *, replica: str = "", version: str = "1", failpoint: str = ""
    ) -> Self:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(PROGRAM), database, str(cloud.port), replica, str(LEASE), version),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "NOVACRON_FAILPOINT": failpoint},
        )
        server = cls(process)
        assert process.stdout is not None
        # One with a failpoint may die while it recovers.
        if line := await process.stdout.readline():
            server.recovered = json.loads(line)["recovered"]
        server._reader = asyncio.create_task(server._read())
        return server

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            told = json.loads(line)
            answer = base64.b64decode(told["answer"]) if "answer" in told else None
            self._answers[told["id"]].put_nowait(answer)
        # Dead: nobody gets an answer any more.
        for waiting in self._answers.values():
            waiting.put_nowait(None)

    async def ask(self, do: str, request: Message) -> AsyncIterator[bytes]:
        """Every answer; none, or not all, when it dies before."""
        number = next(self._ids)
        answers = self._answers[number] = asyncio.Queue()
        text = base64.b64encode(request.SerializeToString()).decode()
        assert self.process.stdin is not None
        if self.process.returncode is None:
            with contextlib.suppress(ConnectionError):
                self.process.stdin.write(json.dumps({"id": number, "do": do, "request": text}).encode() + b"\n")
                await self.process.stdin.drain()
        async with asyncio.timeout(30):
            while (answer := await answers.get()) is not None:
                yield answer

    async def one(self, do: str, request: Message) -> bytes:
        async with contextlib.aclosing(self.ask(do, request)) as answers:  # type: ignore[type-var]  # a generator
            async for answer in answers:
                return answer
        raise ConnectionError("it died")

    async def create(self, request_id: str) -> operations_pb2.Operation:
        request = providers.CreateInstanceRequest(parent="providers/toy", request_id=request_id)
        request.spec.display_name = request_id
        return operations_pb2.Operation.FromString(await self.one("start", request))

    async def end(self, name: str) -> operations_pb2.Operation:
        answer = await self.one("wait_operation", pb.WaitOperationRequest(name=name))
        operation = pb.WaitOperationResponse.FromString(answer).operation
        assert operation.done, operation
        return operation

    async def only(self) -> operations_pb2.Operation:
        """The operation, when there is one."""
        answer = await self.one("list_operations", pb.ListOperationsRequest(parent="providers/-"))
        (operation,) = pb.ListOperationsResponse.FromString(answer).operations
        return operation

    async def watch_all(self, request: pb.WatchOperationsRequest) -> AsyncIterator[operations_pb2.OperationEvent]:
        async for answer in self.ask("watch_operations", request):
            for event in pb.WatchOperationsResponse.FromString(answer).events:
                yield event

    async def watch(self, request: pb.WatchOperationRequest) -> AsyncIterator[operations_pb2.OperationEvent]:
        async for answer in self.ask("watch_operation", request):
            for event in pb.WatchOperationResponse.FromString(answer).events:
                yield event

    async def dead(self) -> int:
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def stop(self) -> None:
        """End it as a server ends: what is not done is left for the next one."""
        assert self.process.stdin is not None and self._reader is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await self.process.wait()
        finally:
            if self.process.returncode is None:
                self.process.kill()
                await self.process.wait()
        await self._reader


class Watcher:
    """Follows one operation over all servers, as a client does."""

    def __init__(self, name: str) -> None:
        self.request = pb.WatchOperationRequest(name=name, include_logs=True)
        self.operations: list[operations_pb2.Operation] = []
        self.lines: list[operations_pb2.OperationLogEntry] = []
        self.opened = 0

    async def follow(self, server: Server) -> None:
        async for event in server.watch(self.request):
            if event.control.HasField("opened"):
                # From the first position that it was given on, it goes on wherever it was.
                assert event.control.opened.resumed == (self.request.resume_after.sequence > 0)
                self.request.resume_after.epoch = event.control.opened.epoch
                self.opened += 1
            if event.HasField("operation"):
                self.operations.append(event.operation)
            if event.HasField("log"):
                self.lines.append(event.log)
            if event.sequence:
                self.request.resume_after.sequence = event.sequence


@pytest.mark.timeout(150)
async def test_one_operation_is_killed_at_each_of_its_points_and_ends_by_itself(database: str) -> None:
    """intent, and of four steps: before it is sent, begun, sent, kept. Each goes on where the one before it died."""
    request_id = "f7a2c8c6-2f0e-4c5c-9a55-1a1b5a0f3f10"
    with ToyCloud(boot=0.3) as cloud:
        for point in POINTS:
            server = await Server.started(database, cloud, failpoint=point)
            if point == "intent":
                with pytest.raises(ConnectionError):
                    await server.create(request_id)
            assert await server.dead() == -signal.SIGKILL, point
            await server.stop()
            assert all(count == 1 for count in cloud.effects().values()), point
            (record,) = await recorded(database)
            assert record.mutation.request_id == request_id and record.outcome is None, point
        server = await Server.started(database, cloud)
        assert server.recovered == 1
        ended = await server.end((await server.only()).name)
        repeated = await server.create(request_id)
        await server.stop()
    assert ended.state == SUCCEEDED and repeated == ended
    made = compute_pb2.Instance()
    assert ended.response.Unpack(made) and made.native_id == "launch-0" and made.tags["disk"] == "disk-1"
    assert cloud.effects() == {"launch": 1, "disk": 1, "attach": 1}
    (record,) = await recorded(database)
    assert record.mutation.principal == "ann" and record.outcome == b"" and list(record.targets)
    # The one that died between answer and journal was followed by one that asked again, and by none that did after it.
    assert [cloud.tries(action) for action in ("launch", "disk", "attach")] == [2, 2, 2]
    assert [step.state for step in ended.steps] == [SUCCEEDED] * 4 and len(ended.targets) == 1


async def test_a_watcher_goes_on_over_a_kill(database: str) -> None:
    with ToyCloud(boot=0.5) as cloud:
        server = await Server.started(database, cloud)
        operation = await server.create("f7a2c8c6-2f0e-4c5c-9a55-1a1b5a0f3f10")
        watcher = Watcher(operation.name)
        following = asyncio.create_task(watcher.follow(server))
        await until(lambda: any(is_running(seen, "running") for seen in watcher.operations))
        await until(lambda: bool(watcher.lines))
        server.process.kill()
        await server.dead()
        await following
        await server.stop()
        server = await Server.started(database, cloud)
        await watcher.follow(server)
        ended = await server.end(operation.name)
        await server.stop()
    assert ended.state == SUCCEEDED and watcher.operations[-1] == ended
    assert watcher.opened == 2
    # One operation that only went on, and every line once.
    revisions = [seen.revision for seen in watcher.operations]
    percents = [seen.progress_percent for seen in watcher.operations]
    assert revisions == sorted(set(revisions)) and percents == sorted(percents)
    texts = [line.text for line in watcher.lines]
    assert texts == ["it is named launch-0", "Goes on after a restart of the server"]


async def test_servers_that_are_killed_at_any_moment_lose_nothing(database: str) -> None:
    count, kills = 25, 3
    dice = random.Random(20261124)
    with ToyCloud(boot=0.3, delay=0.01) as cloud:
        names: dict[str, str] = {}
        for _ in range(kills):
            server = await Server.started(database, cloud)
            created = [asyncio.create_task(server.create(f"request {number}")) for number in range(count)]
            await asyncio.sleep(dice.uniform(0.02, 0.4))
            server.process.kill()
            await server.dead()
            for task in await asyncio.gather(*created, return_exceptions=True):
                if isinstance(task, operations_pb2.Operation):
                    # What was answered is the same operation ever after.
                    assert names.setdefault(task.request_id, task.name) == task.name
            await server.stop()
        server = await Server.started(database, cloud)
        started = await asyncio.gather(*(server.create(f"request {number}") for number in range(count)))
        ends = await asyncio.gather(*(server.end(operation.name) for operation in started))
        await server.stop()
    assert all(operation.state == SUCCEEDED for operation in ends)
    assert {operation.request_id: operation.name for operation in started}.items() >= names.items()
    assert cloud.effects() == {"launch": count, "disk": count, "attach": count}


async def test_another_version_finishes_what_one_began(database: str) -> None:
    """A step came before those that are done, one is gone, one has another name."""
    with ToyCloud() as cloud:
        server = await Server.started(database, cloud, failpoint="kept:disk")
        operation = await server.create("f7a2c8c6-2f0e-4c5c-9a55-1a1b5a0f3f10")
        assert await server.dead() == -signal.SIGKILL
        await server.stop()
        server = await Server.started(database, cloud, version="2")
        ended = await server.end(operation.name)
        await server.stop()
    assert ended.state == SUCCEEDED
    assert cloud.effects() == {"launch": 1, "disk": 1, "attach": 1}
    states = {step.id: step.state for step in ended.steps}
    cancelled = operations_pb2.OPERATION_STATE_CANCELLED
    assert states.pop("attach") == cancelled
    assert set(states) == {"launch", "running", "disk", "settle", "plug-in"} and set(states.values()) == {SUCCEEDED}


@pytest.mark.parametrize("version", ["2", "3"], ids=["renamed", "renamed and declared"])
async def test_a_step_that_was_sent_under_another_name_is_not_sent_under_its_new_one(
    database: str, version: str
) -> None:
    with ToyCloud() as cloud:
        server = await Server.started(database, cloud, failpoint="sent:attach")
        operation = await server.create("f7a2c8c6-2f0e-4c5c-9a55-1a1b5a0f3f10")
        assert await server.dead() == -signal.SIGKILL
        await server.stop()
        server = await Server.started(database, cloud, version=version)
        ended = await server.end(operation.name)
        await server.stop()
    assert cloud.effects() == {"launch": 1, "disk": 1, "attach": 1}
    if version == "3":
        assert ended.state == SUCCEEDED and cloud.tries("attach") == 2
    else:
        assert ended.state == operations_pb2.OPERATION_STATE_FAILED and "'attach'" in ended.error.message
        assert cloud.tries("attach") == 1


async def test_a_watcher_of_all_goes_on_over_a_kill_and_on_another_replica(postgresql: str) -> None:
    count = 6
    done: set[str] = set()
    request = pb.WatchOperationsRequest(parent="providers/-")
    opened: list[bool] = []

    async def follow(server: Server) -> None:
        async for event in server.watch_all(request):
            if event.control.HasField("opened"):
                opened.append(event.control.opened.resumed)
                request.resume_after.epoch = event.control.opened.epoch
            if event.operation.done:
                done.add(event.operation.name)
            if event.sequence:
                assert event.sequence >= request.resume_after.sequence
                request.resume_after.sequence = event.sequence
            if len(done) == count:
                return

    with ToyCloud(boot=1.0) as cloud:
        async with replicas(postgresql, cloud) as (a, b):
            following = asyncio.create_task(follow(a))
            started = [await (a, b)[number % 2].create(f"request {number}") for number in range(count)]
            await wait_for_calls(cloud, "launch", count)
            a.process.kill()
            await a.dead()
            await following
            async with asyncio.timeout(20):
                await follow(b)
    assert done == {operation.name for operation in started} and opened == [False, True]
    assert cloud.effects() == {"launch": count, "disk": count, "attach": count}


@contextlib.asynccontextmanager
async def replicas(database: str, cloud: ToyCloud) -> AsyncIterator[tuple[Server, Server]]:
    both = [await Server.started(database, cloud, replica=name) for name in ("a", "b")]
    yield both[0], both[1]
    for server in both:
        await server.stop()


async def test_a_replica_that_dies_is_replaced_within_its_lease(postgresql: str) -> None:
    count = 8
    with ToyCloud(boot=1.5) as cloud:
        async with replicas(postgresql, cloud) as (a, b):
            started = [await a.create(f"request {number}") for number in range(count)]
            watcher = Watcher(started[0].name)
            following = asyncio.create_task(watcher.follow(b))
            await wait_for_calls(cloud, "launch", count)
            assert {sent.caller for sent in cloud.sent} == {"a"}
            a.process.kill()
            await a.dead()
            died = time.monotonic()
            ends = await asyncio.gather(*(b.end(operation.name) for operation in started))
            async with asyncio.timeout(10):
                await following
    assert all(operation.state == SUCCEEDED for operation in ends)
    assert cloud.effects() == {"launch": count, "disk": count, "attach": count}
    others = [sent.when for sent in cloud.sent if sent.caller == "b"]
    assert len(others) >= 2 * count and min(others) - died < 2.5 * LEASE + cloud.boot
    assert watcher.operations[-1].done and watcher.opened == 1


async def test_a_replica_that_was_frozen_does_nothing_when_it_wakes(postgresql: str) -> None:
    count = 8
    with ToyCloud(boot=1.5) as cloud:
        async with replicas(postgresql, cloud) as (a, b):
            started = [await a.create(f"request {number}") for number in range(count)]
            await wait_for_calls(cloud, "launch", count)
            a.process.send_signal(signal.SIGSTOP)
            ends = await asyncio.gather(*(b.end(operation.name) for operation in started))
            a.process.send_signal(signal.SIGCONT)
            woke = time.monotonic()
            # It lives, and sees what the other one did.
            seen = await asyncio.gather(*(a.end(operation.name) for operation in started))
            await asyncio.sleep(LEASE)
            again = await a.end((await a.create("a new request")).name)
    assert all(operation.state == SUCCEEDED for operation in ends) and seen == ends
    assert again.state == SUCCEEDED
    assert cloud.effects() == {"launch": count + 1, "disk": count + 1, "attach": count + 1}
    zombie = [sent for sent in cloud.sent if sent.caller == "a" and sent.when > woke]
    # Those of the new request, and at most one that was between the question and the sending when it froze.
    assert len(zombie) <= 3 + 1


async def test_a_live_replica_that_was_taken_for_dead_is_fenced_off(postgresql: str) -> None:
    """Both run: the one that is frozen for a moment longer than its lease, again and again, makes nothing twice."""
    count = 6
    with ToyCloud(boot=3.0, delay=0.05) as cloud:
        async with replicas(postgresql, cloud) as (a, b):
            started = [await (a, b)[number % 2].create(f"request {number}") for number in range(count)]
            await wait_for_calls(cloud, "launch", count)
            for server in (a, b, a):
                server.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(LEASE * 1.4)
                server.process.send_signal(signal.SIGCONT)
            ends = await asyncio.gather(*(b.end(operation.name) for operation in started))
    assert all(operation.state == SUCCEEDED for operation in ends)
    assert cloud.effects() == {"launch": count, "disk": count, "attach": count}


async def recorded(database: str) -> list[Record]:
    """The record of every mutation, read by nobody's server."""
    store = await Store.open(database)
    found = await store.read(partial(find_records, since=0.0, until=1e12))
    await store.close()
    return found


def is_running(operation: operations_pb2.Operation, step: str) -> bool:
    return any(found.id == step and found.state == operations_pb2.OPERATION_STATE_RUNNING for found in operation.steps)


async def until(condition: Callable[[], bool]) -> None:
    """Return once it is so."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it was not so for 20 s")


async def wait_for_calls(cloud: ToyCloud, action: str, count: int) -> None:
    await until(lambda: sum(sent.action == action for sent in cloud.sent) >= count)
