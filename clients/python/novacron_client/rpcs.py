"""The RPCs of the contract, found by the type of their request: each request type belongs to one RPC."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import empty_pb2, message_factory
from google.protobuf.message import Message
from novacron.cloud.v1 import (
    annotations_pb2,
    metrics_service_pb2,
    operations_service_pb2,
    provider_service_pb2,
)

_SERVICES = (provider_service_pb2, operations_service_pb2, metrics_service_pb2)
PACKAGE = "novacron.cloud.v1"
# Taken from here so that Empty is in it: operations may yield it, and no file of the contract imports it.
_POOL = empty_pb2.DESCRIPTOR.pool


@dataclass(frozen=True, slots=True)
class Rpc:
    """One RPC.

    Attributes:
        service: "ProviderService".
        name: "CreateInstance".
        request: Message class that it takes.
        response: Message class that it answers with.
        streaming: Whether it answers with a stream.
        safe: Whether it may be sent again as it is.
        result: Message class that its operation yields; None when it starts none.
        elements: Name of the field that holds a page of its list; empty when it is no list.
    """

    service: str
    name: str
    request: type[Message]
    response: type[Message]
    streaming: bool
    safe: bool
    result: type[Message] | None
    elements: str

    @property
    def keyed(self) -> bool:
        """Whether a request_id makes it safe to send again."""
        return "request_id" in self.request.DESCRIPTOR.fields_by_name

    def with_request_id(self, request: Message) -> Message:
        """A copy of the request, with a request_id if it takes one and has none."""
        copy: Any = self.request()
        copy.CopyFrom(request)
        if self.keyed and not copy.request_id:
            copy.request_id = str(uuid.uuid4())
        sent: Message = copy
        return sent


def _elements(request: type[Message], response: type[Message]) -> str:
    if "page_token" not in request.DESCRIPTOR.fields_by_name:
        return ""
    repeated = (f.name for f in response.DESCRIPTOR.fields if f.is_repeated and f.name != "unreachable")
    return next(repeated, "")


def _read(method: Any) -> Rpc:
    options = method.GetOptions()
    request = message_factory.GetMessageClass(method.input_type)
    response = message_factory.GetMessageClass(method.output_type)
    result = None
    if name := options.Extensions[annotations_pb2.operation_info].response_type:
        full = name if "." in name else f"{PACKAGE}.{name}"
        result = message_factory.GetMessageClass(_POOL.FindMessageTypeByName(full))
    return Rpc(
        service=method.containing_service.name,
        name=method.name,
        request=request,
        response=response,
        streaming=method.server_streaming,
        safe=options.idempotency_level in (options.NO_SIDE_EFFECTS, options.IDEMPOTENT),
        result=result,
        elements=_elements(request, response),
    )


RPCS: Mapping[str, Rpc] = {
    method.input_type.full_name: _read(method)
    for module in _SERVICES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
"""Every RPC of the contract, by the full name of its request type."""


def rpc_of(request: Message) -> Rpc:
    """The RPC that takes this request.

    Raises TypeError for a message that is the request of none.
    """
    try:
        return RPCS[request.DESCRIPTOR.full_name]
    except KeyError:
        raise TypeError(f"{request.DESCRIPTOR.full_name} is not the request of an RPC") from None
