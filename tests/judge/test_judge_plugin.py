"""The judge in a run of pytest: a breach fails the test and names the field; the counts are told at the end."""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
# Two tests in files of their own: one says what Google says, one says it wrong.
EXCHANGE = """
import json, os, pathlib

def test_{name}():
    exchange = {{
        "method": "GET",
        "url": "http://127.0.0.1/compute/v1/projects/novacron-1/zones/us-central1-a/operations/" + "{name}",
        "request_headers": {{}},
        "request_body": None,
        "status": 200,
        "response_headers": {{}},
        "response_body": {{"kind": "compute#operation", "name": "{name}", "progress": {progress}}},
    }}
    record = pathlib.Path(os.environ["SANDBOX_RECORD"]) / "gcp-{name}.jsonl"
    record.write_text(json.dumps(exchange) + "\\n")
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_breach_fails_the_run_and_the_counts_are_told(tmp_path: pathlib.Path, workers: int) -> None:
    (tmp_path / "test_right.py").write_text(EXCHANGE.format(name="right", progress=100))
    (tmp_path / "test_wrong.py").write_text(EXCHANGE.format(name="wrong", progress='"100"'))
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-n", str(workers)]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "gcp compute.zoneOperations.get (200): answer progress: " in done.stdout
    assert re.search(r"FAILED .*test_wrong\.py::test_wrong", done.stdout)
    assert "1 failed, 1 passed" in done.stdout
    assert "judged: 2 exchanges of 1 operations (gcp 2/1)" in done.stdout
