"""Plain values, from TOML, JSON or the environment, in the shape that a dataclass declares.

A library for this would be imported at each start, and the one there is takes longer for that than gRPC does.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from novacron_providers.contract.secret import Secret

_SWITCHES = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}

_NAMES: dict[Any, str] = {
    str: "a text",
    Path: "a path",
    Secret: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
}


class Limits(NamedTuple):
    """What a number must be, in Annotated."""

    above: float = float("-inf")
    least: float = float("-inf")
    most: float = float("inf")

    def breach(self, value: float) -> str:
        """What is wrong with a number, or an empty string."""
        # Asked so that what is not a number at all (nan) is refused too.
        if not value > self.above:
            return f"must be greater than {self.above:g}"
        if not value >= self.least:
            return f"must be greater than or equal to {self.least:g}"
        return "" if value <= self.most else f"must be less than or equal to {self.most:g}"


class Fault(NamedTuple):
    """One thing that is wrong.

    Attributes:
        place: Keys that lead to it.
        text: What is wrong with it.
        known: Keys that there are where this one is none of them; else empty.
    """

    place: tuple[str, ...]
    text: str
    known: tuple[str, ...] = ()


def shaped(kind: Any, value: object, faults: list[Fault], place: tuple[str, ...] = ()) -> Any:
    """A value as one of the type `kind`; what is wrong is added to `faults`, and then the result is of no use.

    A text is read as a number, a list or a table where one of these is wanted: the environment has only texts.
    """
    arguments = get_args(kind)
    origin = get_origin(kind) or kind
    if origin is Any:
        return value
    if origin in (Union, UnionType):
        [inner] = [argument for argument in arguments if argument is not NoneType]
        return None if value is None else shaped(inner, value, faults, place)
    if origin is Annotated:
        inner, limits = arguments
        before = len(faults)
        found = shaped(inner, value, faults, place)
        if len(faults) == before and (wrong := limits.breach(found)):
            faults.append(Fault(place, wrong))
        return found
    try:
        if origin is Literal:
            return _one_of(arguments, value)
        if origin is list:
            [inner] = arguments
            return [shaped(inner, one, faults, (*place, str(n))) for n, one in enumerate(_parsed(list, value))]
        if origin is dict:
            _, inner = arguments
            return {key: shaped(inner, one, faults, (*place, key)) for key, one in _parsed(dict, value).items()}
        if is_dataclass(origin):
            return _record(origin, _parsed(dict, value), faults, place)
        return _scalar(origin, value)
    except ValueError as error:
        faults.append(Fault(place, str(error)))


def merged(base: object, over: object) -> Any:
    """Two values in one: tables, also in JSON, are joined; of all else the second one counts."""
    if isinstance(base, Mapping) or isinstance(over, Mapping):
        base, over = _read(base), _read(over)
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}
    return over


def _read(value: object) -> object:
    """What a text is in JSON; any other value as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _record(kind: Any, values: Mapping[str, object], faults: list[Fault], place: tuple[str, ...]) -> Any:
    """A dataclass from a table of its fields."""
    before = len(faults)
    declared = {field.name: field for field in fields(kind)}
    types = get_type_hints(kind, include_extras=True)
    found = {}
    for key, value in values.items():
        if key in declared:
            found[key] = shaped(types[key], value, faults, (*place, key))
        else:
            faults.append(Fault((*place, key), "is no setting", tuple(declared)))
    for name, field in declared.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            faults.append(Fault((*place, name), "is required"))
    return None if len(faults) > before else kind(**found)


def _parsed(kind: type, value: object) -> Any:
    """A list or a table, also from JSON; raises ValueError."""
    found = _read(value)
    if not isinstance(found, kind):
        raise ValueError("must be a list" if kind is list else "must be a table")
    return found


def _one_of(choices: tuple[str, ...], value: object) -> object:
    if value not in choices:
        raise ValueError(f"{value!r} must be {', '.join(choices[:-1])} or {choices[-1]}")
    return value


def _scalar(kind: Any, value: object) -> Any:
    """A text, a path, a secret, a number or a truth; raises ValueError."""
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    if kind in (str, Secret) and isinstance(value, str):
        return kind(value)
    if kind is Secret and isinstance(value, Secret):
        return value
    if kind is bool and isinstance(value, bool | str):
        switch = _SWITCHES.get(str(value).lower())
        if switch is not None:
            return switch
    if kind in (int, float) and isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = kind(value)
        except (ValueError, OverflowError):
            number = None
        if number is not None and (isinstance(value, str) or number == value):
            return number
    raise ValueError(f"must be {_NAMES[kind]}")
