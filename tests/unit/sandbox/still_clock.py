"""A clock that a test moves."""

from novacron_sandbox.clock import Clock


class StillClock(Clock):
    def __init__(self, time: float = 1_000_000.0) -> None:
        super().__init__()
        self.time = time

    def now(self) -> float:
        return self.time
