"""Who may call the sandbox's Azure, how often, and what goes wrong when a test wants it to."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity.aio import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from azure.mgmt.compute.aio import ComputeManagementClient
from novacron_sandbox import Sandbox, SandboxError

from tests.unit.sandbox.microsoft import Subscription, arm, entra, subscription


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clouds=("azure",), boot_seconds=0.2) as sandbox:
        yield sandbox


@pytest.fixture
async def azure(sandbox: Sandbox) -> AsyncIterator[Subscription]:
    await asyncio.to_thread(sandbox.reset, cloud="azure")
    async with subscription(sandbox) as opened:
        yield opened


async def _may_list(sandbox: Sandbox, credential: Any) -> bool:
    async with (
        credential,
        ComputeManagementClient(credential, sandbox.azure["subscription_id"], **arm(sandbox)) as compute,
    ):
        return [machine async for machine in compute.virtual_machines.list_all()] == []


async def test_a_secret_a_certificate_and_a_token_of_a_cluster_open(sandbox: Sandbox) -> None:
    access = sandbox.azure
    who = (access["tenant_id"], access["client_id"])
    assert await _may_list(sandbox, ClientSecretCredential(*who, access["client_secret"], **entra(sandbox)))
    assert await _may_list(sandbox, CertificateCredential(*who, access["certificate_file"], **entra(sandbox)))
    workload = WorkloadIdentityCredential(
        tenant_id=who[0], client_id=who[1], token_file_path=access["federated_token_file"], **entra(sandbox)
    )
    assert await _may_list(sandbox, workload)


@pytest.mark.parametrize("client_id", [True, False])
async def test_the_identity_of_a_machine_opens(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, client_id: bool
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", sandbox.azure["imds_endpoint"])
    chosen = {"client_id": sandbox.azure["client_id"]} if client_id else {}
    assert await _may_list(sandbox, ManagedIdentityCredential(**chosen))


async def test_the_identity_of_an_app_service_opens(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", sandbox.azure["identity_endpoint"])
    monkeypatch.setenv("IDENTITY_HEADER", sandbox.azure["identity_header"])
    assert await _may_list(sandbox, ManagedIdentityCredential())
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    with pytest.raises(ClientAuthenticationError):
        await _may_list(sandbox, ManagedIdentityCredential())


async def test_a_metadata_service_wants_its_header(sandbox: Sandbox) -> None:
    url = f"{sandbox.azure['imds_endpoint']}/metadata/identity/oauth2/token"
    query = {"resource": "https://management.azure.com"}
    async with aiohttp.ClientSession() as session:
        async with session.get(url, params=query) as answer:
            assert answer.status == 400
        other = {**query, "client_id": "nobody"}
        async with session.get(url, params=other, headers={"Metadata": "true"}) as answer:
            assert (answer.status, (await answer.json())["error_description"]) == (400, "Identity not found")


async def test_what_is_wrong_does_not_open(sandbox: Sandbox) -> None:
    access = sandbox.azure
    tenant, client = access["tenant_id"], access["client_id"]
    options = entra(sandbox)
    for credential, code in (
        (ClientSecretCredential(tenant, client, "wrong-é", **options), "AADSTS7000215"),
        (ClientSecretCredential(tenant, "nobody", access["client_secret"], **options), "AADSTS700016"),
        (ClientSecretCredential("nowhere", client, access["client_secret"], **options), "AADSTS90002"),
    ):
        with pytest.raises(ClientAuthenticationError, match=code):
            await _may_list(sandbox, credential)
    async with ClientSecretCredential(tenant, client, access["client_secret"], **options) as credential:
        with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
            await credential.get_token("https://elsewhere.invalid/.default")


async def test_a_certificate_of_somebody_else_does_not_open(sandbox: Sandbox) -> None:
    with Sandbox(clouds=("azure",)) as other:
        access = sandbox.azure
        credential = CertificateCredential(
            access["tenant_id"], access["client_id"], other.azure["certificate_file"], **entra(sandbox)
        )
        with pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
            await _may_list(sandbox, credential)


class Given:
    """A token that somebody has."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(self._token, int(time.time()) + 3600)

    async def close(self) -> None: ...

    async def __aenter__(self) -> "Given":
        return self

    async def __aexit__(self, *_: object) -> None: ...


