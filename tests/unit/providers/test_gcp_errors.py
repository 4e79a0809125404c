"""Google's errors, whichever way they come, as one tree."""

import json
from typing import Any

import aiohttp
import pytest
import requests
from google.api_core import exceptions as api_exceptions
from google.auth import exceptions as auth_exceptions
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
from novacron_providers.gcp.errors import answered, classify, failed

# Their classes have no types.
api: Any = api_exceptions
auth: Any = auth_exceptions


def body(status: int, reason: str, message: str = "so it is.") -> dict[str, Any]:
    detail = {"reason": reason, "domain": "global", "message": message}
    return {"error": {"code": status, "message": message, "errors": [detail]}}


def from_sdk(status: int, content: bytes, kind: str = "application/json; charset=UTF-8") -> Exception:
    """The error that compute_v1 raises for an answer."""
    response = requests.Response()
    response.status_code, response._content, response.headers["Content-Type"] = status, content, kind
    response.request = requests.Request("GET", "https://compute.googleapis.com/x").prepare()
    error: Exception = api.from_http_response(response)
    return error


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (403, "rateLimitExceeded", Throttled),
        (403, "userRateLimitExceeded", Throttled),
        (403, "quotaExceeded", QuotaExceeded),
        (403, "forbidden", PermissionMissing),
        (403, "accessNotConfigured", PermissionMissing),
        (403, "somethingNew", PermissionMissing),
        (401, "authError", CredentialsInvalid),
        (401, "required", CredentialsInvalid),
        (400, "required", InvalidArgument),
        (400, "invalid", InvalidArgument),
        (400, "resourceNotReady", Busy),
        (400, "invalidResourceUsage", StateInvalid),
        (400, "resourceInUseByAnotherResource", InUse),
        (404, "notFound", NotFound),
        (409, "alreadyExists", AlreadyExists),
        (412, "conditionNotMet", EtagMismatch),
        (429, "somethingNew", Throttled),
        (500, "backendError", Unavailable),
        (503, "backendError", Unavailable),
        (418, "teapot", ProviderError),
    ],
)
def test_one_reason_is_one_class_over_rest_and_through_the_sdk(
    status: int, reason: str, kind: type[CloudError]
) -> None:
    told = body(status, reason)
    for error in (answered(status, {}, told, "a.b"), classify(from_sdk(status, json.dumps(told).encode()), "a.b")):
        assert type(error) is kind
        assert error.facts["native_code"] == reason
        assert "so it is" in error.message or kind is Throttled
        assert error.sent is (status == 500)


def test_what_stands_in_front_of_google_is_no_answer_of_google() -> None:
    page = b"<!DOCTYPE html><title>Error</title>"
    for status, kind in ((404, ProviderError), (403, ProviderError), (502, Unavailable), (429, Throttled)):
        for error in (answered(status, {}, None, "a.b"), classify(from_sdk(status, page, "text/html"), "a.b")):
            assert type(error) is kind, status
            assert "<" not in error.message


def test_an_error_says_what_to_do() -> None:
    told = body(403, "forbidden", "Required 'compute.instances.list' permission for 'projects/p'")
    refused = answered(403, {"Retry-After": "7"}, told, "instances.list")
    assert refused.facts["permission"] == "compute.instances.list" and refused.retry_after == 7
    assert "grant a role" in refused.message
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}
    assert (
        answered(403, {}, {"error": {"message": "x", "details": [info]}}, "a.b").facts["native_code"] == info["reason"]
    )


@pytest.mark.parametrize(
    ("error", "kind", "sent"),
    [
        (auth.RefreshError("invalid_grant: Invalid JWT Signature."), CredentialsInvalid, False),
        (auth.RefreshError("unavailable", retryable=True), Unavailable, False),
        (
            auth.RefreshError("denied", "Permission 'iam.serviceAccounts.getAccessToken' denied"),
            PermissionMissing,
            False,
        ),
        (auth.DefaultCredentialsError("none found"), CredentialsInvalid, False),
        (auth.TransportError("connection refused"), Unavailable, False),
        (requests.exceptions.ConnectTimeout("x"), Unavailable, False),
        (requests.exceptions.ConnectionError("NewConnectionError: refused"), Unavailable, False),
        (requests.exceptions.ConnectionError("reset by peer"), Unavailable, True),
        (requests.exceptions.ReadTimeout("x"), Unavailable, True),
        (aiohttp.ServerDisconnectedError(), Unavailable, True),
        (aiohttp.ConnectionTimeoutError(), Unavailable, False),
        (TimeoutError(), Unavailable, True),
        (api.ResourceExhausted("quota per minute"), Throttled, False),
        (api.Unauthenticated("token"), CredentialsInvalid, False),
        (api.PermissionDenied("no"), PermissionMissing, False),
        (api.ServiceUnavailable("broken off"), Unavailable, True),
        (api.DeadlineExceeded("late"), Unavailable, True),
        (KeyError("odd"), ProviderError, True),
    ],
)
def test_what_is_no_answer_is_told_apart_by_whether_it_was_sent(
    error: Exception, kind: type[CloudError], sent: bool
) -> None:
    found = classify(error, "instances.insert")
    assert (type(found), found.sent) == (kind, sent)


def test_an_operation_ends_with_its_own_error() -> None:
    def end(code: str, status: int = 503) -> CloudError | None:
        errors = {"errors": [{"code": code, "message": "why"}]}
        return failed({"status": "DONE", "error": errors, "httpErrorStatusCode": status}, "instances.insert")

    assert isinstance(end("ZONE_RESOURCE_POOL_EXHAUSTED"), CapacityUnavailable)
    assert isinstance(end("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"), CapacityUnavailable)
    assert isinstance(end("QUOTA_EXCEEDED", 403), QuotaExceeded)
    # It was taken up: to ask again is for the caller to decide, so it is not transient.
    broken = end("INTERNAL_ERROR", 500)
    assert isinstance(broken, ProviderError) and broken.sent and not broken.transient
    assert failed({"status": "DONE"}, "instances.insert") is None
