"""Steps whose outcome is not known, and waits: on a clock that a test moves."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.rpc import code_pb2
from novacron.cloud.v1 import compute_pb2
from novacron_providers.contract.call import Op
from novacron_providers.contract.errors import (
    CloudError,
    NotFound,
    QuotaExceeded,
    Throttled,
    Unavailable,
    from_status,
)

from tests.unit.operations.bed import (
    FAILED,
    INSTANCE,
    SUCCEEDED,
    Bed,
    at,
    reached,
)


def sending(value: str, tokens: list[str] | None = None) -> Callable[[str], Awaitable[str]]:
    async def send(token: str) -> str:
        if tokens is not None:
            tokens.append(token)
        return value

    return send


async def test_no_answer_is_asked_for_again_with_the_same_token(bed: Bed) -> None:
    tokens: list[str] = []

    async def launch(token: str) -> str:
        tokens.append(token)
        if len(tokens) < 3:
            raise Unavailable("no answer within 10 s", sent=True)
        return "i-1"

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        return compute_pb2.Instance(native_id=await op.step("launch", launch))

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: len(tokens) == 1)
    await bed.clock.advance(0.5)
    assert len(tokens) == 1
    await bed.clock.advance(0.5)
    assert len(tokens) == 2
    await bed.clock.advance(1.5)
    assert len(tokens) == 2
    await bed.clock.advance(0.5)
    ended = await bed.end(name)
    assert ended.state == SUCCEEDED and len(tokens) == 3 and len(set(tokens)) == 1


async def test_an_outcome_that_stays_unknown_is_said_to_be(bed: Bed) -> None:
    sent: list[float] = []

    async def launch(token: str) -> str:
        sent.append(bed.clock.monotonic())
        if len(sent) == 3:
            # It never reached the cloud, which says nothing about the first one.
            raise Throttled("slow down", retry_after=9.0)
        raise Unavailable("no answer", sent=True, facts={"call": "ec2.RunInstances", "region": "north"})

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", launch)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: len(sent) == 1)
    while not (ended := await bed.get(name)).done:
        await bed.clock.advance(0.5)
    assert ended.state == FAILED and ended.error.code == code_pb2.UNKNOWN
    error = from_status(ended.error)
    assert error.reason == "OUTCOME_UNKNOWN" and error.facts["call"] == "ec2.RunInstances"
    # After 1 s, 2 s, the 9 s that the cloud asked for, 8 s, and then every 16 s for a minute.
    assert len(sent) == 7 and 50 < sent[-1] <= 60


@pytest.mark.parametrize(
    "error", [Unavailable("refused"), Throttled("slow down"), NotFound("no image", sent=True)], ids=lambda e: e.reason
)
async def test_an_outcome_that_is_known_is_not_asked_for_again(bed: Bed, error: CloudError) -> None:
    sent = 0

    async def launch(token: str) -> str:
        nonlocal sent
        sent += 1
        raise error

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", launch)
        return compute_pb2.Instance()

    ended = await bed.run(method)
    assert sent == 1 and type(from_status(ended.error)) is type(error)


async def test_a_refusal_after_no_answer_is_the_outcome(bed: Bed) -> None:
    sent = 0

    async def launch(token: str) -> str:
        nonlocal sent
        sent += 1
        raise Unavailable("no answer", sent=True) if sent == 1 else QuotaExceeded("too many")

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", launch)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: sent == 1)
    await bed.clock.advance(1.1)
    assert type(from_status((await bed.end(name)).error)) is QuotaExceeded and sent == 2


async def test_a_wait_polls_at_its_interval_and_shows_how_far_it_is(bed: Bed) -> None:
    asked: list[float] = []

    async def probe() -> float:
        asked.append(bed.clock.monotonic())
        return [0.0, 0.25, 0.25, 1.0][len(asked) - 1]

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"running": "Wait until running", "tag": "Tag"})
        await op.until("running", probe, interval=5.0)
        await op.step("tag", sending(""))
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: len(asked) == 1)
    await bed.clock.advance(5)
    shown = await bed.seen(name, lambda o: any(found.done_units == 25 for found in o.steps))
    assert (at(shown, "running").total_units, at(shown, "running").unit) == (100, "%")
    assert shown.progress_percent == 12
    await bed.clock.advance(10)
    await bed.end(name)
    assert asked == [0, 5, 10, 15]


async def test_a_wait_outlasts_what_passes_and_no_more(bed: Bed) -> None:
    asked: list[float] = []

    async def probe() -> float:
        asked.append(bed.clock.monotonic())
        match len(asked):
            case 1:
                raise Unavailable("gone for a moment", sent=True)
            case 2:
                raise Throttled("slow down", retry_after=20.0)
            case _:
                raise NotFound("the instance is gone", resource=INSTANCE)

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.until("running", probe, interval=1.0)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: len(asked) == 1)
    await bed.clock.advance(30)
    ended = await bed.end(name)
    assert ended.state == FAILED and type(from_status(ended.error)) is NotFound
    assert asked == [0, 1, 21]


async def test_a_wait_ends_at_its_limit(bed: Bed) -> None:
    asked = 0

    async def probe() -> float:
        nonlocal asked
        asked += 1
        return 0.5

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.until("running", probe, title="Wait until running", interval=4.0, timeout=10.0)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: asked == 1)
    await bed.clock.advance(60)
    ended = await bed.end(name)
    assert ended.error.code == code_pb2.DEADLINE_EXCEEDED
    error = from_status(ended.error)
    assert error.reason == "WAIT_TIMED_OUT" and error.facts["step"] == "running" and "10 s" in error.message
    # At 0, 4, 8 and once more at the limit.
    assert asked == 4
