"""The proof in its quick form; what a busy machine may spoil is printed and not judged here."""

import pathlib

import pytest

from tests.faults import throttle
from tests.faults.proof import QUICK, broken, table


@pytest.mark.timeout(180)
async def test_a_throttle_is_waited_out(tmp_path: pathlib.Path) -> None:
    rows = await throttle.run(QUICK, tmp_path)
    print(table(rows))
    assert not broken(rows)
