"""The proof in its quick form; what a busy machine may spoil is printed and not judged here."""

import pathlib

import pytest

from tests.faults import kills
from tests.faults.proof import QUICK, broken, table


@pytest.mark.timeout(180)
async def test_a_server_that_is_killed_at_each_of_its_points_loses_nothing(tmp_path: pathlib.Path) -> None:
    rows = await kills.run(QUICK, tmp_path)
    print(table(rows))
    assert not broken(rows)
