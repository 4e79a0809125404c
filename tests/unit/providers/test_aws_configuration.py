"""What a configuration of AWS may say, checked without calling it."""

from typing import Any

import pytest
from google.protobuf import duration_pb2
from novacron.cloud.v1 import capabilities_pb2, provider_pb2
from novacron_providers.aws import PROVIDER
from novacron_providers.aws.auth import Auth
from novacron_providers.contract import Secret, Settings
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.metrics import Metrics


def settings(auth: dict[str, str] | None = None, options: dict[str, Any] | None = None, **config: Any) -> Settings:
    made = provider_pb2.ProviderConfig(**config)
    made.options.update(options or {})
    return Settings(provider="aws", config=made, auth={key: Secret(value) for key, value in (auth or {}).items()})


@pytest.mark.parametrize(
    "good",
    [
        settings(),
        settings({"access_key_id": "AKIA", "secret_access_key": "s"}),
        settings({"access_key_id": "AKIA", "secret_access_key": "s", "session_token": "t"}),
        settings({"role_arn": "arn:aws:iam::1:role/x"}),
        settings({"role_arn": "arn:aws:iam::1:role/x", "external_id": "e"}),
        settings(default_region="us-east-1", default_zone="us-east-1a", regions=["us-east-1", "us-gov-west-1"]),
        settings(endpoint="http://127.0.0.1:5000", max_retries=0),
        settings(options={"metrics.period": 60, "metrics.lag": 0}),
        settings(options={"metrics.period": 1}),
    ],
)
def test_a_configuration_that_can_be(good: Settings) -> None:
    PROVIDER.check(good)
    PROVIDER.connect(good)


@pytest.mark.parametrize(
    ("bad", "field", "says"),
    [
        (settings({"acces_key_id": "AKIA"}), "config.auth", "'acces_key_id'"),
        (settings({"access_key_id": "AKIA"}), "config.auth", "lacks secret_access_key"),
        (settings({"secret_access_key": "s"}), "config.auth", "lacks access_key_id"),
        (settings({"access_key_id": "AKIA", "secret_access_key": ""}), "config.auth", "lacks secret_access_key"),
        (settings({"session_token": "t"}), "config.auth", "session_token without"),
        (settings({"external_id": "e"}), "config.auth", "external_id without"),
        (settings(endpoint="127.0.0.1:5000"), "config.endpoint", "no http or https URL"),
        (settings(endpoint="ftp://x"), "config.endpoint", "no http or https URL"),
        (settings(endpoint="http://"), "config.endpoint", "no http or https URL"),
        (settings(regions=["us-east-1", "Mars"]), "config.regions", "'Mars'"),
        (settings(default_region="us-east-1/x"), "config.default_region", "'us-east-1/x'"),
        (settings(default_region="us-east-1", regions=["eu-west-1"]), "config.default_region", "not among"),
        (settings(default_region="us-east-1", default_zone="eu-west-1a"), "config.default_zone", "eu-west-1a"),
        (settings(default_zone="eu-west-1a"), "config.default_zone", "eu-west-1a"),
        (settings(timeout=duration_pb2.Duration()), "config.timeout", "more than 0"),
        (settings(max_retries=-1), "config.max_retries", "negative"),
        (settings(options={"metrics.perod": 60}), "config.options", "there is metrics.period"),
        (settings(options={"metrics.period": "60"}), "config.options", "number of seconds"),
        (settings(options={"metrics.period": 0}), "config.options", "at least 1"),
        (settings(options={"metrics.lag": True}), "config.options", "number of seconds"),
        (settings(options={"metrics.period": 90}), "config.options", "multiples of 60"),
    ],
)
def test_a_configuration_that_cannot_be_names_the_field(bad: Settings, field: str, says: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        PROVIDER.check(bad)
    assert [violation.field for violation in caught.value.violations] == [field]
    assert says in caught.value.message


def test_what_is_signed_in_with_does_not_show() -> None:
    auth = Auth.read({"access_key_id": Secret("AKIA-canary"), "secret_access_key": Secret("canary")})
    assert "canary" not in repr(auth)


def test_every_capability_is_told_with_its_limits() -> None:
    told = {status.capability: status for status in PROVIDER.capabilities}
    assert len(told) == len(PROVIDER.capabilities)
    assert {status.level for status in told.values()} == {capabilities_pb2.SUPPORT_LEVEL_NATIVE}
    assert told[capabilities_pb2.CAPABILITY_INSTANCES].limits
    assert capabilities_pb2.CAPABILITY_METRICS in told


def descriptors(given: Settings) -> Metrics:
    (metrics,) = [area for area in PROVIDER.connect(given).areas if isinstance(area, Metrics)]
    return metrics


def test_metrics_come_at_the_period_and_lag_that_are_configured() -> None:
    real = descriptors(settings()).descriptors()
    assert {(d.min_period.seconds, d.publish_delay.seconds) for d in real} == {(300, 300)}
    fast = descriptors(settings(options={"metrics.period": 1, "metrics.lag": 0})).descriptors()
    assert {(d.min_period.seconds, d.publish_delay.seconds) for d in fast} == {(1, 0)}


def test_metrics_are_in_canonical_names_and_units() -> None:
    units = {descriptor.type: descriptor.unit for descriptor in descriptors(settings()).descriptors()}
    assert units == {
        "cloud.instance.cpu.utilization": "1",
        "cloud.instance.disk.read_bytes": "By/s",
        "cloud.instance.disk.write_bytes": "By/s",
        "cloud.instance.disk.read_operations": "{operation}/s",
        "cloud.instance.disk.write_operations": "{operation}/s",
        "cloud.instance.network.receive_bytes": "By/s",
        "cloud.instance.network.transmit_bytes": "By/s",
        "cloud.instance.network.receive_packets": "{packet}/s",
        "cloud.instance.network.transmit_packets": "{packet}/s",
        "aws.ec2.cpu_credit_usage": "{credit}",
        "aws.ec2.cpu_credit_balance": "{credit}",
        "aws.ec2.status_check_failed": "1",
    }
    for descriptor in descriptors(settings()).descriptors():
        assert descriptor.name == f"providers/aws/metricDescriptors/{descriptor.type}"
        assert descriptor.display_name and descriptor.description and descriptor.kind
        assert descriptor.native.namespace == "AWS/EC2"
        assert descriptor.native.scale
