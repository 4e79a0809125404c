"""Rules of the contract that buf does not know, asserted over its descriptors."""

import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from google.api import field_behavior_pb2, field_info_pb2, resource_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from novacron.cloud.v1 import (
    annotations_pb2,
    capabilities_pb2,
    common_pb2,
    compute_pb2,
    errors_pb2,
    metrics_pb2,
    metrics_service_pb2,
    operations_pb2,
    operations_service_pb2,
    provider_pb2,
    provider_service_pb2,
    storage_pb2,
    streams_pb2,
)
from novacron_providers.contract import errors
from novacron_server import rpc

PROTOS = pathlib.Path(__file__).parents[3] / "protos" / "novacron" / "cloud" / "v1"
FILES: list[Any] = [
    module.DESCRIPTOR
    for module in (
        annotations_pb2,
        capabilities_pb2,
        common_pb2,
        compute_pb2,
        errors_pb2,
        metrics_pb2,
        metrics_service_pb2,
        operations_pb2,
        operations_service_pb2,
        provider_pb2,
        provider_service_pb2,
        storage_pb2,
        streams_pb2,
    )
]
SERVICES = [service for file in FILES for service in file.services_by_name.values()]
METHODS: list[Any] = [method for service in SERVICES for method in service.methods]
MESSAGES: list[Descriptor] = [message for file in FILES for message in file.message_types_by_name.values()]
REQUESTS = [method.input_type for method in METHODS]
RESOURCES = [m for m in MESSAGES if m.GetOptions().Extensions[resource_pb2.resource].type]

# The list in common.proto, "Same number, same meaning".
REQUEST_NUMBERS = {
    "name": 1,
    "parent": 1,
    "page_size": 2,
    "page_token": 3,
    "filter": 4,
    "regions": 5,
    "show_deleted": 6,
    "return_partial_success": 7,
    "max_staleness": 8,
    "include_provider_data": 9,
    "provider_options": 10,
    "resume_after": 11,
    "heartbeat_interval": 12,
    "skip_snapshot": 13,
    "validate_only": 14,
    "request_id": 15,
}
RESOURCE_NUMBERS = {
    "name": 1,
    "native_id": 2,
    "display_name": 3,
    "state": 4,
    "native_state": 5,
    "region": 6,
    "zone": 7,
    "tags": 8,
    "create_time": 9,
    "delete_time": 10,
    "observe_time": 11,
    "provider_data": 12,
}
# Not things in a cloud but what the sidecar says about its own work and about metrics; their fields are their own.
OWN_SHAPES = {"Operation", "MetricDescriptor"}


def names(items: list[Any]) -> list[str]:
    """Ids for parametrised tests."""
    return [item.name for item in items]


def action(method: Any) -> int:
    number: int = method.GetOptions().Extensions[annotations_pb2.action]
    return number


def is_read(method: Any) -> bool:
    options = method.GetOptions()
    return bool(options.idempotency_level == descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS)


def fields(message: Descriptor) -> Iterator[FieldDescriptor]:
    """Fields of a message and of all messages of the contract in it."""
    seen, todo = set(), [message]
    while todo:
        part = todo.pop()
        if part.full_name in seen or not part.full_name.startswith(rpc.PACKAGE):
            continue
        seen.add(part.full_name)
        yield from part.fields
        todo += [field.message_type for field in part.fields if field.message_type]


def test_the_files_here_are_all_the_files_there_are() -> None:
    assert {pathlib.Path(file.name).name for file in FILES} == {path.name for path in PROTOS.glob("*.proto")}


def test_the_server_reads_every_rpc() -> None:
    assert sorted(r.path for r in rpc.contract()) == sorted(f"{m.containing_service.name}/{m.name}" for m in METHODS)


@pytest.mark.parametrize("request_type", REQUESTS, ids=names(REQUESTS))
def test_a_number_of_a_request_means_the_same_in_all(request_type: Descriptor) -> None:
    for field in request_type.fields:
        if field.name in REQUEST_NUMBERS:
            assert field.number == REQUEST_NUMBERS[field.name], field.full_name
        else:
            assert field.number >= 16, f"{field.full_name}: what is particular to a request starts at 16"


@pytest.mark.parametrize("resource", RESOURCES, ids=names(RESOURCES))
def test_a_number_of_a_resource_means_the_same_in_all(resource: Descriptor) -> None:
    if resource.name in OWN_SHAPES:
        assert resource.fields_by_name["name"].number == 1
        return
    for field in resource.fields:
        if field.name in RESOURCE_NUMBERS:
            assert field.number == RESOURCE_NUMBERS[field.name], field.full_name
        else:
            assert field.number >= 20, f"{field.full_name}: a resource's own fields start at 20"


