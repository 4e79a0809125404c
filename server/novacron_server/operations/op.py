"""What an adapter holds while its operation runs: the contract's Op, on the journal."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from math import inf

from google.rpc import status_pb2
from novacron.cloud.v1 import common_pb2, operations_pb2
from novacron_providers.contract.call import Call, Turn
from novacron_providers.contract.errors import (
    Cancelled,
    CloudError,
    CredentialsInvalid,
    DeadlineExceeded,
    OutcomeUnknown,
    PermissionMissing,
    WaitTimedOut,
    from_status,
    to_status,
)

from novacron_server.operations.engine import Engine
from novacron_server.operations.live import CANCELLED, FAILED, RUNNING, SUCCEEDED, Live
from novacron_server.operations.waiting import within
from novacron_server.state.journal import Outcome

# Seconds from when a change was sent until, without any answer, its outcome is unknown; of these, what the last round
# of asking again gets at least.
SETTLE, ROUND = 60.0, 5.0
# The first wait between rounds, which doubles, and the last; seconds of silence after which watchers are told of it.
AGAIN_FIRST, AGAIN_LAST, SILENCE = 1.0, 16.0, 20.0
# Seconds between two looks for what a call without a token made.
LOOK_AGAIN = 2.0
# What tells nothing about an earlier sending: refusals that come before the cloud looks at the token, and no answer
# within a round.
_NO_ANSWER = (CredentialsInvalid, PermissionMissing, DeadlineExceeded)
# What a wait gives that came to its end.
REACHED = "reached"
# Characters of a line of a log.
LINE_LIMIT = 2000

# The step that runs, also in tasks that it starts.
_step: ContextVar[str] = ContextVar("step", default="")
# Until when on the machine's clock, as deadlines are, a round of asking again may take; None for no limit.
_round: ContextVar[float | None] = ContextVar("round", default=None)


def token(operation: str, step: str) -> str:
    """The idempotency token of a step: equal in every run of the operation, also on another database."""
    return "nvc1-" + hashlib.sha256(f"{operation}/{step}".encode()).hexdigest()[:48]


class RunningOp:
    """The Op of an operation that runs; used on the event loop only."""

    def __init__(self, operation: str, call: Call, live: Live, engine: Engine, changing: Callable[[], None]) -> None:
        self._id, self._call, self._live, self._engine, self._changing = operation, call, live, engine, changing
        self._clock = call.clock
        self._used: set[str] = set()
        self._planned: set[str] = set()
        self._last = ""
        self._about: common_pb2.ResourceRef | None = None
        self._said = 0
        # Whether a step has failed, and from when on what fails between steps is not tried again.
        self._failed, self._end = False, inf

    @property
    def id(self) -> str:
        return self._id

    @property
    def call(self) -> Call:
        until = _round.get()
        return self._call if until is None else replace(self._call, deadline=until, turn=Turn.DOUBT)

    def plan(self, titles: Mapping[str, str]) -> None:
        for name, title in titles.items():
            self._planned.add(name)
            self._live.step(name, title)
        self._live.planned = True
        self._live.changed()

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
        claimed = self._engine.claimed(self._id)
        if was in claimed.begun or was in claimed.outcomes:
            name = was
        return await self._step(name, send, title=title, resource=resource, find=find, cleanup=cleanup, checks=checks)

    async def _step(
        self,
        name: str,
        send: Callable[[str], Awaitable[str]],
        *,
        title: str,
        resource: common_pb2.ResourceRef | None,
        find: Callable[[], Awaitable[str | None]] | None = None,
        cleanup: bool,
        checks: bool = False,
        polls: bool = False,
    ) -> str:
        """A step; one that only `checks` or `polls` is not written down before it is sent."""
        claimed = self._engine.claimed(self._id)
        if name in self._used:
            raise RuntimeError(f"step {name!r} twice in one operation: both would have the same token")
        self._used.add(name)

        async def attempt() -> Outcome:
            try:
                begun = name in claimed.begun
                # What may have been sent is settled first: else nobody would hear of what it made.
                if self._live.cancelled.done() and not cleanup and not begun:
                    raise Cancelled(f"cancelled before step {name!r}; targets tell what exists by now")
                if not (checks or polls or begun):
                    if not cleanup:
                        self._refuse_strangers()
                    await self._engine.begin_step(self._id, name)
                self._mark(name, RUNNING, title, resource=resource)
                sending = self._send(name, send, find, begun)
                value = await (sending if checks else self._change(sending))
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
            self._last = name
        if not outcome.failed:
            self._mark(name, SUCCEEDED, title, resource=resource)
            return outcome.data.decode()
        status = status_pb2.Status.FromString(outcome.data)
        error = from_status(status)
        if isinstance(error, Cancelled):
            self._mark(name, CANCELLED, title)
        else:
            self._mark(name, FAILED, title, status, resource=resource)
        if cleanup:
            self._live.warn(status)
            return ""
        self._failed = True
        raise error

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
        waked = () if cleanup else (self._live.cancelled,)

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
                        return REACHED
                    self.progress(max(0, int(reached * 100)), 100, "%")
                left = end - self._clock.monotonic()
                if left <= 0:
                    raise WaitTimedOut(
                        f"{title or name}: not reached within {timeout:g} s; the cloud may still get there",
                        facts={"step": name},
                    )
                if await within(self._clock, min(pause, left), *waked):
                    raise Cancelled(f"cancelled during step {name!r}; targets tell what exists by now")

        given = await self._step(name, poll, title=title, resource=resource, cleanup=cleanup, polls=True)
        # One that an earlier version ended gave nothing.
        return given == REACHED or not cleanup

    def target(self, ref: common_pb2.ResourceRef) -> None:
        self._live.target(ref)
        if self._about is None and ref.name:
            self._about = ref
            step = _step.get() or self._last
            if step and not self._live.step(step).HasField("resource"):
                self._live.step(step).resource.CopyFrom(ref)
                self._live.changed()

    def gone(self, name: str) -> None:
        self._live.gone(name)

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

    async def runs_again(self, error: CloudError) -> bool:
        """Whether the method is to be called once more after an error, as after a restart; waits before.

        What was read between two steps, such as the instance in the end, must not be the end of an operation when it
        passes within a minute. The outcome of a step stays what it is.
        """
        if self._failed or error.sent or not error.transient:
            return False
        self._end = min(self._end, self._clock.monotonic() + SETTLE)
        wait = max(AGAIN_FIRST, error.retry_after or 0.0)
        if self._clock.monotonic() + wait > self._end or await within(self._clock, wait, self._live.cancelled):
            return False
        self._used.clear()
        self._last, self._said = "", 0
        return True

    async def _change(self, sending: Awaitable[str]) -> str:
        """Send what may change something; who keeps answers of the cloud is told before and after."""
        self._changing()
        try:
            return await sending
        finally:
            self._changing()

    def settle_strangers(self) -> None:
        """At the end: warn of what an earlier version had begun, and this one did not ask for."""
        for name in self._strangers():
            self._live.warn(to_status(_stranger(name)))

    def _strangers(self) -> list[str]:
        """Steps that were begun, and that this version neither asked for nor plans."""
        return sorted(self._engine.claimed(self._id).begun - self._used - self._planned)

    def _refuse_strangers(self) -> None:
        """Send nothing new while it may be what such a step has done already, under another name."""
        if names := self._strangers():
            raise _stranger(names[0])

    async def _send(
        self,
        name: str,
        send: Callable[[str], Awaitable[str]],
        find: Callable[[], Awaitable[str | None]] | None,
        lost: bool,
    ) -> str:
        """Send until it is known what came of it; the token, or looking for it, makes that one change.

        Args:
            name: Of the step.
            send: As the adapter gave it.
            find: As the adapter gave it.
            lost: Whether it may have been sent before, by a run that ended in between.
        """
        pause, end = AGAIN_FIRST, self._clock.monotonic() + SETTLE
        unknown: CloudError | None = None
        turned_away = False
        while True:
            try:
                await self._engine.may_send()
                if not lost:
                    return await self._heard(send(token(self._id, name)))
                return await self._round(name, send, find, max(ROUND, end - self._clock.monotonic()))
            except CloudError as error:
                wait = max(pause, error.retry_after or 0.0)
                if error.transient and not (error.sent or lost) and not turned_away and wait <= AGAIN_LAST:
                    # An operation has no deadline, and many calls: what passes must not be the end of it.
                    turned_away = True
                    self.log(f"Nothing was done; asking once more: {error.message}")
                    if await within(self._clock, wait, self._live.cancelled):
                        raise
                    continue
                # Once an answer is missing, an attempt that was turned away tells nothing about the first.
                if not ((error.sent or lost) and (error.transient or isinstance(error, _NO_ANSWER))):
                    raise
                now = self._clock.monotonic()
                if not lost:
                    # There is one more round, however long the attempts of the first took.
                    sent_at = now if error.sent_at is None else error.sent_at
                    lost, end = True, max(now + wait + ROUND, sent_at + SETTLE)
                if error.sent or unknown is None:
                    unknown = error
                if now + wait + ROUND > end:
                    raise OutcomeUnknown(
                        f"for {SETTLE:g} s no answer told whether it was done ({unknown.message}); look at the targets "
                        "and the cloud before asking again",
                        resource=unknown.resource,
                        facts=unknown.facts,
                        sent=True,
                    ) from error
                self.log(f"No answer tells whether it was done; asking again: {error.message}")
            await self._clock.sleep(wait)
            pause = min(AGAIN_LAST, pause * 2)

    async def _round(
        self,
        name: str,
        send: Callable[[str], Awaitable[str]],
        find: Callable[[], Awaitable[str | None]] | None,
        seconds: float,
    ) -> str:
        """Look for what was sent, where that is possible, else send it again; what the cloud is asked ends in time."""
        before = _round.set(time.monotonic() + seconds)
        try:
            if find is not None and (found := await self._look(find)) is not None:
                return found
            return await self._heard(send(token(self._id, name)))
        finally:
            _round.reset(before)

    async def _heard(self, sending: Awaitable[str]) -> str:
        """What was sent gives; watchers are told when that takes long."""

        async def tell() -> None:
            await self._clock.sleep(SILENCE)
            self.log(f"No answer for {SILENCE:g} s; still waiting for one")

        telling = asyncio.create_task(tell())
        try:
            return await sending
        finally:
            telling.cancel()

    async def _look(self, find: Callable[[], Awaitable[str | None]]) -> str | None:
        """What an earlier sending made; None when it made nothing."""
        if (found := await find()) is None:
            await self._clock.sleep(LOOK_AGAIN)
            found = await find()
        return found

    def _mark(
        self,
        name: str,
        state: operations_pb2.OperationState,
        title: str,
        error: status_pb2.Status | None = None,
        resource: common_pb2.ResourceRef | None = None,
    ) -> None:
        entry = self._live.step(name, title)
        if entry.state == state:
            return
        if (about := resource or self._about) is not None:
            entry.resource.CopyFrom(about)
        entry.state = state
        if not entry.HasField("start_time"):
            entry.start_time.CopyFrom(self._live.now())
        if state != RUNNING:
            entry.end_time.CopyFrom(self._live.now())
        if error is not None:
            entry.error.CopyFrom(error)
        self._live.changed()


def _stranger(name: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"step {name!r} was begun by another version of the server, and this one has no such step, so nobody can tell "
        "whether it was done; look at the targets and the cloud, and finish by hand",
        facts={"step": name},
        sent=True,
    )
