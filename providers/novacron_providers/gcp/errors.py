"""Google's errors in our tree. The SDKs are not imported here: their errors are known by name."""

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
from novacron_providers.kit.failures import Failures, Sentence, plain, short

# A throttle is a 403 like a missing permission and a used-up quota: only the reason tells them apart.
_THROTTLED = """
    rateLimitExceeded userRateLimitExceeded RATE_LIMIT_EXCEEDED RESOURCE_OPERATION_RATE_EXCEEDED
    operationRateExceeded concurrentOperationsQuotaExceeded CONCURRENT_OPERATIONS_QUOTA_EXCEEDED
"""
_QUOTA = "quotaExceeded dailyLimitExceeded limitExceeded QUOTA_EXCEEDED LIMIT_EXCEEDED"
_CAPACITY = """
    ZONE_RESOURCE_POOL_EXHAUSTED ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS RESOURCE_POOL_EXHAUSTED STOCKOUT
    resourcePoolExhausted
"""
_CREDENTIALS = """
    authError expired required ACCESS_TOKEN_EXPIRED ACCESS_TOKEN_TYPE_UNSUPPORTED ACCOUNT_STATE_INVALID
    CREDENTIALS_MISSING invalid_client invalid_grant unauthorized_client
"""
_PERMISSION = """
    forbidden insufficientPermissions accessNotConfigured PERMISSIONS_ERROR SERVICE_DISABLED IAM_PERMISSION_DENIED
    ACCESS_TOKEN_SCOPE_INSUFFICIENT BILLING_DISABLED SECURITY_POLICY_VIOLATED ORG_RESTRICTION_VIOLATION
"""
_STATE = """
    invalidResourceUsage INVALID_USAGE cannotDeleteProtectedResource INSTANCE_NOT_RUNNING
    UNSUPPORTED_OPERATION_DUE_TO_MISSING_GUEST_SUPPORT
"""
_BUSY = "resourceNotReady RESOURCE_NOT_READY operationInProgress"
_IN_USE = "resourceInUseByAnotherResource resourceInUse RESOURCE_IN_USE_BY_ANOTHER_RESOURCE RESOURCE_IN_USE"
_UNAVAILABLE = "backendError internalError internal_failure INTERNAL_ERROR serviceUnavailable"
_INVALID = "invalid badRequest invalidParameter parseError fieldRequired INVALID_FIELD_VALUE INVALID_ARGUMENT"

CODES: Mapping[str, type[CloudError]] = {
    code: kind
    for codes, kind in (
        (_THROTTLED, Throttled),
        (_QUOTA, QuotaExceeded),
        (_CAPACITY, CapacityUnavailable),
        (_CREDENTIALS, CredentialsInvalid),
        (_PERMISSION, PermissionMissing),
        (_STATE, StateInvalid),
        (_BUSY, Busy),
        (_IN_USE, InUse),
        (_UNAVAILABLE, Unavailable),
        (_INVALID, InvalidArgument),
        ("notFound resourceNotFound RESOURCE_NOT_FOUND", NotFound),
        ("alreadyExists RESOURCE_ALREADY_EXISTS duplicate", AlreadyExists),
        ("conditionNotMet CONDITION_NOT_MET", EtagMismatch),
    )
    for code in codes.split()
}
_STATUSES: Mapping[int, type[CloudError]] = {
    400: InvalidArgument,
    401: CredentialsInvalid,
    403: PermissionMissing,
    404: NotFound,
    408: Unavailable,
    409: AlreadyExists,
    412: EtagMismatch,
    429: Throttled,
    499: Unavailable,
}
# Errors that are no answer of Google, most particular first: what they are, and whether Google may have acted.
_SDK: Mapping[str, tuple[type[CloudError], bool]] = {
    # google-auth, before anything of ours was sent.
    "RefreshError": (CredentialsInvalid, False),
    "DefaultCredentialsError": (CredentialsInvalid, False),
    "TransportError": (Unavailable, False),
    "GoogleAuthError": (CredentialsInvalid, False),
    # aiohttp.
    "ClientConnectorError": (Unavailable, False),
    "ConnectionTimeoutError": (Unavailable, False),
    "ClientError": (Unavailable, True),
    # requests, under the SDK.
    "ConnectTimeout": (Unavailable, False),
    "SSLError": (Unavailable, False),
    "ProxyError": (Unavailable, False),
    "RequestException": (Unavailable, True),
    "TimeoutError": (Unavailable, True),
    # The answer was not what the service speaks (HTML in place of JSON).
    "ParseError": (Unavailable, True),
    "JSONDecodeError": (Unavailable, True),
}


