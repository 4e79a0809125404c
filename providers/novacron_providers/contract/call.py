"""What an adapter is given beside the request: a Call for reads, an Op for changes."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from novacron.cloud.v1 import common_pb2

from novacron_providers.contract.clock import Clock, SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who asks, and until when; immutable.

    Attributes:
        principal: The caller, as the server knows them.
        method: "ProviderService/ListInstances"; for logs and spans.
        request_id: The caller's request_id; empty when there is none.
        deadline: On time.monotonic(); None when the caller set none.
        urgent: Part of a change: goes before others that wait for the same rate limit.
        clock: For waiting (back-off); the deadline is always on the machine's clock, as gRPC's is.
    """

    principal: str = "anonymous"
    method: str = ""
    request_id: str = ""
    deadline: float | None = None
    urgent: bool = False
    clock: Clock = field(default_factory=SystemClock)

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
        """A Call for the reads and sends of this operation: the principal, no deadline."""

    def plan(self, titles: Mapping[str, str]) -> None:
        """Name the steps to come, {name: title}, in order; with them a percentage can be given."""

    async def step(
        self,
        name: str,
        send: Callable[[str], Awaitable[str]],
        *,
        title: str = "",
        cleanup: bool = False,
        checks: bool = False,
    ) -> str:
        """Run `send` to its end at most once, also over restarts, and return what it returned.

        `send` gets the idempotency token of the step ("nvc1-" and 48 hex digits, 53 characters). A restart between
        sending and recording sends again with the same token; a cloud call without a token must look before it sends.
        An error of the tree is an outcome too and is raised again by a recovered run. A name is used once in an
        operation. A cancelled operation raises Cancelled here unless `cleanup`. A read whose answer steers which steps
        follow is itself a step; one that changes nothing says `checks` and is run with validate_only too.
        """

    async def until(
        self,
        name: str,
        probe: Callable[[], Awaitable[float]],
        *,
        title: str = "",
        interval: float = 1.0,
        timeout: float = 600.0,
    ) -> None:
        """A step that polls `probe` until it gives 1.0 (0..1 is progress), every `interval` seconds.

        Raises WaitTimedOut after `timeout` seconds, Cancelled when asked to stop. Transient errors of the probe are
        waited out; other errors of the tree end the step.
        """

    def target(self, ref: common_pb2.ResourceRef) -> None:
        """Tell what exists in the cloud because of this operation, as soon as the cloud has named it."""

    def log(self, text: str) -> None:
        """Write a line for people who follow the operation."""

    def progress(self, done: int, total: int, unit: str) -> None:
        """Report progress of the step that runs; unit in UCUM ("By", "{instance}")."""
