"""What a configuration of Azure may say, checked without calling it."""

from typing import Any

import pytest
from google.protobuf import duration_pb2
from novacron.cloud.v1 import capabilities_pb2, provider_pb2
from novacron_providers.azure import PROVIDER
from novacron_providers.azure.auth import Auth
from novacron_providers.contract import Secret, Settings
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.metrics import Metrics

SUBSCRIPTION = "00000000-1111-2222-3333-444444444444"
PEM = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nx\n"
APPLICATION = {"tenant_id": "t", "client_id": "c"}


def settings(auth: dict[str, str] | None = None, options: dict[str, Any] | None = None, **config: Any) -> Settings:
    made = provider_pb2.ProviderConfig(**{"project": SUBSCRIPTION, **config})
    made.options.update(options or {})
    return Settings(provider="azure", config=made, auth={key: Secret(value) for key, value in (auth or {}).items()})


@pytest.mark.parametrize(
    "good",
    [
        settings(),
        settings({"client_id": "c"}),
        settings({**APPLICATION, "client_secret": "s"}),
        settings({**APPLICATION, "certificate": PEM}),
        settings({**APPLICATION, "federated_token_file": "/var/run/token"}),
        settings(default_region="westeurope", default_zone="1", regions=["westeurope", "eastus2"]),
        settings(endpoint="https://127.0.0.1:5000", max_retries=0),
        settings(options={"metrics.period": 300, "metrics.lag": 0}),
        settings(options={"metrics.period": 1}),
        settings(options={"azure.resource_group": "my-group", "azure.imds_endpoint": "http://127.0.0.1:1"}),
        settings(options={"azure.metrics_endpoint": "https://{region}.metrics.monitor.azure.cn"}),
    ],
)
def test_a_configuration_that_can_be(good: Settings) -> None:
    PROVIDER.check(good)
    PROVIDER.connect(good)


@pytest.mark.parametrize(
    ("bad", "field", "says"),
    [
        (settings({"client_secrt": "s"}), "config.auth", "'client_secrt'"),
        (settings({"client_id": "c", "client_secret": "s"}), "config.auth", "lacks tenant_id"),
        (settings({"tenant_id": "t", "certificate": PEM}), "config.auth", "lacks client_id"),
        (settings({"federated_token_file": "/x"}), "config.auth", "lacks tenant_id"),
        (settings({"tenant_id": "t"}), "config.auth", "tenant_id without"),
        (settings({**APPLICATION, "client_secret": "s", "certificate": PEM}), "config.auth", "one of them"),
        (settings({**APPLICATION, "certificate": "/etc/cert.pem"}), "config.auth", "PEM text"),
        (settings({**APPLICATION, "federated_token_file": "token"}), "config.auth", "absolute path"),
        (settings(project=""), "config.project", "subscription"),
        (settings(project="my-subscription"), "config.project", "'my-subscription'"),
        (settings(endpoint="http://127.0.0.1:5000"), "config.endpoint", "no https URL"),
        (settings(endpoint="https://x/path"), "config.endpoint", "without a path"),
        (settings(regions=["westeurope", "West Europe"]), "config.regions", "'West Europe'"),
        (settings(default_region="eastus", regions=["westeurope"]), "config.default_region", "not among"),
        (settings(default_region="eastus", default_zone="eastus-1"), "config.default_zone", "a number"),
        (settings(default_zone="1"), "config.default_zone", "in default_region"),
        (settings(timeout=duration_pb2.Duration()), "config.timeout", "more than 0"),
        (settings(max_retries=-1), "config.max_retries", "negative"),
        (settings(options={"azure.resource_grp": "x"}), "config.options", "there is azure.resource_group"),
        (settings(options={"azure.resource_group": "x."}), "config.options", "no dot"),
        (settings(options={"azure.resource_group": 5}), "config.options", "a text"),
        (settings(options={"azure.authority": "http://x"}), "config.options", "no https URL"),
        (settings(options={"azure.imds_endpoint": "x"}), "config.options", "no http or https URL"),
        (settings(options={"metrics.period": "60"}), "config.options", "number of seconds"),
        (settings(options={"metrics.period": 0}), "config.options", "at least 1"),
        (settings(options={"metrics.lag": True}), "config.options", "number of seconds"),
        (settings(options={"metrics.period": 120}), "config.options", "periods of 60, 300"),
    ],
)
def test_a_configuration_that_cannot_be_names_the_field(bad: Settings, field: str, says: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        PROVIDER.check(bad)
    assert [violation.field for violation in caught.value.violations] == [field]
    assert says in caught.value.message


def test_what_is_signed_in_with_does_not_show() -> None:
    auth = Auth.read({key: Secret(value) for key, value in {**APPLICATION, "client_secret": "canary"}.items()})
    assert "canary" not in repr(auth)
    broken = f"{PEM}canary".replace("PRIVATE", "PUBLIC")
    with pytest.raises(InvalidArgument) as caught:
        Auth.read({key: Secret(value) for key, value in {**APPLICATION, "certificate": broken}.items()})
    assert "canary" not in caught.value.message


def test_every_capability_is_told_with_its_limits() -> None:
    told = {status.capability: status for status in PROVIDER.capabilities}
    assert len(told) == len(PROVIDER.capabilities)
    assert {status.level for status in told.values()} == {capabilities_pb2.SUPPORT_LEVEL_NATIVE}
    assert told[capabilities_pb2.CAPABILITY_INSTANCES].limits
    assert capabilities_pb2.CAPABILITY_METRICS in told
    assert capabilities_pb2.CAPABILITY_INSTANCE_SUSPEND not in told


def metrics_of(given: Settings) -> Metrics:
    (metrics,) = [area for area in PROVIDER.connect(given).areas if isinstance(area, Metrics)]
    return metrics


def test_metrics_come_at_the_period_and_lag_that_are_configured() -> None:
    real = metrics_of(settings()).descriptors()
    assert {(d.min_period.seconds, d.publish_delay.seconds) for d in real} == {(60, 120)}
    fast = metrics_of(settings(options={"metrics.period": 1, "metrics.lag": 0})).descriptors()
    assert {(d.min_period.seconds, d.publish_delay.seconds) for d in fast} == {(1, 0)}


def test_metrics_are_in_canonical_names_and_units() -> None:
    found = metrics_of(settings()).descriptors()
    assert {descriptor.type: descriptor.unit for descriptor in found} == {
        "cloud.instance.cpu.utilization": "1",
        "cloud.instance.disk.read_bytes": "By/s",
        "cloud.instance.disk.write_bytes": "By/s",
        "cloud.instance.disk.read_operations": "{operation}/s",
        "cloud.instance.disk.write_operations": "{operation}/s",
        "cloud.instance.network.receive_bytes": "By/s",
        "cloud.instance.network.transmit_bytes": "By/s",
    }
    for descriptor in found:
        assert descriptor.name == f"providers/azure/metricDescriptors/{descriptor.type}"
        assert descriptor.display_name and descriptor.description and descriptor.kind and descriptor.native.scale
        assert descriptor.native.namespace == "Microsoft.Compute/virtualMachines"


def test_memory_is_there_where_a_workspace_is() -> None:
    found = metrics_of(settings(options={"azure.workspace_id": "w"})).descriptors()
    assert found[-1].type == "cloud.instance.memory.utilization" and found[-1].unit == "1"
    assert found[-1].native.metric == "% Used Memory"
