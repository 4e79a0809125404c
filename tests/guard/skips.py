"""Skips that are allowed, each with its reason: skips.toml."""

import fnmatch
import pathlib
import tomllib
from collections.abc import Iterable

ALLOWED: dict[str, str] = tomllib.loads((pathlib.Path(__file__).parent.parent / "skips.toml").read_text())["skips"]


def is_allowed(nodeid: str, allowed: Iterable[str] = ALLOWED) -> bool:
    """Whether this test may skip, or this file as a whole: then "file.py::*" stands for it."""
    return any(fnmatch.fnmatchcase(name, pattern) for name in (nodeid, f"{nodeid}::") for pattern in allowed)
