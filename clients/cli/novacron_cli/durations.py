"""Durations as people write them."""

import re

import typer

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h|)")


def duration(text: str | float) -> float:
    """Seconds in "30s", "1.5m", "250ms", "2h" or "30".

    Raises typer.BadParameter for anything else.
    """
    found = _DURATION.fullmatch(str(text).strip())
    if not found:
        raise typer.BadParameter(f"{text!r} is no duration; write it as 30s, 1.5m, 250ms or 2h")
    return float(found[1]) * _UNITS[found[2]]
