"""What a call can end with, as one small tree; what a program needs to know is in the attributes.

    CloudError              the server answered with an error; `code` and `reason` say which
    ├── Unreachable         nothing answered at the address, or the connection broke
    └── OperationFailed     an operation ended, and not as it was asked to

`reason` is the name of a value of novacron.cloud.v1.ErrorReason without its prefix ("RESOURCE_NOT_FOUND"); the comments
in errors.proto tell the next move for each. It is empty where gRPC itself ended the call.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import grpc.aio
from google.rpc import error_details_pb2, status_pb2
from novacron.cloud.v1 import operations_pb2

DOMAIN = "cloud.novacron"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Violation(NamedTuple):
    """A field of the request that breaks a rule: its path ("spec.image") and what to do about it."""

    field: str
    description: str


class CloudError(Exception):
    """A call that failed.

    Attributes:
        status: The whole google.rpc.Status, as it came.
        code: gRPC's code.
        reason: Name of the ErrorReason; empty when the error is gRPC's own.
        message: One sentence for people.
        retry_after: Seconds to wait before a repeat can help; None when waiting is not known to help.
        fields: Fields of the request that break a rule.
        metadata: What else is known: "provider", "native_code", "native_request_id", ...
        resource: Name of the resource that the error is about; empty when there is none.
        pushback: What the server says about repeating at once, in seconds; negative forbids it, None says nothing.
    """

    def __init__(self, status: status_pb2.Status, *, pushback: float | None = None) -> None:
        super().__init__(status.message)
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        retry, resource = error_details_pb2.RetryInfo(), error_details_pb2.ResourceInfo()
        for detail in status.details:
            for kind in (info, bad, retry, resource):
                if detail.Is(kind.DESCRIPTOR):
                    detail.Unpack(kind)
        self.status = status
        self.code: grpc.StatusCode = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
        self.reason: str = info.reason if info.domain == DOMAIN else ""
        self.message: str = status.message
        self.retry_after: float | None = (
            retry.retry_delay.ToNanoseconds() / 1e9 if retry.HasField("retry_delay") else None
        )
        self.fields = tuple(Violation(v.field, v.description) for v in bad.field_violations)
        self.metadata: Mapping[str, str] = dict(info.metadata)
        self.resource: str = resource.resource_name
        self.pushback = pushback

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code.name}, {self.reason!r}, {self.message!r})"


class Unreachable(CloudError):
    """No server answered, or the connection to it broke; the server may or may not have seen the request."""


class OperationFailed(CloudError):
    """An operation ended, and not as it was asked to.

    Attributes:
        operation: How it ended; `targets` tells what exists in the cloud all the same.
    """

    def __init__(self, operation: operations_pb2.Operation) -> None:
        super().__init__(operation.error)
        self.operation = operation


def unreachable(address: str, why: str) -> Unreachable:
    """Nothing answers at `address`, or not any more; `why` in a few words."""
    return Unreachable(
        status_pb2.Status(
            code=grpc.StatusCode.UNAVAILABLE.value[0],
            message=f"no NovaCron Cloud server answers at {address}: {why}",
        )
    )


def from_rpc_error(error: grpc.aio.AioRpcError, *, method: str, address: str) -> CloudError:
    """Translate what grpc.aio raises.

    Args:
        error: A call that ended with another status than OK.
        method: "ListInstances"; for the message of a deadline.
        address: Where the call went; for the message of a connection that failed.
    """
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status(code=error.code().value[0], message=error.details() or error.code().name)
    if packed := trailers.get("grpc-status-details-bin"):
        status = status_pb2.Status.FromString(packed)
    elif error.code() is grpc.StatusCode.UNAVAILABLE:
        return unreachable(address, _brief(status.message))
    elif error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        status.message = f"{method} was not answered in time"
    return CloudError(status, pushback=_pushback(trailers.get("grpc-retry-pushback-ms")))


def _pushback(text: str | bytes | None) -> float | None:
    """gRFC A6: what is not a number of milliseconds means "do not repeat", as a negative one does."""
    if text is None:
        return None
    try:
        return int(text) / 1000
    except ValueError:
        return -1.0


def _brief(text: str) -> str:
    """The end of gRPC's chain of causes: "Connection refused" of "...: connect: Connection refused (111)"."""
    return re.sub(r" \(\d+\)$", "", text.rpartition(": ")[2].strip()).rstrip(".") or "the connection failed"
