"""The proof in its quick form; what a busy machine may spoil is printed and not judged here."""

import pathlib

import pytest

from tests.faults import matrix
from tests.faults.proof import QUICK, broken, table


@pytest.mark.timeout(180)
async def test_every_fifth_request_meets_a_fault_and_nothing_is_made_twice_or_lost(tmp_path: pathlib.Path) -> None:
    rows = await matrix.run(QUICK, tmp_path)
    print(table(rows))
    assert not broken(rows)
