"""The filter language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from novacron.cloud.v1 import compute_pb2, operations_pb2
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.filters import Condition, Filter, conditions

INSTANCE = compute_pb2.Instance(
    name="providers/aws/instances/us-east-1~i-0abc",
    state=compute_pb2.INSTANCE_STATE_RUNNING,
    zone="us-east-1a",
    tags={
        "env": "prod",
        "kubernetes.io/cluster/main": "owned",
        "aws:cloudformation:stack-name": "web",
        "empty": "",
    },
    public_ips=["203.0.113.7", "203.0.113.8"],
    network_interfaces=[{"subnet": "subnet-1", "private_ips": ["10.0.0.4"]}],
    vcpus=2,
    spot=True,
)


def matches(text: str, instance: compute_pb2.Instance = INSTANCE) -> bool:
    return Filter.parse(text, compute_pb2.Instance).matches(instance)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        'state = "RUNNING"',
        'state="RUNNING"AND zone="us-east-1a"',
        'state != "STOPPED" AND tags.env != "dev"',
        'tags.kubernetes.io/cluster/main = "owned"',
        'tags.aws:cloudformation:stack-name = "web"',
        'tags.empty = ""',
        'tags.absent != "x"',
        'tags:"env"',
        'tags:"aws:cloudformation:stack-name"',
        'public_ips:"203.0.113.8"',
        'network_interfaces.subnet:"subnet-1"',
        'vcpus = "2"',
        'spot = "true"',
        'display_name = ""',
    ],
)
def test_a_filter_that_matches(text: str) -> None:
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        'state = "STOPPED"',
        'state != "RUNNING"',
        'state = "RUNNING" AND zone = "us-east-1b"',
        'tags.absent = ""',
        'tags:"absent"',
        'public_ips:"203.0.113"',
        'network_interfaces.subnet:"subnet"',
        'vcpus = "3"',
        'spot != "true"',
        'zone = "US-EAST-1A"',
    ],
)
def test_a_filter_that_does_not_match(text: str) -> None:
    assert not matches(text)


def test_what_is_not_known_equals_nothing_and_not_zero() -> None:
    unknown = compute_pb2.Instance()
    assert not matches('vcpus = "0"', unknown)
    assert matches('vcpus != "0"', unknown)
    assert matches('vcpus = "0"', compute_pb2.Instance(vcpus=0))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('colour = "red"', "no field 'colour'"),
        ("state = RUNNING", "always quoted"),
        ('state = "RUNNING" OR zone = "a"', "AND expected"),
        ('state = "RUNNING" zone = "a"', "AND expected"),
        ('state = "RUNNING" AND', "expected path"),
        ('state > "RUNNING"', "expected path"),
        ('(state = "RUNNING")', "expected path"),
        ('state = "RUNNING', "expected path"),
        ('state = "ON"', "no value of 'state', which is one of UNSPECIFIED, STARTING, "),
        ('state = "INSTANCE_STATE_RUNNING"', "no value of 'state'"),
        ('state. = "RUNNING"', "ends in a dot"),
        ('tags.:"env"', "ends in a dot"),
        ('spot = "yes"', "no value of 'spot', which is true or false"),
        ('vcpus = "two"', "no value of 'vcpus', which is a number"),
        ('zone.name = "a"', "has no fields"),
        ('zone:"a"', "neither"),
        ('tags.env:"prod"', "neither"),
        ('public_ips = "203.0.113.7"', "ask with ':'"),
        ('tags = "env"', "ask with ':'"),
        ('create_time = "2024"', "cannot be compared"),
    ],
)
def test_what_is_outside_of_the_language_is_refused_and_named(text: str, says: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Filter.parse(text, compute_pb2.Instance, field="selector.filter")
    assert says in caught.value.message
    assert [violation.field for violation in caught.value.violations] == ["selector.filter"]


@given(st.text())
def test_any_text_can_be_a_value(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    (condition,) = conditions(f'tags.any = "{quoted}"')
    assert condition == Condition("tags.any", "=", value)


@given(st.text())
def test_no_text_raises_anything_but_invalid_argument(text: str) -> None:
    try:
        Filter.parse(text, operations_pb2.Operation)
    except InvalidArgument as error:
        assert error.violations
