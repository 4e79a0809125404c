"""Filters of Google's lists: terms, AND, OR, NOT, brackets and functions."""

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
        "(status = RUNNING) (labels.env = prod)",
        "status = TERMINATED OR name = web-1",
        "labels.env:*",
        "NOT labels.team:*",
        "name eq web-.*",
        "name ne db-.*",
        "protected = false",
        'zone = starts_with("us-central1-") AND name = one_of("web-1", "web-2")',
        'zone = monitoring.regex.full_match("us-.*") AND (name = ends_with("-9") OR name = has_substring("eb"))',
    ],
)
def test_it_passes(text: str) -> None:
    assert Filter(text).passes(MACHINE.get)


@pytest.mark.parametrize(
    "text",
    [
        "status = TERMINATED",
        "status = RUNNING AND labels.env = staging",
        "status = RUNNING AND (name = a OR name = b)",
        "name eq web",
        "labels.team:*",
        "labels.team = blue",
        'zone != starts_with("us-")',
    ],
)
def test_it_does_not_pass(text: str) -> None:
    assert not Filter(text).passes(MACHINE.get)


@pytest.mark.parametrize("text", ["status", "status =", "(status = RUNNING", "status > 3", "status = a)", 'a = "b'])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Filter(text)


def test_it_tells_what_it_compares() -> None:
    (term, _) = Filter('metric.type = "a\\"b" AND resource.type = "gce_instance"').terms
    assert term == ("metric.type", "=", "", ['a"b'])
