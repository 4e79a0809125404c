"""One form for equal selectors, and which regions they can mean."""

from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2, metrics_pb2
from novacron_providers.contract import SeriesKey
from novacron_providers.contract.errors import InvalidArgument
from novacron_server.telemetry.selector import Selector


def parse(parent: str = "providers/aws", **fields: Any) -> Selector:
    return Selector.parse(parent, metrics_pb2.MetricSelector(**fields))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"metrics": ["cloud.*"]}),
        ({"metrics": ["a.b", "a.c"]}, {"metrics": ["a.c", "a.b", "a.c"]}),
        ({"metrics": ["a.*", "a.b"]}, {"metrics": ["a.*"]}),
        ({"metrics": ["*", "a.*"]}, {"metrics": ["*"]}),
        ({"resources": ["i-2", "i-1"]}, {"resources": ["i-1", "i-2", "i-1"]}),
        ({"filter": 'zone = "z" AND tags.a = "b"'}, {"filter": 'tags.a="b"  AND zone="z"'}),
    ],
)
def test_selectors_that_mean_the_same_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert parse(**one) == parse(**other)
    assert hash(parse(**one)) == hash(parse(**other))


def test_trailing_star_takes_all_that_begin_so() -> None:
    selector = parse(metrics=["aws.ec2.*", "cloud.instance.cpu.utilization"])
    assert selector.has_metric("aws.ec2.cpu_credit_usage")
    assert selector.has_metric("cloud.instance.cpu.utilization")
    assert not selector.has_metric("aws.ec20")
    assert not selector.has_metric("cloud.instance.cpu.utilization.more")


def test_star_that_takes_nothing_is_no_error_but_a_name_is() -> None:
    parse(metrics=["gcp.*"]).check_metrics(["aws.x"])
    with pytest.raises(InvalidArgument, match=r"did you mean aws.credits"):
        parse(metrics=["aws.credit"]).check_metrics(["aws.credits", "cloud.y"])


def test_filter_is_on_the_resource_and_on_the_attributes_of_the_series() -> None:
    selector = parse(filter='tags.env = "prod" AND attributes.device = "sda"')
    assert selector.has_instance(compute_pb2.Instance(tags={"env": "prod"}))
    assert not selector.has_instance(compute_pb2.Instance(tags={"env": "test"}))
    assert selector.has_attributes(SeriesKey("m", "r", (("device", "sda"),)))
    assert not selector.has_attributes(SeriesKey("m", "r", (("device", "sdb"),)))
    assert not selector.has_attributes(SeriesKey("m", "r"))


def test_resources_are_names_or_native_ids() -> None:
    named = compute_pb2.Instance(name="providers/aws/instances/r~i-1", native_id="i-1")
    other = compute_pb2.Instance(name="providers/aws/instances/r~i-2", native_id="i-2")
    for resource in (named.name, named.native_id):
        selector = parse(resources=[resource])
        assert selector.has_instance(named)
        assert not selector.has_instance(other)
        assert selector.missing({named.name: named}) == []
        assert selector.missing({other.name: other}) == [resource]


@pytest.mark.parametrize(
    ("fields", "regions"),
    [
        ({}, ["east", "west"]),
        ({"resources": ["providers/aws/instances/east~i-1"]}, ["east"]),
        ({"resources": ["providers/aws/instances/east~i-1", "i-2"]}, ["east", "west"]),
        ({"resources": ["providers/aws/instances/group~i-1"]}, ["east", "west"]),
        ({"resources": ["providers/gcp/instances/east~i-1"], "parent": "providers/-"}, []),
        ({"filter": 'region = "west"'}, ["west"]),
        ({"filter": 'region != "west"'}, ["east", "west"]),
        ({"filter": 'region = "mars"'}, []),
    ],
)
def test_regions_that_can_be_meant(fields: dict[str, Any], regions: list[str]) -> None:
    assert parse(**{"parent": "providers/aws", **fields}).narrow("aws", ["east", "west"]) == regions
