"""A step is on record before it is sent, so a run after a crash knows what may have been done, and settles it first."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.rpc import code_pb2
from novacron.cloud.v1 import common_pb2, compute_pb2
from novacron_providers.contract.call import Op
from novacron_providers.contract.errors import (
    Cancelled,
    CloudError,
    InUse,
    OutcomeUnknown,
    QuotaExceeded,
    Unavailable,
    from_status,
)

from tests.unit.operations.bed import (
    CANCELLED,
    FAILED,
    INSTANCE_REF,
    SUCCEEDED,
    Bed,
    at,
    is_at,
    reached,
)

CARD = common_pb2.ResourceRef(native_id="/cards/card-0")


class Address:
    """A cloud's call that takes no token: each sending makes one more.

    Attributes:
        lost: How many answers are lost.
        late: How many looks do not show yet what is there.
    """

    def __init__(self, *, lost: int = 0, late: int = 0, effect: bool = True) -> None:
        self.lost, self.late, self.effect = lost, late, effect
        self.made: list[str] = []
        self.looked = 0
        self.hold: asyncio.Event | None = None

    async def allocate(self, token: str) -> str:
        if self.effect:
            self.made.append(token)
        if self.hold is not None:
            await self.hold.wait()
        if self.lost:
            self.lost -= 1
            raise Unavailable("the connection was reset", sent=True)
        if not self.effect:
            self.made.append(token)
        return "address-1"

    async def find(self) -> str | None:
        self.looked += 1
        if self.looked <= self.late or not self.made:
            return None
        return "address-1"

    async def __call__(self, request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"address": "Get an address"})
        return compute_pb2.Instance(native_id=await op.step("address", self.allocate, find=self.find))


async def drive(bed: Bed, name: str) -> None:
    """Let the operation's waits pass."""
    while not (await bed.get(name)).done:
        await bed.clock.advance(0.5)


async def test_what_was_made_without_a_token_is_found_and_not_made_again(bed: Bed) -> None:
    address = Address(lost=1)
    bed.methods["create_instance"] = address
    name = (await bed.create()).name
    await drive(bed, name)
    assert (await bed.get(name)).state == SUCCEEDED and len(address.made) == 1 and address.looked == 1


async def test_it_is_looked_for_twice_and_two_seconds_apart(bed: Bed) -> None:
    address = Address(lost=1, late=1)
    bed.methods["create_instance"] = address
    name = (await bed.create()).name
    await reached(lambda: len(address.made) == 1)
    await bed.clock.advance(1)
    await reached(lambda: address.looked == 1)
    await bed.clock.advance(1.9)
    assert address.looked == 1
    await drive(bed, name)
    assert (await bed.get(name)).state == SUCCEEDED and len(address.made) == 1 and address.looked == 2


async def test_what_was_not_made_is_sent_again(bed: Bed) -> None:
    address = Address(lost=1, effect=False)
    bed.methods["create_instance"] = address
    name = (await bed.create()).name
    await drive(bed, name)
    assert (await bed.get(name)).state == SUCCEEDED and len(address.made) == 1 and address.looked == 2


async def test_a_crash_in_between_is_settled_by_looking(bed: Bed) -> None:
    address = Address()
    address.hold = asyncio.Event()
    bed.methods["create_instance"] = address
    name = (await bed.create()).name
    await reached(lambda: len(address.made) == 1)
    address.hold.set()
    address.hold = None
    await bed.restart()
    assert (await bed.end(name)).state == SUCCEEDED
    assert len(address.made) == 1


async def test_what_nobody_can_tell_is_not_sent_again(bed: Bed) -> None:
    sent = 0
    hold = asyncio.Event()

    async def reboot(token: str) -> str:
        nonlocal sent
        sent += 1
        await hold.wait()
        return ""

    async def cannot_tell() -> str:
        raise OutcomeUnknown("a reboot leaves no trace", sent=True)

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"reboot": "Reboot"})
        await op.step("reboot", reboot, find=cannot_tell)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: sent == 1)
    await bed.restart()
    ended = await bed.end(name)
    assert ended.state == FAILED and from_status(ended.error).reason == "OUTCOME_UNKNOWN" and sent == 1


