"""The life of a machine: which state it is in at any time, with changes that take as long as they take."""

from collections.abc import Iterator, Sequence

from novacron_sandbox.clock import Clock


class Life:
    """States over time. A change is set once and comes by itself as the clock passes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changes: tuple[tuple[float, str], ...] = ()

    def change(self, *states: str, seconds: float, at: float | None = None) -> None:
        """Enter the first state now (or at `at`) and each further one `seconds` after the one before.

        What was still to come is dropped: a machine that is stopped while it boots never gets to run.
        """
        start = self._clock.now() if at is None else at
        past = tuple(change for change in self._changes if change[0] <= start)
        self._changes = past + tuple((start + seconds * step, state) for step, state in enumerate(states))

    @property
    def state(self) -> str:
        """The state at this moment; empty before the first."""
        return self._now()[1]

    @property
    def since(self) -> float:
        """When the state of this moment was entered, in seconds since 1970."""
        return self._now()[0]

    def spans(self, states: Sequence[str]) -> Iterator[tuple[float, float]]:
        """Yield from when to when it was in any of these states, oldest first; the last may reach into the future."""
        changes = self._changes
        for index, (start, state) in enumerate(changes):
            if state in states:
                yield start, changes[index + 1][0] if index + 1 < len(changes) else float("inf")

    def _now(self) -> tuple[float, str]:
        now = self._clock.now()
        for change in reversed(self._changes):
            if change[0] <= now:
                return change
        return 0.0, ""
