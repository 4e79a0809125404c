"""Refusals that are not the last word: they pass, or say nothing about an attempt whose answer was lost."""

from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2
from novacron_providers.contract.call import Op, Turn
from novacron_providers.contract.errors import (
    CloudError,
    CredentialsInvalid,
    DeadlineExceeded,
    OutcomeUnknown,
    PermissionMissing,
    Throttled,
    Unavailable,
    from_status,
)

from tests.unit.operations.bed import SUCCEEDED, Bed, events, kind, reached


@pytest.mark.parametrize("kind", [CredentialsInvalid, PermissionMissing])
async def test_credentials_that_end_after_a_lost_answer_leave_it_open(bed: Bed, kind: type[CloudError]) -> None:
    """The retries of one call: the first attempt's answer was lost, the second one was turned away at the door."""
    sent = 0

    async def launch(token: str) -> str:
        nonlocal sent
        sent += 1
        if sent == 1:
            raise kind("expired", sent=True)
        return "i-1"

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", launch)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: sent == 1)
    await bed.clock.advance(1.1)
    assert (await bed.end(name)).state == SUCCEEDED and sent == 2


async def test_what_stays_open_is_no_definite_error(bed: Bed) -> None:
    sent = 0

    async def launch(token: str) -> str:
        nonlocal sent
        sent += 1
        raise CredentialsInvalid("expired", sent=sent == 1)

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", launch)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: sent == 1)
    await bed.clock.advance(90)
    assert type(from_status((await bed.end(name)).error)) is OutcomeUnknown


@pytest.mark.parametrize("error", [Unavailable("refused"), Throttled("slow down")], ids=lambda error: error.reason)
@pytest.mark.parametrize("refusals", [1, 2])
async def test_who_is_turned_away_asks_once_more(bed: Bed, error: CloudError, refusals: int) -> None:
    sent = 0

    async def launch(token: str) -> str:
        nonlocal sent
        sent += 1
        if sent <= refusals:
            raise error
        return "i-1"

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        await op.step("launch", launch)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: sent == 1)
    await bed.clock.advance(1.1)
    ended = await bed.end(name)
    assert sent == 2
    if refusals == 1:
        assert ended.state == SUCCEEDED
    else:
        assert type(from_status(ended.error)) is type(error)


class Hanging:
    """A cloud that takes what it is sent and answers nothing, until it does again.

    Attributes:
        attempts: Seconds that the attempts of one call take.
        lefts: Seconds that each call could take at most; None for as long as it likes.
        turns: What each call was part of.
    """

    def __init__(self, bed: Bed, *, attempts: float = 50.0) -> None:
        self.bed, self.attempts = bed, attempts
        self.answers = False
        self.lefts: list[float | None] = []
        self.turns: list[Turn] = []

    async def __call__(self, request: Any, op: Op) -> compute_pb2.Instance:
        async def launch(token: str) -> str:
            left, began = op.call.remaining(), self.bed.clock.monotonic()
            self.lefts.append(left)
            self.turns.append(op.call.turn)
            await self.bed.clock.sleep(self.attempts if left is None else min(self.attempts, left))
            if self.answers:
                return "i-1"
            in_time = left is None or left >= self.attempts
            error = (Unavailable if in_time else DeadlineExceeded)("no answer", sent=True)
            error.sent_at = began
            raise error

        op.plan({"launch": "Launch", "running": "Wait"})
        return compute_pb2.Instance(native_id=await op.step("launch", launch))


async def test_a_cloud_that_hangs_leaves_nobody_in_doubt_for_more_than_a_minute(bed: Bed) -> None:
    bed.methods["create_instance"] = cloud = Hanging(bed)
    name = (await bed.create()).name
    await reached(lambda: len(cloud.lefts) == 1)
    await bed.clock.advance(51)
    await reached(lambda: len(cloud.lefts) == 2)
    await bed.clock.advance(9)
    assert type(from_status((await bed.end(name)).error)) is OutcomeUnknown and bed.clock.monotonic() == 60
    # The attempts of the first call took their time, and the round after them ended with the minute.
    first, last = cloud.lefts
    assert first is None and last is not None and 8 < last <= 9


async def test_rounds_get_what_is_left_of_the_minute_and_never_too_little(bed: Bed) -> None:
    bed.methods["create_instance"] = cloud = Hanging(bed, attempts=10)
    name = (await bed.create()).name
    await reached(lambda: len(cloud.lefts) == 1)
    for round_, seconds in enumerate((11, 12, 14, 18, 5), start=2):
        await bed.clock.advance(seconds)
        await reached(lambda: len(cloud.lefts) >= min(round_, 5))  # noqa: B023  # it is called at once
    assert type(from_status((await bed.end(name)).error)) is OutcomeUnknown
    first, *rounds = [left if left is None else round(left) for left in cloud.lefts]
    assert first is None and rounds == [49, 37, 23, 5]
    # New changes wait until it is known what came of this one.
    assert cloud.turns == [Turn.CHANGE, *[Turn.DOUBT] * 4]


async def test_it_is_settled_within_a_minute_once_the_cloud_answers(bed: Bed) -> None:
    bed.methods["create_instance"] = cloud = Hanging(bed, attempts=10)
    name = (await bed.create()).name
    await reached(lambda: len(cloud.lefts) == 1)
    await bed.clock.advance(11)
    await reached(lambda: len(cloud.lefts) == 2)
    cloud.answers = True
    await bed.clock.advance(10)
    ended = await bed.end(name)
    assert ended.state == SUCCEEDED and bed.clock.monotonic() == 21


async def test_an_operation_that_hears_nothing_says_so(bed: Bed) -> None:
    bed.methods["create_instance"] = cloud = Hanging(bed)
    name = (await bed.create()).name
    await reached(lambda: len(cloud.lefts) == 1)
    await bed.clock.advance(20)
    cloud.answers = True
    await bed.clock.advance(30)
    ended = await bed.end(name)
    assert ended.state == SUCCEEDED
    lines = [event.log.text for event in await events(bed, name, logs=True) if kind(event) == "log"]
    assert "No answer for 20 s; still waiting for one" in lines
