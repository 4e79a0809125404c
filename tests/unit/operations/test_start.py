"""Starting: the same request is the same operation, a resource is changed by one at a time, a check sends nothing."""

import asyncio
import threading
import uuid
from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2
from novacron.cloud.v1 import operations_service_pb2 as pb
from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.errors import (
    Busy,
    InvalidArgument,
    NotFound,
    RequestIdReused,
    ShuttingDown,
)

from tests.unit.operations.bed import (
    ANN,
    CREATE,
    INSTANCE,
    INSTANCE_REF,
    PENDING,
    REQUEST_ID,
    START,
    STOP,
    SUCCEEDED,
    Bed,
    create,
    nothing,
    reached,
    stop,
)


async def rows(bed: Bed) -> int:
    return await bed.store.read(lambda connection: len(connection.rows("select id from operation")))


async def test_a_start_answers_with_the_operation_as_it_was_written(bed: Bed) -> None:
    started = await bed.create(request_id=REQUEST_ID)
    assert started.name.startswith("providers/toy/operations/") and len(started.name.rpartition("/")[2]) == 32
    assert (started.method, started.actor, started.request_id) == ("ProviderService/CreateInstance", "ann", REQUEST_ID)
    assert (started.state, started.revision, started.done, started.cancellable) == (PENDING, 1, False, True)
    assert started.create_time.seconds == int(bed.clock.time())
    ended = await bed.end(started.name)
    assert ended.state == SUCCEEDED and not ended.cancellable and ended.progress_percent == 100
    made = compute_pb2.Instance()
    assert ended.response.Unpack(made) and made.name == INSTANCE
    assert [operation.name for operation in bed.ended] == [started.name]


async def test_the_same_request_is_the_same_operation_also_when_it_is_done(bed: Bed) -> None:
    runs = 0

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        nonlocal runs
        runs += 1
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    first = await bed.create(request_id=REQUEST_ID)
    assert (await bed.create(request_id=REQUEST_ID)).name == first.name
    ended = await bed.end(first.name)
    assert await bed.create(request_id=REQUEST_ID) == ended
    await bed.restart()
    assert await bed.create(request_id=REQUEST_ID) == ended
    assert runs == 1 and await rows(bed) == 1


async def test_fifty_equal_requests_at_once_are_one_operation(bed: Bed) -> None:
    runs = 0

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        nonlocal runs
        runs += 1
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    started = await asyncio.gather(*(bed.create(request_id=REQUEST_ID) for _ in range(50)))
    assert len({operation.name for operation in started}) == 1
    await bed.end(started[0].name)
    assert runs == 1 and await rows(bed) == 1


async def test_a_request_id_with_other_parameters_or_another_method_is_refused(bed: Bed) -> None:
    await bed.create("web", REQUEST_ID)
    with pytest.raises(RequestIdReused) as caught:
        await bed.create("db", REQUEST_ID)
    assert caught.value.violations[0].field == "request_id"
    await bed.operations.start(STOP, stop(request_id=(other := str(uuid.uuid4()))), ANN)
    bed.methods["start_instance"] = nothing
    with pytest.raises(RequestIdReused):
        await bed.operations.start(START, stop(request_id=other), ANN)


async def test_what_does_not_matter_makes_no_other_request(bed: Bed) -> None:
    first = await bed.create("web", REQUEST_ID, a="1", b="2")
    assert (await bed.create("web", REQUEST_ID, b="2", a="1")).name == first.name
    asked = create("web", REQUEST_ID, a="1", b="2")
    asked.validate_only = True
    assert (await bed.operations.start(CREATE, asked, ANN)).name == first.name


async def test_a_request_id_belongs_to_its_principal(bed: Bed) -> None:
    first = await bed.create("web", REQUEST_ID)
    other = await bed.operations.start(CREATE, create("db", REQUEST_ID), Call(principal="bob"))
    assert other.name != first.name and other.actor == "bob"


async def test_without_a_request_id_each_request_is_another_operation(bed: Bed) -> None:
    first, second = await bed.create(), await bed.create()
    assert first.name != second.name
    assert uuid.UUID(first.request_id).version == 4


async def test_a_resource_is_changed_by_one_operation_at_a_time(bed: Bed) -> None:
    release = asyncio.Event()

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await release.wait()
        return compute_pb2.Instance()

    bed.methods |= {"stop_instance": method, "start_instance": nothing}
    first = await bed.operations.start(STOP, stop(), ANN)
    results = await asyncio.gather(
        *(bed.operations.start(START, stop(), ANN) for _ in range(5)), return_exceptions=True
    )
    for error in results:
        assert isinstance(error, Busy)
        assert error.facts == {"operation": first.name, "resource": INSTANCE} and error.resource == INSTANCE
    # Another one is free, and so is this one afterwards.
    await bed.operations.start(START, stop(name=INSTANCE + "0"), ANN)
    release.set()
    await bed.end(first.name)
    await bed.end((await bed.operations.start(START, stop(), ANN)).name)


