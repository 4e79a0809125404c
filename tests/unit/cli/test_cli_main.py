"""The command as a whole: help at once, nothing heavy before it is needed, configuration with secrets hidden."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from novacron_cli.main import app
from novacron_cli.sandbox import usage
from typer.testing import CliRunner

NOUNS = ("providers", "instances", "operations", "metrics", "config")
HEAVY = ("grpc", "google.protobuf", "rich", "numpy", "boto3", "novacron_server", "novacron_sandbox", "novacron_client")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv[1:] = ['--help']\n"
        "from novacron_cli.main import main\n"
        "try: main()\n"
        f"finally: sys.stderr.write(str([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr == "[]"
    for noun in (*NOUNS, "demo", "serve", "sandbox"):
        assert noun in found.stdout
    for line in ("0    it worked", "3    no server answers", "130  interrupted"):
        assert line in found.stdout


def test_it_also_runs_as_a_module() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "novacron_cli", "operations", "--help"], capture_output=True, text=True, check=True
    )
    assert "watch" in found.stdout


@pytest.mark.parametrize("noun", NOUNS)
def test_every_command_has_a_sentence(noun: str) -> None:
    listed = CliRunner().invoke(app, [noun, "--help"])
    assert listed.exit_code == 0
    names = [line.split()[0] for line in listed.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert names
    for name in names:
        shown = CliRunner().invoke(app, [noun, name, "--help"])
        assert shown.exit_code == 0, shown.output
        assert shown.stdout.splitlines()[2].strip(), f"{noun} {name} says nothing about itself"


def config(tmp_path: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `config` in an empty folder, with no other setting than those given."""
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "-m", "novacron_cli", "config", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | home | environment,
    )


def test_config_show_hides_secrets(tmp_path: Path) -> None:
    (tmp_path / "novacron-cloud.toml").write_text(
        'listen = "127.0.0.1:9"\n[providers.aws]\nkind = "aws"\n[providers.aws.auth]\nsecret_access_key = "hunter2"\n'
    )
    shown = config(tmp_path, "show", NOVACRON_LOG_LEVEL="debug")
    assert shown.returncode == 0, shown.stderr
    assert 'listen = "127.0.0.1:9"' in shown.stdout
    assert 'log_level = "debug"' in shown.stdout
    assert 'providers.aws.auth.secret_access_key = "***"' in shown.stdout
    assert "hunter2" not in shown.stdout
    assert json.loads(config(tmp_path, "show", "-o", "json").stdout)["providers"]["aws"]["kind"] == "aws"


def test_a_configuration_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('lisen = "127.0.0.1:9"\n')
    shown = config(tmp_path, "show", "--config", "other.toml")
    assert shown.returncode == 2
    assert shown.stderr.startswith("error: ")
    assert "did you mean 'listen'?" in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        ("novacron_server.config", ["serve"]),
        ("novacron_server.config", ["config", "show"]),
        ("novacron_sandbox", ["sandbox"]),
        ("novacron_sandbox", ["demo"]),
    ],
)
def test_what_is_not_installed_is_named_with_the_way_to_get_it(
    missing: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert f"(no {missing}): pip install 'novacron-cloud[" in result.stderr


def test_the_sandbox_tells_people_how_to_use_it() -> None:
    aws = {
        "endpoint": "http://127.0.0.1:5",
        "regions": ["us-east-1", "eu-west-1"],
        "image": "ami-1",
        "access_key_id": "AKIA1",
        "secret_access_key": "s",
    }
    text = usage(aws, period=1, lag=0)
    assert "regions    us-east-1 eu-west-1\n" in text
    assert "novacron-cloud providers register aws --kind aws --endpoint http://127.0.0.1:5 " in text
    assert "--option metrics.period=1 --option metrics.lag=0\n" in text
