"""Paging and partial answers as Google does them."""

import base64
import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

from novacron_sandbox.gcp.errors import GoogleError, invalid

T = TypeVar("T")
MAX_RESULTS = 500


def page(items: Sequence[T], key: Callable[[T], Any], query: dict[str, str], about: str) -> tuple[Sequence[T], str]:
    """Return the items after the token's and the token of the next page, or an empty one.

    `items` come in the order of their `key`, so that a token survives changes between pages. A token is good for the
    query that it came from. Raises GoogleError invalid for maxResults above 500 or a token of another query.
    """
    asked = query.get("maxResults", str(MAX_RESULTS))
    if not asked.isdigit() or int(asked) > MAX_RESULTS:
        raise invalid("maxResults", asked, f"Values must be within the range: [0, {MAX_RESULTS}]")
    limit = int(asked) or MAX_RESULTS
    same = [about, query.get("filter", ""), query.get("orderBy", "")]
    if token := query.get("pageToken"):
        after = read_token(token, same)
        items = [item for item in items if list(key(item)) > after]
    more = len(items) > limit
    return items[:limit], make_token(key(items[limit - 1]), same) if more else ""


def make_token(place: object, query: object) -> str:
    """Return a token that remembers a place in the answer to a query."""
    return base64.urlsafe_b64encode(json.dumps([_digest(query), place]).encode()).decode()


def read_token(token: str, query: object) -> Any:
    """Return the place that was put in. Raises GoogleError invalid when it is not of this query."""
    try:
        digest, place = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        digest = place = None
    if digest != _digest(query):
        raise invalid("pageToken", token, "Invalid page token.")
    return place


def only(fields: str, value: Any) -> Any:
    """Return what a mask ("items/*/instances(name,zone),nextPageToken") leaves of an answer.

    Raises GoogleError invalidParameter for a mask that cannot be read.
    """
    tree, rest = _mask(fields)
    if rest:
        raise GoogleError(400, "invalidParameter", f"Invalid field selection {fields}")
    return _cut(tree, value)


def _mask(text: str) -> tuple[dict[str, Any], str]:
    tree: dict[str, Any] = {}
    while True:
        length = next((at for at, sign in enumerate(text) if sign in ",/()"), len(text))
        name, text = text[:length], text[length:]
        below: dict[str, Any] = {}
        if text.startswith("/"):
            end = _end_of_path(text[1:])
            below, text = _mask(text[1 : end + 1])[0], text[end + 1 :]
        elif text.startswith("("):
            below, text = _mask(text[1:])
            if not text.startswith(")"):
                raise GoogleError(400, "invalidParameter", "Invalid field selection: a bracket is not closed")
            text = text[1:]
        tree.setdefault(name, {}).update(below)
        if not text.startswith(","):
            return tree, text
        text = text[1:]


def _end_of_path(text: str) -> int:
    """Where the first of several selections ends."""
    depth = 0
    for at, sign in enumerate(text):
        if sign == "(":
            depth += 1
        elif sign in ",)" and depth == 0:
            return at
        elif sign == ")":
            depth -= 1
    return len(text)


def _cut(tree: dict[str, Any], value: Any) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_cut(tree, one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _cut(tree.get(name, tree.get("*")) or {}, part)
        for name, part in value.items()
        if name in tree or "*" in tree
    }


def _digest(query: object) -> str:
    return blake2b(json.dumps(query, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()
