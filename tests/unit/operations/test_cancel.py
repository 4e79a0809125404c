"""Cancelling: between steps, out of waits, with what is to be tidied up; never an outcome by accident."""

import asyncio
from typing import Any

import pytest
from google.rpc import code_pb2
from novacron.cloud.v1 import compute_pb2
from novacron_providers.contract.call import Op
from novacron_providers.contract.errors import Cancelled, NotFound

from tests.unit.operations.bed import (
    CANCELLED,
    CANCELLING,
    INSTANCE_REF,
    SUCCEEDED,
    Bed,
    at,
    is_at,
    reached,
)


class Launching:
    """A method that launches, waits, and tidies up when it is stopped."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.launched = asyncio.Event()
        self.polls = 0

    async def __call__(self, request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"launch": "Launch", "running": "Wait until running", "tag": "Tag"})
        try:
            await op.step("launch", self.launch)
            op.target(INSTANCE_REF)
            await op.until("running", self.running, interval=60.0)
            await op.step("tag", self.tag)
        except Cancelled:
            await op.step("tidy", self.tidy, title="Tidy up", cleanup=True)
            raise
        return compute_pb2.Instance()

    async def launch(self, token: str) -> str:
        self.sent.append("launch")
        await self.launched.wait()
        return "i-1"

    async def running(self) -> float:
        self.polls += 1
        return 0.5

    async def tag(self, token: str) -> str:
        self.sent.append("tag")
        return ""

    async def tidy(self, token: str) -> str:
        self.sent.append("tidy")
        return ""


async def test_a_step_that_was_sent_is_finished_and_the_next_one_is_not_begun(bed: Bed) -> None:
    method = Launching()
    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await bed.seen(name, is_at("launch"))
    asked = await bed.cancel(name)
    assert asked.state == CANCELLING and not asked.done
    # Asking twice is asking once.
    assert (await bed.cancel(name)).state == CANCELLING
    assert method.sent == ["launch"]
    method.launched.set()
    ended = await bed.end(name)
    assert ended.state == CANCELLED and ended.error.code == code_pb2.CANCELLED
    assert method.sent == ["launch", "tidy"] and method.polls == 0
    assert {s.id: s.state for s in ended.steps} == {
        "launch": SUCCEEDED,
        "running": CANCELLED,
        "tag": CANCELLED,
        "tidy": SUCCEEDED,
    }
    # What was left behind.
    assert list(ended.targets) == [INSTANCE_REF]


async def test_a_wait_is_woken(bed: Bed) -> None:
    method = Launching()
    method.launched.set()
    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await bed.seen(name, is_at("running"))
    await reached(lambda: method.polls == 1)
    await bed.cancel(name)
    # The clock stands still: it did not wait for the next poll.
    ended = await bed.end(name)
    assert ended.state == CANCELLED and at(ended, "running").state == CANCELLED
    assert method.sent == ["launch", "tidy"] and method.polls == 1


async def test_a_cancel_outlives_a_restart(bed: Bed) -> None:
    method = Launching()
    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await bed.seen(name, is_at("launch"))
    await bed.cancel(name)
    method.launched.set()
    await bed.restart()
    ended = await bed.end(name)
    assert ended.state == CANCELLED
    # Nobody knows whether it was sent: either way no instance is made that nobody hears of.
    assert method.sent[-1] == "tidy" and "tag" not in method.sent


async def test_cancelling_what_is_done_changes_nothing(bed: Bed) -> None:
    name = (await bed.create()).name
    ended = await bed.end(name)
    assert await bed.cancel(name) == ended
    assert await bed.get(name) == ended


async def test_cancelling_what_is_not_known_is_not_found(bed: Bed) -> None:
    with pytest.raises(NotFound):
        await bed.cancel("providers/toy/operations/00000000000000000000000000000000")


async def test_a_method_may_finish_all_the_same(bed: Bed) -> None:
    hold = asyncio.Event()

    async def wait(token: str) -> str:
        await hold.wait()
        return ""

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("wait", wait)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await bed.seen(name, is_at("wait"))
    await bed.cancel(name)
    hold.set()
    assert (await bed.end(name)).state == SUCCEEDED
