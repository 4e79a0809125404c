"""The demo from end to end, and that nothing is left of it however it ends."""

import os
import re
import socket
import subprocess
import sys

import pytest

from tests.integration.test_cli_terminal import IN_TERMINAL, TERMINAL, plain

DEMO = [sys.executable, "-m", "novacron_cli", "demo", "--instances", "1"]
# It starts in some ten seconds, and more where everything else runs at the same time.
pytestmark = pytest.mark.timeout(120)
ADDRESSES = re.compile(r"127\.0\.0\.1:(\d+)")


def nothing_listens(text: str) -> bool:
    """Whether the three clouds and the server that the demo named are gone."""
    ports = {int(port) for port in ADDRESSES.findall(text)}
    assert len(ports) == 4, text
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return False
    return True


def test_without_a_terminal_it_prints_plain_lines_and_ends_by_itself() -> None:
    done = subprocess.run([*DEMO, "--for", "6s"], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert "starting AWS, Azure and Google Cloud" in lines[0]
    assert "\x1b" not in done.stdout
    # The command can be run as it is told, wherever it is installed.
    [export] = [line.strip() for line in lines if "export NOVACRON_SERVER=" in line]
    found = subprocess.run(["sh", "-c", f"{export}; command -v novacron-cloud"], capture_output=True, text=True)
    assert found.returncode == 0, export
    for account in (r"aws: account \d{12}", r"azure: account [0-9a-f-]{36}", "gcp: account novacron-sandbox"):
        assert re.search(rf"^\d\d:\d\d:\d\d registered providers/{account}, regions", done.stdout, re.MULTILINE), (
            account
        )
    for step in (
        "aws +web-1 t3.micro .*Launch",
        "azure +web-1 Standard_B2s .*Make a network card",
        "gcp +web-1 e2-medium .*Make the machine",
        "azure +web-1 Standard_B2s +100 % succeeded",
        "gcp +web-1 e2-medium +100 % succeeded",
    ):
        assert re.search(rf"^\d\d:\d\d:\d\d {step}$", done.stdout, re.MULTILINE), step
    live = [line for line in lines if " cpu " in line]
    seconds = {
        place: {line.split()[0] for line in live if f" {place} web-1 " in line}
        for place in ("aws us-east-1", "azure westeurope", "gcp us-central1")
    }
    # Two seconds of each cloud at the least: they move.
    assert all(len(found) >= 2 for found in seconds.values()), live
    value = r"\d+(\.\d)? [kMG]?B/s"
    pattern = rf"running cpu \d+\.\d % in {value} out {value} read {value} write {value}$"
    assert all(re.search(pattern, line) for line in live), live
    assert lines[-1].startswith("The demo has ended")
    assert nothing_listens(done.stdout)


def test_a_signal_ends_all_of_it() -> None:
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            out = ""
            while "creating instances, 1 in each cloud" not in out:
                line = demo.stdout.readline()
                assert line, demo.stderr.read() if demo.stderr else out
                out += line
            demo.terminate()
            rest = demo.stdout.read()
        finally:
            if demo.poll() is None:
                demo.kill()
    assert demo.returncode == 0
    assert rest.splitlines()[-1].startswith("The demo has ended")
    assert nothing_listens(out)


def test_in_a_terminal_it_draws_bars_and_a_table_that_moves_until_ctrl_c() -> None:
    # A table whose sparklines have two values has moved.
    row = r"{} +web-1 +{} +running +[▁▂▃▄▅▆▇█]{{2,}} +\d[^\n]+\n"
    clouds = (r"aws +us-east-1", r"t3\.micro"), ("azure +westeurope", "Standard_B2s"), ("gcp +us-central1", "e2-medium")
    moved = re.compile("".join(row.format(*cloud) for cloud in clouds))
    command = [*IN_TERMINAL, *DEMO[3:]]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=os.environ | TERMINAL
    ) as demo:
        assert demo.stdin is not None
        assert demo.stdout is not None
        out, asked = b"", False
        while chunk := demo.stdout.read(65536):
            out += chunk
            if not asked and moved.search(plain(out.decode(errors="replace"))):
                asked = True
                demo.stdin.write(b"\x03")
    drawn = plain(out.decode())
    assert asked, drawn
    assert demo.returncode == 0, drawn
    assert "━" in drawn
    assert "100 %" in drawn
    assert re.search(r"PROVIDER +REGION +INSTANCE +TYPE +STATE +CPU +NET IN +NET OUT +DISK READ +DISK WRITE", drawn)
    assert drawn.rstrip().endswith("gone with them.")
    assert nothing_listens(drawn)