@pytest.mark.parametrize("resource", RESOURCES, ids=names(RESOURCES))
def test_a_resource_name_follows_from_the_message(resource: Descriptor) -> None:
    declared = resource.GetOptions().Extensions[resource_pb2.resource]
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", resource.name).lower()
    camel = resource.name[0].lower() + resource.name[1:]
    assert declared.type == f"cloud.novacron/{resource.name}"
    assert (declared.singular, declared.plural) == (camel, f"{camel}s")
    top = "providers/{provider}"
    assert list(declared.pattern) == [top if resource.name == "Provider" else f"{top}/{camel}s/{{{snake}}}"]
    behaviour = resource.fields_by_name["name"].GetOptions().Extensions[field_behavior_pb2.field_behavior]
    assert list(behaviour) == [field_behavior_pb2.IDENTIFIER]


@pytest.mark.parametrize("method", METHODS, ids=names(METHODS))
def test_every_rpc_says_what_the_caller_must_be_allowed(method: Any) -> None:
    assert action(method) != annotations_pb2.ACTION_UNSPECIFIED
    assert (action(method) == annotations_pb2.ACTION_READ) == is_read(method), "READ is exactly NO_SIDE_EFFECTS"


@pytest.mark.parametrize("method", METHODS, ids=names(METHODS))
def test_an_rpc_answers_with_its_own_message(method: Any) -> None:
    assert (method.input_type.name, method.output_type.name) == (f"{method.name}Request", f"{method.name}Response")
    operation = method.GetOptions().Extensions[annotations_pb2.operation_info].response_type
    if operation:
        assert method.output_type.fields_by_name["operation"].message_type is operations_pb2.Operation.DESCRIPTOR


@pytest.mark.parametrize("method", [m for m in METHODS if not is_read(m)], ids=lambda m: m.name)
def test_a_change_can_be_tried_and_repeated(method: Any) -> None:
    options = method.GetOptions()
    if options.idempotency_level == descriptor_pb2.MethodOptions.IDEMPOTENT:
        return
    assert {"request_id", "validate_only"} <= set(method.input_type.fields_by_name)
    info = method.input_type.fields_by_name["request_id"].GetOptions().Extensions[field_info_pb2.field_info]
    assert info.format == field_info_pb2.FieldInfo.UUID4


@pytest.mark.parametrize("method", [m for m in METHODS if m.name.startswith("List")], ids=lambda m: m.name)
def test_every_list_pages(method: Any) -> None:
    assert {"page_size", "page_token"} <= set(method.input_type.fields_by_name)
    assert "next_page_token" in method.output_type.fields_by_name
    assert method.output_type.fields[0].is_repeated


@pytest.mark.parametrize("method", [m for m in METHODS if m.server_streaming], ids=lambda m: m.name)
def test_the_responses_of_a_stream_can_be_joined(method: Any) -> None:
    (events,) = method.output_type.fields
    assert events.name == "events"
    assert events.is_repeated
    assert events.message_type.fields_by_name["control"].message_type is streams_pb2.StreamControl.DESCRIPTOR
    assert {"resume_after", "heartbeat_interval"} <= set(method.input_type.fields_by_name)


def test_a_part_that_was_not_read_can_be_told_wherever_it_may_be_missing() -> None:
    for method in METHODS:
        asked = "return_partial_success" in method.input_type.fields_by_name
        assert ("unreachable" in method.output_type.fields_by_name) == asked, method.name


def test_every_secret_is_redacted_and_goes_in_only() -> None:
    found = {
        field.full_name.removeprefix(f"{rpc.PACKAGE}."): field
        for request in REQUESTS
        for field in fields(request)
        if field.GetOptions().debug_redact
    }
    assert sorted(found) == ["InstanceSpec.user_data", "ProviderConfig.auth"]
    for field in found.values():
        assert field_behavior_pb2.INPUT_ONLY in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    suspicious = re.compile(r"secret|password|private_key|credential(?!s_expire)|auth$")
    for message in MESSAGES:
        for field in message.fields:
            assert not suspicious.search(field.name) or field.GetOptions().debug_redact, field.full_name


def test_the_reasons_of_errors_are_those_of_the_tree() -> None:
    declared = {v.name.removeprefix("ERROR_REASON_") for v in errors_pb2.ErrorReason.DESCRIPTOR.values if v.number}
    todo, raised = [errors.CloudError], set()
    while todo:
        kind = todo.pop()
        raised.add(kind.reason)
        todo += kind.__subclasses__()
    assert raised - {""} == declared


def test_the_tables_of_the_methods_name_only_reasons_there_are() -> None:
    declared = {v.name.removeprefix("ERROR_REASON_") for v in errors_pb2.ErrorReason.DESCRIPTOR.values}
    codes = "INVALID_ARGUMENT|NOT_FOUND|ALREADY_EXISTS|ABORTED|FAILED_PRECONDITION|RESOURCE_EXHAUSTED|UNAVAILABLE"
    for path in PROTOS.glob("*_service.proto"):
        named = set(re.findall(rf"\| (?:{codes}) ([A-Z_]+) \|", path.read_text()))
        assert named, path.name
        assert named <= declared, path.name
