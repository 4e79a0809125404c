"""A cloud's own data as a Struct, and back."""

from datetime import UTC, datetime

from google.protobuf import json_format, struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from novacron_providers.kit.escape import from_struct, to_struct

_LEAVES = st.none() | st.booleans() | st.text() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)
_DATA = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), _DATA, max_size=3))
def test_what_a_struct_can_say_comes_back(data: dict[str, object]) -> None:
    assert from_struct(to_struct(data)) == data


def test_what_a_struct_cannot_say_becomes_text() -> None:
    struct = to_struct(
        {
            "LaunchTime": datetime(2026, 11, 24, 12, 30, tzinfo=UTC),
            "Big": 2**53 + 1,
            "Data": b"\x00\xff",
            "Tags": ({"Key": "a", "Value": "b"},),
        }
    )
    assert json_format.MessageToDict(struct) == {
        "LaunchTime": "2026-11-24T12:30:00Z",
        "Big": "9007199254740993",
        "Data": "AP8=",
        "Tags": [{"Key": "a", "Value": "b"}],
    }


def test_whole_numbers_are_integers() -> None:
    struct = struct_pb2.Struct()
    struct.update({"Iops": 3000, "Price": 0.5})
    found = from_struct(struct)
    assert found == {"Iops": 3000, "Price": 0.5}
    assert isinstance(found["Iops"], int)
