"""Azure's errors in our tree."""

from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.identity import CredentialUnavailableError
from novacron_providers.azure.errors import CODES, answered, classify, failed, retry_after
from novacron_providers.contract import errors
from novacron_providers.contract.errors import CloudError

ACTION = "compute.virtual_machines.begin_start"


def told(
    code: str, status: int = 400, message: str = "What Azure says.", headers: dict[str, str] | None = None
) -> CloudError:
    body = {"error": {"code": code, "message": message}}
    return answered(status, {"x-ms-request-id": "req-1", **(headers or {})}, body, ACTION)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("TooManyRequests", 429, errors.Throttled),
        ("OperationNotAllowed", 429, errors.Throttled),
        ("RetryableErrorDueToAnotherOperation", 429, errors.Throttled),
        ("ResourceCollectionRequestsThrottled", 400, errors.Throttled),
        ("SomethingNew", 429, errors.Throttled),
        ("AuthenticationFailed", 401, errors.CredentialsInvalid),
        ("ExpiredAuthenticationToken", 401, errors.CredentialsInvalid),
        ("InvalidAuthenticationTokenTenant", 401, errors.CredentialsInvalid),
        ("SubscriptionNotFound", 404, errors.CredentialsInvalid),
        ("SomethingNew", 401, errors.CredentialsInvalid),
        ("AuthorizationFailed", 403, errors.PermissionMissing),
        ("RequestDisallowedByPolicy", 403, errors.PermissionMissing),
        ("MissingSubscriptionRegistration", 409, errors.PermissionMissing),
        ("ResourceNotFound", 404, errors.NotFound),
        ("ResourceGroupNotFound", 404, errors.NotFound),
        ("PlatformImageNotFound", 400, errors.NotFound),
        ("InvalidResourceReference", 400, errors.NotFound),
        ("SomethingNew", 404, errors.NotFound),
        ("InvalidParameter", 400, errors.InvalidArgument),
        ("SomethingNew", 400, errors.InvalidArgument),
        ("SkuNotAvailable", 409, errors.CapacityUnavailable),
        ("AllocationFailed", 409, errors.CapacityUnavailable),
        ("ZonalAllocationFailed", 409, errors.CapacityUnavailable),
        ("QuotaExceeded", 400, errors.QuotaExceeded),
        ("PublicIPCountLimitReached", 400, errors.QuotaExceeded),
        ("NicInUse", 400, errors.InUse),
        ("PublicIPAddressCannotBeDeleted", 400, errors.InUse),
        ("InUseSubnetCannotBeDeleted", 400, errors.InUse),
        ("StorageAccountAlreadyExists", 409, errors.AlreadyExists),
        ("Conflict", 409, errors.Busy),
        ("AnotherOperationInProgress", 429, errors.Throttled),
        ("OperationPreempted", 409, errors.Busy),
        ("OperationNotAllowed", 409, errors.StateInvalid),
        ("SomethingNew", 409, errors.StateInvalid),
        ("PreconditionFailed", 412, errors.EtagMismatch),
        ("InternalServerError", 500, errors.Unavailable),
        ("ServiceUnavailable", 503, errors.Unavailable),
        ("SomethingNew", 502, errors.Unavailable),
        ("SomethingNew", 408, errors.Unavailable),
        ("SomethingNew", 418, errors.ProviderError),
    ],
)
def test_a_code_of_azure_is_one_class(code: str, status: int, kind: type[CloudError]) -> None:
    error = told(code, status)
    assert type(error) is kind
    assert error.facts["native_code"] == code
    assert error.facts["native_request_id"] == "req-1"
    assert code in error.message


def test_no_code_is_listed_in_two_classes() -> None:
    for code, kind in CODES.items():
        assert type(told(code)) is kind


def test_a_quota_is_told_from_a_state_by_its_text() -> None:
    error = told("OperationNotAllowed", 409, "Operation results in exceeding approved Total Regional Cores quota.")
    assert type(error) is errors.QuotaExceeded


