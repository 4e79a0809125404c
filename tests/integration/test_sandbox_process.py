"""The sandbox as a process: it starts, says why when it does not, and ends with whoever started it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from novacron_sandbox import Sandbox, SandboxError

_CHILD = [sys.executable, "-m", "novacron_sandbox"]


def _answers(endpoint: str) -> bool:
    port = int(endpoint.rpartition(":")[2])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_it_is_there_inside_and_gone_after_and_the_loop_runs_on() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    async with Sandbox() as sandbox:
        assert ticks > 20
        assert sandbox.pid != os.getpid()
        assert {"endpoint", "access_key_id", "secret_access_key", "regions", "image"} <= set(sandbox.aws)
        assert sandbox.aws["regions"] == ["us-east-1", "eu-west-1"]
        assert await asyncio.to_thread(_answers, sandbox.aws["endpoint"])
    ticking.cancel()
    assert not await asyncio.to_thread(_answers, sandbox.aws["endpoint"])
    with pytest.raises(ProcessLookupError):
        os.kill(sandbox.pid, 0)


async def test_a_start_that_is_cancelled_leaves_no_child() -> None:
    sandbox = Sandbox()
    starting = asyncio.create_task(sandbox.__aenter__())
    await asyncio.sleep(0.3)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    with pytest.raises(SandboxError, match="make another one"):
        await asyncio.to_thread(sandbox.start)
    with pytest.raises(ProcessLookupError):
        os.kill(sandbox.pid, 0)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError) as refusal:
            Sandbox(port=port).start()
    # The end of what it wrote: the interpreter has nothing to add about its own end.
    wrote = f"port {port} of 127.0.0.1 cannot be had: Address already in use"
    assert str(refusal.value) == f"the sandbox did not start; it wrote:\n{wrote}"


def test_a_start_has_a_deadline() -> None:
    started = time.monotonic()
    with pytest.raises(SandboxError, match=r"not ready within 0\.05 s"):
        Sandbox(ready_timeout=0.05).start()
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [(["--rate", "0"], "--rate"), (["--rate", "2"], "--origin"), (["--metrics-period", "0"], "--metrics-period")],
)
def test_options_that_make_no_sense_are_refused_at_once(arguments: list[str], wrong: str) -> None:
    refusal = subprocess.run([*_CHILD, *arguments], capture_output=True, text=True, timeout=20)
    assert refusal.returncode == 2
    assert wrong in refusal.stderr


def test_it_says_where_it_is_on_one_line_and_ends_when_told() -> None:
    # SIGTERM is how Sandbox itself ends its child.
    ends = {
        "SIGINT": lambda child: child.send_signal(signal.SIGINT),
        "end of input": lambda child: child.stdin.close(),
    }
    children = {
        how: subprocess.Popen([*_CHILD, "--stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for how in ends
    }
    for how, child in children.items():
        with child:
            assert child.stdout
            ready = json.loads(child.stdout.readline())
            assert ready["pid"] == child.pid
            with urllib.request.urlopen(ready["aws"]["endpoint"] + "/_sandbox/state", timeout=10) as answer:
                assert json.load(answer)["calls"] == {}
            ends[how](child)
            assert child.wait(10) == 0, how
            assert child.stdout.read() == ""
