"""The state machine in its quick form: few examples, always the same ones."""

import pathlib

import pytest

from tests.faults import model
from tests.faults.proof import QUICK


@pytest.mark.timeout(180)
def test_any_order_of_create_retry_cancel_restart_and_fault_keeps_to_the_model(tmp_path: pathlib.Path) -> None:
    assert model.check(QUICK, tmp_path) == ""
