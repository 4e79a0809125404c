"""A refusal that says nothing about an attempt before it, whose answer was lost."""

from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2
from novacron_providers.contract.call import Op
from novacron_providers.contract.errors import (
    CloudError,
    CredentialsInvalid,
    OutcomeUnknown,
    PermissionMissing,
    from_status,
)

from tests.unit.operations.bed import SUCCEEDED, Bed, reached


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
