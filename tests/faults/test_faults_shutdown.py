"""The proof in its quick form; what a busy machine may spoil is printed and not judged here."""

import pathlib

import pytest

from tests.faults import shutdown
from tests.faults.proof import QUICK, broken, table


@pytest.mark.timeout(180)
async def test_a_server_that_is_asked_to_stop_loses_nothing_and_says_so_first(tmp_path: pathlib.Path) -> None:
    rows = await shutdown.run(QUICK, tmp_path)
    print(table(rows))
    assert not broken(rows)
