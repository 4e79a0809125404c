"""The commands against the server and the sandbox that `serve` and `sandbox` run."""

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from novacron_cli.registration import Registration
from novacron_cli.server_process import ServerError, ServerProcess

COMMAND = [sys.executable, "-m", "novacron_cli"]


@dataclass
class Shell:
    """Runs commands against one server.

    Attributes:
        server: Its address.
        clouds: Where the sandbox's clouds are, as `sandbox --json` tells it.
    """

    server: str
    clouds: dict[str, Any]

    @property
    def aws(self) -> dict[str, Any]:
        return dict(self.clouds["aws"])

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command that ends with that code; returns what it printed, standard error if it failed."""
        done = subprocess.run(
            [*COMMAND, *arguments], capture_output=True, text=True, env=os.environ | {"NOVACRON_SERVER": self.server}
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        return done.stderr if code else done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--output", "json"))


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("cli")
    ready = folder / "ready.json"
    flags = ["--listen", f"unix:{folder / 'socket'}", "--database", f"sqlite:///{folder / 'state.db'}"]
    flags += ["--key-file", str(folder / "key"), "--ready-file", str(ready), "--shutdown-grace", "1s"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [*COMMAND, "serve", *flags, "--until-stdin-closes"], stdin=subprocess.PIPE, stderr=log
        ) as server,
        subprocess.Popen(
            [*COMMAND, "sandbox", "--json", "--metrics-period", "1s", "--metrics-lag", "0s", "--boot", "500ms"],
            stdout=subprocess.PIPE,
        ) as sandbox,
    ):
        try:
            assert sandbox.stdout is not None
            shell = Shell(f"unix:{folder / 'socket'}", json.loads(sandbox.stdout.readline()))
            while not ready.exists():
                assert server.poll() is None, (folder / "log").read_text()
                asyncio.run(asyncio.sleep(0.02))
            yield shell
            # The server stops because its standard input is closed, the sandbox because it is interrupted.
            assert server.stdin is not None
            server.stdin.close()
            assert server.wait(20) == 0
            sandbox.send_signal(signal.SIGINT)
            assert sandbox.wait(20) == 130
        finally:
            for process in (server, sandbox):
                if process.poll() is None:
                    process.kill()


def words_of_registration(shell: Shell, kind: str) -> list[str]:
    """The command that registers a cloud, as the sandbox names it, without the program."""
    # A shell takes a backslash at the end of a line away; shlex does not.
    line = Registration.of(kind, shell.clouds[kind], period=1, lag=0).command().replace("\\\n", "")
    program, *words = shlex.split(line)
    assert program == "novacron-cloud"
    return words


@pytest.fixture(scope="module")
def provider(shell: Shell) -> str:
    """The sandbox's AWS, registered by the command that the sandbox names and more."""
    more = ("--region", "us-east-1", "--region", "eu-west-1", "--default-region", "eu-west-1", "--default")
    shell.run(*words_of_registration(shell, "aws"), *more)
    return "aws"


def test_a_machine_from_its_creation_to_its_end(shell: Shell, provider: str) -> None:
    image = shell.aws["image"]
    made = shell.json("instances", "create", "--image", image, "--type", "t3.micro", "--name", "web", "--tag", "a=b")
    name = made["name"]
    assert (made["region"], made["state"], made["tags"]["a"]) == ("eu-west-1", "INSTANCE_STATE_RUNNING", "b")
    assert name in shell.run("instances", "list", "--filter", 'state = "RUNNING"')
    assert shell.run("instances", "stop", name).split()[:2] == [name, "deallocated"]
    assert shell.run("instances", "start", name).split()[:2] == [name, "running"]

    operations = shell.json("operations", "list")["operations"]
    methods = [operation["method"].rpartition("/")[2] for operation in operations]
    assert methods == ["StartInstance", "StopInstance", "CreateInstance"]
    assert operations[-1]["name"] in shell.run("operations", "watch", operations[-1]["name"])

    lines = shell.run("metrics", "watch", "--for", "3s", "-o", "json", "-m", "cloud.instance.cpu.*").splitlines()
    rows = [json.loads(line) for line in lines]
    assert {row["resource"] for row in rows} == {name}
    assert all(0 <= row["value"] <= 1 for row in rows)

    assert shell.run("instances", "delete", name) == ""
    assert shell.json("instances", "list") == {"instances": []}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["azure", "gcp"])
