"""Azure's errors in our tree. The SDK is not imported here: its errors are known by name."""

import json
import re
from collections.abc import Mapping
from typing import Any

from novacron_providers.contract.errors import (
    AlreadyExists,
    Busy,
    CapacityUnavailable,
    CloudError,
    CredentialsInvalid,
    EtagMismatch,
    InUse,
    InvalidArgument,
    NotFound,
    PermissionMissing,
    ProviderError,
    QuotaExceeded,
    StateInvalid,
    Throttled,
    Unavailable,
)
from novacron_providers.kit.failures import Failures, short

_THROTTLED = """
    RequestThrottled RetryableErrorDueToAnotherOperation SubscriptionRequestsThrottled Throttled ThrottledRequest
    TooManyRequests
"""
_CREDENTIALS = """
    AuthenticationFailed ExpiredAuthenticationToken InvalidAuthenticationToken InvalidAuthenticationTokenAudience
    InvalidAuthenticationTokenTenant InvalidTokenError SubscriptionNotFound invalid_client invalid_grant
    invalid_request invalid_resource unauthorized_client
"""
_PERMISSION = """
    AuthorizationFailed Forbidden InsufficientAccessError LinkedAuthorizationFailed MissingSubscriptionRegistration
    ReadOnlyDisabledSubscription RequestDisallowedByPolicy ScopeLocked
"""
_CAPACITY = """
    AllocationFailed NotAvailableForSubscription OverconstrainedAllocationRequest OverconstrainedZonalAllocationRequest
    SkuNotAvailable ZonalAllocationFailed
"""
_BUSY = "AnotherOperationInProgress Conflict ConcurrentOperation OperationPreempted"
_UNAVAILABLE = """
    GatewayTimeout InternalExecutionError InternalServerError RequestTimeout ServerBusy ServerTimeout
    ServiceUnavailable temporarily_unavailable
"""
_NOT_FOUND = "InvalidResourceReference NotFound OfferNotFound PublisherNotFound"
_INVALID = "BadRequest InvalidParameter InvalidRequestContent InvalidRequestFormat LinkedInvalidPropertyId"

CODES: Mapping[str, type[CloudError]] = {
    code: kind
    for codes, kind in (
        (_THROTTLED, Throttled),
        (_CREDENTIALS, CredentialsInvalid),
        (_PERMISSION, PermissionMissing),
        (_CAPACITY, CapacityUnavailable),
        (_BUSY, Busy),
        (_UNAVAILABLE, Unavailable),
        (_NOT_FOUND, NotFound),
        (_INVALID, InvalidArgument),
        ("PreconditionFailed", EtagMismatch),
    )
    for code in codes.split()
}
# What is not in the table, by the shape of the code.
_SHAPES: tuple[tuple[str, type[CloudError]], ...] = (
    (r"Throttled$", Throttled),
    (r"(Quota|Limit)(Exceeded|Reached)$", QuotaExceeded),
    (r"AllocationFailed$", CapacityUnavailable),
    (r"NotFound$", NotFound),
    (r"AlreadyExists$", AlreadyExists),
    (r"InUse|CannotBeDeleted$", InUse),
)
_STATUSES: Mapping[int, type[CloudError]] = {
    400: InvalidArgument,
    401: CredentialsInvalid,
    403: PermissionMissing,
    404: NotFound,
    408: Unavailable,
    409: StateInvalid,
    412: EtagMismatch,
    429: Throttled,
}
# Errors of the SDK that are no answer of Azure, most particular first: what they are, and whether Azure may have acted.
_SDK: Mapping[str, tuple[type[CloudError], bool]] = {
    "CredentialUnavailableError": (CredentialsInvalid, False),
    "ClientAuthenticationError": (CredentialsInvalid, False),
    "ServiceRequestTimeoutError": (Unavailable, False),
    "ServiceRequestError": (Unavailable, False),
    "ServiceResponseError": (Unavailable, True),
    # The answer broke off, or was not what the service speaks (HTML in place of JSON).
    "IncompleteReadError": (Unavailable, True),
    "DecodeError": (Unavailable, True),
    "DeserializationError": (Unavailable, True),
    "JSONDecodeError": (Unavailable, True),
    "ClientError": (Unavailable, True),
}
# The SDK calls all that aiohttp raises a failed request; of these alone it is sure that nothing was sent.
_NOT_SENT = ("ClientConnectorError", "ConnectionTimeoutError", "InvalidURL", "ServerFingerprintMismatch")


