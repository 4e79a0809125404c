"""What an adapter holds while its operation runs: the contract's Op, on the journal."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar

from google.rpc import status_pb2
from novacron.cloud.v1 import common_pb2, operations_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import (
    Cancelled,
    CloudError,
    OutcomeUnknown,
    WaitTimedOut,
    from_status,
    to_status,
)

from novacron_server.operations.engine import Engine
from novacron_server.operations.live import CANCELLED, FAILED, RUNNING, SUCCEEDED, Live
from novacron_server.operations.waiting import within
from novacron_server.state.journal import Outcome

# Seconds before a change whose outcome is not known is sent again with the same token, and at most.
AGAIN, AGAIN_LIMIT = (1.0, 2.0, 4.0), 30.0
# Characters of a line of a log.
LINE_LIMIT = 2000

# The step that runs, also in tasks that it starts.
_step: ContextVar[str] = ContextVar("step", default="")


def token(operation: str, step: str) -> str:
    """The idempotency token of a step: equal in every run of the operation, also on another database."""
    return "nvc1-" + hashlib.sha256(f"{operation}/{step}".encode()).hexdigest()[:48]


class RunningOp:
    """The Op of an operation that runs; used on the event loop only."""

    def __init__(self, operation: str, call: Call, live: Live, engine: Engine, changing: Callable[[], None]) -> None:
        self._id, self._call, self._live, self._engine, self._changing = operation, call, live, engine, changing
        self._clock = call.clock
        self._used: set[str] = set()
        self._said = 0

    @property
    def id(self) -> str:
        return self._id

    @property
    def call(self) -> Call:
        return self._call

    def plan(self, titles: Mapping[str, str]) -> None:
        for name, title in titles.items():
            self._live.step(name, title)
        self._live.planned = True
        self._live.changed()

    async def step(
        self,
        name: str,
        send: Callable[[str], Awaitable[str]],
        *,
        title: str = "",
        cleanup: bool = False,
        checks: bool = False,
    ) -> str:
        if name in self._used:
            raise RuntimeError(f"step {name!r} twice in one operation: both would have the same token")
        self._used.add(name)

        async def attempt() -> Outcome:
            try:
                if self._live.cancelled.done() and not cleanup:
                    raise Cancelled(f"cancelled before step {name!r}; targets tell what exists by now")
                self._mark(name, RUNNING, title)
                value = await (self._send(name, send) if checks else self._change(name, send))
            except CloudError as error:
                # An outcome like any other: a recovered run must take the way that this one takes.
                return Outcome(True, to_status(error).SerializeToString())
            if not isinstance(value, str):
                raise TypeError(f"step {name!r} gave {type(value).__name__}; only text outlives a restart")
            return Outcome(False, value.encode())

        before = _step.set(name)
        try:
            outcome = await self._engine.step(self._id, name, attempt)
        except Exception as fault:
            # Ours or the adapter's; it ends the operation.
            self._mark(name, FAILED, title, to_status(fault))
            raise
        finally:
            _step.reset(before)
        if not outcome.failed:
            self._mark(name, SUCCEEDED, title)
            return outcome.data.decode()
        status = status_pb2.Status.FromString(outcome.data)
        error = from_status(status)
        if isinstance(error, Cancelled):
            self._mark(name, CANCELLED, title)
        else:
            self._mark(name, FAILED, title, status)
        raise error

    async def until(
        self,
        name: str,
        probe: Callable[[], Awaitable[float]],
        *,
        title: str = "",
        interval: float = 1.0,
        timeout: float = 600.0,
    ) -> None:
        # A step too: what was true once stays true, so a recovered run does not wait for a state that has passed.
        async def poll(_: str) -> str:
            end = self._clock.monotonic() + timeout
            while True:
                pause = interval
                try:
                    reached = await probe()
                except CloudError as error:
                    if not error.transient:
                        raise
                    pause = max(interval, error.retry_after or 0.0)
                else:
                    if reached >= 1:
                        return ""
                    self.progress(max(0, int(reached * 100)), 100, "%")
                left = end - self._clock.monotonic()
                if left <= 0:
                    raise WaitTimedOut(
                        f"{title or name}: not reached within {timeout:g} s; the cloud may still get there",
                        facts={"step": name},
                    )
                if await within(self._clock, min(pause, left), self._live.cancelled):
                    raise Cancelled(f"cancelled during step {name!r}; targets tell what exists by now")

        await self.step(name, poll, title=title)

    def target(self, ref: common_pb2.ResourceRef) -> None:
        self._live.target(ref)

    def log(self, text: str) -> None:
        step = _step.get()
        for line in text.splitlines():
            # Between two steps a recovered run says a line again, so it is known by its place.
            self._said += not step
            key = None if step else f"{len(self._used)}/{self._said}"
            self._live.say(key, step, line[:LINE_LIMIT])

    def progress(self, done: int, total: int, unit: str) -> None:
        step = _step.get()
        if not step:
            raise RuntimeError("progress is that of a step; report it from within one")
        entry = self._live.step(step)
        if (entry.done_units, entry.total_units, entry.unit) != (done, total, unit):
            entry.done_units, entry.total_units, entry.unit = done, total, unit
            self._live.changed()

    async def _change(self, name: str, send: Callable[[str], Awaitable[str]]) -> str:
        """Send what may change something; who keeps answers of the cloud is told before and after."""
        self._changing()
        try:
            return await self._send(name, send)
        finally:
            self._changing()

    async def _send(self, name: str, send: Callable[[str], Awaitable[str]]) -> str:
        """Send until it is known what came of it; the token makes that one change."""
        unknown: CloudError | None = None
        for pause in (*AGAIN, None):
            await self._engine.may_send()
            try:
                return await send(token(self._id, name))
            except CloudError as error:
                # Once an answer is missing, an attempt that never reached the cloud tells nothing about the first.
                if not error.transient or not (error.sent or unknown):
                    raise
                unknown = error if error.sent else unknown
                if pause is None:
                    break
                self.log(f"No answer tells whether it was done; asking again: {error.message}")
                await self._clock.sleep(min(AGAIN_LIMIT, max(pause, error.retry_after or 0.0)))
        assert unknown is not None
        raise OutcomeUnknown(
            f"sent {1 + len(AGAIN)} times and no answer told whether it was done ({unknown.message}); look at the "
            "targets and the cloud before asking again",
            resource=unknown.resource,
            facts=unknown.facts,
            sent=True,
        )

    def _mark(
        self,
        name: str,
        state: operations_pb2.OperationState,
        title: str,
        error: status_pb2.Status | None = None,
    ) -> None:
        entry = self._live.step(name, title)
        if entry.state == state:
            return
        entry.state = state
        if not entry.HasField("start_time"):
            entry.start_time.CopyFrom(self._live.now())
        if state != RUNNING:
            entry.end_time.CopyFrom(self._live.now())
        if error is not None:
            entry.error.CopyFrom(error)
        self._live.changed()