@pytest.mark.parametrize(
    ("code", "status", "sent"),
    [
        ("InternalServerError", 500, True),
        ("SomethingNew", 504, True),
        ("ServiceUnavailable", 503, False),
        ("TooManyRequests", 429, False),
        ("AllocationFailed", 409, False),
        ("InvalidParameter", 400, False),
    ],
)
def test_an_effect_is_possible_only_after_a_failure_inside_azure(code: str, status: int, sent: bool) -> None:
    assert told(code, status).sent is sent


def test_the_missing_permission_is_named() -> None:
    error = told(
        "AuthorizationFailed",
        403,
        "The client 'c' with object id 'o' does not have authorization to perform action "
        "'Microsoft.Compute/virtualMachines/start/action' over scope '/subscriptions/s'.",
    )
    assert error.facts["permission"] == "Microsoft.Compute/virtualMachines/start/action"
    assert "Microsoft.Compute/virtualMachines/start/action" in error.message


def test_a_page_in_front_of_azure_says_nothing_of_a_resource() -> None:
    assert type(answered(404, {}, None, ACTION)) is errors.ProviderError
    assert type(answered(404, {}, {}, ACTION)) is errors.NotFound
    assert type(answered(502, {}, None, ACTION)) is errors.Unavailable
    assert type(answered(429, {}, None, ACTION)) is errors.Throttled


def test_entra_says_it_in_another_shape() -> None:
    body = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
    error = answered(401, {}, body, ACTION)
    assert type(error) is errors.CredentialsInvalid
    assert "AADSTS7000215" in error.message and error.facts["native_code"] == "invalid_client"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "3"}, 3.0),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"Retry-After": "-1"}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
    ],
)
def test_how_long_azure_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
    assert told("TooManyRequests", 429, headers=headers).retry_after == seconds


def test_a_long_running_operation_ends_with_an_error_of_the_tree() -> None:
    body = {"status": "Failed", "error": {"code": "AllocationFailed", "message": "No room."}}
    error = failed(body, "making the machine")
    assert type(error) is errors.CapacityUnavailable and error.sent and "No room" in error.message
    throttled = failed({"status": "Failed", "error": {"code": "InternalServerError"}}, "starting")
    assert type(throttled) is errors.ProviderError and not throttled.transient
    assert "Canceled" in failed({"status": "Canceled"}, "starting").message


KEY = ConnectionKey("127.0.0.1", 1, False, True, None, None, None)
REFUSED = aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused"))


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind", "sent"),
    [
        (raised(ServiceRequestError("refused"), REFUSED), errors.Unavailable, False),
        # The SDK calls a connection that broke after the request was sent a request that failed.
        (raised(ServiceRequestError("gone"), aiohttp.ServerDisconnectedError()), errors.Unavailable, True),
        (raised(ServiceRequestTimeoutError("slow"), aiohttp.ConnectionTimeoutError()), errors.Unavailable, False),
        (ServiceResponseError("broke"), errors.Unavailable, True),
        (ServiceResponseTimeoutError("late"), errors.Unavailable, True),
        (DecodeError("no JSON"), errors.Unavailable, True),
        (aiohttp.ClientPayloadError("half"), errors.Unavailable, True),
        (ClientAuthenticationError("no"), errors.CredentialsInvalid, False),
        (CredentialUnavailableError("no identity here"), errors.CredentialsInvalid, False),
        (
            raised(CredentialUnavailableError("no answer"), ServiceResponseTimeoutError("late")),
            errors.Unavailable,
            False,
        ),
        (RuntimeError("odd"), errors.ProviderError, True),
    ],
)
def test_an_error_of_the_sdk_is_one_class(error: Exception, kind: type[CloudError], sent: bool) -> None:
    found: Any = classify(error, ACTION)
    assert (type(found), found.sent) == (kind, sent)
    assert found.facts["native_code"] == type(error).__name__
