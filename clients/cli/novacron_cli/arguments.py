"""Arguments and options that several commands share, and how their texts are read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

LimitOption = Annotated[int, typer.Option("--limit", min=0, metavar="N", help="List at most this many; 0 lists all.")]
FilterOption = Annotated[
    str, typer.Option("--filter", help="Conditions such as 'state = \"RUNNING\"' or 'tags.team = \"web\"'.")
]
ProviderOption = Annotated[str, typer.Option("--provider", "-p", help="Id of the provider; - means all.")]
RegionsOption = Annotated[
    list[str], typer.Option("--region", "-r", metavar="REGION", help="Region to look in; may come several times.")
]
ValidateOption = Annotated[bool, typer.Option("--validate-only", help="Check everything, change nothing.")]
RequestIdOption = Annotated[str, typer.Option("--request-id", help="A UUID: the same one again does nothing twice.")]


def provider_name(provider: str) -> str:
    """The resource name of a provider's id; a name stays as it is."""
    return provider if provider.startswith("providers/") else f"providers/{provider}"


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """KEY=VALUE options as a dict.

    Raises typer.BadParameter for a text without "=" or without a key.
    """
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{text!r} is not of the form KEY=VALUE", param_hint=option)
        found[key] = value
    return found


def settings(texts: Sequence[str], option: str) -> dict[str, Any]:
    """KEY=VALUE options as a dict; a value that is JSON is what JSON says, any other is a string."""
    found: dict[str, Any] = {}
    for key, value in pairs(texts, option).items():
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def secret(text: str) -> str:
    """KEY=VALUE, or KEY=@FILE, which takes the value from a file and so keeps it out of the list of processes."""
    key, equals, value = text.partition("=")
    return f"{key}={_read(value[1:]).decode().strip()}" if equals and value.startswith("@") else text


def content(path: str | bytes) -> bytes:
    """The content of a file, as it is."""
    return path if isinstance(path, bytes) else _read(path)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None
