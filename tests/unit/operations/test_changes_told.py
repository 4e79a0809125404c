"""Whoever keeps answers of a cloud is told before a step sends what may change something, and after it."""

from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2
from novacron_providers.contract.call import Op, Turn
from novacron_providers.contract.errors import InvalidArgument

from tests.unit.operations.bed import FAILED, INSTANCE, SUCCEEDED, Bed


@pytest.mark.parametrize("fails", [False, True])
async def test_a_step_that_may_change_something_is_told_before_and_after_it(bed: Bed, fails: bool) -> None:
    told: list[str] = []
    bed.operations.subscribe_changes(lambda provider: told.append(f"change of {provider}"))

    async def check(token: str) -> str:
        told.append("check")
        return ""

    async def launch(token: str) -> str:
        told.append("launch")
        if fails:
            raise InvalidArgument("no")
        return "i-1"

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("check", check, checks=True)
        await op.step("launch", launch)
        return compute_pb2.Instance(name=INSTANCE)

    ended = await bed.run(method)
    assert ended.state == (FAILED if fails else SUCCEEDED)
    assert told == ["check", "change of toy", "launch", "change of toy"]


async def test_what_an_operation_asks_goes_before_other_reads(bed: Bed) -> None:
    turns: list[Turn] = []

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        turns.append(op.call.turn)
        return compute_pb2.Instance(name=INSTANCE)

    await bed.run(method)
    assert turns == [Turn.CHANGE]


async def test_a_step_that_was_done_before_a_restart_is_not_told_again(bed: Bed) -> None:
    told: list[str] = []

    async def launch(token: str) -> str:
        return "i-1"

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", launch)
        if not told:
            told.append("restart")
            await bed.clock.sleep(3600)
        return compute_pb2.Instance(name=INSTANCE)

    bed.methods["create_instance"] = method
    operation = await bed.create()
    await bed.seen(operation.name, lambda now: any(step.state == SUCCEEDED for step in now.steps))
    await bed.restart()
    bed.operations.subscribe_changes(told.append)
    assert (await bed.end(operation.name)).state == SUCCEEDED
    assert told == ["restart"]
