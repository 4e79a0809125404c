"""tools/setup.sh on machines that lack something, with interpreters that only pretend."""

import pathlib
import shutil
import subprocess
from dataclasses import dataclass

import pytest

ROOT = pathlib.Path(__file__).parents[3]
TOOLS = ("sh", "cat", "cksum", "cut", "dirname", "flock", "grep", "mkdir", "rm", "tail", "cp")
# Answers what setup.sh asks of an interpreter, and writes down each command.
PRETENDER = """#!/bin/sh
echo "$*" >>"{log}"
case "$*" in
*"sys.version_info < (3, 11)"*) exit {old} ;;
*"import ensurepip, venv"*) exit {bare} ;;
*"%d.%d"*) echo {version} ;;
*base_prefix*) echo {version} ;;
"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
"-m pip --version"* | "-m pip install"* | "-m uv"*) ;;
*) exit 9 ;;
esac
"""


@dataclass
class Machine:
    """A folder with the files that setup.sh reads, and a PATH of its own."""

    root: pathlib.Path
    path: pathlib.Path
    log: pathlib.Path

    def has(self, name: str, version: str, *, venv: bool = True) -> None:
        """Put an interpreter on the PATH."""
        old = int(tuple(map(int, version.split("."))) < (3, 11))
        script = PRETENDER.format(log=self.log, version=version, old=old, bare=int(not venv))
        (self.path / name).write_text(script)
        (self.path / name).chmod(0o755)

    def setup(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run it; the log then holds what it asked of interpreters."""
        self.log.write_text("")
        command = [str(self.path / "sh"), "tools/setup.sh"]
        environment = {"PATH": str(self.path), **variables}
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=30, check=False
        )

    def installs(self) -> list[str]:
        """Commands of pip and uv in the last run."""
        return [line for line in self.log.read_text().splitlines() if line.startswith(("-m pip install", "-m uv"))]


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    root, path = tmp_path / "a checkout", tmp_path / "bin"
    (root / "tools").mkdir(parents=True)
    path.mkdir()
    for name in ("requirements.lock", "pyproject.toml", "tools/uv.lock.txt", "tools/setup.sh"):
        shutil.copyfile(ROOT / name, root / name)
    for tool in TOOLS:
        if found := shutil.which(tool):
            (path / tool).symlink_to(found)
    return Machine(root, path, tmp_path / "log")


def test_no_python_at_all(machine: Machine) -> None:
    done = machine.setup()
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed; none was found" in done.stderr


def test_a_python_that_is_too_old(machine: Machine) -> None:
    machine.has("python3", "3.9")
    done = machine.setup()
    assert done.returncode == 1
    assert "the newest found is 3.9" in done.stderr


def test_a_named_python_that_is_too_old(machine: Machine) -> None:
    machine.has("python3.9", "3.9")
    machine.has("python3.12", "3.12")
    done = machine.setup(PYTHON="python3.9")
    assert done.returncode == 1
    assert "looked for: python3.9" in done.stderr


def test_a_python_without_venv_is_told_which_package_to_install(machine: Machine) -> None:
    machine.has("python3", "3.11", venv=False)
    done = machine.setup()
    assert done.returncode == 1
    assert "apt install python3.11-venv" in done.stderr
    assert not (machine.root / ".venv").exists()


def test_a_python_without_venv_is_passed_over_for_one_with(machine: Machine) -> None:
    machine.has("python3.11", "3.11", venv=False)
    machine.has("python3.12", "3.12")
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert "Python 3.12" in done.stdout


def test_everything_is_checked_by_hash(machine: Machine) -> None:
    machine.has("python3", "3.13")
    assert machine.setup().returncode == 0
    pip, sync, editable = machine.installs()
    assert "--require-hashes -r tools/uv.lock.txt" in pip
    assert "sync --require-hashes requirements.lock" in sync
    assert "--no-deps --no-build-isolation --editable ." in editable


def test_a_second_run_does_nothing(machine: Machine) -> None:
    machine.has("python3", "3.13")
    assert machine.setup().returncode == 0
    done = machine.setup()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.log.read_text() == ""


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "tools/uv.lock.txt"])
def test_a_change_of_what_is_needed_installs_again(machine: Machine, name: str) -> None:
    machine.has("python3", "3.13")
    assert machine.setup().returncode == 0
    with (machine.root / name).open("a") as file:
        file.write("# another line\n")
    assert machine.setup().returncode == 0
    assert len(machine.installs()) == 3
    assert "-m venv" not in machine.log.read_text()


def test_another_interpreter_and_another_place_make_it_anew(machine: Machine) -> None:
    machine.has("python3", "3.13")
    machine.has("python3.12", "3.12")
    assert machine.setup(PYTHON="python3").returncode == 0
    assert machine.setup(PYTHON="python3.12").returncode == 0
    assert "-m venv --clear .venv" in machine.log.read_text()
    machine.root = machine.root.rename(machine.root.with_name("moved"))
    assert machine.setup().returncode == 0
    assert "-m venv --clear .venv" in machine.log.read_text()
