"""Commands for the configuration of the server."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from novacron_cli.failure import USAGE, fail
from novacron_cli.output import Format, write
from novacron_cli.session import OutputOption

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

FileOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file; none: NOVACRON_CONFIG, ./novacron-cloud.toml, ...")
]


@app.callback()
def config() -> None:
    """The configuration of the server."""


@app.command()
def show(config: FileOption = None, output: OutputOption = Format.TABLE) -> None:
    """Show the configuration in effect. It comes from file and environment; secrets are shown as ***."""
    loaded = load(config, {}).shown()
    if output is Format.JSON:
        write(json.dumps(loaded, indent=2))
        return
    for line in _lines(loaded):
        write(line)


def load(file: Path | None, flags: dict[str, Any]) -> Any:
    """The server's Config; ends the command with a sentence when it cannot be used."""
    try:
        from novacron_server.config import ConfigError
        from novacron_server.config import load as load_config
    except ModuleNotFoundError as error:
        raise fail(
            f"the server is not installed (no {error.name}): pip install 'novacron-cloud[server]'", USAGE
        ) from None
    try:
        return load_config(file, flags)
    except ConfigError as error:
        raise fail(str(error), USAGE) from None


def _lines(values: dict[str, Any], prefix: str = "") -> list[str]:
    lines = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            lines += _lines(value, f"{prefix}{key}.")
        elif value is not None and value not in ({}, []):
            lines.append(f"{prefix}{key} = {json.dumps(value)}")
    return lines
