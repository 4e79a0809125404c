"""AWS's errors in our tree. The SDK is not imported here: its errors are known by name."""

import re
from collections.abc import Mapping
from typing import Any

from novacron_providers.contract.errors import (
    AlreadyExists,
    CapacityUnavailable,
    CloudError,
    CredentialsInvalid,
    InUse,
    InvalidArgument,
    NotFound,
    PermissionMissing,
    ProviderError,
    QuotaExceeded,
    RequestIdReused,
    StateInvalid,
    Throttled,
    Unavailable,
)
from novacron_providers.kit.failures import Failures, Sentence, short

_THROTTLED = """
    BandwidthLimitExceeded EC2ThrottledException PriorRequestNotComplete ProvisionedThroughputExceededException
    RequestLimitExceeded RequestThrottled RequestThrottledException SlowDown ThrottledException Throttling
    ThrottlingException TooManyRequestsException
"""
_CREDENTIALS = """
    AuthFailure ExpiredToken ExpiredTokenException IncompleteSignature InvalidAccessKeyId InvalidClientTokenId
    InvalidSecurity InvalidToken MissingAuthenticationToken MissingAuthenticationTokenException NotSignedUp
    RequestExpired SignatureDoesNotMatch UnrecognizedClientException
"""
_PERMISSION = "AccessDenied AccessDeniedException OptInRequired UnauthorizedAccess UnauthorizedOperation"
_CAPACITY = """
    InsufficientCapacity InsufficientFreeAddressesInSubnet InsufficientHostCapacity InsufficientInstanceCapacity
    InsufficientReservedInstanceCapacity SpotMaxPriceTooLow Unsupported
"""
_STATE = """
    IncorrectInstanceState IncorrectState IncorrectStateException InvalidState InvalidInstanceState
    OperationNotPermitted UnsupportedHibernationConfiguration UnsupportedOperation
"""
_UNAVAILABLE = """
    InternalError InternalFailure InternalServerError InternalServiceError InternalServiceFault RequestTimeout
    RequestTimeoutException ServerInternal ServiceUnavailable ServiceUnavailableException Unavailable
"""
_IN_USE = "DependencyViolation ResourceInUse ResourceInUseException VolumeInUse"
_INVALID = """
    InvalidInstanceType InvalidTagKey.Malformed MalformedQueryString MissingParameter TagLimitExceeded UnknownParameter
    ValidationError ValidationException
"""

CODES: Mapping[str, type[CloudError]] = {
    code: kind
    for codes, kind in (
        (_THROTTLED, Throttled),
        (_CREDENTIALS, CredentialsInvalid),
        (_PERMISSION, PermissionMissing),
        (_CAPACITY, CapacityUnavailable),
        (_STATE, StateInvalid),
        (_UNAVAILABLE, Unavailable),
        (_IN_USE, InUse),
        (_INVALID, InvalidArgument),
        ("MaxSpotInstanceCountExceeded", QuotaExceeded),
        ("InvalidAMIID.Unavailable ResourceNotFound ResourceNotFoundException", NotFound),
        # Our tokens come from the caller's request_id.
        ("IdempotentParameterMismatch", RequestIdReused),
    )
    for code in codes.split()
}
# What is not in the table, by the shape of the code.
_SHAPES: tuple[tuple[str, type[CloudError]], ...] = (
    (r"\.(NotFound|NotFoundException)$", NotFound),
    (r"\.InUse$", InUse),
    (r"(\.Duplicate|AlreadyExists(Exception)?)$", AlreadyExists),
    (r"(Limit|Quota)Exceeded(Exception)?$", QuotaExceeded),
    (r"^(Invalid|Malformed|Missing)|\.Malformed$", InvalidArgument),
)
# Errors of the SDK that are no answer of AWS, most particular first: what they are, and whether AWS may have acted.
_SDK: Mapping[str, tuple[type[CloudError], bool]] = {
    "ParamValidationError": (InvalidArgument, False),
    "ValidationError": (InvalidArgument, False),
    "NoRegionError": (InvalidArgument, False),
    "NoCredentialsError": (CredentialsInvalid, False),
    "PartialCredentialsError": (CredentialsInvalid, False),
    "CredentialRetrievalError": (CredentialsInvalid, False),
    "MetadataRetrievalError": (CredentialsInvalid, False),
    "NoAuthTokenError": (CredentialsInvalid, False),
    "TokenRetrievalError": (CredentialsInvalid, False),
    "SSOError": (CredentialsInvalid, False),
    "LoginError": (CredentialsInvalid, False),
    "ProfileNotFound": (CredentialsInvalid, False),
    "ConnectTimeoutError": (Unavailable, False),
    "EndpointConnectionError": (Unavailable, False),
    "ProxyConnectionError": (Unavailable, False),
    "SSLError": (Unavailable, False),
    # The connection broke, or the answer did not come, or it was not what the service speaks (HTML in place of XML).
    "HTTPClientError": (Unavailable, True),
    "IncompleteReadError": (Unavailable, True),
    "ResponseParserError": (Unavailable, True),
}