def test_other_clouds_are_registered_and_used_in_the_same_way(shell: Shell, kind: str) -> None:
    cloud = shell.clouds[kind]
    registered = shell.json(*words_of_registration(shell, kind))
    assert registered["config"]["default_region"] == cloud["regions"][0]
    assert "secret" not in json.dumps(registered)

    machine = ("--image", cloud["image"], "--type", cloud["instance_type"], "--name", "web")
    made = shell.json("instances", "create", "-p", kind, *machine)
    name = made["name"]
    assert (name.split("/")[1], made["region"]) == (kind, cloud["regions"][0])
    assert name in shell.run("instances", "list", "-p", kind)
    watched = shell.run("metrics", "watch", "-p", kind, "--for", "4s", "-m", "cloud.instance.cpu.utilization")
    times = {line.split()[0] for line in watched.splitlines() if f" {name} cloud.instance.cpu.utilization " in line}
    assert len(times) >= 2, watched
    assert shell.run("instances", "delete", name) == ""
    assert shell.run("providers", "unregister", kind) == f"providers/{kind} is forgotten\n"


def test_providers_are_shown(shell: Shell, provider: str) -> None:
    shown = shell.json("providers", "get", provider, "--probe")
    assert shown["state"] == "PROVIDER_STATE_ACTIVE"
    assert "auth" not in shown["config"]
    assert shell.json("providers", "update", provider, "--display-name", "Main")["display_name"] == "Main"
    capabilities = shell.json("providers", "capabilities", provider)["capabilities"]
    assert "CAPABILITY_INSTANCES" in {status["capability"] for status in capabilities}
    assert {r["native_id"] for r in shell.json("instances", "regions")["regions"]} >= {"us-east-1", "eu-west-1"}
    assert len(shell.json("instances", "types", "--region", "us-east-1", "--limit", "3")["instance_types"]) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["instances", "list", "-p", "nope"], 4, "no provider 'nope' is registered"),
        (["instances", "list", "-r", "mars-1"], 2, "mars-1"),
        (["instances", "get", "i-1"], 2, "is not of the form providers/"),
        (["instances", "create", "--image", "ami-00000000000000000", "--type", "t3.micro"], 4, "ami-0000000000000000"),
        (["providers", "register", "other", "--kind", "aws", "--auth", "access_key_id=x"], 2, "secret_access_key"),
        (["instances", "list", "--server", "127.0.0.1:1"], 3, "no NovaCron Cloud server answers at 127.0.0.1:1"),
    ],
)
def test_bad_input_is_one_sentence_and_a_code(
    shell: Shell, provider: str, arguments: list[str], code: int, sentence: str
) -> None:
    told = shell.run(*arguments, code=code)
    [error] = [line for line in told.splitlines() if line.startswith("error: ")]
    assert sentence in error


def test_wrong_credentials_are_5(shell: Shell) -> None:
    told = shell.run(
        "providers", "register", "wrong", "--kind", "aws", "--endpoint", shell.aws["endpoint"],
        "--auth", "access_key_id=AKIAWRONGWRONGWRONG0", "--auth", "secret_access_key=hunter2", code=5,
    )  # fmt: skip
    assert "CREDENTIALS_INVALID" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--listen", "0.0.0.0:7443"], "is not on loopback"),
        (["--log-level", "loud"], "log_level"),
        (["--database", "mysql://x"], "must begin with sqlite:///"),
    ],
)
def test_a_server_that_cannot_be_configured_says_why(flags: list[str], sentence: str) -> None:
    done = subprocess.run([*COMMAND, "serve", *flags], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert sentence in done.stderr


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"")
    key.chmod(0o644)
    flags = ["--listen", "127.0.0.1:0", "--database", f"sqlite:///{tmp_path}/state.db", "--key-file", str(key)]
    done = subprocess.run([*COMMAND, "serve", *flags], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert f"error: {key}: others can read it; run: chmod 600 {key}" in done.stderr.splitlines()


def test_a_sandbox_that_dies_is_told() -> None:
    with subprocess.Popen(
        [*COMMAND, "sandbox", "--clouds", "aws", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as sandbox:
        assert sandbox.stdout is not None
        told_of = json.loads(sandbox.stdout.readline())
        assert set(told_of) == {"aws", "pid"}
        os.kill(told_of["pid"], signal.SIGKILL)
        _, told = sandbox.communicate(timeout=20)
    assert (sandbox.returncode, told) == (1, b"error: the sandbox ended by itself\n")


async def test_a_server_of_ones_own_that_cannot_start_says_why(tmp_path: Path) -> None:
    key = tmp_path / "sealing.key"
    key.write_bytes(b"")
    key.chmod(0o644)
    async with ServerProcess(tmp_path) as server:
        with pytest.raises(ServerError, match=r"(?s)ended with 1 before it was ready; it wrote:\n.*others can read it"):
            await server.ready()


async def test_a_server_of_ones_own_is_not_waited_for_without_end(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path, ready_timeout=0) as server:
        with pytest.raises(ServerError, match=r"was not ready after 0 s; it wrote"):
            await server.ready()
