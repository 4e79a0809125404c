"""Messages without what the contract marks as secret (debug_redact)."""

from typing import TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


def without_secrets(message: M) -> M:
    """A copy in which no field that is marked as secret is set, however deep."""
    copy = type(message)()
    copy.CopyFrom(message)
    _clear(copy)
    return copy


def _clear(message: Message) -> None:
    for field, value in message.ListFields():
        if field.GetOptions().debug_redact:
            message.ClearField(field.name)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            inner = field.message_type
            if inner is not None and inner.GetOptions().map_entry:
                values = value.values() if inner.fields_by_name["value"].message_type else ()
            else:
                values = value if field.is_repeated else (value,)
            for one in values:
                _clear(one)
