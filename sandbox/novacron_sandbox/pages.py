"""Paging as clouds do it: an opaque token, good for the query it came from, that survives changes between pages."""

import base64
import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

T = TypeVar("T")


class BadTokenError(ValueError):
    """A token that was not given out for this query."""


def page(
    items: Sequence[T], key: Callable[[T], Any], *, limit: int, token: str | None, query: object
) -> tuple[Sequence[T], str]:
    """Return the items after the token's, `limit` at most, and the token of the next page, or an empty one.

    `items` come in the order of their `key`. Raises BadTokenError for a token of another `query`.
    """
    if token:
        last = read_token(token, query)
        items = [item for item in items if key(item) > last]
    more = len(items) > limit
    return items[:limit], make_token(key(items[limit - 1]), query) if more else ""


def make_token(place: object, query: object) -> str:
    """Return a token that remembers a place in the answer to a query."""
    return base64.urlsafe_b64encode(json.dumps([_digest(query), place]).encode()).decode()


def read_token(token: str, query: object) -> Any:
    """Return the place that was put in. Raises BadTokenError when it is not of this query."""
    try:
        digest, place = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        digest = place = None
    if digest != _digest(query):
        raise BadTokenError(token)
    return place


def _digest(query: object) -> str:
    return blake2b(json.dumps(query, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()
