"""Odd days of Azure, by name; actions are operations of Microsoft's specification, such as VirtualMachines_Start.

The action "token" is signing in at the authority, which knows two of the kinds: throttle, and unavailable for all others.

html500      an HTML page with status 500 instead of an answer
throttle     too many requests (429, Retry-After: 1)
unavailable  the service is overloaded (503)
reset        the connection is cut
slow         the answer comes `seconds` later (default 2)
expired      the caller's token is over
denied       the caller lacks the permission
capacity     no machine of that size is left (SkuNotAvailable)
quota        the subscription may have no more of it (QuotaExceeded)
allocation   the change is accepted and fails in the end (AllocationFailed)
"""

from novacron_sandbox.azure.directory import Directory
from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.azure.wire import Answer
from novacron_sandbox.faults import Fault

KINDS = (
    "html500",
    "throttle",
    "unavailable",
    "reset",
    "slow",
    "expired",
    "denied",
    "capacity",
    "quota",
    "allocation",
)

ALLOCATION_FAILED = ArmError(
    "AllocationFailed",
    "Allocation failed. We do not have sufficient capacity for the requested VM size in this region.",
    409,
)
_PAGE = b"<!DOCTYPE html><html><head><title>500</title></head><body><h1>Internal Server Error</h1></body></html>"


def answer(fault: Fault, operation: str, directory: Directory) -> Answer | None:
    """Return what the caller gets to see; None cuts the connection. Raises ArmError for what is an error of ARM."""
    match fault.kind:
        case "reset":
            return None
        case "html500":
            return Answer(500, _PAGE, {"Content-Type": "text/html"})
        case "throttle":
            raise ArmError("TooManyRequests", "The request is being throttled.", 429, {"Retry-After": "1"})
        case "unavailable":
            raise ArmError("ServerTimeout", "The service is unavailable. Please try again.", 503)
        case "denied":
            message = f"The client does not have authorization to perform action '{operation}'."
            raise ArmError("AuthorizationFailed", message, 403)
        case "capacity":
            message = "The requested size is currently not available in this location. Try another size or location."
            raise ArmError("SkuNotAvailable", message, 409)
        case "quota":
            message = "Operation could not be completed as it results in exceeding approved Total Regional Cores quota."
            raise ArmError("QuotaExceeded", message, 409)
        case _:
            raise directory.expired()


def refused_token(fault: Fault) -> Answer:
    """Return what a caller gets to see in place of a token."""
    status, headers = (429, {"Retry-After": "1"}) if fault.kind == "throttle" else (503, {})
    text = "AADSTS90033: A transient error has occurred. Please try again."
    return Answer(status, {"error": "temporarily_unavailable", "error_description": text}, headers)
