"""Paging as EC2 does it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from moto.ec2.exceptions import EC2ClientError

from novacron_sandbox import pages

T = TypeVar("T")


def page(
    items: Sequence[T], key: Callable[[T], int | str], *, limit: int, token: str | None, query: object
) -> tuple[Sequence[T], str | None]:
    """Return a page and the token of the next one, None after the last, as `novacron_sandbox.pages.page` does.

    Raises EC2ClientError InvalidNextToken for a token of another `query`.
    """
    try:
        found, following = pages.page(items, key, limit=limit, token=token, query=query)
    except pages.BadTokenError:
        raise EC2ClientError("InvalidNextToken", f"The specified NextToken is not valid: {token}") from None
    return found, following or None


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
