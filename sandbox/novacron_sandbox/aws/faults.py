"""What the faults of novacron_sandbox.faults look like on AWS, and one of its own.

lag          a list of instances leaves out those that are younger than `seconds`
"""

from novacron_sandbox.aws.errors import AwsError, expired
from novacron_sandbox.aws.wire import Answer, Request
from novacron_sandbox.faults import PAGE, Fault
from novacron_sandbox.server import CutConnectionError

MORE = ("lag",)


def answer(fault: Fault, request: Request) -> Answer:
    """Return what the caller gets to see; not for "lag". Raises CutConnectionError to have it see nothing."""
    if fault.kind == "reset":
        raise CutConnectionError
    if fault.kind == "html500":
        return Answer(500, [("Content-Type", "text/html")], PAGE)
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
