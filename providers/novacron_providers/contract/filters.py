"""The filter language of every list: conditions on fields, joined by AND (see "Filters" in common.proto).

state = "RUNNING" AND tags.env != "prod" AND public_ips:"203.0.113.7"
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from novacron_providers.contract.errors import InvalidArgument

# Keys of tags may hold what a cloud allows, "aws:cloudformation:stack-name" too.
_TERM = re.compile(r'\s*([A-Za-z_][\w.\-/:@+]*?)\s*(!=|=|:)\s*"((?:[^"\\]|\\.)*)"\s*')
_AND = re.compile(r"AND\b")
_NUMBERS = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_INTEGERS = (
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
)


class Condition(NamedTuple):
    """One condition: `Condition("tags.env", "=", "prod")`; operator is "=", "!=" or ":"."""

    path: str
    operator: str
    value: str


def conditions(text: str, *, field: str = "filter") -> list[Condition]:
    """The conditions of a filter, their paths not looked at: for a filter over more than one message type.

    Raises InvalidArgument, naming `field`, for what is outside of the language.
    """
    found: list[Condition] = []
    position = 0
    while position < len(text.rstrip()):
        if found:
            joint = _AND.match(text, position)
            if joint is None:
                raise InvalidArgument(f"filter: AND expected at {text[position:]!r}", field=field)
            position = joint.end()
        term = _TERM.match(text, position)
        if term is None:
            raise InvalidArgument(
                f'filter: expected path = "value" at {text[position:]!r}; values are always quoted', field=field
            )
        found.append(Condition(term[1], term[2], re.sub(r"\\(.)", r"\1", term[3])))
        position = term.end()
    return found


class Filter:
    """A parsed filter on one message type; an empty one matches all.

    >>> Filter.parse('zone = "us-east-1a"', Instance).matches(instance)
    """

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self.conditions = tuple(conditions)

    @classmethod
    def parse(cls, text: str, message: type[Message], *, field: str = "filter") -> "Filter":
        """Parse and check against the fields of `message`.

        Raises InvalidArgument, naming `field`, for what is outside of the language or names no field.
        """
        return cls.checked(conditions(text, field=field), message, field=field)

    @classmethod
    def checked(cls, found: Sequence[Condition], message: type[Message], *, field: str = "filter") -> "Filter":
        """A filter of conditions that were parsed before.

        Raises InvalidArgument, naming `field`, for a condition that does not fit the fields of `message`.
        """
        for condition in found:
            _check(condition, message.DESCRIPTOR, field)
        return cls(found)

    def matches(self, message: Message) -> bool:
        """Whether the message meets every condition."""
        return all(_meets(message, condition) for condition in self.conditions)


def _steps(path: str, message: Any, field: str) -> Iterator[tuple[FieldDescriptor, str | None]]:
    """Fields along a path, the last with the map key that follows it, if any."""
    rest = path
    while rest:
        name, dot, rest = rest.partition(".")
        if dot and not rest:
            raise InvalidArgument(f"filter: {path!r} ends in a dot", field=field)
        found = message.fields_by_name.get(name)
        if found is None:
            raise InvalidArgument(
                f"filter: {message.name} has no field {name!r}; it has {', '.join(sorted(message.fields_by_name))}",
                field=field,
            )
        if _is_map(found):
            yield found, rest or None
            return
        yield found, None
        if rest:
            if found.message_type is None:
                raise InvalidArgument(f"filter: {path!r} goes beyond {name!r}, which has no fields", field=field)
            message = found.message_type


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _check(condition: Condition, message: Any, field: str) -> None:
    steps = list(_steps(condition.path, message, field))
    last, key = steps[-1]
    if any(step.is_repeated for step, _ in steps[:-1]):
        if condition.operator != ":" or last.is_repeated or last.message_type is not None:
            raise InvalidArgument(
                f"filter: {condition.path!r} is in the elements of a list; ask with ':' for a value", field=field
            )
        _value(last, condition, field)
        return
    if condition.operator == ":":
        if not last.is_repeated or key is not None:
            raise InvalidArgument(f"filter: ':' asks for an element of a list or a key of a map; "
                                  f"{condition.path!r} is neither", field=field)  # fmt: skip
        return
    if last.is_repeated and key is None:
        raise InvalidArgument(f"filter: {condition.path!r} is a list or map; ask with ':' or for a key", field=field)
    if last.message_type is not None and key is None:
        raise InvalidArgument(f"filter: {condition.path!r} cannot be compared", field=field)
    if key is None:
        _value(last, condition, field)


def _value(descriptor: FieldDescriptor, condition: Condition, field: str) -> Any:
    """The condition's text as a value of the field."""
    text = condition.value
    try:
        if descriptor.enum_type is not None:
            return descriptor.enum_type.values_by_name[_prefix(descriptor.enum_type) + text].number
        if descriptor.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return {"true": True, "false": False}[text]
        if descriptor.cpp_type in _INTEGERS:
            return int(text)
        if descriptor.cpp_type in _NUMBERS:
            return float(text)
    except (KeyError, ValueError):
        told = f"filter: {text!r} is no value of {condition.path!r}, which is {_possible(descriptor)}"
        raise InvalidArgument(told, field=field) from None
    return text


def _prefix(enum: EnumDescriptor) -> str:
    """What every value of an enum begins with: "INSTANCE_STATE_" for InstanceState."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", enum.name).upper() + "_"


def _possible(descriptor: FieldDescriptor) -> str:
    if descriptor.enum_type is not None:
        prefix = _prefix(descriptor.enum_type)
        return f"one of {', '.join(name.removeprefix(prefix) for name in descriptor.enum_type.values_by_name)}"
    return "true or false" if descriptor.cpp_type == FieldDescriptor.CPPTYPE_BOOL else "a number"


def _meets(message: Message, condition: Condition) -> bool:
    current: Any = message
    rest = condition.path
    for descriptor, key in _steps(condition.path, message.DESCRIPTOR, "filter"):
        rest = rest.partition(".")[2]
        if condition.operator == ":":
            if descriptor.is_repeated and rest:
                inner = Condition(rest, "=", condition.value)
                return any(_meets(element, inner) for element in getattr(current, descriptor.name))
            if descriptor.is_repeated:
                return condition.value in (str(element) for element in getattr(current, descriptor.name))
        elif key is not None:
            entries = getattr(current, descriptor.name)
            equal = key in entries and str(entries[key]) == condition.value
            return equal if condition.operator == "=" else not equal
        elif descriptor.message_type is None:
            known = not descriptor.has_presence or current.HasField(descriptor.name)
            equal = known and getattr(current, descriptor.name) == _value(descriptor, condition, "filter")
            return equal if condition.operator == "=" else not equal
        current = getattr(current, descriptor.name)
    return False
