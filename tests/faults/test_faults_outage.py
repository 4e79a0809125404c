"""The proof in its quick form; what a busy machine may spoil is printed and not judged here."""

import pathlib

import pytest

from tests.faults import outage
from tests.faults.proof import QUICK, broken, table


@pytest.mark.timeout(180)
async def test_clouds_that_are_out_are_left_alone_and_every_caller_is_told(tmp_path: pathlib.Path) -> None:
    rows = await outage.run(QUICK, tmp_path)
    print(table(rows))
    assert not broken(rows)