async def test_a_token_has_to_be_ours_and_young(sandbox: Sandbox) -> None:
    for token, code in (
        (sandbox.azure["expired_token"], "ExpiredAuthenticationToken"),
        (sandbox.azure["expired_token"] + "x", "InvalidAuthenticationToken"),
        ("nonsense", "InvalidAuthenticationToken"),
    ):
        with pytest.raises(ClientAuthenticationError, match=code) as refusal:
            await _may_list(sandbox, Given(token))
        assert refusal.value.status_code == 401


async def test_another_ca_is_not_trusted(sandbox: Sandbox) -> None:
    async with ComputeManagementClient(
        Given("x"), sandbox.azure["subscription_id"], **{**arm(sandbox), "connection_verify": True}
    ) as compute:
        with pytest.raises(ServiceRequestError, match="certificate"):
            await compute.virtual_machines.get("novacron", "one")


async def test_calls_are_counted_and_too_many_are_throttled(azure: Subscription) -> None:
    path = f"{azure.root}/resourcegroups"
    answers = [await azure.send("GET", path, version="2024-07-01") for _ in range(3)]
    left = [int(answer.headers["x-ms-ratelimit-remaining-subscription-reads"]) for answer in answers]
    assert left[0] <= 249
    assert len({answer.headers["x-ms-request-id"] for answer in answers}) == 3
    writes = [await azure.send("DELETE", f"{azure.group}/providers/Microsoft.Compute/disks/none", version="2024-03-02")]
    assert int(writes[0].headers["x-ms-ratelimit-remaining-subscription-deletes"]) <= 199


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("throttle", 429, "TooManyRequests"),
        ("unavailable", 503, "ServerTimeout"),
        ("expired", 401, "ExpiredAuthenticationToken"),
        ("denied", 403, "AuthorizationFailed"),
        ("capacity", 409, "SkuNotAvailable"),
        ("quota", 409, "QuotaExceeded"),
    ],
)
async def test_faults_are_answered_as_azure_would(
    azure: Subscription, sandbox: Sandbox, kind: str, status: int, code: str
) -> None:
    await asyncio.to_thread(sandbox.fault, "VirtualMachines_ListAll", kind, cloud="azure")
    path = f"{azure.root}/providers/Microsoft.Compute/virtualMachines"
    if status in (401, 429, 503):
        # The pipeline asks again by itself, and that works.
        answer = await azure.send("GET", path, version="2024-07-01")
        state = await asyncio.to_thread(sandbox.state, cloud="azure")
        assert answer.status_code in (200, status)
        assert state["faults"] == []
    else:
        with pytest.raises(HttpResponseError, match=code) as refusal:
            assert [machine async for machine in azure.compute.virtual_machines.list_all()]
        assert refusal.value.status_code == status


async def test_an_answer_can_be_lost(azure: Subscription, sandbox: Sandbox) -> None:
    await azure.create("one")
    await asyncio.to_thread(sandbox.fault, "VirtualMachines_PowerOff", "reset", after=True, cloud="azure")
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        await azure.compute.virtual_machines.begin_power_off("novacron", "one")
    assert await azure.power("one") in ("PowerState/stopping", "PowerState/stopped")


async def test_a_change_can_fail_in_the_end(azure: Subscription, sandbox: Sandbox) -> None:
    await asyncio.to_thread(sandbox.fault, "VirtualMachines_CreateOrUpdate", "allocation", cloud="azure")
    with pytest.raises(HttpResponseError, match="AllocationFailed"):
        await azure.create("one")
    machine = await azure.compute.virtual_machines.get("novacron", "one", expand="instanceView")
    assert machine.properties.provisioning_state == "Failed"
    assert [s.code for s in machine.properties.instance_view.statuses] == ["ProvisioningState/failed"]
    await (await azure.compute.virtual_machines.begin_delete("novacron", "one")).result()


async def test_a_fault_that_azure_does_not_have_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="none of html500"):
        await asyncio.to_thread(sandbox.fault, "VirtualMachines_Start", "sulk", cloud="azure")
