"""AWS's errors in our tree."""

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from novacron_providers.aws.errors import CODES, classify
from novacron_providers.contract import errors
from novacron_providers.contract.errors import CloudError


def answered(
    code: str,
    status: int = 400,
    message: str = "What AWS says.",
    *,
    operation: str = "RunInstances",
    headers: dict[str, str] | None = None,
) -> CloudError:
    about = {"HTTPStatusCode": status, "RequestId": "req-1", "HTTPHeaders": headers or {}, "RetryAttempts": 0}
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": about}
    return classify(ClientError(response, operation), f"ec2.{operation}")  # type: ignore[arg-type]  # as the SDK makes it


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("RequestLimitExceeded", 503, errors.Throttled),
        ("Throttling", 400, errors.Throttled),
        ("ThrottlingException", 400, errors.Throttled),
        ("SomethingNew", 429, errors.Throttled),
        ("AuthFailure", 401, errors.CredentialsInvalid),
        ("InvalidClientTokenId", 403, errors.CredentialsInvalid),
        ("SignatureDoesNotMatch", 403, errors.CredentialsInvalid),
        ("ExpiredToken", 403, errors.CredentialsInvalid),
        ("RequestExpired", 400, errors.CredentialsInvalid),
        ("UnauthorizedOperation", 403, errors.PermissionMissing),
        ("AccessDenied", 403, errors.PermissionMissing),
        ("InvalidInstanceID.NotFound", 400, errors.NotFound),
        ("InvalidVolume.NotFound", 400, errors.NotFound),
        ("InvalidAMIID.NotFound", 400, errors.NotFound),
        ("InvalidAMIID.Unavailable", 400, errors.NotFound),
        ("InvalidAMIID.Malformed", 400, errors.InvalidArgument),
        ("InvalidInstanceID.Malformed", 400, errors.InvalidArgument),
        ("InvalidParameterValue", 400, errors.InvalidArgument),
        ("InvalidParameterCombination", 400, errors.InvalidArgument),
        ("MissingParameter", 400, errors.InvalidArgument),
        ("TagLimitExceeded", 400, errors.InvalidArgument),
        ("InvalidKeyPair.Duplicate", 400, errors.AlreadyExists),
        ("InvalidGroup.InUse", 400, errors.InUse),
        ("DependencyViolation", 400, errors.InUse),
        ("VolumeInUse", 400, errors.InUse),
        ("InstanceLimitExceeded", 400, errors.QuotaExceeded),
        ("VcpuLimitExceeded", 400, errors.QuotaExceeded),
        ("MaxSpotInstanceCountExceeded", 400, errors.QuotaExceeded),
        ("InsufficientInstanceCapacity", 500, errors.CapacityUnavailable),
        ("Unsupported", 400, errors.CapacityUnavailable),
        ("IncorrectInstanceState", 400, errors.StateInvalid),
        ("OperationNotPermitted", 400, errors.StateInvalid),
        ("IdempotentParameterMismatch", 400, errors.RequestIdReused),
        ("InternalError", 500, errors.Unavailable),
        ("ServiceUnavailable", 503, errors.Unavailable),
        ("SomethingNew", 502, errors.Unavailable),
        ("SomethingNew", 400, errors.ProviderError),
    ],
)
def test_a_code_of_aws_is_one_class(code: str, status: int, kind: type[CloudError]) -> None:
    error = answered(code, status)
    assert type(error) is kind
    assert error.facts["native_code"] == code
    assert error.facts["native_request_id"] == "req-1"
    assert code in error.message


def test_no_code_is_listed_in_two_classes() -> None:
    for code, kind in CODES.items():
        assert type(answered(code)) is kind


@pytest.mark.parametrize(
    ("code", "status", "sent"),
    [
        ("InternalError", 500, True),
        ("SomethingNew", 504, True),
        ("ServiceUnavailable", 503, False),
        ("RequestLimitExceeded", 503, False),
        ("InsufficientInstanceCapacity", 500, False),
        ("InvalidParameterValue", 400, False),
    ],
)
def test_an_effect_is_possible_only_after_a_failure_inside_aws(code: str, status: int, sent: bool) -> None:
    assert answered(code, status).sent is sent


def test_the_missing_permission_is_named() -> None:
    told = answered(
        "AccessDenied", 403, "User: arn:aws:iam::1:user/x is not authorized to perform: cloudwatch:GetMetricData"
    )
    assert told.facts["permission"] == "cloudwatch:GetMetricData"
    encoded = answered(
        "UnauthorizedOperation",
        403,
        "You are not authorized to perform this operation. Encoded authorization failure message: s3cr3tl00king",
    )
    assert encoded.facts["permission"] == "ec2:RunInstances"
    assert "ec2:RunInstances" in encoded.message and "s3cr3tl00king" not in encoded.message
    assumed = answered("AccessDenied", 403, "no", operation="AssumeRole")
    assert assumed.facts["permission"] == "sts:AssumeRole"


def test_other_zones_that_aws_offers_are_told() -> None:
    error = answered(
        "InsufficientInstanceCapacity",
        500,
        "We currently do not have sufficient m5.large capacity in the Availability Zone you requested (us-east-1a). "
        "You can currently get m5.large capacity by not specifying an Availability Zone in your request or choosing "
        "us-east-1b, us-east-1c.",
    )
    assert error.facts["zones"] == "us-east-1b,us-east-1c"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"x-amz-retry-after": "1500"}, 1.5),
        ({"retry-after": "-1"}, 0.0),
        ({"retry-after": "1e400"}, 3600.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
    ],
)
def test_how_long_aws_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert answered("RequestLimitExceeded", 503, headers=headers).retry_after == seconds


URL = {"endpoint_url": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("error", "kind", "sent"),
    [
        (botocore.exceptions.ConnectTimeoutError(**URL), errors.Unavailable, False),
        (botocore.exceptions.EndpointConnectionError(**URL, error="refused"), errors.Unavailable, False),
        (botocore.exceptions.SSLError(**URL, error=OSError("certificate")), errors.Unavailable, False),
        (botocore.exceptions.ReadTimeoutError(**URL), errors.Unavailable, True),
        (botocore.exceptions.ConnectionClosedError(**URL, error="reset"), errors.Unavailable, True),
        (botocore.exceptions.HTTPClientError(error="odd"), errors.Unavailable, True),
        (ResponseParserError("Unable to parse response, invalid XML: <html>"), errors.Unavailable, True),
        (botocore.exceptions.NoCredentialsError(), errors.CredentialsInvalid, False),
        (botocore.exceptions.PartialCredentialsError(provider="env", cred_var="x"), errors.CredentialsInvalid, False),
        (
            botocore.exceptions.CredentialRetrievalError(provider="role", error_msg="x"),
            errors.CredentialsInvalid,
            False,
        ),
        (botocore.exceptions.UnauthorizedSSOTokenError(), errors.CredentialsInvalid, False),
        (botocore.exceptions.ParamValidationError(report="Unknown parameter"), errors.InvalidArgument, False),
        (botocore.exceptions.InvalidRegionError(region_name="a b"), errors.InvalidArgument, False),
        (botocore.exceptions.DataNotFoundError(data_path="x"), errors.ProviderError, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_that_is_no_answer_of_aws(error: Exception, kind: type[CloudError], sent: bool) -> None:
    found = classify(error, "ec2.RunInstances")
    assert (type(found), found.sent) == (kind, sent)
    assert found.facts["native_code"] == type(error).__name__


def test_a_message_is_one_line_of_bounded_length() -> None:
    error = answered("InvalidParameterValue", message="line\n" * 1000)
    assert "\n" not in error.message and len(error.message) < 600
