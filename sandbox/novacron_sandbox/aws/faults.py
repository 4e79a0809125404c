"""Odd days of a cloud, by name: the next calls of an action fail as AWS fails, a given number of times.

html500      an HTML page with status 500 instead of an answer
throttle     too many requests (RequestLimitExceeded of EC2, Throttling of the others)
unavailable  the service is overloaded (503)
reset        the connection is cut
slow         the answer comes `seconds` later (default 2)
expired      the caller's session is over
denied       the caller lacks the permission
capacity     no machine of that type is left (InsufficientInstanceCapacity)
quota        the account may have no more of it (VcpuLimitExceeded)
"""

import threading
from dataclasses import asdict, dataclass
from typing import Any

from novacron_sandbox.aws.errors import AwsError, expired
from novacron_sandbox.aws.wire import Answer, Request

KINDS = ("html500", "throttle", "unavailable", "reset", "slow", "expired", "denied", "capacity", "quota")

_PAGE = (
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
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is none of {', '.join(KINDS)}")
        if not self.action or self.count < 1 or self.seconds < 0:
            raise ValueError("action is needed, count is 1 or more, seconds are 0 or more")

    def answer(self, request: Request) -> Answer | None:
        """Return what the caller gets to see; None cuts the connection. Not for "slow", which only waits."""
        if self.kind == "reset":
            return None
        if self.kind == "html500":
            return Answer(500, [("Content-Type", "text/html")], _PAGE)
        return self._error(request).answer(request)

    def _error(self, request: Request) -> AwsError:
        ec2 = request.service == "ec2"
        match self.kind:
            case "throttle":
                return (
                    AwsError("RequestLimitExceeded", "Request limit exceeded.", 503)
                    if ec2
                    else AwsError("Throttling", "Rate exceeded")
                )
            case "unavailable":
                code = "Unavailable" if ec2 else "ServiceUnavailable"
                return AwsError(code, "The service is unavailable. Please try again shortly.", 503)
            case "denied" if ec2:
                return AwsError("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
            case "denied":
                return AwsError("AccessDenied", f"User is not authorized to perform: {request.action}", 403)
            case "capacity":
                message = "We currently do not have sufficient capacity in the Availability Zone you requested."
                return AwsError("InsufficientInstanceCapacity", message, 500)
            case "quota":
                message = "You have requested more vCPU capacity than your current vCPU limit of 32 allows."
                return AwsError("VcpuLimitExceeded", message)
            case _:
                return expired(request)


class Faults:
    """The faults that are still to come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let it happen to the next calls of its action, after those that wait already."""
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
