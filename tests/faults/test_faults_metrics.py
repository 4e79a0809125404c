"""The proof in its quick form; what a busy machine may spoil is printed and not judged here."""

import pathlib

import pytest

from tests.faults import metrics
from tests.faults.proof import QUICK, broken, table


@pytest.mark.timeout(180)
async def test_reads_of_metrics_succeed_though_every_fifth_request_meets_a_fault(tmp_path: pathlib.Path) -> None:
    rows = await metrics.run(QUICK, tmp_path)
    print(table(rows))
    assert not broken(rows)
