"""Refusals as Google sends them: a status, a sentence and a reason, over HTTP and over gRPC."""

import grpc

from novacron_sandbox.faults import PAGE, Fault
from novacron_sandbox.server import CutConnectionError
from novacron_sandbox.wire import Answer

_STATUS = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
}


class GoogleError(Exception):
    """A refusal with Google's HTTP status and reason."""

    def __init__(self, code: int, reason: str, message: str, domain: str = "global") -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.domain = code, reason, message, domain

    def answer(self) -> Answer:
        """Return the refusal over HTTP."""
        detail = {"message": self.message, "domain": self.domain, "reason": self.reason}
        error = {"code": self.code, "message": self.message, "errors": [detail]}
        if self.code in (401, 403, 503):
            error["status"] = _STATUS[self.code].name
        headers = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'} if self.code == 401 else {}
        return Answer(self.code, {"error": error}, headers)

    @property
    def status(self) -> grpc.StatusCode:
        """The refusal over gRPC, where a throttle has a status of its own."""
        return grpc.StatusCode.RESOURCE_EXHAUSTED if self.reason == "rateLimitExceeded" else _STATUS[self.code]


def invalid(field: str, value: object, why: str) -> GoogleError:
    """Return the refusal of a field."""
    return GoogleError(400, "invalid", f"Invalid value for field '{field}': '{value}'. {why}")


def not_found(path: str) -> GoogleError:
    """Return that nothing has this name."""
    return GoogleError(404, "notFound", f"The resource '{path}' was not found")


def not_done(action: str) -> GoogleError:
    """Return that the sandbox has no such method."""
    return GoogleError(501, "notImplemented", f"The sandbox does not do {action}.")


def not_authenticated(message: str = "Invalid Credentials", reason: str = "authError") -> GoogleError:
    """Return the refusal of a token that is missing, unknown or over."""
    return GoogleError(401, reason, message)


# What the faults of novacron_sandbox.faults are refused with. "capacity" is accepted: its operation fails.
_FAULTS: dict[str, tuple[int, str, str, str]] = {
    "throttle": (403, "rateLimitExceeded", "Rate Limit Exceeded", "usageLimits"),
    "denied": (403, "forbidden", "Required permission is missing for the project", "global"),
    "quota": (403, "quotaExceeded", "Quota 'CPUS' exceeded.  Limit: 24.0 in region us-central1.", "global"),
    "expired": (401, "authError", "Invalid Credentials", "global"),
    "html500": (500, "backendError", "Internal error encountered.", "global"),
}
_UNAVAILABLE = (503, "backendError", "The service is currently unavailable.", "global")


def refusal(fault: Fault) -> GoogleError:
    """Return what a fault is refused with, also the kinds that are no refusals over HTTP."""
    return GoogleError(*_FAULTS.get(fault.kind, _UNAVAILABLE))


def spoilt(fault: Fault) -> Answer:
    """Return what the caller gets to see over HTTP. Raises CutConnectionError to have it see nothing."""
    if fault.kind == "reset":
        raise CutConnectionError
    if fault.kind == "html500":
        return Answer(500, PAGE, {"Content-Type": "text/html; charset=UTF-8"})
    return refusal(fault).answer()
