"""The `fields` parameter: which parts of an answer a caller wants, "nextPageToken,items/*/instances(name,zone)"."""

import re
from typing import Any

from novacron_sandbox.gcp.errors import GoogleError

# What is wanted below each name; nothing below one means all of it.
Wanted = dict[str, "Wanted"]

_TOKEN = re.compile(r"[A-Za-z]\w*|[*,()/]")


def parse(text: str) -> Wanted:
    """Read a selection. Raises GoogleError for a malformed one."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text:
        raise _bad(text)
    tokens.reverse()
    wanted = _selection(tokens, text)
    if tokens:
        raise _bad(text)
    return wanted


def cut(value: Any, wanted: Wanted) -> Any:
    """Return what is wanted of an answer; a list is cut item by item."""
    if not wanted:
        return value
    if isinstance(value, list):
        return [cut(one, wanted) for one in value]
    if not isinstance(value, dict):
        return value
    every = wanted.get("*")
    below = ((name, inner, wanted.get(name, every)) for name, inner in value.items())
    return {name: cut(inner, selected) for name, inner, selected in below if selected is not None}


def _selection(left: list[str], text: str) -> Wanted:
    """Take a list of paths off the tokens that are left, of which the next one is the last."""
    found = _path(left, text)
    while left and left[-1] == ",":
        left.pop()
        for name, below in _path(left, text).items():
            found.setdefault(name, {}).update(below)
    return found


def _path(left: list[str], text: str) -> Wanted:
    """Take one path off: a name, and what is wanted below it."""
    name = left.pop() if left else ""
    if not name or name in ",()/":
        raise _bad(text)
    if not left or left[-1] not in "/(":
        return {name: {}}
    if left.pop() == "/":
        return {name: _path(left, text)}
    below = _selection(left, text)
    if not left or left.pop() != ")":
        raise _bad(text)
    return {name: below}


def _bad(text: str) -> GoogleError:
    return GoogleError(400, "invalidParameter", f"Invalid field selection {text[:200]}")
