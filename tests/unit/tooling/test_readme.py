"""README.md says what is there."""

import ast
import pathlib
import re
import tomllib
from typing import Any

from google.rpc import code_pb2
from msgspec.structs import fields
from novacron_cli.commands import EPILOG
from novacron_client import Client
from novacron_providers.contract import errors
from novacron_server.config import Config, ProviderEntry, load

ROOT = pathlib.Path(__file__).parents[3]
TEXT = (ROOT / "README.md").read_text()
SETTINGS = {each.name: each for each in fields(Config)}


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table below a heading, without its head."""
    _, _, section = TEXT.partition(f"\n## {heading}\n")
    lines = re.findall(r"^\|.*\|$", section.partition("\n## ")[0], re.MULTILINE)
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines[2:]]


def kinds() -> list[type[errors.CloudError]]:
    """The tree of errors of the contract, without what only parts of the server know."""
    todo, found = [errors.CloudError], []
    while todo:
        kind = todo.pop()
        found.append(kind)
        todo += [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return found


def test_the_table_of_errors_is_the_tree() -> None:
    tree = {kind.reason: code_pb2.Code.Name(kind.code) for kind in kinds() if kind.reason}
    assert {reason: code for reason, code, _ in rows("Errors")} == tree


def test_every_setting_is_explained() -> None:
    named = {name for setting, _, _ in rows("Run a server") for name in setting.split(", ")}
    assert named == SETTINGS.keys()
    assert all(f"`{name}`" in TEXT for name in ProviderEntry.__struct_fields__)


def test_the_defaults_of_settings_are_those_of_the_code() -> None:
    shown = {name: default for name, default, _ in rows("Run a server")}
    for name in ("listen", "shutdown_grace", "max_concurrent_rpcs"):
        value: Any = SETTINGS[name].default
        assert type(value)(shown[name]) == value


def test_the_exit_codes_are_those_of_the_command() -> None:
    told = dict(re.findall(r"^  (\d+) +(.*)$", EPILOG, re.MULTILINE))
    listed = {row[0]: row[1] for row in rows("The command")}
    assert listed.keys() == told.keys()
    assert all(told[code].startswith(meaning) for code, meaning in listed.items())


def test_every_extra_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {extra for extras, _ in rows("Install") for extra in extras.split(", ")} == set(
        project["optional-dependencies"]
    )


def test_every_make_target_that_is_named_exists() -> None:
    there = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)(?= |`|$)", TEXT, re.MULTILINE)) - {"run"} <= there
    assert "run" in there


def test_the_examples_can_be_read(tmp_path: pathlib.Path) -> None:
    for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "client":
                assert hasattr(Client, node.attr), node.attr
    for text in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL):
        file = tmp_path / "example.toml"
        file.write_text(text)
        assert load(file).providers
