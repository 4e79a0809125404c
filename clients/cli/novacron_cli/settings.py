"""The configuration of the server, for commands; nothing of a client is imported for it."""

import sys
from pathlib import Path
from typing import Any

_USAGE = 2


def load(file: Path | None, flags: dict[str, Any]) -> Any:
    """The server's Config; ends the command with a sentence when it cannot be used."""
    try:
        from novacron_server.config import ConfigError
        from novacron_server.config import load as load_config
    except ModuleNotFoundError as error:
        raise not_installed(error) from None
    try:
        return load_config(file, flags)
    except ConfigError as error:
        raise ended(str(error), _USAGE) from None


def not_installed(error: ModuleNotFoundError) -> SystemExit:
    """Tell that the server is not there, and give the exception that ends the process."""
    return ended(f"the server is not installed (no {error.name}): pip install 'novacron-cloud[server]'", _USAGE)


def ended(sentence: str, code: int) -> SystemExit:
    """Tell what is wrong and give the exception that ends the process: `raise ended("...", 1)`."""
    sys.stderr.write(f"error: {sentence}\n")
    return SystemExit(code)
