"""How many calls Azure Resource Manager takes: a bucket for reads, writes and deletes each, filled as time passes."""

import math

from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.clock import Clock

# Kind of call: size of the bucket, calls that come back in a second.
_BUCKETS = {"reads": (250, 25.0), "writes": (200, 10.0), "deletes": (200, 10.0)}
_KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}


class Throttle:
    """The buckets of one subscription."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = {kind: (float(size), 0.0) for kind, (size, _) in _BUCKETS.items()}

    def take(self, method: str) -> dict[str, str]:
        """Count a call; returns the headers that say what is left. Raises ArmError TooManyRequests when none is."""
        kind, now = _KINDS.get(method, "writes"), self._clock.now()
        size, rate = _BUCKETS[kind]
        left, since = self._left[kind]
        left = min(float(size), left + (now - since) * rate)
        if left < 1.0:
            message = "Number of requests for subscription and operation exceeded the backend storage limit."
            raise ArmError("SubscriptionRequestsThrottled", message, 429, {"Retry-After": str(math.ceil(1 / rate))})
        self._left[kind] = (left - 1.0, now)
        return {f"x-ms-ratelimit-remaining-subscription-{kind}": str(int(left - 1.0))}
