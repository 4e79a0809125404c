"""Plain values in the shape of a dataclass."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from novacron_providers.contract.secret import Secret
from novacron_server.shape import Fault, Limits, merged, shaped


@dataclass
class Inner:
    name: str
    share: Annotated[float, Limits(above=0, most=1)] | None = None


@dataclass
class Outer:
    count: Annotated[int, Limits(least=1)] = 1
    is_on: bool = False
    mode: Literal["a", "b", "c"] = "a"
    path: Path | None = None
    names: list[str] = field(default_factory=list)
    auth: dict[str, Secret] = field(default_factory=dict)
    inner: dict[str, Inner] = field(default_factory=dict)
    rest: dict[str, Any] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("key", "value", "becomes"),
    [
        ("count", 3, 3),
        ("count", "3", 3),
        ("is_on", True, True),
        ("is_on", "TRUE", True),
        ("is_on", "0", False),
        ("mode", "b", "b"),
        ("path", "/tmp/x", Path("/tmp/x")),
        ("path", Path("/tmp/x"), Path("/tmp/x")),
        ("path", None, None),
        ("names", ["x", "y"], ["x", "y"]),
        ("names", '["x"]', ["x"]),
        ("auth", {"key": "hidden"}, {"key": Secret("hidden")}),
        ("auth", {"key": Secret("hidden")}, {"key": Secret("hidden")}),
        ("inner", {"a": {"name": "n", "share": "0.5"}}, {"a": Inner("n", 0.5)}),
        ("inner", '{"a": {"name": "n"}}', {"a": Inner("n")}),
        ("rest", {"any": [1, {"x": None}]}, {"any": [1, {"x": None}]}),
    ],
)
def test_a_value_takes_its_type(key: str, value: object, becomes: object) -> None:
    faults: list[Fault] = []
    assert getattr(shaped(Outer, {key: value}, faults), key) == becomes
    assert faults == []


@pytest.mark.parametrize(
    ("values", "place", "says"),
    [
        ({"count": 0}, "count", "must be greater than or equal to 1"),
        ({"count": 1.5}, "count", "must be a whole number"),
        ({"count": True}, "count", "must be a whole number"),
        ({"count": "many"}, "count", "must be a whole number"),
        ({"count": math.inf}, "count", "must be a whole number"),
        ({"is_on": "perhaps"}, "is_on", "must be true or false"),
        ({"is_on": 1}, "is_on", "must be true or false"),
        ({"mode": "d"}, "mode", "'d' must be a, b or c"),
        ({"mode": ["a"]}, "mode", "['a'] must be a, b or c"),
        ({"path": 5}, "path", "must be a path"),
        ({"names": "x"}, "names", "must be a list"),
        ({"names": ["x", 5]}, "names.1", "must be a text"),
        ({"auth": {"key": 5}}, "auth.key", "must be a text"),
        ({"inner": []}, "inner", "must be a table"),
        ({"inner": {"a": {}}}, "inner.a.name", "is required"),
        ({"inner": {"a": {"name": "n", "share": 0}}}, "inner.a.share", "must be greater than 0"),
        ({"inner": {"a": {"name": "n", "share": 1.1}}}, "inner.a.share", "must be less than or equal to 1"),
        ({"inner": {"a": {"name": "n", "share": "nan"}}}, "inner.a.share", "must be greater than 0"),
        ({"inner": {"a": {"name": "n", "shar": 1}}}, "inner.a.shar", "is no setting"),
    ],
)
def test_what_has_another_shape_is_named(values: dict[str, object], place: str, says: str) -> None:
    faults: list[Fault] = []
    shaped(Outer, values, faults)
    assert [(".".join(fault.place), fault.text) for fault in faults] == [(place, says)]


def test_all_that_is_wrong_is_told_at_once() -> None:
    faults: list[Fault] = []
    shaped(Outer, {"count": 0, "names": [1, 2], "colour": "red"}, faults)
    assert [fault.place for fault in faults] == [("count",), ("names", "0"), ("names", "1"), ("colour",)]
    assert "count" in faults[-1].known


def test_tables_are_joined_and_all_else_is_replaced() -> None:
    base = {"a": {"x": 1, "y": [1]}, "b": 1}
    assert merged(base, {"a": {"y": [2]}, "c": 3}) == {"a": {"x": 1, "y": [2]}, "b": 1, "c": 3}
    assert merged(base, {"a": '{"y": 2}'}) == {"a": {"x": 1, "y": 2}, "b": 1}
    assert merged('{"x": 1}', {"y": 2}) == {"x": 1, "y": 2}
    assert merged(base, {"a": "no table"}) == {"a": "no table", "b": 1}
