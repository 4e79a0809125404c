"""What was asked and what came of it, counted for tests that want to know."""

import threading
from collections import Counter
from typing import Any

from novacron_sandbox.aws.wire import Answer, Request

_READS = ("Describe", "Get", "List")


class Ledger:
    """Counts of calls by action and by ClientToken, and of the mutations that were carried out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._by_token: dict[str, Counter[str]] = {}
        self._effects: Counter[str] = Counter()

    def called(self, request: Request) -> None:
        """Note a call, whatever becomes of it."""
        with self._lock:
            self._calls[request.action] += 1
            if token := request.form.get("ClientToken"):
                self._by_token.setdefault(request.action, Counter())[token] += 1

    def carried_out(self, request: Request, answer: Answer) -> None:
        """Note an effect, if the call was one that changes things and it worked."""
        if answer.status == 200 and not request.action.startswith(_READS):
            with self._lock:
                self._effects[request.action] += 1

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
