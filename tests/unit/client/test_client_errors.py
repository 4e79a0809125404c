"""Errors: what the wire says is in the attributes, and nothing answers with one clear sentence."""

from collections.abc import Sequence

import grpc
import pytest
from novacron_client import CloudError, Unreachable, Violation
from novacron_client.errors import from_rpc_error

from tests.unit.client import scripted_server as script

Code = grpc.StatusCode


def raised(code: grpc.StatusCode, details: str = "", trailers: Sequence[tuple[str, str | bytes]] = ()) -> CloudError:
    error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), details)
    return from_rpc_error(error, method="ListInstances", address="127.0.0.1:7443")


def test_every_detail_of_a_status_is_an_attribute() -> None:
    status = script.status(
        Code.INVALID_ARGUMENT,
        "FIELD_INVALID",
        "spec.image is missing",
        metadata={"provider": "aws"},
        fields={"spec.image": "name an image"},
        retry_after=1.5,
        resource="providers/aws",
    )
    error = raised(Code.INVALID_ARGUMENT, "ignored", script.trailers(status))
    assert error.code is Code.INVALID_ARGUMENT
    assert error.reason == "FIELD_INVALID"
    assert error.message == str(error) == "spec.image is missing"
    assert error.fields == (Violation("spec.image", "name an image"),)
    assert error.retry_after == 1.5
    assert error.metadata == {"provider": "aws"}
    assert error.resource == "providers/aws"
    assert error.status == status
    assert repr(error) == "CloudError(INVALID_ARGUMENT, 'FIELD_INVALID', 'spec.image is missing')"


def test_a_reason_of_another_domain_is_no_reason_of_ours() -> None:
    status = script.status(Code.INTERNAL, "SOMETHING", domain="example.com")
    assert raised(Code.INTERNAL, "", script.trailers(status)).reason == ""


def test_a_code_that_is_not_known_is_unknown() -> None:
    status = script.status(Code.INTERNAL)
    status.code = 99
    assert CloudError(status).code is Code.UNKNOWN


@pytest.mark.parametrize(("text", "expected"), [("250", 0.25), ("-1", -0.001), ("soon", -1.0)])
def test_pushback_that_is_no_number_forbids_a_repeat_as_a_negative_one_does(text: str, expected: float) -> None:
    error = raised(Code.UNAVAILABLE, "", script.trailers(script.status(Code.UNAVAILABLE), text))
    assert error.pushback == expected


@pytest.mark.parametrize(
    ("details", "brief"),
    [
        (
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote "
            "host: connect: Connection refused (111)",
            "Connection refused",
        ),
        ("Socket closed", "Socket closed"),
        ("odd: ", "the connection failed"),
    ],
)
def test_a_connection_that_fails_says_where_and_why(details: str, brief: str) -> None:
    error = raised(Code.UNAVAILABLE, details)
    assert isinstance(error, Unreachable)
    assert str(error) == f"no NovaCron Cloud server answers at 127.0.0.1:7443: {brief}"


def test_a_deadline_names_the_call() -> None:
    assert str(raised(Code.DEADLINE_EXCEEDED, "Deadline Exceeded")) == "ListInstances was not answered in time"


def test_an_error_without_a_text_has_its_code() -> None:
    assert str(raised(Code.CANCELLED)) == "CANCELLED"
