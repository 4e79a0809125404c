"""The generic validator: every breach names its field and what would be right."""

import pytest
from google.protobuf import duration_pb2
from google.protobuf.message import Message
from novacron.cloud.v1 import compute_pb2, storage_pb2
from novacron.cloud.v1 import metrics_service_pb2 as metrics
from novacron.cloud.v1 import operations_service_pb2 as operations
from novacron.cloud.v1 import provider_service_pb2 as providers
from novacron_providers.contract.errors import InvalidArgument
from novacron_server.rpc import contract
from novacron_server.validation import validate

RPCS = {rpc.request: rpc for rpc in contract()}
SPEC = compute_pb2.InstanceSpec(image="ami-1")
UUID = "5a3f0a52-5d6d-4e52-9d07-8f7f7a3b4a11"


@pytest.mark.parametrize(
    "request_",
    [
        providers.ListInstancesRequest(parent="providers/-"),
        providers.ListInstancesRequest(parent="providers/aws-1"),
        providers.GetProviderRequest(name="providers/default"),
        providers.GetInstanceRequest(name="providers/aws/instances/us-east-1~i-0abc"),
        providers.CreateInstanceRequest(parent="providers/aws", spec=SPEC, request_id=UUID),
        metrics.StreamMetricsRequest(parent="providers/-"),
        operations.GetOperationRequest(name="providers/aws/operations/0a"),
    ],
    ids=lambda r: type(r).__name__,
)
def test_what_is_right_passes(request_: Message) -> None:
    validate(RPCS[type(request_)], request_)


@pytest.mark.parametrize(
    ("request_", "field", "says"),
    [
        (providers.ListInstancesRequest(), "parent", "is required"),
        (providers.ListInstancesRequest(parent="aws"), "parent", "is not of the form providers/{provider}"),
        (providers.ListInstancesRequest(parent="providers/AWS"), "parent", "is not of the form"),
        (providers.ListInstancesRequest(parent="providers/a", page_size=-1), "page_size", "must not be negative"),
        (providers.GetInstanceRequest(name="i-0abc"), "name", "providers/{provider}/instances/{instance}"),
        (providers.GetInstanceRequest(name="providers/a/volumes/x"), "name", "is not of the form"),
        (providers.CreateInstanceRequest(parent="providers/-", spec=SPEC), "parent", "is not of the form"),
        (providers.CreateInstanceRequest(parent="providers/a"), "spec", "is required"),
        (providers.CreateInstanceRequest(parent="providers/a", spec={}), "spec.image", "is required"),
        (providers.CreateInstanceRequest(parent="providers/a", spec=SPEC, request_id="7"), "request_id", "not a UUID"),
        (
            providers.StopInstanceRequest(name="providers/a/instances/b", mode=99),  # type: ignore[arg-type]
            "mode",
            "99 is no value",
        ),
        (
            providers.GetProviderRequest(name="providers/a", max_staleness=duration_pb2.Duration(seconds=-1)),
            "max_staleness",
            "must not be negative",
        ),
        (providers.RegisterProviderRequest(provider_id="default", provider={}), "provider_id", "is taken"),
        (providers.RegisterProviderRequest(provider_id="9x", provider={}), "provider_id", "lower-case letters"),
        (metrics.StreamMetricsRequest(parent="providers/-", selector={"resources": [""]}), "selector.resources[0]", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_breach_names_its_field(request_: Message, field: str, says: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        validate(RPCS[type(request_)], request_)
    assert [v.field for v in caught.value.violations] == [field]
    assert says in caught.value.violations[0].description


def test_all_breaches_are_told_at_once() -> None:
    request = providers.CreateInstanceRequest(parent="nowhere", spec={}, request_id="x")
    with pytest.raises(InvalidArgument) as caught:
        validate(RPCS[type(request)], request)
    assert {v.field for v in caught.value.violations} == {"parent", "spec.image", "request_id"}


def test_looking_does_not_create_what_is_absent() -> None:
    request = providers.CreateInstanceRequest(parent="providers/a", spec=SPEC)
    validate(RPCS[type(request)], request)
    assert not request.spec.HasField("boot_disk")


def test_elements_of_lists_are_named_by_index() -> None:
    spec = compute_pb2.InstanceSpec(image="ami-1", data_disks=[storage_pb2.StorageVolumeSpec()])
    request = providers.CreateInstanceRequest(parent="providers/a", spec=spec)
    validate(RPCS[type(request)], request)