def classify(error: Exception, action: str) -> CloudError:
    """Translate an error that an SDK raised on `action` ("instances.insert")."""
    names = [kind.__name__ for kind in type(error).__mro__]
    if "GoogleAPICallError" in names:
        return _from_sdk(error, action)
    kind, sent = next((_SDK[name] for name in names if name in _SDK), (ProviderError, True))
    text = short(str(error.args[0] if error.args else error))
    facts: dict[str, str] = {}
    if "GoogleAuthError" in names:
        if getattr(error, "retryable", False):
            kind = Unavailable
        elif "iam.serviceAccounts.getAccessToken" in str(error):
            kind, facts = PermissionMissing, {"permission": "iam.serviceAccounts.getAccessToken"}
    elif "RequestException" in names and "NewConnectionError" in str(error):
        sent = False
    return _failures.make(kind, action, text, names[0], facts, sent=sent)


def answered(status: int, headers: Mapping[str, str], body: Any, action: str) -> CloudError:
    """Translate an answer that tells of an error; `body` is JSON, or None when it is something else."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        # What stands in front of Google answered: its 404 does not mean that a resource is gone.
        kind = kind_of("", status) if status >= 500 or status in (401, 429) else ProviderError
        return _answer(kind, status, "", "", headers, action)
    reason = _reason(error.get("errors") or (), error.get("details") or ())
    kind = kind_of(reason, status)
    return _answer(kind, status, reason, str(error.get("message") or ""), headers, action)


def signing_in(status: int, headers: Mapping[str, str]) -> CloudError:
    """Translate an answer of a token service or metadata server that has no token now: nothing of ours was sent."""
    kind = Throttled if status == 429 else Unavailable
    return _failures.make(kind, "token", "", f"HTTP {status}", {}, sent=False, retry_after=_retry_after(headers))


def failed(operation: Mapping[str, Any], action: str) -> CloudError | None:
    """The error that an operation of Compute Engine ended with; None when it ended well."""
    errors = (operation.get("error") or {}).get("errors") or []
    if not errors:
        return None
    code, text = str(errors[0].get("code") or ""), short(str(errors[0].get("message") or ""))
    kind = kind_of(code, int(operation.get("httpErrorStatusCode") or 0))
    # It was taken up and has failed: to ask again is a new change, which the caller decides.
    kind = ProviderError if kind in (Throttled, Unavailable) else kind
    return _failures.make(kind, action, text, code, _facts(kind, text), sent=True)


def kind_of(code: str, status: int = 0) -> type[CloudError]:
    """Class of a reason or code of Google's, if need be by its HTTP status."""
    if code in CODES and not (code == "required" and status == 400):
        return CODES[code]
    if code.endswith("_POOL_EXHAUSTED"):
        return CapacityUnavailable
    if code.endswith("QUOTA_EXCEEDED"):
        return QuotaExceeded
    if status >= 500:
        return Unavailable
    return _STATUSES.get(status, ProviderError)


def _from_sdk(error: Any, action: str) -> CloudError:
    # google.api_core knows the HTTP status also of what came over gRPC.
    status, response = int(error.code or 0), getattr(error, "response", None)
    headers = dict(getattr(response, "headers", None) or {})
    told = [detail for detail in error.errors or () if isinstance(detail, Mapping)]
    reason = _reason(told, ()) or str(getattr(error, "reason", None) or "")
    kind = kind_of(reason, status)
    # "POST https://compute.googleapis.com/...: Required ..."
    text = re.sub(r"^[A-Z]+ https?://\S+: ", "", str(error.message or ""))
    if headers and not told and "json" not in str(headers.get("Content-Type", "")).lower():
        # What stands in front of Google answered, with a page.
        kind, text = (kind if status >= 500 or status in (401, 429) else ProviderError), ""
    if not headers and kind is Unavailable:
        # gRPC: a call that was broken off may have been heard.
        return _failures.make(kind, action, text, reason or type(error).__name__, {}, sent=True)
    return _answer(kind, status, reason, text, headers, action)


def _answer(
    kind: type[CloudError], status: int, reason: str, text: str, headers: Mapping[str, str], action: str
) -> CloudError:
    facts = _facts(kind, text)
    return _failures.make(
        kind,
        action,
        short(text),
        reason or f"HTTP {status}",
        facts,
        retry_after=_retry_after(headers),
        # 503 says that the request was not taken up; any other failure inside Google may come after the effect.
        sent=kind is Unavailable and status != 503,
    )


def _reason(errors: Any, details: Any) -> str:
    for error in errors:
        if isinstance(error, Mapping) and error.get("reason"):
            return str(error["reason"])
    for detail in details:
        if isinstance(detail, Mapping) and str(detail.get("@type", "")).endswith("google.rpc.ErrorInfo"):
            return str(detail.get("reason") or "")
    return ""


def _facts(kind: type[CloudError], text: str) -> dict[str, str]:
    if kind is PermissionMissing and (told := re.search(r"[Rr]equired '([\w.]+)' permission", text)):
        return {"permission": told[1]}
    return {}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for header, value in headers.items():
        if header.lower() == "retry-after" and value.isdigit():
            return float(value)
    return None


_SAYS: Mapping[type[CloudError], Sentence] = {
    CapacityUnavailable: lambda subject, text, code: (
        f"the zone has no machine left: {plain(subject, text, code)}; take another zone or type"
    ),
}
_failures = Failures("Google", "project", _SAYS)
