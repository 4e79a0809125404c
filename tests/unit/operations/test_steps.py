"""What an adapter can rely on: steps, tokens, errors, progress."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog
from google.rpc import code_pb2
from novacron.cloud.v1 import compute_pb2
from novacron_providers.contract.call import Op
from novacron_providers.contract.errors import (
    QuotaExceeded,
    from_status,
)

from tests.unit.operations.bed import (
    CANCELLED,
    FAILED,
    INSTANCE,
    INSTANCE_REF,
    PENDING,
    SUCCEEDED,
    Bed,
    at,
    events,
    is_at,
)


def sending(value: str, tokens: list[str] | None = None) -> Callable[[str], Awaitable[str]]:
    async def send(token: str) -> str:
        if tokens is not None:
            tokens.append(token)
        return value

    return send


async def test_steps_run_in_turn_and_are_shown(bed: Bed) -> None:
    tokens: list[str] = []

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"launch": "Launch", "attach": "Attach the disk", "tag": "Tag"})
        native = await op.step("launch", sending("i-1", tokens))
        op.target(INSTANCE_REF)
        op.target(INSTANCE_REF)
        await op.step("attach", sending("", tokens))
        await op.step("tag", sending("", tokens), title="Tag everything")
        return compute_pb2.Instance(name=INSTANCE, native_id=native)

    ended = await bed.run(method)
    assert ended.state == SUCCEEDED
    assert [(s.id, s.title, s.state) for s in ended.steps] == [
        ("launch", "Launch", SUCCEEDED),
        ("attach", "Attach the disk", SUCCEEDED),
        ("tag", "Tag everything", SUCCEEDED),
    ]
    assert all(s.HasField("start_time") and s.HasField("end_time") for s in ended.steps)
    assert list(ended.targets) == [INSTANCE_REF]
    made = compute_pb2.Instance()
    assert ended.response.Unpack(made) and made.native_id == "i-1"
    assert len(set(tokens)) == 3
    assert all(re.fullmatch(r"nvc1-[0-9a-f]{48}", token) for token in tokens)


async def test_an_op_tells_who_asked_and_has_no_deadline(bed: Bed) -> None:
    seen: list[Op] = []

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        seen.append(op)
        return compute_pb2.Instance()

    ended = await bed.run(method)
    call = seen[0].call
    assert (call.principal, call.method, call.request_id) == ("ann", "ProviderService/CreateInstance", ended.request_id)
    assert call.deadline is None and call.clock is bed.clock
    assert ended.name.endswith(seen[0].id)


async def test_a_step_that_fails_fails_the_operation_and_tells_what_was_left(bed: Bed) -> None:
    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"launch": "Launch", "attach": "Attach", "tag": "Tag"})
        await op.step("launch", sending("i-1"))
        op.target(INSTANCE_REF)
        await op.step("attach", fails)
        raise AssertionError("not reached")

    async def fails(token: str) -> str:
        raise QuotaExceeded("too many volumes", facts={"native_code": "VolumeLimitExceeded"})

    ended = await bed.run(method)
    assert ended.state == FAILED and ended.error.code == code_pb2.RESOURCE_EXHAUSTED
    error = from_status(ended.error)
    assert type(error) is QuotaExceeded
    assert error.facts == {"native_code": "VolumeLimitExceeded", "provider": "toy"}
    assert [s.state for s in ended.steps] == [SUCCEEDED, FAILED, CANCELLED]
    assert list(ended.targets) == [INSTANCE_REF]
    assert 33 <= ended.progress_percent < 100


async def test_a_name_of_a_step_is_used_once(bed: Bed) -> None:
    sent: list[str] = []

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("disk", sending("vol-1", sent))
        await op.step("disk", sending("vol-2", sent))
        return compute_pb2.Instance()

    ended = await bed.run(method)
    assert ended.state == FAILED and ended.error.code == code_pb2.INTERNAL and len(sent) == 1


@pytest.mark.parametrize("where", ["step", "between", "number", "result", "progress"])
async def test_a_fault_of_an_adapter_is_internal_and_told_to_the_log_alone(bed: Bed, where: str) -> None:
    async def raises(token: str) -> str:
        raise KeyError("hunter2")

    async def number(token: str) -> Any:
        return 7

    async def method(request: Any, op: Op) -> Any:
        if where == "step":
            await op.step("launch", raises)
        elif where == "number":
            await op.step("launch", number)
        elif where == "progress":
            op.progress(1, 2, "By")
        elif where == "result":
            return compute_pb2.InstanceSpec()
        raise KeyError("hunter2")

    with structlog.testing.capture_logs() as logged:
        ended = await bed.run(method)
    assert ended.state == FAILED and ended.error.code == code_pb2.INTERNAL
    assert "hunter2" not in str(ended)
    if where in ("step", "number"):
        assert at(ended, "launch").state == FAILED and at(ended, "launch").error.code == code_pb2.INTERNAL
    (fault,) = [line for line in logged if line["log_level"] == "error"]
    assert fault["exc_info"] is True and fault["operation"] == ended.name


async def test_without_a_plan_there_is_no_percentage_before_the_end(bed: Bed) -> None:
    hold = asyncio.Event()

    async def wait(token: str) -> str:
        await hold.wait()
        return ""

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("a", sending(""))
        await op.step("wait", wait)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    assert not (await bed.seen(name, is_at("wait"))).HasField("progress_percent")
    hold.set()
    assert (await bed.end(name)).progress_percent == 100


async def test_progress_is_shown_and_much_of_it_shares_commits(bed: Bed) -> None:
    async def copy(token: str) -> str:
        for done in range(1, 3001):
            running[0].progress(done, 3000, "By")
            if done % 100 == 0:
                await asyncio.sleep(0)
        return ""

    running: list[Op] = []

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"copy": "Copy"})
        running.append(op)
        await op.step("copy", copy)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    seen = await events(bed, name)
    ended = seen[-1].operation
    assert (at(ended, "copy").done_units, at(ended, "copy").total_units, at(ended, "copy").unit) == (3000, 3000, "By")
    assert ended.revision > 3000
    assert len([event for event in seen if event.HasField("operation")]) < 200


async def test_before_its_turn_a_step_is_pending(bed: Bed) -> None:
    hold = asyncio.Event()

    async def wait(token: str) -> str:
        await hold.wait()
        return ""

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"wait": "Wait", "later": "Later"})
        await op.step("wait", wait)
        await op.step("later", sending(""))
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    shown = await bed.seen(name, is_at("wait"))
    assert at(shown, "later").state == PENDING and not at(shown, "later").HasField("start_time")
    assert at(shown, "wait").HasField("start_time") and not at(shown, "wait").HasField("end_time")
    hold.set()
    await bed.end(name)
