"""Escape hatches: a cloud's own data as a Struct, and back (see "Escape hatches" in common.proto)."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.protobuf import struct_pb2

from novacron_providers.contract.errors import InvalidArgument

# A Struct has doubles only; integers beyond this would lose digits, so they are strings.
_EXACT = 2**53


def to_struct(data: Mapping[str, Any]) -> struct_pb2.Struct:
    """Data of a cloud as a Struct: times in RFC 3339, bytes in base64."""
    struct = struct_pb2.Struct()
    struct.update({key: _plain(value) for key, value in data.items()})
    return struct


def from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A Struct as a cloud's parameters; whole numbers are integers."""
    return {key: _native(value) for key, value in struct.fields.items()}


def merge(
    ours: dict[str, Any], options: Mapping[str, Any], field: str, refused: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Add a caller's parameters to ours, down into structures, and return ours.

    Raises InvalidArgument, naming `field`, for one that would replace something of ours, or that is one of `refused`.
    """
    for key, value in options.items():
        if isinstance(value, Mapping) and isinstance(ours.get(key), dict):
            ours[key] = merge(ours[key], value, f"{field}.{key}")
        elif key in ours or key in refused:
            raise InvalidArgument(f"{key} is set from the request; leave it out of provider_options", field=field)
        else:
            ours[key] = value
    return ours


def _plain(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case bytes():
            return base64.b64encode(value).decode()
        case bool() | float() | str() | None:
            return value
        case int():
            return value if abs(value) <= _EXACT else str(value)
        case _:
            return str(value)


def _native(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return from_struct(value.struct_value)
        case "list_value":
            return [_native(inner) for inner in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None
