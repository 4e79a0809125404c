"""The error tree and its translation into google.rpc.Status and back."""

import pytest
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from novacron.cloud.v1 import errors_pb2
from novacron_providers.contract import errors
from novacron_providers.contract.errors import CloudError, Violation, from_status, to_status


def tree(kind: type[CloudError] = CloudError) -> list[type[CloudError]]:
    # Parts of the server have kinds of their own, which leave it as one of these.
    ours = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [found for child in ours for found in (child, *tree(child))]


def details(status: status_pb2.Status) -> set[str]:
    return {detail.type_url.rpartition(".")[2] for detail in status.details}


@pytest.mark.parametrize("kind", tree(), ids=lambda kind: kind.__name__)
def test_an_error_comes_back_as_the_same_class_with_the_same_data(kind: type[CloudError]) -> None:
    error = kind(
        "it broke; mend it",
        retry_after=1.25,
        violations=[Violation("spec.zone", "unknown")],
        field="spec.image",
        resource="providers/aws/instances/us-east-1~i-0abc",
        facts={"provider": "aws", "native_code": "Broken", "empty": ""},
    )
    back = from_status(status_pb2.Status.FromString(to_status(error).SerializeToString()))
    assert type(back) is kind
    assert (back.message, back.retry_after, back.resource) == (error.message, 1.25, error.resource)
    assert back.violations == (("spec.zone", "unknown"), ("spec.image", "it broke; mend it"))
    # DEADLINE_EXCEEDED and CANCELLED are gRPC's own and have no ErrorInfo.
    assert back.facts == ({"provider": "aws", "native_code": "Broken"} if kind.reason else {})


def test_every_reason_of_the_contract_has_one_class() -> None:
    declared = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.DESCRIPTOR.values_by_name} - {
        "UNSPECIFIED"
    }
    reasons = [kind.reason for kind in tree() if kind.reason]
    assert sorted(reasons) == sorted(declared)


def test_only_what_can_succeed_a_little_later_is_transient() -> None:
    assert {kind for kind in tree() if kind.transient} == {errors.Throttled, errors.Unavailable}


def test_each_reason_carries_the_details_that_the_contract_promises() -> None:
    assert "RetryInfo" in details(to_status(errors.Throttled("slow down", retry_after=0.0)))
    assert "RetryInfo" not in details(to_status(errors.Throttled("slow down")))
    assert "QuotaFailure" in details(to_status(errors.QuotaExceeded("full")))
    assert "PreconditionFailure" in details(to_status(errors.StateInvalid("it is off")))
    assert "PreconditionFailure" in details(to_status(errors.InUse("attached")))
    assert "ResourceInfo" in details(to_status(errors.NotFound("gone", resource="providers/aws")))
    assert details(to_status(errors.InvalidArgument("bad", field="name"))) == {"ErrorInfo", "BadRequest"}


def test_a_delay_of_zero_is_not_an_absent_one() -> None:
    assert from_status(to_status(errors.Unavailable("down", retry_after=0.0))).retry_after == 0.0
    assert from_status(to_status(errors.Unavailable("down"))).retry_after is None


def test_a_fault_of_ours_tells_its_type_and_not_its_text() -> None:
    status = to_status(ValueError("password is hunter2"))
    assert status.code == code_pb2.INTERNAL
    assert "hunter2" not in str(status) and "ValueError" in status.message
    assert type(from_status(status)) is errors.Internal


def test_a_status_of_another_making_is_an_error_of_the_cloud() -> None:
    status = status_pb2.Status(code=code_pb2.DATA_LOSS, message="odd")
    status.details.append(any_pb2.Any(type_url="type.example/x.Y", value=b"\xff"))
    back = from_status(status)
    assert type(back) is errors.ProviderError and back.message == "odd"


def test_facts_that_are_known_are_not_replaced() -> None:
    error = errors.NotFound("gone", facts={"region": "us-east-1"})
    assert error.about(region="eu-west-1", provider="aws", account="") is error
    assert error.facts == {"region": "us-east-1", "provider": "aws"}


def test_an_error_info_is_in_our_domain() -> None:
    info = error_details_pb2.ErrorInfo()
    (detail,) = to_status(errors.Busy("held", facts={"operation": "providers/aws/operations/1"})).details
    assert detail.Unpack(info)
    assert (info.domain, info.reason) == ("cloud.novacron", "RESOURCE_BUSY")
    assert info.metadata["operation"] == "providers/aws/operations/1"
