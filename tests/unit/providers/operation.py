"""An Op that keeps its journal in memory."""

import hashlib
import uuid
from collections.abc import Awaitable, Callable, Mapping

from novacron.cloud.v1 import common_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock, SystemClock
from novacron_providers.contract.errors import CloudError, WaitTimedOut


class Journal:
    """What outlives an operation's run: outcomes of its steps, and what was told of it."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self.begun: set[str] = set()
        self.warnings: list[CloudError] = []
        self.outcomes: dict[str, str | CloudError] = {}
        self.targets: dict[str, common_pb2.ResourceRef] = {}
        self.lines: list[str] = []
        self.progress: list[float] = []


class CheckPassed(BaseException):
    """With validate_only: the first step that would change something."""


class MemoryOp:
    """Runs the steps of one run of an operation; another one with the same journal is the run after a restart.

    Args:
        journal: Where finished steps are found.
        validate_only: Stop at the first step that is no check.
        crash_at: Name of a step that is sent but not written down, as if the process died in between.
        interval: Seconds between two probes, whatever the adapter asks for.
    """

    def __init__(
        self,
        journal: Journal | None = None,
        *,
        validate_only: bool = False,
        crash_at: str = "",
        clock: Clock | None = None,
        interval: float = 0.05,
    ) -> None:
        self.journal = journal or Journal()
        self.sent: list[str] = []
        self.planned: dict[str, str] = {}
        self._validate_only, self._crash_at, self._interval = validate_only, crash_at, interval
        self._clock = clock or SystemClock()

    @property
    def id(self) -> str:
        return self.journal.id

    @property
    def call(self) -> Call:
        return Call(principal="tester", clock=self._clock)

    def plan(self, titles: Mapping[str, str]) -> None:
        self.planned.update(titles)

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
        assert name not in self.sent, f"step {name} twice"
        assert cleanup or name in self.planned, f"step {name} is not planned"
        if self._validate_only and not checks:
            raise CheckPassed
        if name not in self.journal.outcomes:
            self.sent.append(name)
            begun = name in self.journal.begun
            self.journal.begun.add(name)
            try:
                found = await find() if find is not None and begun else None
                token = hashlib.sha256(f"{self.id}/{name}".encode()).hexdigest()[:48]
                outcome: str | CloudError = await send(f"nvc1-{token}") if found is None else found
            except CloudError as error:
                outcome = error
            if name == self._crash_at:
                raise ConnectionAbortedError(f"killed in step {name}")
            self.journal.outcomes[name] = outcome
        kept = self.journal.outcomes[name]
        if isinstance(kept, CloudError):
            if cleanup:
                self.journal.warnings.append(kept)
                return ""
            raise kept
        return kept

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
    ) -> None:
        async def poll(token: str) -> str:
            for _ in range(200):
                try:
                    reached = await probe()
                except CloudError as error:
                    if not error.transient:
                        raise
                else:
                    self.journal.progress.append(reached)
                    if reached >= 1:
                        return ""
                await self._clock.sleep(self._interval)
            raise WaitTimedOut(f"{name} was not reached")

        await self.step(name, poll, cleanup=cleanup)

    def target(self, ref: common_pb2.ResourceRef) -> None:
        self.journal.targets[ref.name] = ref

    def gone(self, name: str) -> None:
        self.journal.targets.pop(name, None)

    def log(self, text: str) -> None:
        self.journal.lines.append(text)

    def progress(self, done: int, total: int, unit: str) -> None:
        self.journal.progress.append(done / total)
