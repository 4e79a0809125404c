"""Durations as people write them."""

import re

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h|)")


def duration(text: str | float) -> float:
    """Seconds in "30s", "1.5m", "250ms", "2h" or "30".

    Raises typer.BadParameter for anything else.
    """
    try:
        return seconds(text)
    except ValueError as error:
        import typer

        raise typer.BadParameter(str(error)) from None


def seconds(text: str | float) -> float:
    """The same for what reads its arguments without typer; raises ValueError."""
    found = _DURATION.fullmatch(str(text).strip())
    if not found:
        raise ValueError(f"{text!r} is no duration; write it as 30s, 1.5m, 250ms or 2h")
    return float(found[1]) * _UNITS[found[2]]
