"""Odd days of a cloud, by name: the next calls of an action fail as AWS fails, a given number of times.

html500      an HTML page with status 500 instead of an answer
throttle     too many requests (RequestLimitExceeded of EC2, Throttling of the others)
unavailable  the service is overloaded (503)
reset        the connection is cut
slow         the answer comes `seconds` later (default 2)
lag          a list of instances leaves out those that are younger than `seconds`
expired      the caller's session is over
denied       the caller lacks the permission
capacity     no machine of that type is left (InsufficientInstanceCapacity)
quota        the account may have no more of it (VcpuLimitExceeded)
"""

from novacron_sandbox.aws.errors import AwsError, expired
from novacron_sandbox.aws.wire import Answer, Request
from novacron_sandbox.faults import Fault

KINDS = ("html500", "throttle", "unavailable", "reset", "slow", "lag", "expired", "denied", "capacity", "quota")

_PAGE = (
    b"<!DOCTYPE html><html><head><title>500</title></head><body><h1>Internal Server Error</h1><br>&nbsp;</body></html>"
)


def answer(fault: Fault, request: Request) -> Answer | None:
    """Return what the caller gets to see; None cuts the connection. Not for "slow", which only waits, nor "lag"."""
    if fault.kind == "reset":
        return None
    if fault.kind == "html500":
        return Answer(500, [("Content-Type", "text/html")], _PAGE)
    return _error(fault, request).answer(request)


def _error(fault: Fault, request: Request) -> AwsError:
    ec2 = request.service == "ec2"
    match fault.kind:
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
