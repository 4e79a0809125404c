"""An operation, as the journal takes and gives it."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct, field


class Intent(NamedTuple):
    """An operation that was asked for and is not written yet.

    Attributes:
        id: Hex, from the principal and the request_id.
        digest: Of the method and the parameters: equal for equal requests.
        request_id: The caller's, or one that the server made.
        peer: Where the caller connected from.
        resource: Name of what the request is about.
        public: The request without its secrets.
        holds: Name of the resource that no other operation may touch meanwhile; None for none.
        body: An Operation message.
        created: Seconds since 1970.
    """

    id: str
    provider: str
    principal: str
    request_id: str
    method: str
    digest: bytes
    request: bytes
    public: bytes
    peer: str
    resource: str
    holds: str | None
    body: bytes
    state: int
    created: float


class Outcome(NamedTuple):
    """How a step ended: the text that it gave, or a google.rpc.Status when it failed."""

    failed: bool
    data: bytes


# No dataclass, here and elsewhere: one takes thirty times as long to make, and each start makes them all.
class Claimed(Struct, frozen=True, kw_only=True):
    """An operation that this process may run.

    Attributes:
        cancel: Whether it was asked to stop.
        begun: Names of its steps that may have been sent, and have no outcome.
        outcomes: Of its finished steps, by name.
    """

    id: str
    method: str
    request: bytes
    body: bytes
    cancel: bool = False
    begun: set[str] = field(default_factory=set)
    outcomes: dict[str, Outcome] = field(default_factory=dict)


class Snapshot(NamedTuple):
    """An operation as it is to be shown, with what was added since the last one.

    Attributes:
        targets: Names of its targets; None when they are as they were.
        lines: (key, OperationLogEntry) of its log; the key is None for a line that is always news.
        ended: Seconds since 1970; None while it is not done.
        outcome: A google.rpc.Status: why it ended as it did.
    """

    id: str
    body: bytes
    state: int
    revision: int
    targets: Sequence[str] | None = None
    lines: Sequence[tuple[str | None, bytes]] = ()
    ended: float | None = None
    outcome: bytes = b""


class Page(NamedTuple):
    """Which operations to list.

    Attributes:
        provider: Id; empty for all.
        conditions: (column, equal, value); a column of the operation, or "target" for the name of one of its targets.
        after: (created, id) of the last one of the page before.
        size: At most this many.
    """

    provider: str
    conditions: Sequence[tuple[str, bool, str | int]]
    after: tuple[float, str] | None
    size: int


class Listed(NamedTuple):
    """An operation of a page."""

    id: str
    created: float
    body: bytes


class Changed(NamedTuple):
    """An operation that changed: where that was, whether it meets the conditions now, and how it is."""

    position: int
    meets: bool
    body: bytes
