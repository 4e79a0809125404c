"""Odd days of a cloud, by name: which of the next calls are to fail, and how. What that looks like is each cloud's.

html500      an HTML page with status 500 instead of an answer
throttle     too many requests
unavailable  the service is overloaded (503)
reset        the connection is cut
slow         the answer comes `seconds` later (default 2)
expired      the caller's token or session is over
denied       the caller lacks the permission
capacity     no machine of that type is left
quota        the account may have no more of it
"""

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

KINDS = ("html500", "throttle", "unavailable", "reset", "slow", "expired", "denied", "capacity", "quota")
PAGE = (
    b"<!DOCTYPE html><html><head><title>500</title></head><body><h1>Internal Server Error</h1><br>&nbsp;</body></html>"
)


@dataclass
class Fault:
    """One kind of failure for the next `count` calls of an action ("*": of any).

    With `after`, the call is carried out first and only its answer is spoilt.
    """

    action: str
    kind: str
    count: int = 1
    seconds: float = 2.0
    after: bool = False

    def __post_init__(self) -> None:
        if not self.action or self.count < 1 or self.seconds < 0:
            raise ValueError("action is needed, count is 1 or more, seconds are 0 or more")


class Faults:
    """The faults that are still to come, each of one of `kinds`."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds = kinds
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let it happen to the next calls of its action, after those that wait already.

        Raises ValueError for a kind that the cloud does not have.
        """
        if fault.kind not in self._kinds:
            raise ValueError(f"kind {fault.kind!r} is none of {', '.join(self._kinds)}")
        with self._lock:
            self._waiting.append(fault)

    def take(self, action: str) -> Fault | None:
        """Use up one for a call of this action, if one waits."""
        with self._lock:
            for fault in self._waiting:
                if fault.action in (action, "*"):
                    fault.count -= 1
                    if fault.count == 0:
                        self._waiting.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        """Have no more."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[dict[str, Any]]:
        """Return those still to come, with what is left of their counts."""
        with self._lock:
            return [asdict(fault) for fault in self._waiting]
