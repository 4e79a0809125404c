"""What is read between two steps, as an instance is in the end, is not the end of an operation when it fails."""

from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2
from novacron_providers.contract.call import Op
from novacron_providers.contract.errors import CloudError, Throttled, Unavailable, from_status

from tests.unit.operations.bed import FAILED, INSTANCE, SUCCEEDED, Bed, reached


@pytest.mark.parametrize("error", [Unavailable("refused"), Throttled("slow down")], ids=lambda error: error.reason)
async def test_a_last_look_that_fails_for_a_while_is_not_the_end(bed: Bed, error: CloudError) -> None:
    sent: list[str] = []
    looks = 0

    async def launch(token: str) -> str:
        sent.append(token)
        return "i-1"

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        nonlocal looks
        op.log("begins")
        await op.step("launch", launch)
        op.log("is there")
        looks += 1
        if looks <= 3:
            raise error
        return compute_pb2.Instance(name=INSTANCE)

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: looks == 1)
    await bed.clock.advance(30)
    ended = await bed.end(name)
    assert ended.state == SUCCEEDED and (len(sent), looks) == (1, 4)
    assert [entry.id for entry in ended.steps] == ["launch"]


async def test_a_last_look_that_goes_on_failing_ends_the_operation_within_a_minute(bed: Bed) -> None:
    looks = 0

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        nonlocal looks
        looks += 1
        raise Unavailable("refused", retry_after=5.0)

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: looks == 1)
    await bed.clock.advance(90)
    ended = await bed.end(name)
    assert ended.state == FAILED and type(from_status(ended.error)) is Unavailable
    assert looks == 13


async def test_who_cancels_does_not_wait_for_another_look(bed: Bed) -> None:
    looks = 0

    async def method(request: Any, op: Op) -> compute_pb2.Instance:
        nonlocal looks
        looks += 1
        raise Unavailable("refused")

    bed.methods["create_instance"] = method
    name = (await bed.create()).name
    await reached(lambda: looks == 1)
    await bed.cancel(name)
    assert (await bed.end(name)).state == FAILED and looks == 1