async def occupied(bed: Bed, until: threading.Event) -> None:
    """Keep the store from all other work."""
    await bed.store.read(lambda _: until.wait())


async def test_a_caller_that_leaves_stops_nothing(bed: Bed) -> None:
    for turns in range(12):
        # The store is busy meanwhile, or it may have answered before the caller leaves.
        left = threading.Event()
        busy = asyncio.create_task(occupied(bed, left))
        await asyncio.sleep(0)
        task = asyncio.create_task(bed.create(f"web{turns}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        left.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await busy
    # Whatever was asked of the store before is done when this is answered.
    written = await rows(bed)
    assert written >= 6
    await reached(lambda: len(bed.ended) == written)
    assert all(operation.state == SUCCEEDED for operation in bed.ended)


async def test_a_server_that_stops_begins_nothing(bed: Bed) -> None:
    await bed.operations.close()
    with pytest.raises(ShuttingDown) as caught:
        await bed.create()
    assert caught.value.retry_after
    assert await rows(bed) == 0


async def test_how_much_runs_is_known(bed: Bed) -> None:
    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await asyncio.Event().wait()
        return compute_pb2.Instance()

    bed.methods["stop_instance"] = method
    await bed.end((await bed.create()).name)
    await bed.operations.start(STOP, stop(), ANN)
    assert (await bed.operations.active("toy"), await bed.operations.active("other")) == (1, 0)


class Checked:
    """A method that checks in every way before it changes something."""

    def __init__(self) -> None:
        self.found, self.changed = "", 0
        self.before: Exception | None = None

    async def __call__(self, request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"check": "Check", "launch": "Launch"})
        op.log("about to begin")
        if self.before:
            raise self.before
        self.found = await op.step("check", self.check, checks=True)
        op.target(INSTANCE_REF)
        await op.step("launch", self.launch)
        return compute_pb2.Instance()

    async def check(self, token: str) -> str:
        if self.found == "missing":
            raise NotFound("no such image", resource="ami-1")
        return "image of ami-1"

    async def launch(self, token: str) -> str:
        self.changed += 1
        return "i-1"


async def test_a_check_runs_up_to_the_first_change_and_writes_nothing(bed: Bed) -> None:
    method = Checked()
    bed.methods["create_instance"] = method
    await bed.operations.check(CREATE, create(request_id=REQUEST_ID), ANN)
    assert method.found == "image of ami-1" and method.changed == 0
    assert await rows(bed) == 0
    # The request_id is not used up.
    await bed.end((await bed.create("another", REQUEST_ID)).name)


async def test_a_check_ends_at_a_wait_too(bed: Bed) -> None:
    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.until("off", probe)
        raise AssertionError("not reached")

    async def probe() -> float:
        raise AssertionError("not asked")

    bed.methods["stop_instance"] = method
    await bed.operations.check(STOP, stop(), ANN)


async def test_a_check_raises_what_it_finds(bed: Bed) -> None:
    method = Checked()
    bed.methods["create_instance"] = method
    method.found = "missing"
    with pytest.raises(NotFound, match="no such image"):
        await bed.operations.check(CREATE, create(), ANN)
    method.before = InvalidArgument("wrong", field="spec.image")
    with pytest.raises(InvalidArgument):
        await bed.operations.check(CREATE, create(), ANN)
    del bed.methods["create_instance"]
    with pytest.raises(NotFound, match="no provider"):
        await bed.operations.check(CREATE, create(), ANN)


async def test_a_check_raises_what_a_start_would(bed: Bed) -> None:
    release = asyncio.Event()

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await release.wait()
        return compute_pb2.Instance()

    bed.methods["stop_instance"] = method
    running = await bed.operations.start(STOP, stop(request_id=REQUEST_ID), ANN)
    with pytest.raises(Busy):
        await bed.operations.check(STOP, stop(), ANN)
    with pytest.raises(RequestIdReused):
        await bed.operations.check(CREATE, create(request_id=REQUEST_ID), ANN)
    # The request that runs already would get its operation.
    await bed.operations.check(STOP, stop(request_id=REQUEST_ID), ANN)
    release.set()
    await bed.end(running.name)


async def test_get_of_the_started_operation_needs_its_whole_name(bed: Bed) -> None:
    started = await bed.create()
    with pytest.raises(NotFound):
        await bed.get(started.name.replace("toy", "other"))
    with pytest.raises(InvalidArgument):
        await bed.operations.get_operation(pb.GetOperationRequest(name="operations/1"), ANN)
