"""Commands for the configuration of the server."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from novacron_cli.output import Format, write
from novacron_cli.session import OutputOption
from novacron_cli.settings import load

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


def _lines(values: dict[str, Any], prefix: str = "") -> list[str]:
    lines = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            lines += _lines(value, f"{prefix}{key}.")
        elif value is not None and value not in ({}, []):
            lines.append(f"{prefix}{key} = {json.dumps(value)}")
    return lines
