"""What was asked and what came of it, counted for tests that want to know."""

import threading
from collections import Counter
from typing import Any


class Ledger:
    """Counts of calls by action and by idempotency token, and of the mutations that were carried out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._by_token: dict[str, Counter[str]] = {}
        self._effects: Counter[str] = Counter()

    def called(self, action: str, token: str = "") -> None:
        """Note a call, whatever becomes of it, and the token that makes it idempotent, if it has one."""
        with self._lock:
            self._calls[action] += 1
            if token:
                self._by_token.setdefault(action, Counter())[token] += 1

    def carried_out(self, action: str) -> None:
        """Note an effect: a call changed something."""
        with self._lock:
            self._effects[action] += 1

    def clear(self) -> None:
        """Start again from nothing."""
        with self._lock:
            for counts in (self._calls, self._by_token, self._effects):
                counts.clear()

    def as_dict(self) -> dict[str, Any]:
        """Return {"calls": {action: n}, "tokens": {action: {token: n}}, "effects": {action: n}}."""
        with self._lock:
            tokens = {action: dict(counts) for action, counts in self._by_token.items()}
            return {"calls": dict(self._calls), "tokens": tokens, "effects": dict(self._effects)}
