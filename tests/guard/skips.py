"""Skips that are allowed, each with its reason: skips.toml."""

import fnmatch
import pathlib
import tomllib

ALLOWED: dict[str, str] = tomllib.loads((pathlib.Path(__file__).parent.parent / "skips.toml").read_text())["skips"]


def is_allowed(nodeid: str) -> bool:
    """Whether this test may skip."""
    return any(fnmatch.fnmatchcase(nodeid, pattern) for pattern in ALLOWED)
