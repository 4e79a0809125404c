"""The proof in its quick form; what a busy machine may spoil is printed and not judged here."""

import pathlib

import pytest

from tests.faults import replicas
from tests.faults.proof import QUICK, broken, table


@pytest.mark.timeout(180)
async def test_two_replicas_lose_nothing_and_do_nothing_twice(tmp_path: pathlib.Path) -> None:
    rows = await replicas.run(QUICK, tmp_path)
    print(table(rows))
    assert not broken(rows)
