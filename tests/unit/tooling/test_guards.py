"""The guards of tests/conftest.py, tried on tests that break the rules."""

import pathlib
import re
import subprocess
import sys

import pytest

from tests.guard import skips

ROOT = pathlib.Path(__file__).parents[3]

OFFENDERS = """
import asyncio, contextlib, gc, pathlib, socket, subprocess, sys, threading, time
import novacron_server
import pytest

# Code of ours, as far as a guard can tell: it lies in our package's folder.
OURS = str(pathlib.Path(novacron_server.__file__).with_name("example.py"))

def ours(text):
    space = {"time": time}
    exec(compile(text, OURS, "exec"), space)
    return space

def reach(address):
    with socket.socket() as sock:
        sock.connect(address)

def test_ok_loopback():
    with socket.create_server(("127.0.0.1", 0)) as server:
        reach(server.getsockname())
    socket.getaddrinfo("localhost", 80)

def test_bad_connect():
    reach(("192.0.2.1", 80))

def test_bad_connect_swallowed():
    with contextlib.suppress(Exception):
        reach(("192.0.2.1", 80))

def test_bad_thread():
    def swallow():
        with contextlib.suppress(Exception):
            reach(("192.0.2.1", 80))
    thread = threading.Thread(target=swallow)
    thread.start()
    thread.join()

def test_bad_name():
    with contextlib.suppress(Exception):
        socket.getaddrinfo("cloud.example", 443)

def test_bad_datagram():
    with contextlib.suppress(Exception), socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(b"", ("192.0.2.1", 80))

def test_bad_child():
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL)

async def test_ok_sleep_in_thread():
    await asyncio.to_thread(ours("def nap(): time.sleep(0)")["nap"])

async def test_bad_block():
    ours("def nap(): time.sleep(0)")["nap"]()

async def test_bad_block_swallowed():
    with contextlib.suppress(Exception):
        ours("def nap(): time.sleep(0)")["nap"]()

async def test_ok_lock_of_coverage():
    lock = threading.Lock()
    lock.acquire()
    theirs = {}
    exec(compile("def lock_data(lock): lock.acquire(timeout=0.01)", "coverage/collector.py", "exec"), theirs)
    ours("def line(lock_data, lock): lock_data(lock)")["line"](theirs["lock_data"], lock)

async def test_ok_finalizer():
    class Cycle:
        def __init__(self):
            self.me, self.lock = self, threading.Lock()
            self.lock.acquire()
        def __del__(self):
            self.lock.acquire(timeout=0.01)
    Cycle()
    ours("def line(collect): collect()")["line"](gc.collect)

async def test_bad_lock():
    lock = threading.Lock()
    lock.acquire()
    ours("def line(lock): lock.acquire(timeout=0.01)")["line"](lock)

@pytest.fixture
def reaching():
    with contextlib.suppress(Exception):
        reach(("192.0.2.1", 80))

def test_bad_fixture(reaching):
    pass
"""


def run(path: pathlib.Path, text: str) -> tuple[int, str]:
    """Run a file of tests under the project's own configuration and conftest."""
    path.write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-rA"]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(path.parent), str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    return done.returncode, done.stdout + done.stderr


def test_offenders_fail_and_others_pass(tmp_path: pathlib.Path) -> None:
    _, output = run(tmp_path / "test_offenders.py", OFFENDERS)
    verdicts = dict(re.findall(r"^(?:PASSED|FAILED|ERROR) \S*::(test_\w+)()", output, re.MULTILINE))
    passed = set(re.findall(r"^PASSED \S*::(test_\w+)", output, re.MULTILINE))
    assert len(verdicts) == OFFENDERS.count("def test_"), output
    assert passed == {name for name in verdicts if name.startswith("test_ok_")}, output


@pytest.mark.parametrize(
    "skip",
    [
        "def test_it(): pytest.skip('no reason')",
        "@pytest.mark.skip\ndef test_it(): pass",
        "pytest.skip('no reason', allow_module_level=True)",
    ],
)
def test_a_skip_that_is_not_listed_fails_the_run(tmp_path: pathlib.Path, skip: str) -> None:
    code, output = run(tmp_path / "test_skips.py", f"import pytest\n{skip}\n")
    assert code in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED), output
    assert "skips that tests/skips.toml does not allow" in output


@pytest.mark.parametrize(
    ("nodeid", "allowed"),
    [
        ("tests/a/test_x.py::test_one", True),
        ("tests/a/test_x.py::test_one[some-case]", True),
        ("tests/a/test_x.py", True),
        ("tests/a/test_xy.py", False),
        ("tests/b/test_y.py::test_two", True),
        ("tests/b/test_y.py::test_three", False),
        ("tests/b/test_y.py", False),
    ],
)
def test_a_listed_skip_is_allowed_also_when_the_whole_file_skips(nodeid: str, allowed: bool) -> None:
    patterns = ["tests/a/test_x.py::*", "tests/b/test_y.py::test_two"]
    assert skips.is_allowed(nodeid, patterns) is allowed


def test_built_in_types_are_left_as_they_were() -> None:
    code = """
from tests.guard import blocking
kinds = {f.module for f in blocking._watch.functions.values() if isinstance(f.module, type)}
kept = lambda: [name for kind in kinds for name in vars(kind) if name.startswith("_c_")]
blocking.install(print)
assert kept()
blocking.remove()
print(kept())
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "[]\n", "")
