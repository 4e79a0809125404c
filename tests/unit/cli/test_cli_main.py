"""The command as a whole: help at once, nothing heavy before it is needed, configuration with secrets hidden."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from novacron_cli.commands import app
from novacron_cli.registration import Registration
from novacron_cli.sandbox import usage
from novacron_server.config import Config
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


@pytest.mark.parametrize("module", ["typer", "novacron_cli.instances"])
def test_ctrl_c_while_something_is_imported_is_no_traceback(module: str) -> None:
    code = f"""
import signal, sys
class Slow:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Slow())
sys.argv[1:] = ["instances", "list"]
from novacron_cli.main import main
main()
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr) == (130, "", "")


def test_it_also_runs_as_a_module() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "novacron_cli", "operations", "--help"], capture_output=True, text=True, check=True
    )
    assert "watch" in found.stdout


def test_it_tells_its_version() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.stdout) == (0, f"novacron-cloud {version('novacron-cloud')}\n")


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
        ("novacron_server.app", ["serve"]),
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


def serve(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "novacron_cli", "serve", *arguments], capture_output=True, text=True)


def test_serve_takes_settings_as_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    # Else what is shown depends on the terminal.
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    shown = serve("--help")
    assert shown.returncode == 0
    named = set(re.findall(r"^  --([a-z-]+)", shown.stdout, re.MULTILINE))
    settings = {name.replace("_", "-") for name in Config.__struct_fields__}
    assert named == (settings - {"lease", "providers"}) | {"config", "until-stdin-closes"}
    # Listed among the other commands, it is the same one.
    assert CliRunner().invoke(app, ["serve", "--help"]).stdout == shown.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--lisen", "x"], "unrecognized arguments: --lisen x"),
        (["--shutdown-grace", "soon"], "'soon' is no duration; write it as 30s, 1.5m, 250ms or 2h"),
        (["--shutdown-grace", "1m"], "flags: shutdown_grace: Expected `float` <= 30.0"),
        (["--max-concurrent-rpcs", "many"], "flags: max_concurrent_rpcs: Expected `int`, got `str`"),
    ],
)
def test_serve_says_what_is_wrong_with_a_flag(arguments: list[str], says: str) -> None:
    done = serve(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


CLOUDS: dict[str, dict[str, Any]] = {
    "aws": {
        "endpoint": "http://127.0.0.1:5",
        "regions": ["us-east-1", "eu-west-1"],
        "image": "ami-1",
        "access_key_id": "AKIA1",
        "secret_access_key": "s",
    },
    "azure": {
        "endpoint": "https://127.0.0.1:6",
        "regions": ["westeurope"],
        "image": "Canonical:ubuntu:server:latest",
        "instance_type": "Standard_B2s",
        "subscription_id": "sub",
        "tenant_id": "t",
        "client_id": "c",
        "client_secret": "s p",
        "authority": "https://127.0.0.1:6",
        "ca_file": "/a/ca.pem",
        "metrics_endpoint": "https://127.0.0.1:6",
        "custom_metrics_endpoint": "https://127.0.0.1:6",
        "logs_endpoint": "https://127.0.0.1:6",
        "workspace_id": "w",
    },
    "gcp": {
        "endpoint": "http://127.0.0.1:7",
        "regions": ["us-central1"],
        "image": "projects/debian-cloud/global/images/family/debian-12",
        "instance_type": "e2-medium",
        "project": "p",
        "credentials_file": "/a/key.json",
        "monitoring_endpoint": "127.0.0.1:8",
        "metadata_host": "127.0.0.1:9",
    },
}


def test_the_sandbox_tells_people_how_to_use_it() -> None:
    text = usage("aws", CLOUDS["aws"], 1, 0)
    assert text.startswith("aws        http://127.0.0.1:5\n")
    assert "regions    us-east-1 eu-west-1\n" in text
    assert "--option metrics.period=1 \\\n    --option metrics.lag=0\n" in text
    assert "aws ec2 describe-instances --endpoint-url http://127.0.0.1:5 " in text
    text = usage("azure", CLOUDS["azure"], None, None)
    assert "--project sub " in text
    assert "--auth 'client_secret=s p' " in text
    assert "metrics.period" not in text
    assert "curl -s --cacert /a/ca.pem " in text
    text = usage("gcp", CLOUDS["gcp"], None, None)
    assert "--auth service_account_json=@/a/key.json " in text
    assert "https" not in text


def test_a_registration_is_the_same_as_a_command_and_as_a_message(tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text('{"type": "service_account"}\n')
    config = Registration.of("gcp", CLOUDS["gcp"] | {"credentials_file": str(key)}, period=5, lag=0.5).config()
    assert config == {
        "endpoint": "http://127.0.0.1:7",
        "project": "p",
        "regions": ["us-central1"],
        "default_region": "us-central1",
        "auth": {"service_account_json": '{"type": "service_account"}'},
        "options": {"gcp.monitoring_endpoint": "127.0.0.1:8", "metrics.period": 5, "metrics.lag": 0.5},
    }


def test_a_cloud_that_the_sandbox_does_not_have_is_bad_usage() -> None:
    result = CliRunner().invoke(app, ["sandbox", "--clouds", "aws,mars"])
    assert result.exit_code == 2
    assert "'mars' is none of aws, azure, gcp" in result.stderr
