"""The proof in its quick form; what a busy machine may spoil is printed and not judged here."""

import pathlib

import pytest

from tests.faults import overload
from tests.faults.proof import QUICK, broken, table


@pytest.mark.timeout(180)
async def test_memory_is_bounded_in_overload(tmp_path: pathlib.Path) -> None:
    rows = await overload.run(QUICK, tmp_path)
    print(table(rows))
    assert not broken(rows)
