"""What `make check` adds to the tools it runs."""

import pathlib
import shutil
import subprocess

import pytest

from tools import breaking, check, rules, stubs

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty project in place of this one."""
    for module in (rules, breaking):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    return tmp_path


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_long_file_is_found_unless_generated(project: pathlib.Path) -> None:
    write(project / "server" / "novacron_server" / "long.py", "pass\n" * 501)
    write(project / "server" / "novacron_server" / "fits.py", "pass\n" * 500)
    write(project / "clients" / "python" / "novacron" / "cloud" / "v1" / "long_pb2.py", "pass\n" * 501)
    (fault,) = rules.long_files()
    assert fault.startswith("server/novacron_server/long.py: 501 lines")


@pytest.mark.parametrize(
    ("path", "line", "fine"),
    [
        ("providers/novacron_providers/aws/client.py", "import boto3", True),
        ("providers/novacron_providers/aws/compute.py", "import boto3", False),
        (
            "providers/novacron_providers/aws/compute.py",
            "def f():\n    from botocore.exceptions import ClientError",
            False,
        ),
        ("providers/novacron_providers/gcp/compute.py", "from google.cloud import compute_v1", False),
        ("providers/novacron_providers/gcp/compute.py", "from google.protobuf import empty_pb2", True),
        ("server/novacron_server/state/tables.py", "import sqlalchemy as sa", True),
        ("server/novacron_server/state/store.py", "import sqlalchemy as sa", False),
        ("server/novacron_server/state/store.py", "import sqlite3", True),
        ("server/novacron_server/operations/journal.py", "import psycopg", False),
        ("server/novacron_server/operations/journal.py", "from sqlalchemy import select", False),
        ("tests/integration/test_it.py", "import boto3, sqlalchemy", True),
    ],
)
def test_an_import_in_the_wrong_place_is_found(project: pathlib.Path, path: str, line: str, fine: bool) -> None:
    write(project / path, line + "\n")
    assert (rules.misplaced_imports() == []) is fine


def test_one_check_that_fails_keeps_no_other_from_running(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "CHECKS", {"bad": lambda: (False, "broken"), "good": lambda: (True, "fine")})
    monkeypatch.setattr("sys.argv", ["check"])
    with pytest.raises(SystemExit) as ended:
        check.main()
    assert ended.value.code == 1
    output = capsys.readouterr().out
    assert "FAIL  bad" in output
    assert "ok    good" in output
    assert "1 of 2 checks passed" in output


def test_a_check_that_does_not_exist_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["check", "mypi"])
    with pytest.raises(SystemExit, match=r"no such check: mypi; there are .*mypy"):
        check.main()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git: apt install git")
def test_the_contract_is_compared_with_the_last_tag(project: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)

    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        # Set where the tests run from a hook of git's, and would lead to this repository.
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(ROOT / "protos", project / "protos")
    shutil.copyfile(ROOT / "buf.yaml", project / "buf.yaml")
    monkeypatch.setattr(stubs, "STAGED", project / "build" / "googleapis")
    stubs.stage()
    git("init")
    git("add", "protos", "buf.yaml")
    git("commit", "-m", "First")
    assert breaking.verdict(check.run) == (True, "no version tag yet")
    git("tag", "v0.1.0")
    assert breaking.verdict(check.run) == (True, "nothing breaks callers of v0.1.0")
    common = project / "protos" / "novacron" / "cloud" / "v1" / "common.proto"
    common.write_text(common.read_text().replace("int32 nanos = 3", "int32 billionths = 3"))
    fine, text = breaking.verdict(check.run)
    assert not fine
    assert "nanos" in text
