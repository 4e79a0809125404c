"""Filters of Google's lists: terms that AND joins, and functions."""

import pytest
from novacron_sandbox.gcp.filters import Filter

MACHINE = {"name": "web-1", "status": "RUNNING", "labels.env": "prod", "zone": "us-central1-a", "protected": False}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "status = RUNNING",
        'status="RUNNING"',
        "status != TERMINATED AND labels.env = prod",
        "labels.env:*",
        "protected = false",
        'zone = starts_with("us-central1-") AND name = one_of("web-1", "web-2")',
    ],
)
def test_it_passes(text: str) -> None:
    assert Filter(text).passes(MACHINE.get)


@pytest.mark.parametrize(
    "text",
    [
        "status = TERMINATED",
        "status = RUNNING AND labels.env = staging",
        "labels.team:*",
        "labels.team = blue",
        'zone != starts_with("us-")',
    ],
)
def test_it_does_not_pass(text: str) -> None:
    assert not Filter(text).passes(MACHINE.get)


@pytest.mark.parametrize(
    "text",
    [
        "status",
        "status =",
        "(status = RUNNING)",
        "status > 3",
        'a = "b',
        "a = one_of()",
        "a = other(b)",
        "a = b OR c = d",
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Filter(text)


def test_it_tells_what_it_compares() -> None:
    (term, _) = Filter('metric.type = "a\\"b" AND resource.type = "gce_instance"').terms
    assert term == ("metric.type", "=", "", ['a"b'])
