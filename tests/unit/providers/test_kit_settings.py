"""What the configurations of all clouds have in common."""

import re
from typing import Any

import pytest
from google.protobuf import duration_pb2
from novacron.cloud.v1 import provider_pb2
from novacron_providers.contract import Settings
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.kit.settings import check_shared, check_url, make_callers, read_options

REGION = re.compile(r"[a-z]+")
KNOWN = {"toy.name": "", "toy.urls": (), "metrics.period": 60.0, "metrics.lag": 0.0}


def options(**given: Any) -> provider_pb2.ProviderConfig:
    config = provider_pb2.ProviderConfig()
    config.options.update({key.replace("_", "."): value for key, value in given.items()})
    return config


def test_callers_have_what_the_configuration_says_else_the_defaults() -> None:
    config = provider_pb2.ProviderConfig(timeout=duration_pb2.Duration(nanos=500_000_000), max_retries=0)
    made = make_callers("toy", Settings(provider="toy", config=config, auth={}), {})
    assert (made.timeout, made.attempts) == (0.5, 1)
    usual = make_callers("toy", Settings(provider="toy", config=provider_pb2.ProviderConfig(), auth={}), {})
    assert (usual.timeout, usual.attempts) == (10.0, 5)


@pytest.mark.parametrize(
    ("config", "field", "says"),
    [
        ({"regions": ["north", "S1"]}, "config.regions", "'S1' is not how Toy spells a region: north"),
        ({"default_region": "S1"}, "config.default_region", "S1"),
        ({"regions": ["north"], "default_region": "south"}, "config.default_region", "not among regions"),
        ({"timeout": duration_pb2.Duration()}, "config.timeout", "more than 0 s"),
        ({"max_retries": -1}, "config.max_retries", "negative"),
    ],
)
def test_what_means_the_same_everywhere_is_checked(config: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says) as caught:
        check_shared(provider_pb2.ProviderConfig(**config), REGION, cloud="Toy", example="north")
    assert [violation.field for violation in caught.value.violations] == [field]
    check_shared(provider_pb2.ProviderConfig(regions=["north"]), REGION, cloud="Toy", example="north")


@pytest.mark.parametrize(
    "text", ["here", "ftp://here", "https://", "https://here?a", "https://here#a", "https://here/a"]
)
def test_what_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is no http or https URL without a path"):
        check_url(text, "config.endpoint")


def test_a_url_may_have_a_path_where_that_is_allowed() -> None:
    check_url("https://here:1/", "config.endpoint", ("https",))
    check_url("http://here/a", "config.endpoint", path=True)
    with pytest.raises(InvalidArgument, match="is no https URL"):
        check_url("http://here", "config.endpoint", ("https",))


def test_options_stand_over_their_defaults() -> None:
    found = read_options(options(toy_name="a", toy_urls="http://here/a", metrics_period=5), KNOWN)
    assert found == {"toy.name": "a", "toy.urls": ("http://here/a",), "metrics.period": 5.0, "metrics.lag": 0.0}
    assert KNOWN["toy.name"] == ""


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"metrics_perido": 5}, "there is no option 'metrics.perido'; there is metrics.period"),
        ({"toy_name": ""}, "toy.name is a text"),
        ({"toy_name": 5}, "toy.name is a text"),
        ({"toy_urls": 5}, "toy.urls is a list of URLs"),
        ({"toy_urls": ["here"]}, "'here' is no http or https URL"),
        ({"metrics_period": 0}, "metrics.period is a number of seconds, at least 1"),
        ({"metrics_lag": -1}, "metrics.lag is a number of seconds, at least 0"),
        ({"metrics_lag": True}, "metrics.lag is a number of seconds"),
        ({"metrics_lag": "1"}, "metrics.lag is a number of seconds"),
    ],
)
def test_an_option_that_cannot_be_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(says)) as caught:
        read_options(options(**given), KNOWN)
    assert [violation.field for violation in caught.value.violations] == ["config.options"]