def classify(error: Exception, action: str) -> CloudError:
    """Translate an error that the SDK raised on `action` ("ec2.RunInstances")."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping) and "ResponseMetadata" in response:
        return _answered(response, action, str(getattr(error, "operation_name", "")))
    names = [kind.__name__ for kind in type(error).__mro__]
    kind, sent = next((_SDK[name] for name in names if name in _SDK), (ProviderError, True))
    if kind is CredentialsInvalid and type(error.__context__).__name__ == "MetadataRetrievalError":
        # What gives out credentials did not; that says nothing against them.
        kind = Unavailable
    return _failures.make(kind, action, short(str(error)), names[0], {}, sent=sent)


def _answered(response: Mapping[str, Any], action: str, operation: str) -> CloudError:
    answer, about = response.get("Error", {}), response["ResponseMetadata"]
    status, headers = about.get("HTTPStatusCode", 0), about.get("HTTPHeaders", {})
    # What stands in front of AWS answers without a code: an HTML page that happens to be well-formed XML.
    code, text = str(answer.get("Code") or f"HTTP {status}"), str(answer.get("Message", ""))
    facts = {"native_request_id": str(about.get("RequestId", ""))}
    kind = kind_of(code, status)
    if kind is PermissionMissing:
        # The call may have failed at assuming the role that it would have been made with.
        service = "sts" if operation == "AssumeRole" else action.partition(".")[0]
        told = re.search(r"not authorized to perform: ([\w-]+:\w+)", text)
        facts["permission"] = told[1] if told else f"{service}:{operation or action.partition('.')[2]}"
    if kind is CapacityUnavailable and (others := re.search(r"choosing ([a-z0-9, -]+)", text)):
        facts["zones"] = others[1].strip(" ,").replace(" ", "")
    return _failures.make(
        kind,
        action,
        short(text),
        code,
        facts,
        retry_after=_retry_after(headers),
        # 503 says that the request was not taken up; any other failure inside AWS may come after the effect.
        sent=kind is Unavailable and status != 503,
    )


def kind_of(code: str, status: int = 0) -> type[CloudError]:
    """Class of an error code of AWS, if need be by its HTTP status."""
    if code in CODES:
        return CODES[code]
    for shape, kind in _SHAPES:
        if re.search(shape, code):
            return kind
    if status == 429:
        return Throttled
    return Unavailable if status >= 500 else ProviderError


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that AWS asks to wait, at most an hour; a date in Retry-After is not among what it sends."""
    for header, scale in (("retry-after", 1.0), ("x-amz-retry-after", 0.001)):
        try:
            return max(0.0, min(3600.0, float(headers[header]) * scale))
        except (KeyError, ValueError):
            continue
    return None


_SAYS: Mapping[type[CloudError], Sentence] = {
    # Without AWS's text, which may be a long encoded message that only sts:DecodeAuthorizationMessage can read.
    PermissionMissing: lambda subject, text, code: f"the credentials lack {subject} ({code}); grant it in IAM",
    RequestIdReused: lambda subject, text, code: (
        f"AWS had this request_id before with other parameters ({code}); take a new request_id"
    ),
}
_failures = Failures("AWS", "account", _SAYS)
