"""When to repeat, and how long to wait first."""

import random
from dataclasses import dataclass

import grpc

from novacron_client.errors import CloudError


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow, with full jitter, unless the server says how long to wait.

    Attributes:
        attempts: Tries of one call in all.
        base: Longest wait after the first failure, in seconds; it doubles with each further one.
        limit: Longest wait of all, in seconds.
    """

    attempts: int = 5
    base: float = 0.1
    limit: float = 5.0

    def wait(self, failures: int, error: CloudError | None = None) -> float:
        """Seconds to wait after that many failures in a row, the last of which was `error`."""
        if error is not None and error.pushback is not None and error.pushback >= 0:
            return error.pushback
        jitter = random.uniform(0, min(self.limit, self.base * 2.0 ** min(failures - 1, 20)))
        return jitter if error is None or error.retry_after is None else max(jitter, error.retry_after)


def repeatable(error: CloudError) -> bool:
    """Whether an idempotent call may be sent again: the server is away, and does not forbid it."""
    return error.code is grpc.StatusCode.UNAVAILABLE and (error.pushback is None or error.pushback >= 0)


def resumable(error: CloudError) -> bool:
    """Whether a stream that ended so is opened again.

    A stream does not multiply load as repeated calls do, so that a server that forbids repeats is asked again all the
    same. CANCELLED without a reason is a server that ends connections, or refuses new ones in a storm of calls.
    """
    if error.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return error.retry_after is not None
    return error.code is grpc.StatusCode.UNAVAILABLE or (error.code is grpc.StatusCode.CANCELLED and not error.reason)
