"""Create, retry, cancel, restart and fault in any order: a real server on the sandbox, held against a model.

The model is small: a request_id stands for one operation, for good; an operation that has ended stays as it ended; and
the cloud has exactly one machine for each that succeeded, none for one that failed before it was sent, and no more than
one for any.
"""

import asyncio
import threading
import time
import uuid
from collections import Counter
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import novacron_client
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule, run_state_machine_as_test
from novacron.cloud.v1 import operations_pb2
from novacron.cloud.v1 import operations_service_pb2 as operations
from novacron_client import Client, CloudError
from novacron_providers.contract.clock import ScaledClock
from novacron_sandbox import Sandbox
from novacron_server.app import App

from tests.faults import counts
from tests.faults.proof import Form, Row, exactly
from tests.faults.stage import Stage
from tests.servers import configured, registration

T = TypeVar("T")

RATE = 50.0
# Seconds in which an operation has to end, whatever was done to it.
ENDS_WITHIN = 60.0
FAULTS = ("throttle", "unavailable", "reset", "html500")
ACTIONS = ("RunInstances", "DescribeInstances", "DescribeImages")
SUCCEEDED = operations_pb2.OPERATION_STATE_SUCCEEDED


class Loop:
    """An event loop in a thread of its own, for rules that are not async."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="model", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(4 * ENDS_WITHIN)

    def close(self) -> None:
        """Run nothing more."""
        self._loop.call_soon_threadsafe(self._loop.stop)


class World:
    """What outlives the examples: a sandbox, a folder, a loop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origin = time.time()
        self.sandbox = Sandbox(clouds=("aws",), origin=self.origin, rate=RATE, boot_seconds=5)
        self.loop = Loop()

    def __enter__(self) -> "World":
        self.sandbox.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.sandbox.stop()
        self.loop.close()


def machine(world: World) -> type[RuleBasedStateMachine]:
    """The state machine of a world; hypothesis makes one for each example."""

    class Model(RuleBasedStateMachine):
        requests: Bundle[str] = Bundle("requests")

        def __init__(self) -> None:
            super().__init__()
            self.names: dict[str, str] = {}
            self.ended: dict[str, operations_pb2.Operation] = {}
            self.folder = world.folder / uuid.uuid4().hex
            self.folder.mkdir()
            self.at = Stage(world.sandbox, {}, self.folder, world.origin, RATE)
            world.loop.run(self._open(first=True))

        @initialize(target=requests)
        def first(self) -> Any:
            """Something to work with."""
            return self.create()

        @rule(target=requests)
        def create(self) -> str:
            """A machine is asked for."""
            request_id = str(uuid.uuid4())
            self.names[request_id] = world.loop.run(self._create(request_id)).name
            return request_id

        @rule(request_id=requests)
        def retry(self, request_id: str) -> None:
            """The same again: the same operation, and when it has ended, as it ended."""
            again = world.loop.run(self._create(request_id))
            assert again.name == self.names[request_id]
            if before := self.ended.get(request_id):
                assert again == before

        @rule(request_id=requests)
        def reuse(self, request_id: str) -> None:
            """Something else under the same id is refused."""
            try:
                world.loop.run(self._create(request_id, name="another"))
            except CloudError as error:
                assert error.reason == "REQUEST_ID_REUSED", error
            else:
                raise AssertionError("another request was taken under the same id")

        @rule(request_id=requests)
        def cancel(self, request_id: str) -> None:
            """It is asked to stop; one that has ended stays as it is."""
            request = operations.CancelOperationRequest(name=self.names[request_id])
            answer: Any = world.loop.run(self._call(request))
            if before := self.ended.get(request_id):
                assert answer.operation == before

        @rule(
            action=st.sampled_from(ACTIONS), kind=st.sampled_from(FAULTS), after=st.booleans(), count=st.integers(1, 3)
        )
        def fault(self, action: str, kind: str, after: bool, count: int) -> None:
            """The next calls of an action fail, before the effect or after it."""
            world.sandbox.fault(action, kind, count=count, after=after)

        @rule()
        def restart(self) -> None:
            """The server stops, and another one goes on."""
            world.loop.run(self._close())
            world.loop.run(self._open())

        @rule(request_id=consumes(requests))
        def end(self, request_id: str) -> None:
            """It is waited for."""
            self._end(request_id)

        def teardown(self) -> None:
            """Everything ends, and the cloud has what the operations say."""
            try:
                for request_id in self.names:
                    self._end(request_id)
                # What is left of the faults is not for those who count.
                world.sandbox.mend()
                made = Counter(found.request for found in counts.made(world.sandbox, "aws"))
                for request_id, operation in self.ended.items():
                    count = made[request_id]
                    told = sum("/instances/" in target.name for target in operation.targets)
                    assert count == told, f"{count} machines, the operation tells of {told}: {operation}"
                    assert count == 1 or operation.state != SUCCEEDED, operation
            finally:
                world.loop.run(self._close())
                world.sandbox.reset()

        def _end(self, request_id: str) -> None:
            operation = world.loop.run(self._wait(self.names[request_id]))
            assert self.ended.setdefault(request_id, operation) == operation

        async def _open(self, *, first: bool = False) -> None:
            config = await configured(self.folder)
            self.app = await App(config, clock=ScaledClock(world.origin, RATE)).__aenter__()
            self.client: Client = novacron_client.connect(self.app.address)
            if first:
                await self.client.call(registration(world.sandbox))

        async def _close(self) -> None:
            await self.client.close()
            await self.app.__aexit__(None, None, None)

        async def _call(self, request: Any) -> Any:
            return await self.client.call(request)

        async def _create(self, request_id: str, name: str = "") -> operations_pb2.Operation:
            request = self.at.create("aws", request_id)
            request.spec.display_name = name or request.spec.display_name
            answer: Any = await self.client.call(request)
            found: operations_pb2.Operation = answer.operation
            return found

        async def _wait(self, name: str) -> operations_pb2.Operation:
            async with asyncio.timeout(ENDS_WITHIN):
                while True:
                    answer: Any = await self.client.call(operations.WaitOperationRequest(name=name), timeout=40)
                    operation: operations_pb2.Operation = answer.operation
                    if operation.done:
                        return operation

    return Model


async def run(form: Form, folder: Path) -> Sequence[Row]:
    """As many examples as the form has, of which the seed is the first."""
    load = f"aws, {form.examples} runs of up to {form.steps} steps, seed {form.seed}"
    found = await asyncio.to_thread(check, form, folder)
    if found:
        print(found)
    return [exactly("orders of create, retry, cancel, restart and fault that break the model", load, bool(found), 0)]


def check(form: Form, folder: Path) -> str:
    """The shortest order of steps that breaks the model, as hypothesis tells it; empty when there is none."""
    bounds = settings(
        max_examples=form.examples, stateful_step_count=form.steps, deadline=None, database=None, print_blob=True
    )
    with World(folder) as world:
        kind = seed(form.seed)(machine(world))
        try:
            run_state_machine_as_test(kind, settings=bounds)
        except AssertionError as error:
            return "\n".join([str(error), *getattr(error, "__notes__", ())])
    return ""
