"""What a configuration of Google Cloud may say, checked without calling it."""

import json
import subprocess
import sys
from typing import Any

import pytest
from google.protobuf import duration_pb2
from novacron.cloud.v1 import capabilities_pb2, provider_pb2
from novacron_providers.contract import Secret, Settings
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.metrics import Metrics
from novacron_providers.gcp import PROVIDER
from novacron_providers.gcp.auth import Auth, is_trusted

KEY = {
    "type": "service_account",
    "private_key": "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n",
    "client_email": "me@my-project.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}
EXTERNAL = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/o",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"file": "/var/run/token"},
}
IMPERSONATION = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b:generateAccessToken"


def settings(auth: dict[str, Any] | None = None, options: dict[str, Any] | None = None, **config: Any) -> Settings:
    made = provider_pb2.ProviderConfig(**{"project": "my-project", **config})
    made.options.update(options or {})
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in (auth or {}).items()}
    return Settings(provider="gcp", config=made, auth={key: Secret(value) for key, value in texts.items()})


def key(**more: Any) -> dict[str, Any]:
    return {"service_account_json": {**KEY, **more}}


def external(**more: Any) -> dict[str, Any]:
    return {"external_account_json": {**EXTERNAL, **more}}


@pytest.mark.parametrize(
    "good",
    [
        settings(),
        settings(project=""),
        settings(project="example.com:my-project"),
        settings(key()),
        settings({"impersonate": "target@my-project.iam.gserviceaccount.com"}),
        settings({**key(), "impersonate": "target@my-project.iam.gserviceaccount.com"}),
        settings(external()),
        settings(external(service_account_impersonation_url=IMPERSONATION)),
        settings(
            external(token_url="https://sts.corp.example/v1/token"), {"gcp.token_urls": ["https://sts.corp.example"]}
        ),
        settings(
            external(credential_source={"url": "http://127.0.0.1:1/oidc/token"}),
            {"gcp.token_urls": ["http://127.0.0.1:1/oidc"]},
        ),
        settings(default_region="us-central1", default_zone="us-central1-a", regions=["us-central1"]),
        settings(endpoint="http://127.0.0.1:5000", max_retries=0),
        settings(options={"metrics.period": 300, "metrics.lag": 0, "gcp.monitoring_endpoint": "127.0.0.1:1"}),
    ],
)
def test_a_configuration_that_can_be(good: Settings) -> None:
    PROVIDER.check(good)


@pytest.mark.parametrize(
    ("bad", "field", "says"),
    [
        (settings({"key": "x"}), "config.auth", "'key'"),
        (settings({"service_account_json": "/etc/key.json"}), "config.auth", "not its path"),
        (settings({"service_account_json": {"type": "authorized_user"}}), "config.auth", "'authorized_user'"),
        (settings(key(private_key="")), "config.auth", "lacks private_key"),
        (settings(key(private_key="x")), "config.auth", "no PEM"),
        (settings(key(client_email=None)), "config.auth", "lacks client_email"),
        (settings(key(token_uri="ftp://x")), "config.auth", "token_uri"),
        (settings({**key(), **external()}), "config.auth", "one of them"),
        (settings({"impersonate": "me"}), "config.auth", "e-mail"),
        (settings(external(audience="")), "config.auth", "lacks audience"),
        (settings(external(token_url="https://evil.example/token")), "config.auth", "token_url is neither"),
        (settings(external(token_url="http://sts.googleapis.com/v1/token")), "config.auth", "token_url is neither"),
        (settings(external(token_info_url="https://evil.example")), "config.auth", "token_info_url is neither"),
        (
            settings(external(service_account_impersonation_url="https://iamcredentials.googleapis.com.evil.example/")),
            "config.auth",
            "impersonation_url is neither",
        ),
        (settings(external(credential_source={"url": "http://169.254.169.254/x"})), "config.auth", "source.url"),
        (settings(external(credential_source={"executable": {"command": "/bin/x"}})), "config.auth", "executable"),
        (settings(external(credential_source={"environment_id": "aws1"})), "config.auth", "environment_id"),
        (settings(external(credential_source={"file": "token"})), "config.auth", "absolute path"),
        (
            settings(external(credential_source={"file": "/x", "executable": {"command": "/bin/x"}})),
            "config.auth",
            "a file or a url",
        ),
        (settings(external(), project=""), "config.project", "names no project"),
        (settings(project="My Project"), "config.project", "'My Project'"),
        (settings(endpoint="compute.googleapis.com"), "config.endpoint", "no http or https URL"),
        (settings(endpoint="https://x/compute/v1"), "config.endpoint", "without a path"),
        (settings(regions=["us-central1", "us-central1-a"]), "config.regions", "'us-central1-a'"),
        (settings(default_region="us-east1", regions=["us-central1"]), "config.default_region", "not among"),
        (settings(default_region="us-east1", default_zone="us-east10-b"), "config.default_zone", "not in"),
        (settings(timeout=duration_pb2.Duration()), "config.timeout", "more than 0"),
        (settings(max_retries=-1), "config.max_retries", "negative"),
        (settings(options={"gcp.token_url": "x"}), "config.options", "there is gcp.token_urls"),
        (settings(options={"gcp.token_urls": ["sts"]}), "config.options", "'sts'"),
        (settings(options={"gcp.token_urls": [5]}), "config.options", "list of URLs"),
        (settings(options={"gcp.metadata_host": "http://127.0.0.1:1"}), "config.options", "host:port"),
        (settings(options={"gcp.iam_endpoint": "x"}), "config.options", "URL"),
        (settings(options={"gcp.monitoring_endpoint": 5}), "config.options", "a text"),
        (settings(options={"metrics.period": "60"}), "config.options", "number of seconds"),
        (settings(options={"metrics.period": 90}), "config.options", "whole minutes"),
        (settings(options={"metrics.lag": True}), "config.options", "number of seconds"),
    ],
)
def test_a_configuration_that_cannot_be_names_the_field(bad: Settings, field: str, says: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        PROVIDER.check(bad)
    assert [violation.field for violation in caught.value.violations] == [field]
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("https://sts.googleapis.com/v1/token", True),
        ("https://sts.mtls.googleapis.com/v1/token", True),
        ("https://us-east1-sts.googleapis.com/v1/token", True),
        ("https://sts.googleapis.com:8443/v1/token", False),
        ("https://storage.googleapis.com/bucket", False),
        ("https://me:x@sts.googleapis.com/v1/token", False),
        ("https://sts.corp.example/v1/token", True),
        ("https://sts.corp.example/v1", True),
        ("https://sts.corp.example/v10/token", False),
        ("https://sts.corp.example/v1/../v2", False),
        ("http://sts.corp.example/v1/token", False),
        ("https://sts.corp.example:port/v1", False),
    ],
)
def test_tokens_go_to_google_and_below_what_the_operator_lists(address: str, trusted: bool) -> None:
    assert is_trusted(address, ["https://sts.corp.example/v1/"]) is trusted


