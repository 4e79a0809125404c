"""What is done once stays done: runs after a restart, by this version or another one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.rpc import code_pb2
from novacron.cloud.v1 import compute_pb2
from novacron_providers.contract.call import Op
from novacron_providers.contract.errors import (
    CapacityUnavailable,
    CloudError,
    NotFound,
    from_status,
)
from novacron_server.state.store import Store

from tests.unit.operations.bed import (
    CANCELLED,
    FAILED,
    INSTANCE_REF,
    REQUEST_ID,
    SUCCEEDED,
    Bed,
    at,
    bed_on,
    events,
    is_at,
    kind,
)


def sending(value: str, tokens: list[str] | None = None) -> Callable[[str], Awaitable[str]]:
    async def send(token: str) -> str:
        if tokens is not None:
            tokens.append(token)
        return value

    return send


async def test_a_token_outlives_the_loss_of_the_database(bed: Bed, tmp_path: Any) -> None:
    tokens: list[str] = []

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", sending("i-1", tokens))
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    await bed.end((await bed.create(request_id=REQUEST_ID)).name)
    store = await Store.open(f"sqlite:///{tmp_path / 'empty.db'}")
    async with bed_on(store) as other:
        other.methods["create_instance"] = method
        await other.end((await other.create(request_id=REQUEST_ID)).name)
    await store.close()
    assert len(tokens) == 2 and tokens[0] == tokens[1]


async def test_a_finished_step_is_not_run_again(bed: Bed) -> None:
    ran: list[str] = []
    hold = asyncio.Event()

    def noting(name: str) -> Callable[[str], Awaitable[str]]:
        async def send(token: str) -> str:
            ran.append(name)
            return f"{name} is done"

        return send

    async def wait(token: str) -> str:
        ran.append("wait")
        await hold.wait()
        return ""

    async def off() -> float:
        ran.append("off")
        return 1.0 if ran.count("off") == 1 else 0.0

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        first = await op.step("first", noting("first"))
        await op.until("off", off)
        await op.step("wait", wait)
        await op.step("last", noting("last"))
        return compute_pb2.Instance(native_id=first)

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await bed.seen(name, is_at("wait"))
    assert await bed.restart() == 1
    # It runs here again, and is found while it does.
    await bed.seen(name, is_at("wait"))
    hold.set()
    ended = await bed.end(name)
    # What was reached once is not waited for again; the step that was under way is sent again.
    assert ran == ["first", "off", "wait", "wait", "last"]
    made = compute_pb2.Instance()
    assert ended.response.Unpack(made) and made.native_id == "first is done"
    assert await bed.restart() == 0


async def test_a_recovered_run_takes_the_way_of_the_first_one_after_an_error(bed: Bed) -> None:
    tried: list[str] = []
    caught: list[CloudError] = []
    hold = asyncio.Event()

    def launch(zone: str) -> Callable[[str], Awaitable[str]]:
        async def send(token: str) -> str:
            tried.append(zone)
            if zone == "a":
                raise CapacityUnavailable("zone a is full", facts={"zones": "b,c"}, retry_after=7.5, resource="zones/a")
            return f"i-{zone}"

        return send

    async def wait(token: str) -> str:
        await hold.wait()
        return ""

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        try:
            native = await op.step("launch-a", launch("a"))
        except CapacityUnavailable as error:
            caught.append(error)
            native = await op.step(f"launch-{error.facts['zones'][0]}", launch("b"))
        await op.step("wait", wait)
        return compute_pb2.Instance(native_id=native)

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await bed.seen(name, is_at("wait"))
    await bed.restart()
    hold.set()
    ended = await bed.end(name)
    assert tried == ["a", "b"] and ended.state == SUCCEEDED
    first, again = caught
    assert type(again) is CapacityUnavailable and (again.message, again.facts) == (first.message, first.facts)
    assert again.retry_after == 7.5 and again.resource == "zones/a"
    assert at(ended, "launch-a").state == FAILED and from_status(at(ended, "launch-a").error).facts == first.facts


async def test_percent_never_goes_back(bed: Bed) -> None:
    hold = asyncio.Event()

    async def wait(token: str) -> str:
        await hold.wait()
        return ""

    def version(*steps: str) -> Callable[[Any, Op], Awaitable[compute_pb2.Instance]]:
        async def method(request: Any, op: Op) -> compute_pb2.Instance:
            op.plan(dict.fromkeys(steps, "Title"))
            for name in steps:
                await op.step(name, wait if name == "wait" else sending(""))
            return compute_pb2.Instance()

        return method

    bed.methods["create_instance"] = version("a", "b", "wait")
    name = (await bed.create()).name
    before = await bed.seen(name, is_at("wait"))
    assert before.progress_percent == 66
    # A version with more steps thinks that less is done.
    bed.methods["create_instance"] = version("a", "b", *"cdefgh", "wait")
    await bed.restart()
    seen = asyncio.create_task(events(bed, name))
    hold.set()
    await bed.end(name)
    percents = [event.operation.progress_percent for event in await seen if event.HasField("operation")]
    assert percents == sorted(percents) and percents[0] >= 66 and percents[-1] == 100


async def test_steps_of_another_version_are_found_by_their_names(bed: Bed) -> None:
    sent: list[str] = []
    hold = asyncio.Event()

    def noting(name: str) -> Callable[[str], Awaitable[str]]:
        async def send(token: str) -> str:
            sent.append(name)
            if name == "wait":
                await hold.wait()
            return name

        return send

    def version(*steps: str) -> Callable[[Any, Op], Awaitable[compute_pb2.Instance]]:
        async def method(request: Any, op: Op) -> compute_pb2.Instance:
            op.plan(dict.fromkeys(steps, "Title"))
            for name in steps:
                await op.step(name, noting(name))
            return compute_pb2.Instance()

        return method

    bed.methods["create_instance"] = version("launch", "check-old", "wait", "tag")
    name = (await bed.create()).name
    await bed.seen(name, is_at("wait"))
    # "prepare" came before what is done, "check-old" is called "check-new" now, "tag" is gone.
    bed.methods["create_instance"] = version("prepare", "launch", "check-new", "wait")
    await bed.restart()
    hold.set()
    ended = await bed.end(name)
    assert ended.state == SUCCEEDED
    assert sent == ["launch", "check-old", "wait", "prepare", "check-new", "wait"]
    assert {s.id: s.state for s in ended.steps} == {
        "launch": SUCCEEDED,
        "check-old": SUCCEEDED,
        "wait": SUCCEEDED,
        "tag": CANCELLED,
        "prepare": SUCCEEDED,
        "check-new": SUCCEEDED,
    }


async def test_an_operation_of_a_method_that_is_gone_fails_clearly(bed: Bed) -> None:
    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", sending("i-1"))
        op.target(INSTANCE_REF)
        await asyncio.Event().wait()
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await bed.seen(name, lambda operation: bool(operation.targets))
    bed.rpcs = {path: rpc for path, rpc in bed.rpcs.items() if "Create" not in path}
    await bed.restart()
    ended = await bed.end(name)
    assert ended.state == FAILED and ended.error.code == code_pb2.UNIMPLEMENTED
    assert "ProviderService/CreateInstance" in ended.error.message and list(ended.targets) == [INSTANCE_REF]


async def test_an_operation_of_a_provider_that_is_gone_fails_clearly(bed: Bed) -> None:
    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await asyncio.Event().wait()
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    del bed.methods["create_instance"]
    await bed.restart()
    error = from_status((await bed.end(name)).error)
    assert type(error) is NotFound and error.facts["provider"] == "toy"


async def test_log_lines_between_steps_are_said_once_and_those_of_a_step_each_time(bed: Bed) -> None:
    hold = asyncio.Event()

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        op.log("chosen: t3.micro\nin zone a")

        async def launch(token: str) -> str:
            op.log("launching")
            await hold.wait()
            return "i-1"

        native = await op.step("launch", launch)
        op.log(f"it is {native} {'x' * 5000}")
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await bed.seen(name, is_at("launch"))
    await bed.restart()
    await bed.seen(name, is_at("launch"))
    hold.set()
    await bed.end(name)
    lines = [(e.log.step, e.log.text) for e in await events(bed, name, logs=True) if kind(e) == "log"]
    between = [text for step, text in lines if not step]
    assert between[:2] == ["chosen: t3.micro", "in zone a"]
    assert between[2] == "Goes on after a restart of the server" and between[3].startswith("it is i-1 xxx")
    assert len(between) == 4 and len(between[3]) == 2000
    assert [text for step, text in lines if step == "launch"] == ["launching", "launching"]


async def test_what_only_a_recovery_needs_goes_with_the_end(bed: Bed) -> None:
    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", sending("i-1"))
        await asyncio.Event().wait()
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create(password="hunter2")).name
    await bed.seen(name, is_at("launch", SUCCEEDED))

    async def stored() -> tuple[bytes, int]:
        request: bytes = await bed.store.read(lambda c: c.row("select request from operation").request)
        steps: int = await bed.store.read(lambda c: len(c.rows("select name from operation_step")))
        return request, steps

    request, steps = await stored()
    assert b"hunter2" in request and steps == 1
    bed.methods["create_instance"] = finishes
    await bed.restart()
    await bed.end(name)
    assert await stored() == (b"", 0)


async def finishes(request: Any, op: Op) -> compute_pb2.Instance:
    return compute_pb2.Instance()


async def test_a_cancellation_that_nobody_asked_for_is_no_outcome(store: Store) -> None:
    """An SDK's thread pool that is shut down cancels the futures that were waiting for it."""
    tries = 0

    async def launch(token: str) -> str:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise asyncio.CancelledError
        return "i-1"

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        return compute_pb2.Instance(native_id=await op.step("launch", launch))

    async with bed_on(store, lease=0.4) as bed:
        ended = await bed.run(method)
        assert ended.state == SUCCEEDED and tries == 2


async def test_an_operation_answers_its_request_for_thirty_days_after_its_end(bed: Bed) -> None:
    tokens: list[str] = []

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", sending("i-1", tokens))
        op.target(INSTANCE_REF)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    ended = await bed.end((await bed.create(request_id=REQUEST_ID)).name)
    for days in (1, 28):
        await bed.clock.advance(days * 24 * 3600.0)
        # Each start looks for what is too old.
        await bed.restart()
        assert await bed.create(request_id=REQUEST_ID) == ended
    await bed.clock.advance(2 * 24 * 3600.0)
    await bed.restart()
    with pytest.raises(NotFound):
        await bed.get(ended.name)
    # The request is a new one then, and its steps have the tokens that they had: what the cloud still knows is found.
    again = await bed.end((await bed.create(request_id=REQUEST_ID)).name)
    assert again.name == ended.name and again.create_time.seconds > ended.end_time.seconds
    assert len(tokens) == 2 and tokens[0] == tokens[1]