async def test_a_step_that_may_have_been_sent_is_settled_before_the_cancel(bed: Bed) -> None:
    """Else what it made would be nobody's."""
    tokens: list[str] = []
    hold = asyncio.Event()

    async def launch(token: str) -> str:
        tokens.append(token)
        await hold.wait()
        return "i-1"

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"launch": "Launch", "tag": "Tag"})
        await op.step("launch", launch)
        op.target(INSTANCE_REF)
        await op.step("tag", launch)
        return compute_pb2.Instance()

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: len(tokens) == 1)
    await bed.cancel(name)
    hold.set()
    bed.operations._engine._running[name.rpartition("/")[2]][0].cancel()
    await bed.restart()
    ended = await bed.end(name)
    assert ended.state == CANCELLED and list(ended.targets) == [INSTANCE_REF]
    assert len(tokens) == 2 and len(set(tokens)) == 1
    assert at(ended, "launch").state == SUCCEEDED and at(ended, "tag").state == CANCELLED


def version(
    bed: Bed, sent: list[tuple[str, str]], hold: asyncio.Event, *steps: str, was: str = ""
) -> Callable[[Any, Op], Awaitable[compute_pb2.Instance]]:
    """A method with those steps; "wait" answers once it is let."""

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        op.plan(dict.fromkeys(steps, "Title"))
        for step in steps:

            async def send(token: str, step: str = step) -> str:
                sent.append((step, token))
                if step == "attach":
                    await hold.wait()
                return ""

            await op.step(step, send, was=was if step == steps[-1] else "")
        return compute_pb2.Instance()

    return method


async def begun(bed: Bed, sent: list[tuple[str, str]], hold: asyncio.Event) -> str:
    """An operation of the first version that has sent its second step, and nothing more is known."""
    bed.methods["create_instance"] = version(bed, sent, hold, "launch", "attach")
    name = (await bed.create()).name
    await reached(lambda: len(sent) == 2)
    return name


@pytest.mark.parametrize(
    "steps", [("settle", "launch", "attach"), ("launch", "attach", "tag")], ids=["before", "after"]
)
async def test_a_version_with_more_steps_finishes_what_was_begun(bed: Bed, steps: tuple[str, ...]) -> None:
    sent: list[tuple[str, str]] = []
    hold = asyncio.Event()
    name = await begun(bed, sent, hold)
    bed.methods["create_instance"] = version(bed, sent, hold, *steps)
    hold.set()
    await bed.restart()
    ended = await bed.end(name)
    assert ended.state == SUCCEEDED and not ended.warnings
    assert len([token for step, token in sent if step == "launch"]) == 1
    assert len({token for step, token in sent if step == "attach"}) == 1


async def test_a_step_that_is_renamed_keeps_its_token(bed: Bed) -> None:
    sent: list[tuple[str, str]] = []
    hold = asyncio.Event()
    name = await begun(bed, sent, hold)
    bed.methods["create_instance"] = version(bed, sent, hold, "launch", "plug-in", was="attach")
    await bed.restart()
    ended = await bed.end(name)
    assert ended.state == SUCCEEDED and not ended.warnings
    assert sent[-1] == ("plug-in", sent[1][1])
    # One that was begun by this version has its own name.
    bed.methods["create_instance"] = version(bed, sent, hold, "launch", "plug-in", was="attach")
    assert [step.id for step in (await bed.end((await bed.create()).name)).steps] == ["launch", "plug-in"]


async def test_a_step_that_was_begun_and_is_gone_ends_the_operation_before_another_is_sent(bed: Bed) -> None:
    sent: list[tuple[str, str]] = []
    hold = asyncio.Event()
    name = await begun(bed, sent, hold)
    bed.methods["create_instance"] = version(bed, sent, hold, "launch", "plug-in")
    await bed.restart()
    ended = await bed.end(name)
    error = from_status(ended.error)
    assert ended.state == FAILED and error.reason == "OUTCOME_UNKNOWN" and error.facts["step"] == "attach"
    assert "'attach'" in error.message and "by hand" in error.message
    assert [step for step, _ in sent] == ["launch", "attach"]


async def test_a_step_that_was_begun_and_is_gone_is_a_warning_when_nothing_else_is_to_be_sent(bed: Bed) -> None:
    sent: list[tuple[str, str]] = []
    hold = asyncio.Event()
    name = await begun(bed, sent, hold)
    bed.methods["create_instance"] = version(bed, sent, hold, "launch")
    await bed.restart()
    ended = await bed.end(name)
    assert ended.state == SUCCEEDED
    (warning,) = ended.warnings
    assert from_status(warning).facts["step"] == "attach"


