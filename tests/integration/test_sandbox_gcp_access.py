"""Every way to a token of Google's library against the sandbox, and what a call without a good one is told."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import Unauthenticated, Unauthorized
from google.auth import identity_pool, impersonated_credentials
from google.auth.exceptions import OAuthError, RefreshError
from google.cloud import compute_v1
from google.oauth2 import credentials as oauth2
from novacron_sandbox import Sandbox

from tests.unit.sandbox.google import SCOPES, Metrics, client, from_key, key, token


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clouds=("gcp",)) as running:
        yield running


def _regions(sandbox: Sandbox, credentials: Any) -> list[str]:
    found = client(compute_v1.RegionsClient, sandbox, credentials).list(project=sandbox.gcp["project"])
    return sorted(region.name for region in found)


def _federated(sandbox: Sandbox, **change: Any) -> Any:
    document = json.loads(Path(sandbox.gcp["external_account_file"]).read_text())
    return identity_pool.Credentials.from_info({**document, **change}, scopes=SCOPES)  # type: ignore[no-untyped-call]


def _borrowed(sandbox: Sandbox, source: Any, target: str, lifetime: int = 3600) -> Any:
    url = f"{sandbox.gcp['iam_endpoint']}/v1/projects/-/serviceAccounts/{target}:generateAccessToken"
    return impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]  # has no types
        source, target, SCOPES, lifetime=lifetime, iam_endpoint_override=url
    )


def test_a_key_gets_a_token_that_compute_takes(sandbox: Sandbox) -> None:
    bearer = token(key(sandbox))
    assert _regions(sandbox, oauth2.Credentials(bearer)) == sorted(sandbox.gcp["regions"])  # type: ignore[no-untyped-call]


def test_a_token_that_the_key_signed_itself_is_taken(sandbox: Sandbox) -> None:
    before = sandbox.state(cloud="gcp")["calls"].get("token", 0)
    assert _regions(sandbox, key(sandbox)) == sorted(sandbox.gcp["regions"])
    assert sandbox.state(cloud="gcp")["calls"].get("token", 0) == before


def test_another_key_is_refused(sandbox: Sandbox) -> None:
    with Sandbox(clouds=("gcp",)) as other:
        document = json.loads(Path(other.gcp["credentials_file"]).read_text())
    document["token_uri"] = sandbox.gcp["token_url"]
    stranger = from_key(document)
    with pytest.raises(RefreshError, match="Invalid JWT Signature"):
        token(stranger)
    with pytest.raises(Unauthorized):
        _regions(sandbox, stranger)


def test_a_token_of_the_pool_is_exchanged(sandbox: Sandbox) -> None:
    assert _regions(sandbox, _federated(sandbox)) == sorted(sandbox.gcp["regions"])
    with pytest.raises(OAuthError, match="not of this pool"):
        token(
            _federated(sandbox, audience="//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/x/y/z")
        )


@pytest.mark.parametrize("source", [key, _federated])
def test_a_service_account_can_be_impersonated(sandbox: Sandbox, source: Any) -> None:
    borrowed = _borrowed(sandbox, source(sandbox), sandbox.gcp["impersonate"])
    assert _regions(sandbox, borrowed) == sorted(sandbox.gcp["regions"])
    with pytest.raises(RefreshError, match="getAccessToken"):
        token(_borrowed(sandbox, source(sandbox), "nobody@novacron-sandbox.iam.gserviceaccount.com"))


def test_the_metadata_server_speaks_for_a_machine(sandbox: Sandbox) -> None:
    """In a process of its own: google.auth reads where the server is when it is imported."""
    code = (
        "import google.auth, google.auth.transport.requests as t\n"
        "found, project = google.auth.default(scopes=['https://www.googleapis.com/auth/cloud-platform'])\n"
        "found.refresh(t.Request())\n"
        "print(project, found.service_account_email, found.token)"
    )
    host = sandbox.gcp["metadata_host"]
    places = dict.fromkeys(("GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT"), host)
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **places, "CLOUDSDK_CONFIG": os.devnull},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ran.returncode == 0, ran.stderr
    project, account, bearer = ran.stdout.split()
    assert (project, account) == (sandbox.gcp["project"], sandbox.gcp["service_account"])
    assert _regions(sandbox, oauth2.Credentials(bearer)) == sorted(sandbox.gcp["regions"])  # type: ignore[no-untyped-call]


def test_the_metadata_server_wants_its_header(sandbox: Sandbox) -> None:
    url = f"http://{sandbox.gcp['metadata_host']}/computeMetadata/v1/instance/service-accounts/default/token"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url, timeout=10)
    request = urllib.request.Request(url, headers={"Metadata-Flavor": "Google"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Metadata-Flavor"] == "Google"
        assert json.load(answer)["token_type"] == "Bearer"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("project/project-id", "novacron-sandbox"),
        ("project/numeric-project-id", "618033988749"),
        ("universe/universe-domain", "googleapis.com"),
        ("instance/service-accounts/default/email", "novacron@novacron-sandbox.iam.gserviceaccount.com"),
        ("instance/service-accounts/default/scopes", SCOPES[0]),
        ("instance/service-accounts/default/", "token"),
        ("instance/service-accounts/default/?recursive=true", '"aliases"'),
        ("instance/service-accounts/nobody/email", 404),
        ("instance/service-accounts/default/identity", 404),
        ("instance/attributes/", 404),
    ],
)
def test_the_metadata_server_tells_what_a_machine_may_know(sandbox: Sandbox, path: str, said: str | int) -> None:
    url = f"http://{sandbox.gcp['metadata_host']}/computeMetadata/v1/{path}"
    request = urllib.request.Request(url, headers={"Metadata-Flavor": "Google"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert isinstance(said, str)
            assert said in answer.read().decode()
    except urllib.error.HTTPError as refusal:
        refusal.close()
        assert refusal.code == said


@pytest.mark.parametrize("bearer", ["", "ya29.made-up", "a.b.c", "expired"])
def test_a_call_without_a_good_token_is_refused(sandbox: Sandbox, bearer: str) -> None:
    bearer = sandbox.gcp["expired_token"] if bearer == "expired" else bearer
    url = f"{sandbox.gcp['endpoint']}/compute/v1/projects/{sandbox.gcp['project']}/regions"
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)
    error = json.load(refusal.value)["error"]
    refusal.value.close()
    assert (error["code"], error["status"]) == (401, "UNAUTHENTICATED")
    metrics = Metrics(sandbox, bearer)
    with pytest.raises(Unauthenticated) as refused:
        metrics.series("cpu/utilization", time.time() - 600, time.time())
    assert refused.value.grpc_status_code == grpc.StatusCode.UNAUTHENTICATED
    metrics.close()


def test_a_token_ends(sandbox: Sandbox) -> None:
    bearer = token(_borrowed(sandbox, key(sandbox), sandbox.gcp["impersonate"], lifetime=1))
    time.sleep(1.1)
    metrics = Metrics(sandbox, bearer)
    with pytest.raises(Unauthenticated):
        metrics.series("cpu/utilization", time.time() - 600, time.time())
    metrics.close()


def test_odd_days_of_tokens_can_be_had_by_name(sandbox: Sandbox) -> None:
    sandbox.fault("token", "unavailable", count=1, cloud="gcp")
    url, body = sandbox.gcp["token_url"], b"grant_type=none"
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(url, data=body, timeout=10)
    with pytest.raises(urllib.error.HTTPError, match="400") as refusal:
        urllib.request.urlopen(url, data=body, timeout=10)
    assert json.load(refusal.value)["error"] == "unsupported_grant_type"
    refusal.value.close()


def test_monitoring_has_only_what_it_says(sandbox: Sandbox) -> None:
    with grpc.insecure_channel(sandbox.gcp["monitoring_endpoint"]) as channel:
        call: Any = channel.unary_unary(
            "/google.monitoring.v3.MetricService/DeleteMetricDescriptor",
            request_serializer=lambda request: bytes(request),
            response_deserializer=lambda answer: answer,
        )
        with pytest.raises(grpc.RpcError) as refusal:
            call(b"", timeout=10)
        assert refusal.value.code() == grpc.StatusCode.UNIMPLEMENTED
