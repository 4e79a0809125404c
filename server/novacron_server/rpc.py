"""What the server must know of an RPC, read from its descriptor."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from google.protobuf import empty_pb2, message_factory
from google.protobuf.message import Message
from novacron.cloud.v1 import (
    annotations_pb2,
    capabilities_pb2,
    metrics_service_pb2,
    operations_service_pb2,
    provider_service_pb2,
)

PACKAGE = "novacron.cloud.v1"
# The pool that holds the contract, with what operations may yield (Empty is imported by no file of it).
_POOL = provider_service_pb2.DESCRIPTOR.pool
_POOL.AddSerializedFile(empty_pb2.DESCRIPTOR.serialized_pb)


class Kind(Enum):
    """How an RPC is served."""

    READ = "read"
    WRITE = "write"
    OPERATION = "operation"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Rpc:
    """One RPC.

    Attributes:
        service: Full name of its service.
        name: "CreateInstance".
        path: "ProviderService/CreateInstance", as in Operation.method.
        kind: How it is served.
        is_read: Whether it is of the kind READ, and so is_stream: each call asks, and to name an enum's member is slow.
        request: Message class that it takes.
        response: Message class that it answers with.
        attribute: Method that implements it: "create_instance".
        capability: Capability that the provider needs; 0 for none.
        locator: Field of the request that says which provider it is about: "name", "parent", or "" for none.
        is_repeatable: Whether the request has a request_id.
        action: Action that the caller must be allowed.
        result: Message class in Operation.response; None unless an operation.
    """

    service: str
    name: str
    path: str
    kind: Kind
    is_read: bool
    is_stream: bool
    request: type[Message]
    response: type[Message]
    attribute: str
    locator: str
    is_repeatable: bool
    capability: capabilities_pb2.Capability
    action: annotations_pb2.Action
    result: type[Message] | None


def _read(method: Any) -> Rpc:
    options = method.GetOptions()
    operation = options.Extensions[annotations_pb2.operation_info].response_type
    if method.client_streaming:
        raise TypeError(f"{method.full_name}: client streaming has no kind")
    if method.server_streaming:
        kind = Kind.STREAM
    elif operation:
        kind = Kind.OPERATION
    else:
        kind = Kind.READ if options.idempotency_level == options.NO_SIDE_EFFECTS else Kind.WRITE
    result = None
    if operation:
        full = operation if "." in operation else f"{PACKAGE}.{operation}"
        result = message_factory.GetMessageClass(_POOL.FindMessageTypeByName(full))
    action = options.Extensions[annotations_pb2.action]
    if not action:
        raise TypeError(f"{method.full_name} declares no action")
    fields = method.input_type.fields_by_name
    return Rpc(
        service=method.containing_service.full_name,
        name=method.name,
        path=f"{method.containing_service.name}/{method.name}",
        kind=kind,
        is_read=kind is Kind.READ,
        is_stream=kind is Kind.STREAM,
        request=message_factory.GetMessageClass(method.input_type),
        response=message_factory.GetMessageClass(method.output_type),
        attribute=re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", method.name).lower(),
        locator=next((name for name in ("name", "parent") if name in fields), ""),
        is_repeatable="request_id" in fields,
        capability=options.Extensions[annotations_pb2.capability],
        action=action,
        result=result,
    )


def contract() -> Iterator[Rpc]:
    """Every RPC of the contract, read from the descriptors of its service files."""
    for module in (provider_service_pb2, operations_service_pb2, metrics_service_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield _read(method)
