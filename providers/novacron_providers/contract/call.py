"""What an adapter is given beside the request: a Call for reads, an Op for changes."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Protocol

from novacron.cloud.v1 import common_pb2

from novacron_providers.contract.clock import Clock, SystemClock


class Turn(IntEnum):
    """Who goes first of those that wait for the same rate limit."""

    DOUBT = 0
    """What came of a change that was sent: until that is known, somebody may have a machine and not know it."""
    CHANGE = 1
    """A change, and what is read for it."""
    READ = 2
    """All else."""


# Final and not frozen, which takes four times as long to make; each RPC makes one.
@dataclass(slots=True, kw_only=True)
class Call:
    """Who asks, and until when; immutable.

    Attributes:
        principal: The caller, as the server knows them.
        peer: Where they connected from, as gRPC names it; empty for a read, and for the server itself.
        method: "ProviderService/ListInstances"; for logs and spans.
        request_id: The caller's request_id; empty when there is none.
        deadline: On time.monotonic(); None when the caller set none.
        turn: What it is part of, where it waits for a rate limit.
        clock: For waiting (back-off); the deadline is always on the machine's clock, as gRPC's is.
    """

    principal: Final[str] = "anonymous"
    peer: Final[str] = ""
    method: Final[str] = ""
    request_id: Final[str] = ""
    deadline: Final[float | None] = None
    turn: Final[Turn] = Turn.READ
    clock: Final[Clock] = field(default_factory=SystemClock)

    def remaining(self) -> float | None:
        """Seconds left, never negative; None when there is no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


class Op(Protocol):
    """What an adapter holds while it changes something.

    A mutation is a list of steps. No caller and no deadline of an RPC outlives a restart, so an Op is not a Call;
    `call` gives one for reads between the steps.

    With validate_only the method is run up to its first step that changes something, and nothing is sent. So put every
    check before that: one that looks at the request alone anywhere, one that asks the cloud into a step with `checks`.
    A recovered run takes what that step found the first time and does not check again: what was right when it began
    (an instance to delete, an image) may be gone by then.
    """

    @property
    def id(self) -> str:
        """Id of the operation: hex, the same after a restart."""

    @property
    def call(self) -> Call:
        """A Call for the reads and sends of this operation: the principal, and no deadline but that of a lost answer.

        Ask for it anew in each `send` and `find`.
        """

    def plan(self, titles: Mapping[str, str]) -> None:
        """Name the steps to come, {name: title}, in order; with them a percentage can be given."""

    async def step(
        self,
        name: str,
        send: Callable[[str], Awaitable[str]],
        *,
        title: str = "",
        resource: common_pb2.ResourceRef | None = None,
        find: Callable[[], Awaitable[str | None]] | None = None,
        was: str = "",
        cleanup: bool = False,
        checks: bool = False,
    ) -> str:
        """Run `send` to its end at most once, also over restarts, and return what it returned.

        That it may be sent is written down first. Where the answer is lost, by the cloud or by a crash, it is sent
        again with the same token, until a minute after it was sent; then the step ends with OutcomeUnknown. An error
        of the tree is an outcome too and is raised again by a recovered run. A cancelled operation raises Cancelled
        here unless `cleanup`.

        Args:
            name: Used once in an operation. Where it changes from one version to the next, `was` says the old one:
                an operation that had begun the step goes on with its token. A step that was begun, and is neither
                asked for nor planned by the version that goes on, ends the operation before anything else is sent.
            send: Gets the idempotency token of the step: "nvc1-" and 48 hex digits, 53 characters.
            title: For people.
            resource: What it works on, if that is not what the operation is about (see `target`).
            find: For a call that takes no token. After a lost answer it looks for what was sent, twice and at least
                two seconds apart, because clouds show changes late: text is the outcome, None in both lets it be sent
                again, and an error says that nobody can tell, so that it is not sent again.
            was: The name in an earlier version.
            cleanup: It undoes what came before. It runs in a cancelled operation too, and a failure of it is a warning
                of the operation: the step gives "" then, and what it would have removed stays a target.
            checks: It changes nothing: it is run with validate_only too, and again after a crash without further ado.
                A read whose answer steers which steps follow is such a step.
        """

    async def until(
        self,
        name: str,
        probe: Callable[[], Awaitable[float]],
        *,
        title: str = "",
        resource: common_pb2.ResourceRef | None = None,
        cleanup: bool = False,
        interval: float = 1.0,
        timeout: float = 600.0,
    ) -> bool:
        """A step that polls `probe` until it gives 1.0 (0..1 is progress), every `interval` seconds; True then.

        Raises WaitTimedOut after `timeout` seconds, Cancelled when asked to stop; with `cleanup` it raises neither, and
        gives False for a failure, which is a warning. Transient errors of the probe are waited out; other errors of
        the tree end the step. What the probe sends must have the same effect when it is sent twice.
        """

    def target(self, ref: common_pb2.ResourceRef) -> None:
        """Tell what exists in the cloud because of this operation, as soon as the cloud has named it.

        What is about to be deleted is told too, before it goes: lists that still have it are then corrected.
        The first one with a name is what the operation is about: the step before and all after it work on that. One
        without a name is known by its native_id.
        """

    def gone(self, name: str) -> None:
        """Tell that a target, by name or native_id, does not exist any more and so is not left behind."""

    def log(self, text: str) -> None:
        """Write a line for people who follow the operation."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Report progress of the step that runs; unit in UCUM ("By", "{instance}")."""