def test_what_is_signed_in_with_does_not_show() -> None:
    auth = Auth.read({"service_account_json": Secret(json.dumps(KEY))})
    assert "canary" not in repr(auth) and auth.document["private_key"] == KEY["private_key"]
    with pytest.raises(InvalidArgument) as caught:
        Auth.read({"service_account_json": Secret(json.dumps(KEY) + "canary")})
    assert "canary" not in caught.value.message


def test_every_capability_is_told_with_its_limits() -> None:
    told = {status.capability: status for status in PROVIDER.capabilities}
    assert len(told) == len(PROVIDER.capabilities)
    assert {status.level for status in told.values()} == {capabilities_pb2.SUPPORT_LEVEL_NATIVE}
    assert all(status.limits for status in told.values())
    assert capabilities_pb2.CAPABILITY_INSTANCE_CUSTOM_SHAPE in told
    assert capabilities_pb2.CAPABILITY_INSTANCE_SUSPEND in told


async def test_metrics_are_in_canonical_names_and_units_at_the_configured_period() -> None:
    def metrics_of(given: Settings) -> Metrics:
        (metrics,) = [area for area in PROVIDER.connect(given).areas if isinstance(area, Metrics)]
        return metrics

    found = metrics_of(settings()).descriptors()
    assert {(d.min_period.seconds, d.publish_delay.seconds) for d in found} == {(60, 240)}
    assert {d.type.removeprefix("cloud.instance."): d.unit for d in found} == {
        "cpu.utilization": "1",
        "disk.read_bytes": "By/s",
        "disk.write_bytes": "By/s",
        "disk.read_operations": "{operation}/s",
        "disk.write_operations": "{operation}/s",
        "network.receive_bytes": "By/s",
        "network.transmit_bytes": "By/s",
        "network.receive_packets": "{packet}/s",
        "network.transmit_packets": "{packet}/s",
    }
    for descriptor in found:
        assert descriptor.name == f"providers/gcp/metricDescriptors/{descriptor.type}"
        assert descriptor.display_name and descriptor.description and descriptor.kind and descriptor.native.metric
    fast = metrics_of(settings(options={"metrics.period": 1, "metrics.lag": 0})).descriptors()
    assert {(d.min_period.seconds, d.publish_delay.seconds) for d in fast} == {(1, 0)}


def test_no_sdk_before_the_first_call() -> None:
    code = """
import sys
from novacron.cloud.v1 import provider_pb2
from novacron_providers.gcp import PROVIDER
from novacron_providers.contract import Settings
settings = Settings(provider="gcp", config=provider_pb2.ProviderConfig(project="my-project"))
PROVIDER.check(settings)
PROVIDER.connect(settings)
sdks = ("google.auth", "google.cloud", "google.api_core", "aiohttp")
assert not [name for name in sys.modules if name.startswith(sdks)]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
