"""Everything that can go wrong with a cloud or with a request, as one tree; each error carries data.

    CloudError                  gRPC code            reason (ErrorReason)       the caller's next move
    ├── InvalidArgument         INVALID_ARGUMENT     FIELD_INVALID              fix the fields named
    │   ├── PageTokenInvalid    INVALID_ARGUMENT     PAGE_TOKEN_INVALID         start the list again
    │   └── RequestIdReused     INVALID_ARGUMENT     REQUEST_ID_REUSED          take a new request_id
    ├── Unsupported             UNIMPLEMENTED        CAPABILITY_UNSUPPORTED     read GetCapabilities
    ├── CallerUnauthenticated   UNAUTHENTICATED      CALLER_UNAUTHENTICATED     sign in
    ├── CallerForbidden         PERMISSION_DENIED    CALLER_FORBIDDEN           ask the operator
    ├── NotFound                NOT_FOUND            RESOURCE_NOT_FOUND         forget the name
    ├── AlreadyExists           ALREADY_EXISTS       RESOURCE_ALREADY_EXISTS    read it, then choose
    ├── Busy                    ABORTED              RESOURCE_BUSY              wait for the other operation
    ├── InUse                   FAILED_PRECONDITION  RESOURCE_IN_USE            remove what depends on it
    ├── StateInvalid            FAILED_PRECONDITION  RESOURCE_STATE_INVALID     bring it into another state
    ├── EtagMismatch            ABORTED              ETAG_MISMATCH              read, merge, repeat
    ├── CredentialsInvalid      FAILED_PRECONDITION  CREDENTIALS_INVALID        UpdateProvider
    ├── PermissionMissing       FAILED_PRECONDITION  CLOUD_PERMISSION_MISSING   grant it in the cloud
    ├── QuotaExceeded           RESOURCE_EXHAUSTED   QUOTA_EXCEEDED             raise it or free something
    ├── CapacityUnavailable     RESOURCE_EXHAUSTED   CAPACITY_UNAVAILABLE       other zone or shape
    ├── Throttled               RESOURCE_EXHAUSTED   PROVIDER_THROTTLED         repeat after the delay
    ├── Unavailable             UNAVAILABLE          PROVIDER_UNAVAILABLE       repeat after the delay
    ├── Overloaded              RESOURCE_EXHAUSTED   SERVER_OVERLOADED          repeat after the delay
    ├── ShuttingDown            UNAVAILABLE          SERVER_SHUTTING_DOWN       connect anew
    ├── DeadlineExceeded        DEADLINE_EXCEEDED    (none: gRPC's own)         allow more time
    ├── Cancelled               CANCELLED            (none: gRPC's own)         nothing; it was asked for
    ├── WaitTimedOut            DEADLINE_EXCEEDED    WAIT_TIMED_OUT             look at the targets
    ├── OutcomeUnknown          UNKNOWN              OUTCOME_UNKNOWN            look before asking again
    ├── ProviderError           UNKNOWN              PROVIDER_ERROR             read native_code
    └── Internal                INTERNAL             INTERNAL                   report it

`to_status` is the one place where the tree becomes google.rpc.Status, for callers and for the journal; `from_status`
brings back the same class, so that a recovered operation takes the way it took before. One function in each adapter
(`errors.py`) maps an SDK's errors into the tree.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple, Self

from google.protobuf import duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

DOMAIN = "cloud.novacron"


class Violation(NamedTuple):
    """A field that breaks a rule: its path in the request ("spec.image") and what to do about it."""

    field: str
    description: str


class CloudError(Exception):
    """A call that failed, with what a program needs to decide what to do next.

    Attributes:
        message: For people: one sentence that names what was wrong and the way out. Never holds a secret.
        retry_after: Seconds to wait before a repeat can help; None when waiting is not known to help.
        violations: Fields that break a rule.
        resource: Name of the resource that the error is about; empty when there is none.
        facts: ErrorInfo.metadata: "provider", "account", "region", "call", "native_code", "native_request_id" after a
            call to a cloud, and what the reason adds ("capability", "operation", "state", "permission", "zones").
        sent: Whether the request may have had an effect: False only when it certainly never reached the cloud, or the
            cloud certainly refused it.
        sent_at: When that request was sent, on the clock's monotonic(); None where nobody noted it.
    """

    code: ClassVar[int] = code_pb2.UNKNOWN
    reason: ClassVar[str] = "PROVIDER_ERROR"
    # Whether the same request can succeed a little later; kit.call repeats only these.
    transient: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        violations: Sequence[Violation] = (),
        field: str = "",
        resource: str = "",
        facts: Mapping[str, str] | None = None,
        sent: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.violations = (*violations, *((Violation(field, message),) if field else ()))
        self.resource = resource
        self.facts = {key: value for key, value in (facts or {}).items() if value}
        self.sent = sent
        self.sent_at: float | None = None

    def about(self, **facts: str) -> Self:
        """Add facts that are not known yet, and return the same error: `raise error.about(provider="aws")`."""
        self.facts = {**{key: value for key, value in facts.items() if value}, **self.facts}
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, facts={self.facts!r})"


class InvalidArgument(CloudError):
    code, reason = code_pb2.INVALID_ARGUMENT, "FIELD_INVALID"


class PageTokenInvalid(InvalidArgument):
    reason = "PAGE_TOKEN_INVALID"


class RequestIdReused(InvalidArgument):
    reason = "REQUEST_ID_REUSED"


class Unsupported(CloudError):
    code, reason = code_pb2.UNIMPLEMENTED, "CAPABILITY_UNSUPPORTED"


class CallerUnauthenticated(CloudError):
    code, reason = code_pb2.UNAUTHENTICATED, "CALLER_UNAUTHENTICATED"


class CallerForbidden(CloudError):
    code, reason = code_pb2.PERMISSION_DENIED, "CALLER_FORBIDDEN"


class NotFound(CloudError):
    code, reason = code_pb2.NOT_FOUND, "RESOURCE_NOT_FOUND"


class AlreadyExists(CloudError):
    code, reason = code_pb2.ALREADY_EXISTS, "RESOURCE_ALREADY_EXISTS"


class Busy(CloudError):
    code, reason = code_pb2.ABORTED, "RESOURCE_BUSY"


class InUse(CloudError):
    code, reason = code_pb2.FAILED_PRECONDITION, "RESOURCE_IN_USE"


class StateInvalid(CloudError):
    code, reason = code_pb2.FAILED_PRECONDITION, "RESOURCE_STATE_INVALID"


class EtagMismatch(CloudError):
    code, reason = code_pb2.ABORTED, "ETAG_MISMATCH"


class CredentialsInvalid(CloudError):
    code, reason = code_pb2.FAILED_PRECONDITION, "CREDENTIALS_INVALID"


class PermissionMissing(CloudError):
    code, reason = code_pb2.FAILED_PRECONDITION, "CLOUD_PERMISSION_MISSING"


class QuotaExceeded(CloudError):
    code, reason = code_pb2.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED"


class CapacityUnavailable(CloudError):
    code, reason = code_pb2.RESOURCE_EXHAUSTED, "CAPACITY_UNAVAILABLE"


class Throttled(CloudError):
    code, reason, transient = code_pb2.RESOURCE_EXHAUSTED, "PROVIDER_THROTTLED", True


class Unavailable(CloudError):
    code, reason, transient = code_pb2.UNAVAILABLE, "PROVIDER_UNAVAILABLE", True


class Overloaded(CloudError):
    code, reason = code_pb2.RESOURCE_EXHAUSTED, "SERVER_OVERLOADED"


class ShuttingDown(CloudError):
    code, reason = code_pb2.UNAVAILABLE, "SERVER_SHUTTING_DOWN"


class DeadlineExceeded(CloudError):
    code, reason = code_pb2.DEADLINE_EXCEEDED, ""


class Cancelled(CloudError):
    code, reason = code_pb2.CANCELLED, ""


class WaitTimedOut(CloudError):
    code, reason = code_pb2.DEADLINE_EXCEEDED, "WAIT_TIMED_OUT"


class OutcomeUnknown(CloudError):
    code, reason = code_pb2.UNKNOWN, "OUTCOME_UNKNOWN"


class ProviderError(CloudError):
    code, reason = code_pb2.UNKNOWN, "PROVIDER_ERROR"


class Internal(CloudError):
    code, reason = code_pb2.INTERNAL, "INTERNAL"


def _subclasses(kind: type[CloudError]) -> list[type[CloudError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _subclasses(child))]


# ProviderError comes after its parent, so the pair that both share leads to it.
_KINDS = {(kind.code, kind.reason): kind for kind in _subclasses(CloudError)}


def to_status(error: BaseException) -> status_pb2.Status:
    """Translate an error for callers and for the journal.

    An error that is not in the tree is a fault of ours: its text belongs in the log, only its type is told.
    """
    if not isinstance(error, CloudError):
        error = Internal(f"internal error ({type(error).__name__}); the server's log has the details")
    status = status_pb2.Status(code=error.code, message=error.message)
    if error.reason:
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.facts))
    if error.violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in error.violations
        ]
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=fields))
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(round(error.retry_after * 1e9))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    if isinstance(error, QuotaExceeded):
        quota = error_details_pb2.QuotaFailure.Violation(
            subject=error.facts.get("account", ""), description=error.message
        )
        status.details.add().Pack(error_details_pb2.QuotaFailure(violations=[quota]))
    if isinstance(error, InUse | StateInvalid):
        broken = error_details_pb2.PreconditionFailure.Violation(
            type=error.reason, subject=error.resource, description=error.message
        )
        status.details.add().Pack(error_details_pb2.PreconditionFailure(violations=[broken]))
    if error.resource:
        status.details.add().Pack(
            error_details_pb2.ResourceInfo(resource_name=error.resource, description=error.message)
        )
    return status


def from_status(status: status_pb2.Status) -> CloudError:
    """Bring back the error that `to_status` translated, as the same class with the same data."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    retry, resource = error_details_pb2.RetryInfo(), error_details_pb2.ResourceInfo()
    for detail in status.details:
        for kind in (info, bad, retry, resource):
            if detail.Is(kind.DESCRIPTOR):
                detail.Unpack(kind)
    return _KINDS.get((status.code, info.reason), ProviderError)(
        status.message,
        retry_after=retry.retry_delay.ToNanoseconds() / 1e9 if retry.HasField("retry_delay") else None,
        violations=[Violation(v.field, v.description) for v in bad.field_violations],
        resource=resource.resource_name,
        facts=dict(info.metadata),
    )
