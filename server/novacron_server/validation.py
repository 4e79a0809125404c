"""The generic validator: what the annotations of the contract say of a request, checked before anything else happens.

google.api.field_behavior REQUIRED, google.api.resource_reference with the patterns of google.api.resource,
google.api.field_info UUID4, open enums, and the rules of common.proto that hold for every request. A breach names the
field by its path ("spec.data_disks[0].size_bytes") and says what would be right; all breaches are told at once.
"""

import functools
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from google.api import field_behavior_pb2, field_info_pb2, resource_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from novacron_providers.contract.errors import InvalidArgument, Violation
from novacron_providers.contract.names import PROVIDER_ID, WILDCARD

from novacron_server.rpc import Rpc, contract

EVERYWHERE = f"providers/{WILDCARD}"

Check = Callable[[Any], str]
"""Gives what is wrong with a value, or an empty string."""


def validate(rpc: Rpc, request: Message) -> None:
    """Check a request; raises InvalidArgument that names every field that breaks a rule."""
    found: list[Violation] = []
    _look(request, "", found, wildcard=rpc.is_read or rpc.is_stream)
    if found:
        told = "; ".join(f"{v.field} {v.description}" for v in found)
        raise InvalidArgument(told, violations=found)


def _look(message: Message, prefix: str, found: list[Violation], *, wildcard: bool) -> None:
    kind: Any = type(message)
    for rule in _plan(kind):
        field, has_presence = rule.field, rule.has_presence
        # A list has no presence, and an unset message must not be created by looking at it.
        value = None if has_presence and not message.HasField(field) else getattr(message, field)
        if value is None or not (has_presence or value):
            if rule.is_required:
                found.append(Violation(prefix + field, "is required"))
            continue
        if field == "parent" and wildcard and value == EVERYWHERE:
            continue
        if not rule.is_repeated:
            _judge(rule, value, prefix + field, found)
            continue
        for index, element in enumerate(value):
            _judge(rule, element, f"{prefix}{field}[{index}]", found)


def _judge(rule: "_Rule", value: Any, path: str, found: list[Violation]) -> None:
    found += [Violation(path, wrong) for check in rule.checks if (wrong := check(value))]
    if rule.is_nested:
        _look(value, path + ".", found, wildcard=False)


class _Rule(NamedTuple):
    """What a field must be like; a copy of its descriptor, whose own attributes are slow to read."""

    field: str
    has_presence: bool
    is_repeated: bool
    is_required: bool
    checks: list[Check]
    is_nested: bool


@functools.cache
def _plan(message: Any) -> list[_Rule]:
    """Rules of the fields of a message class that have any."""
    plan = []
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        options = field.GetOptions()
        required = field_behavior_pb2.REQUIRED in options.Extensions[field_behavior_pb2.field_behavior]
        checks = list(_checks(field, options))
        nested = field.message_type is not None and field.message_type.full_name.startswith("novacron.")
        if required or checks or nested:
            plan.append(_Rule(field.name, field.has_presence, field.is_repeated, required, checks, nested))
    return plan


def _checks(field: Any, options: Any) -> Iterator[Check]:
    reference = options.Extensions[resource_pb2.resource_reference]
    if reference.type or reference.child_type:
        yield _reference(reference.type, reference.child_type)
    if options.Extensions[field_info_pb2.field_info].format == field_info_pb2.FieldInfo.UUID4:
        yield _uuid
    if field.enum_type is not None:
        yield functools.partial(_known, field.enum_type.values_by_number)
    if field.message_type is not None and field.message_type.full_name == Duration.DESCRIPTOR.full_name:
        yield _span
    if field.message_type is not None and field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
        yield _moment
    if field.name == "page_size":
        yield lambda value: "must not be negative; 0 takes the default" if value < 0 else ""
    if field.name == "provider_id":
        yield _provider_id


def _known(values: Any, value: int) -> str:
    return "" if value in values else f"{value} is no value that this server knows"


def _uuid(value: str) -> str:
    try:
        uuid.UUID(value)
    except ValueError:
        return f"{value!r} is not a UUID such as {uuid.UUID(int=0x1234567890ABCDEF1234567890ABCDEF, version=4)}"
    return ""


def _span(value: Duration) -> str:
    if value.seconds < 0 or value.nanos < 0:
        return "must not be negative"
    return "" if value.nanos < 10**9 and value.seconds <= 315_576_000_000 else "is no valid Duration"


def _moment(value: Timestamp) -> str:
    try:
        value.ToDatetime()
    except (ValueError, OverflowError):
        return "is no valid Timestamp"
    return ""


def _provider_id(value: str) -> str:
    if value == "default":
        return '"default" is taken: it means the default provider'
    if PROVIDER_ID.fullmatch(value):
        return ""
    return f'{value!r} must be lower-case letters, digits and "-", beginning with a letter, at most 63'


@functools.cache
def _patterns() -> dict[str, str]:
    """Pattern of each resource type of the contract."""
    found = {}
    for file in {rpc.request.DESCRIPTOR.file.name: rpc.request.DESCRIPTOR.file for rpc in contract()}.values():
        for near in (file, *file.dependencies):
            for message in near.message_types_by_name.values():
                resource = message.GetOptions().Extensions[resource_pb2.resource]
                if resource.type:
                    found[resource.type] = resource.pattern[0]
    return found


def _regex(pattern: str) -> re.Pattern[str]:
    text = re.sub(r"\\{(\w+)\\}", lambda m: PROVIDER_ID.pattern if m[1] == "provider" else "[^/]+", re.escape(pattern))
    return re.compile(text)


def _reference(kind: str, child: str) -> Check:
    """Check of a reference to a resource of that type, or to the parent of one of type `child`."""
    if kind == "*":
        # Any resource; what does not start with "providers/" is the cloud's own identifier.
        return lambda value: "" if value else "must not be empty"
    pattern = _patterns()[kind] if kind else _patterns()[child].rsplit("/", 2)[0]
    regex = _regex(pattern)

    def check(value: str) -> str:
        return "" if regex.fullmatch(value) else f"{value!r} is not of the form {pattern}"

    return check
