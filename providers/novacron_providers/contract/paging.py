"""Page tokens: opaque, stateless, and bound to the query that they continue."""

import base64
import hashlib
import json
from typing import Any, Protocol

from google.protobuf.message import Message

from novacron_providers.contract.errors import InvalidArgument, PageTokenInvalid


class ListRequest(Protocol):
    """Any request of a list; every one is also a protobuf Message."""

    page_size: int
    page_token: str


def page_size(request: ListRequest, *, default: int = 100, limit: int = 1000) -> int:
    """How many to answer with: 0 means the default, more than the limit means the limit.

    Raises InvalidArgument for a negative one.
    """
    if request.page_size < 0:
        raise InvalidArgument("page_size must not be negative; 0 takes the default", field="page_size")
    return min(request.page_size or default, limit)


def _query(request: ListRequest) -> str:
    assert isinstance(request, Message)
    same = type(request)()
    same.CopyFrom(request)
    # A page may be read with another size and another age, and is still a page of the same list.
    for name in ("page_size", "page_token", "max_staleness"):
        if name in request.DESCRIPTOR.fields_by_name:
            same.ClearField(name)
    text = request.DESCRIPTOR.full_name.encode() + b"\0" + same.SerializeToString(deterministic=True)
    return hashlib.sha256(text).hexdigest()[:16]


def encode_token(request: ListRequest, state: Any) -> str:
    """Make the token that continues this query at `state` (anything JSON can say)."""
    text = json.dumps([_query(request), state], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(request: ListRequest) -> Any:
    """Give back the state of request.page_token; None on the first page.

    Raises PageTokenInvalid for a token that is malformed or of another query.
    """
    if not request.page_token:
        return None
    try:
        padded = request.page_token + "=" * (-len(request.page_token) % 4)
        query, state = json.loads(base64.urlsafe_b64decode(padded.encode()))
    except (ValueError, TypeError, RecursionError):
        raise PageTokenInvalid("page_token is malformed; start the list again", field="page_token") from None
    if query != _query(request):
        raise PageTokenInvalid(
            "page_token is of another query: only page_size may change between pages; start the list again",
            field="page_token",
        )
    return state


def decode_offset(request: ListRequest) -> int:
    """Give back the state of request.page_token where it counts what came before; 0 on the first page.

    Raises PageTokenInvalid.
    """
    offset = decode_token(request)
    if offset is None:
        return 0
    if not isinstance(offset, int) or offset < 0:
        raise PageTokenInvalid("page_token is malformed; start the list again", field="page_token")
    return offset
