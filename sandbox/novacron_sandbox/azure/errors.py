"""The errors of Azure Resource Manager."""

from collections.abc import Mapping
from typing import Any

from novacron_sandbox.faults import PAGE, Fault
from novacron_sandbox.server import CutConnectionError
from novacron_sandbox.wire import Answer, Request


class ArmError(Exception):
    """A refusal as ARM words it: a code that programs read, a message for people, and a status."""

    def __init__(self, code: str, message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.headers = code, message, status, dict(headers or {})

    @property
    def value(self) -> dict[str, dict[str, str]]:
        """The body that says so."""
        return {"error": {"code": self.code, "message": self.message}}


def body_of(request: Request) -> dict[str, Any]:
    """Return the body of a request. Raises ArmError InvalidRequestContent when it is no JSON object."""
    if not isinstance(request.json, dict):
        raise ArmError("InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    return request.json


# What the faults of novacron_sandbox.faults are refused with; "expired" is what the directory says.
_FAULTS = {
    "throttle": ("TooManyRequests", "The request is being throttled.", 429, {"Retry-After": "1"}),
    "unavailable": ("ServerTimeout", "The service is unavailable. Please try again.", 503, {}),
    "denied": ("AuthorizationFailed", "The client does not have authorization to perform this action.", 403, {}),
    "capacity": ("SkuNotAvailable", "The requested size is currently not available in this location.", 409, {}),
    "quota": ("QuotaExceeded", "Operation results in exceeding approved Total Regional Cores quota.", 409, {}),
}
# The fault that only Azure has: a change is accepted and fails in the end.
ALLOCATION = "allocation"


def allocation_failed() -> ArmError:
    """Return how a change ends that was accepted without hardware for it."""
    message = "Allocation failed. We do not have sufficient capacity for the requested VM size in this region."
    return ArmError("AllocationFailed", message, 409)


def spoilt(fault: Fault) -> Answer:
    """Return what the caller gets to see. Raises ArmError, or CutConnectionError to have it see nothing."""
    if fault.kind == "reset":
        raise CutConnectionError
    if fault.kind == "html500":
        return Answer(500, PAGE, {"Content-Type": "text/html"})
    raise ArmError(*_FAULTS[fault.kind])


def refused_token(fault: Fault) -> Answer:
    """Return what a caller gets to see in place of a token: a throttle, or for all other kinds unavailable."""
    status, headers = (429, {"Retry-After": "1"}) if fault.kind == "throttle" else (503, {})
    text = "AADSTS90033: A transient error has occurred. Please try again."
    return Answer(status, {"error": "temporarily_unavailable", "error_description": text}, headers)
