"""Paging as AWS does it: an opaque token that is good for the query it came from and survives changes between pages."""

import base64
import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

from moto.ec2.exceptions import EC2ClientError

T = TypeVar("T")


def page(
    items: Sequence[T], key: Callable[[T], int | str], *, limit: int, token: str | None, query: object
) -> tuple[Sequence[T], str | None]:
    """Return the items after the token's, `limit` at most, and the token of the next page if there is one.

    `items` come in the order of their `key`. Raises EC2ClientError InvalidNextToken for a token of another `query`.
    """
    if token:
        last = read_token(token, query)
        items = [item for item in items if key(item) > last]
    more = len(items) > limit
    return items[:limit], make_token(key(items[limit - 1]), query) if more else None


def limit_of(asked: str | int | None, *, lowest: int, highest: int, default: int) -> int:
    """Return MaxResults as a number. Raises EC2ClientError InvalidParameterValue outside of its bounds."""
    if asked is None:
        return default
    if not lowest <= int(asked) <= highest:
        raise EC2ClientError(
            "InvalidParameterValue",
            f"Value ( {asked} ) for parameter maxResults is invalid. Expecting a value between {lowest} and {highest}.",
        )
    return int(asked)


def make_token(place: int | str, query: object) -> str:
    """Return a token that remembers a place in the answer to a query."""
    return base64.urlsafe_b64encode(json.dumps([_digest(query), place]).encode()).decode()


def read_token(token: str, query: object) -> Any:
    """Return the place that was put in. Raises EC2ClientError InvalidNextToken when it is not of this query."""
    try:
        digest, place = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError):
        digest = place = None
    if digest != _digest(query):
        raise EC2ClientError("InvalidNextToken", f"The specified NextToken is not valid: {token}")
    return place


def _digest(query: object) -> str:
    return blake2b(json.dumps(query, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()
