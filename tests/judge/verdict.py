"""What a judge says about one exchange between a client and a cloud."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol


class Verdict(NamedTuple):
    """Which operation of the cloud it was, and what is wrong with it, each with the path of the field."""

    operation: str
    breaches: list[str]


class Judge(Protocol):
    """Knows the rules of one cloud."""

    def judge(self, exchange: Mapping[str, Any]) -> Verdict:
        """Return the verdict on a recorded exchange (the fields of novacron_sandbox.recorder)."""
