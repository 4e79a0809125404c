"""The flags of `novacron-cloud serve`, read with and without argparse."""

import subprocess
import sys

import pytest
from novacron_cli.serve import parser_of_flags, plain

USUAL = [
    [],
    ["--listen", "127.0.0.1:0", "--database", "sqlite:///state.db", "--key-file", "key", "--ready-file", "ready"],
    ["--config", "some.toml", "--until-stdin-closes", "--log-level=debug"],
    ["--config=some.toml", "--shutdown-grace", "5s", "--max-concurrent-rpcs", "7"],
    ["--replica=", "--otlp-endpoint=http://[::1]:4317/?a=b", "--database", ""],
    ["--listen", "unix:/first", "--listen=unix:/second"],
]
# Help, what is wrong, and what only argparse can tell from a flag.
REST = [
    ["--help"],
    ["-c", "some.toml"],
    ["-csome.toml"],
    ["listen"],
    ["--", "--listen", "unix:/a"],
    ["--listen"],
    ["--listen", "--replica", "a"],
    ["--replica", "-1"],
    ["--replica", "-"],
    ["--lisen", "x"],
    ["--list", "x"],
    ["--key_file", "x"],
    ["---listen", "x"],
    ["--until-stdin-closes=yes"],
    ["listen=x"],
]


@pytest.mark.parametrize("arguments", USUAL, ids=" ".join)
def test_usual_flags_mean_what_argparse_makes_of_them(arguments: list[str]) -> None:
    assert plain(arguments) == vars(parser_of_flags().parse_args(arguments))


@pytest.mark.parametrize("arguments", REST, ids=" ".join)
def test_all_else_is_left_to_argparse(arguments: list[str]) -> None:
    assert plain(arguments) is None


def test_usual_flags_do_not_import_it() -> None:
    code = f"import sys; from novacron_cli.serve import plain; plain({USUAL[1]}); print('argparse' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
