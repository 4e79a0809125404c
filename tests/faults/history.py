"""What was asked and what came of it, held against what the cloud has: one request, one effect.

OK means exactly one effect, a definite error none, and what is unknown is settled within a minute.
"""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

# Seconds in which an unknown outcome has to be settled.
SETTLED_WITHIN = 60.0
# Operations a second under which a run says nothing: too little happened at once.
LEAST_RATE = 100.0


class Outcome(Enum):
    """What the caller was told."""

    OK = "ok"
    ERROR = "error"
    """Definite: nothing was done."""
    UNKNOWN = "unknown"


@dataclass
class Entry:
    """One request. Times are seconds on the machine's clock.

    Attributes:
        began: When it was sent first.
        outcome: What its caller was told in the end.
        reason: Of an error.
        doubted: When its outcome became unknown for the first time.
        ended: When it was definite.
        left: What an operation that failed says it left behind.
    """

    began: float
    outcome: Outcome = Outcome.UNKNOWN
    reason: str = ""
    doubted: float | None = None
    ended: float | None = None
    left: int = 0


@dataclass(frozen=True)
class Verdict:
    """What is wrong, by request; all empty when nothing is.

    Attributes:
        twice: More than one effect.
        lost: OK without an effect.
        ghosts: A definite error that had an effect, and did not say so.
        unsettled: Unknown, or unknown for longer than a minute.
        strange: Effects of requests that nobody made.
        slowest: Longest time that an outcome was unknown, in seconds.
        rate: Operations a second.
    """

    twice: list[str]
    lost: list[str]
    ghosts: list[str]
    unsettled: list[str]
    strange: list[str]
    slowest: float
    rate: float

    @property
    def wrong(self) -> list[str]:
        """Every request with which something is wrong."""
        return [*self.twice, *self.lost, *self.ghosts, *self.unsettled, *self.strange]

    @property
    def void(self) -> bool:
        """Too little happened for the verdict to mean anything."""
        return self.rate < LEAST_RATE


class History:
    """Remembers requests by id; `reads` are operations too, but have no effect."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.reads = 0
        self._began = time.monotonic()

    def begin(self, request: str) -> None:
        """A request is sent, perhaps again."""
        self.entries.setdefault(request, Entry(time.monotonic()))

    def doubt(self, request: str) -> None:
        """Its caller does not know what became of it."""
        entry = self.entries[request]
        if entry.doubted is None:
            entry.doubted = time.monotonic()

    def end(self, request: str, outcome: Outcome, reason: str = "", left: int = 0) -> None:
        """It is known what became of it."""
        entry = self.entries[request]
        entry.outcome, entry.reason, entry.left = outcome, reason, left
        entry.ended = time.monotonic()

    def outcomes(self) -> dict[str, int]:
        """How many requests ended how."""
        return dict(Counter(entry.reason or entry.outcome.value for entry in self.entries.values()))

    def check(self, effects: Mapping[str, int], *, seconds: float | None = None) -> Verdict:
        """Hold the history against the effects by request.

        Args:
            effects: How many effects each request had, by the cloud's own word.
            seconds: How long all this took; None: until now.
        """
        twice, lost, ghosts, unsettled = [], [], [], []
        slowest = 0.0
        for request, entry in self.entries.items():
            count = effects.get(request, 0)
            if entry.doubted is not None:
                slowest = max(slowest, (entry.ended or time.monotonic()) - entry.doubted)
            if count > 1:
                twice.append(request)
            if entry.outcome is Outcome.OK and count == 0:
                lost.append(request)
            if entry.outcome is Outcome.ERROR and count > 0 and not entry.left:
                ghosts.append(request)
            late = entry.doubted is not None and (entry.ended or float("inf")) - entry.doubted > SETTLED_WITHIN
            if entry.outcome is Outcome.UNKNOWN or late:
                unsettled.append(request)
        took = time.monotonic() - self._began if seconds is None else seconds
        return Verdict(
            twice=twice,
            lost=lost,
            ghosts=ghosts,
            unsettled=unsettled,
            strange=[request for request in effects if request not in self.entries],
            slowest=slowest,
            rate=(len(self.entries) + self.reads) / max(took, 1e-9),
        )