def classify(error: Exception, action: str) -> CloudError:
    """Translate an error that the SDK raised on `action` ("compute.virtual_machines.begin_start")."""
    names = [kind.__name__ for kind in type(error).__mro__]
    response = getattr(error, "response", None)
    if response is not None and not {"DecodeError", "IncompleteReadError"} & set(names):
        found = answered(response.status_code, response.headers, _body(response), action)
        if "ClientAuthenticationError" in names:
            # The token service answered, or Azure refused the token: either way nothing was done.
            found.sent = False
        return found
    kind, sent = next((_SDK[name] for name in names if name in _SDK), (ProviderError, True))
    cause = error.__cause__
    if kind is CredentialsInvalid and cause is not None and "ServiceResponseError" in _names(cause):
        kind = Unavailable
    if "ServiceRequestError" in names and not set(_NOT_SENT) & set(_names(cause)):
        sent = True
    return _failures.make(kind, action, short(str(error)), names[0], {}, sent=sent)


def answered(status: int, headers: Mapping[str, str], body: Any, action: str) -> CloudError:
    """Translate an answer of Azure that tells of an error; `body` is JSON, or None when it is something else."""
    code, text = _told(body)
    kind = kind_of(code, status, text)
    if body is None and status < 500 and status != 429:
        # What stands in front of Azure answered: its 404 does not mean that a resource is gone.
        kind = ProviderError
    facts = {"native_request_id": headers.get("x-ms-request-id", "")}
    if kind is PermissionMissing and (told := re.search(r"perform action '([^']+)'", text)):
        facts["permission"] = told[1]
    if kind is CapacityUnavailable and (others := re.search(r"try another zone:? ([\d, ]+)", text, re.IGNORECASE)):
        facts["zones"] = others[1].replace(" ", "").strip(",")
    return _failures.make(
        kind,
        action,
        text,
        code or f"HTTP {status}",
        facts,
        retry_after=retry_after(headers),
        # 503 says that the request was not taken up; any other failure inside Azure may come after the effect.
        sent=kind is Unavailable and status != 503,
    )


def failed(body: Mapping[str, Any], action: str) -> CloudError:
    """Translate the end of a long-running operation that did not succeed: {"status": "Failed", "error": {...}}."""
    code, text = _told(body)
    word = str(body.get("status", "Failed"))
    kind = kind_of(code, 0, text)
    return _failures.make(
        ProviderError if kind in (Throttled, Unavailable) else kind, action, text or word, code or word, {}, sent=True
    )


def kind_of(code: str, status: int = 0, text: str = "") -> type[CloudError]:
    """Class of an error code of Azure, if need be by its HTTP status."""
    if status == 429:
        return Throttled
    if code == "OperationNotAllowed":
        return QuotaExceeded if "quota" in text.lower() else StateInvalid
    if code in CODES:
        return CODES[code]
    for shape, kind in _SHAPES:
        if re.search(shape, code):
            return kind
    if status >= 500:
        return Unavailable
    return _STATUSES.get(status, ProviderError)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that Azure asks to wait; None when it does not."""
    for header, scale in (("Retry-After", 1.0), ("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001)):
        try:
            return max(0.0, float(headers[header]) * scale)
        except (KeyError, ValueError):
            continue
    return None


def _told(body: Any) -> tuple[str, str]:
    """Code and text of an error: ARM's {"error": {...}}, and Entra's {"error": "...", "error_description": "..."}."""
    if not isinstance(body, Mapping):
        return "", ""
    error = body.get("error", body)
    if isinstance(error, str):
        return error, short(str(body.get("error_description", "")))
    if not isinstance(error, Mapping):
        return "", ""
    # The first detail is often what really happened, under a wrapper that only says that something did.
    inner = error.get("details") or []
    if error.get("code") in ("DeploymentFailed", "ResourceDeploymentFailure", "VMStartTimedOut") and inner:
        error = inner[0]
    return str(error.get("code") or ""), short(str(error.get("message") or ""))


def _body(response: Any) -> Any:
    """JSON of an answer, empty when there is none; None when it is something else."""
    text = response.text()
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return None


def _names(error: BaseException | None) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__]


_failures = Failures("Azure", "subscription", {})