class Making:
    """Makes a card, then fails to make the machine, and takes the card back."""

    def __init__(self, removal: CloudError | None = None) -> None:
        self.removal = removal
        self.sent: list[str] = []
        self.hold: asyncio.Event | None = None

    async def __call__(self, request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"card": "Make a card", "machine": "Make the machine"})
        try:
            await op.step("card", self.card, resource=CARD)
            await op.step("machine", self.machine)
        except CloudError:
            op.target(CARD)
            if await op.until("remove", self.remove, title="Remove the card", resource=CARD, cleanup=True):
                op.gone(CARD.native_id)
            raise
        return compute_pb2.Instance()

    async def card(self, token: str) -> str:
        self.sent.append("card")
        return ""

    async def machine(self, token: str) -> str:
        self.sent.append("machine")
        raise QuotaExceeded("no cores left")

    async def remove(self) -> float:
        self.sent.append("remove")
        if self.hold is not None:
            await self.hold.wait()
        if self.removal is not None:
            raise self.removal
        return 1.0


async def test_what_was_made_is_removed_and_is_no_target_then(bed: Bed) -> None:
    making = Making()
    ended = await bed.run(making)
    assert ended.state == FAILED and type(from_status(ended.error)) is QuotaExceeded
    assert making.sent == ["card", "machine", "remove"]
    assert not ended.targets and not ended.warnings
    assert at(ended, "remove").state == SUCCEEDED and at(ended, "remove").resource == CARD
    assert at(ended, "card").resource == CARD and not at(ended, "machine").HasField("resource")


async def test_what_cannot_be_removed_is_a_warning_and_stays_a_target(bed: Bed) -> None:
    ended = await bed.run(Making(InUse("held by another machine")))
    assert type(from_status(ended.error)) is QuotaExceeded
    assert list(ended.targets) == [CARD]
    (warning,) = ended.warnings
    assert type(from_status(warning)) is InUse
    assert at(ended, "remove").state == FAILED


@pytest.mark.parametrize("removal", [None, InUse("held")], ids=["removed", "left"])
async def test_a_removal_goes_on_after_a_restart(bed: Bed, removal: CloudError | None) -> None:
    making = Making(removal)
    making.hold = asyncio.Event()
    bed.methods["create_instance"] = making
    name = (await bed.create()).name
    await bed.seen(name, is_at("remove"))
    making.hold.set()
    await bed.restart()
    ended = await bed.end(name)
    assert making.sent.count("card") == making.sent.count("machine") == 1
    assert type(from_status(ended.error)) is QuotaExceeded
    assert (len(ended.targets), len(ended.warnings)) == ((0, 0) if removal is None else (1, 1))


async def test_a_removal_runs_though_it_was_cancelled(bed: Bed) -> None:
    making = Making()
    making.hold = asyncio.Event()
    bed.methods["create_instance"] = making
    hold = asyncio.Event()

    async def card(token: str) -> str:
        await hold.wait()
        return ""

    making.card = card  # type: ignore[method-assign]  # this test holds it
    name = (await bed.create()).name
    await bed.seen(name, is_at("card"))
    await bed.cancel(name)
    hold.set()
    making.hold.set()
    ended = await bed.end(name)
    assert ended.state == CANCELLED and ended.error.code == code_pb2.CANCELLED
    assert type(from_status(ended.error)) is Cancelled
    assert making.sent == ["remove"] and not ended.targets and at(ended, "remove").state == SUCCEEDED


async def test_steps_name_what_the_operation_is_about_once_it_has_a_name(bed: Bed) -> None:
    disk = common_pb2.ResourceRef(name="providers/toy/volumes/north~v-1", native_id="v-1")

    async def send(token: str) -> str:
        return "i-1"

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        op.plan({"check": "Check", "launch": "Launch", "running": "Wait", "disk": "Disk", "tag": "Tag"})
        await op.step("check", send, checks=True)
        await op.step("launch", send)
        op.target(INSTANCE_REF)

        async def runs() -> float:
            op.target(disk)
            return 1.0

        await op.until("running", runs)
        await op.step("disk", send, resource=disk)
        await op.step("tag", send)
        return compute_pb2.Instance()

    ended = await bed.run(method)
    assert {step.id: step.resource.native_id for step in ended.steps} == {
        "check": "",
        "launch": "i-1",
        "running": "i-1",
        "disk": "v-1",
        "tag": "i-1",
    }
    assert list(ended.targets) == [INSTANCE_REF, disk]
