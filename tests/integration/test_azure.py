"""The Azure adapter against the sandbox: what exists in the cloud is counted by Azure's own SDK."""

import asyncio
import pathlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from azure.core.credentials import AccessToken
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from novacron.cloud.v1 import compute_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.azure import PROVIDER
from novacron_providers.contract import Call, ScaledClock, Secret, Settings
from novacron_providers.contract.compute import Compute
from novacron_providers.contract.errors import (
    CapacityUnavailable,
    CloudError,
    CredentialsInvalid,
    InvalidArgument,
    NotFound,
    PageTokenInvalid,
    PermissionMissing,
    QuotaExceeded,
    StateInvalid,
    Throttled,
    Unavailable,
    Unsupported,
)
from novacron_providers.contract.metrics import Metrics, Window
from novacron_providers.contract.paging import encode_token
from novacron_providers.contract.provider import Connection
from novacron_sandbox import Sandbox

from tests.unit.providers.operation import CheckPassed, Journal, MemoryOp

pytestmark = pytest.mark.asyncio(loop_scope="module")
PARENT = "providers/azure"
GIB = 1 << 30
# Azure's own waits and periods, of a second and of a minute, pass at this speed.
RATE, ORIGIN = 20.0, time.time()
SIGN_IN = ("tenant_id", "client_id", "client_secret")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clouds=("azure",), origin=ORIGIN, rate=RATE, boot_seconds=4) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def clean(sandbox: Sandbox) -> None:
    """Nothing from the test before."""
    sandbox.reset(cloud="azure")


def settings(sandbox: Sandbox, auth: Mapping[str, str] | None = None, **more: Any) -> Settings:
    azure = sandbox.azure
    config = provider_pb2.ProviderConfig(
        **{
            "project": azure["subscription_id"],
            "endpoint": azure["endpoint"],
            "regions": azure["regions"],
            "default_region": azure["regions"][0],
            **{key: value for key, value in more.items() if key != "options"},
        }
    )
    named = ("authority", "ca_file", "resource_group", "metrics_endpoint", "logs_endpoint", "imds_endpoint")
    config.options.update({f"azure.{name}": azure[name] for name in (*named, "workspace_id")})
    config.options.update(more.get("options", {}))
    keys = {key: azure[key] for key in SIGN_IN} if auth is None else auth
    secrets = {key: Secret(value) for key, value in keys.items()}
    made = Settings(provider="azure", config=config, auth=secrets, clock=ScaledClock(ORIGIN, RATE))
    PROVIDER.check(made)
    return made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connection(sandbox: Sandbox) -> AsyncIterator[Connection]:
    connection = PROVIDER.connect(settings(sandbox))
    yield connection
    await connection.close()


@pytest.fixture
def compute(connection: Connection) -> Compute:
    (area,) = [area for area in connection.areas if isinstance(area, Compute)]
    return area


@pytest.fixture
def metrics(connection: Connection) -> Metrics:
    (area,) = [area for area in connection.areas if isinstance(area, Metrics)]
    return area


def op(journal: Journal | None = None, *, interval: float = 1.0, **more: Any) -> MemoryOp:
    return MemoryOp(journal, clock=ScaledClock(ORIGIN, RATE), interval=interval, **more)


class Cloud:
    """What there is, by Azure's own SDK, never through our code."""

    def __init__(self, sandbox: Sandbox) -> None:
        azure = sandbox.azure
        identity = ClientSecretCredential(
            *(azure[key] for key in SIGN_IN),
            authority=azure["authority"],
            disable_instance_discovery=True,
            connection_verify=azure["ca_file"],
        )
        self.sdk = ComputeManagementClient(
            identity,
            azure["subscription_id"],
            base_url=azure["endpoint"],
            credential_scopes=[f"{azure['endpoint']}/.default"],
            connection_verify=azure["ca_file"],
        )
        self._root = f"/subscriptions/{azure['subscription_id']}"
        self._arm, self._token = self.sdk._client, identity.get_token(f"{azure['endpoint']}/.default")
        self._endpoint = azure["endpoint"]

    @property
    def token(self) -> AccessToken:
        return self._token

    def count(self) -> dict[str, int]:
        """Machines, disks, cards and addresses of the subscription."""
        kinds = ("Compute/virtualMachines", "Compute/disks", "Network/networkInterfaces", "Network/publicIPAddresses")
        return {kind.partition("/")[2]: len(self.all(kind)) for kind in kinds}

    def all(self, kind: str) -> list[Any]:
        from azure.core.rest import HttpRequest

        version = {"Compute/disks": "2024-03-02", "Compute/virtualMachines": "2024-07-01"}.get(kind, "2024-03-01")
        url = f"{self._endpoint}{self._root}/providers/Microsoft.{kind}?api-version={version}"
        answer = self._arm.send_request(HttpRequest("GET", url))
        answer.raise_for_status()
        found: list[Any] = answer.json()["value"]
        return found

    def close(self) -> None:
        self.sdk.close()


@pytest.fixture
def cloud(sandbox: Sandbox) -> Iterator[Cloud]:
    cloud = Cloud(sandbox)
    yield cloud
    cloud.close()


NOTHING = {"virtualMachines": 0, "disks": 0, "networkInterfaces": 0, "publicIPAddresses": 0}


def wanted(sandbox: Sandbox, **more: Any) -> pb.CreateInstanceRequest:
    spec = {"display_name": "web", "image": sandbox.azure["image"], "instance_type": "Standard_B2s", **more}
    return pb.CreateInstanceRequest(parent=PARENT, spec=compute_pb2.InstanceSpec(**spec))


async def create(compute: Compute, sandbox: Sandbox, **more: Any) -> compute_pb2.Instance:
    return await compute.create_instance(wanted(sandbox, **more), op())


async def fault_of(connection: Connection) -> CloudError | None:
    try:
        await connection.identify(Call())
    except CloudError as error:
        return error
    finally:
        await connection.close()
    return None


# Signing in.


@pytest.mark.parametrize(
    "way", ["client_secret", "certificate", "federated_token_file", "managed identity", "user-assigned identity"]
)
async def test_every_way_of_signing_in_leads_to_the_subscription(sandbox: Sandbox, way: str) -> None:
    azure = sandbox.azure
    application = {key: azure[key] for key in ("tenant_id", "client_id")}
    auth: dict[str, dict[str, str]] = {
        "client_secret": {**application, "client_secret": azure["client_secret"]},
        "certificate": {
            **application,
            "certificate": await asyncio.to_thread(pathlib.Path(azure["certificate_file"]).read_text),
        },
        "federated_token_file": {**application, "federated_token_file": azure["federated_token_file"]},
        "managed identity": {},
        "user-assigned identity": {"client_id": azure["client_id"]},
    }
    connection = PROVIDER.connect(settings(sandbox, auth[way]))
    identity = await connection.identify(Call())
    assert identity.account == azure["subscription_id"]
    assert identity.principal == ("" if way == "managed identity" else azure["client_id"])
    await connection.close()


async def test_an_app_service_signs_in_at_its_own_address(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", sandbox.azure["identity_endpoint"])
    monkeypatch.setenv("IDENTITY_HEADER", sandbox.azure["identity_header"])
    assert await fault_of(PROVIDER.connect(settings(sandbox, {}))) is None
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    assert isinstance(await fault_of(PROVIDER.connect(settings(sandbox, {}))), CredentialsInvalid)


async def test_credentials_that_azure_does_not_take(sandbox: Sandbox, tmp_path: pathlib.Path) -> None:
    azure = sandbox.azure
    application = {key: azure[key] for key in ("tenant_id", "client_id")}
    wrong = await fault_of(PROVIDER.connect(settings(sandbox, {**application, "client_secret": "canary"})))
    assert isinstance(wrong, CredentialsInvalid)
    assert "AADSTS7000215" in wrong.message and "canary" not in repr(wrong)
    assert wrong.facts["provider"] == "azure"
    nowhere = {**application, "federated_token_file": str(tmp_path / "none")}
    assert isinstance(await fault_of(PROVIDER.connect(settings(sandbox, nowhere))), CredentialsInvalid)
    stranger = await fault_of(PROVIDER.connect(settings(sandbox, {"client_id": "somebody-else"})))
    assert isinstance(stranger, CredentialsInvalid)


async def test_a_subscription_that_the_credentials_do_not_lead_to(sandbox: Sandbox) -> None:
    other = settings(sandbox, project="00000000-0000-0000-0000-000000000001")
    assert isinstance(await fault_of(PROVIDER.connect(other)), CredentialsInvalid)


async def test_a_certificate_that_is_not_trusted_is_never_talked_to(sandbox: Sandbox) -> None:
    given = settings(sandbox)
    del given.config.options.fields["azure.ca_file"]
    given.config.max_retries = 0
    error = await fault_of(PROVIDER.connect(given))
    assert isinstance(error, CloudError) and not error.sent
    assert sandbox.state(cloud="azure")["calls"] == {}


# A life.


async def test_a_machine_is_made_whole_and_goes_whole(compute: Compute, sandbox: Sandbox, cloud: Cloud) -> None:
    made_by = op()
    request = wanted(
        sandbox,
        tags={"team": "core"},
        metadata={"role": "front"},
        boot_disk={"size_bytes": 40 * GIB, "volume_type": "Premium_LRS"},
        data_disks=[{"size_bytes": 5 * GIB}, {"size_bytes": GIB}],
        network_interfaces=[{"assign_public_ip": True}],
        zone="2",
        user_data=b"#!/bin/sh\n",
        ssh_public_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEChAhO4pqCbyDzEoiPY2HWmmGDqFRoA0sxZ0QfKAV nova",
    )
    made = await compute.create_instance(request, made_by)
    assert made.state == compute_pb2.INSTANCE_STATE_RUNNING and made.display_name == "web"
    assert made.tags["team"] == "core" and made.tags["role"] == "front" and made.zone == "2"
    assert made.vcpus == 2 and made.memory_bytes == 4 * GIB and made.boot_disk_bytes == 40 * GIB
    assert len(made.storage_volumes) == 3 and made.private_ips and made.public_ips
    assert made.image.startswith("Canonical:ubuntu-24_04-lts:server:24.")
    assert set(made_by.journal.targets) == {made.name, *made.storage_volumes}
    assert list(made_by.planned) == made_by.sent
    there = await asyncio.to_thread(cloud.count)
    assert there == {"virtualMachines": 1, "disks": 3, "networkInterfaces": 1, "publicIPAddresses": 1}
    disks = await asyncio.to_thread(cloud.all, "Compute/disks")
    assert sorted(disk["properties"]["diskSizeGB"] for disk in disks) == [1, 5, 40]
    await compute.delete_instance(pb.DeleteInstanceRequest(name=made.name), op())
    assert await asyncio.to_thread(cloud.count) == NOTHING


async def test_stopped_and_deallocated_are_told_apart(compute: Compute, sandbox: Sandbox) -> None:
    name = (await create(compute, sandbox)).name
    kept = await compute.stop_instance(pb.StopInstanceRequest(name=name, mode=pb.STOP_MODE_KEEP_HOST), op())
    assert (kept.state, kept.native_state) == (compute_pb2.INSTANCE_STATE_STOPPED, "stopped")
    with pytest.raises(StateInvalid):
        await compute.stop_instance(pb.StopInstanceRequest(name=name), op())
    again = await compute.stop_instance(pb.StopInstanceRequest(name=name, mode=pb.STOP_MODE_KEEP_HOST), op())
    assert again.state == compute_pb2.INSTANCE_STATE_STOPPED
    started = await compute.start_instance(pb.StartInstanceRequest(name=name), op())
    assert started.state == compute_pb2.INSTANCE_STATE_RUNNING
    gone = await compute.stop_instance(pb.StopInstanceRequest(name=name), op())
    assert (gone.state, gone.native_state) == (compute_pb2.INSTANCE_STATE_DEALLOCATED, "deallocated")
    with pytest.raises(StateInvalid):
        await compute.restart_instance(pb.RestartInstanceRequest(name=name), op())
    await compute.start_instance(pb.StartInstanceRequest(name=name), op())
    with pytest.raises(Unsupported):
        await compute.stop_instance(pb.StopInstanceRequest(name=name, mode=pb.STOP_MODE_SUSPEND), op())
    calls = sandbox.state(cloud="azure")["calls"]
    assert (calls["VirtualMachines_PowerOff"], calls["VirtualMachines_Deallocate"]) == (1, 1)


async def test_force_cuts_the_power(compute: Compute, sandbox: Sandbox) -> None:
    name = (await create(compute, sandbox)).name
    await compute.restart_instance(pb.RestartInstanceRequest(name=name), op())
    forced = await compute.restart_instance(pb.RestartInstanceRequest(name=name, force=True), op())
    assert forced.state == compute_pb2.INSTANCE_STATE_RUNNING
    off = await compute.stop_instance(pb.StopInstanceRequest(name=name, force=True), op())
    assert off.state == compute_pb2.INSTANCE_STATE_DEALLOCATED
    effects = sandbox.state(cloud="azure")["effects"]
    assert effects["VirtualMachines_Restart"] == 1 and effects["VirtualMachines_PowerOff"] == 2


async def test_a_card_that_was_not_made_for_the_machine_stays(compute: Compute, sandbox: Sandbox, cloud: Cloud) -> None:
    made = await create(compute, sandbox)
    raw = (await asyncio.to_thread(cloud.all, "Compute/virtualMachines"))[0]
    profile = raw["properties"]["networkProfile"]["networkInterfaces"][0]
    for key in ("id", "name", "type", "etag"):
        raw.pop(key, None)
    for key in ("provisioningState", "vmId", "timeCreated"):
        raw["properties"].pop(key)
    raw["properties"]["storageProfile"]["imageReference"].pop("exactVersion")
    raw["tags"].pop("novacron-operation")
    profile["properties"]["deleteOption"] = "Detach"
    raw["properties"]["storageProfile"]["osDisk"]["deleteOption"] = "Detach"
    group, name = made.name.rpartition("/")[2].split("~")
    await asyncio.to_thread(lambda: cloud.sdk.virtual_machines.begin_create_or_update(group, name, raw).result())
    await compute.delete_instance(pb.DeleteInstanceRequest(name=made.name), op())
    left = await asyncio.to_thread(cloud.count)
    assert left == {**NOTHING, "networkInterfaces": 1, "disks": 1}


async def test_deleting_what_is_gone(compute: Compute) -> None:
    name = f"{PARENT}/instances/novacron~nobody"
    with pytest.raises(NotFound) as caught:
        await compute.delete_instance(pb.DeleteInstanceRequest(name=name), op())
    assert caught.value.resource == name
    await compute.delete_instance(pb.DeleteInstanceRequest(name=name, allow_missing=True), op())


# Nothing twice.


@pytest.mark.parametrize("step", ["group", "network", "network-made", "address-0", "card-0", "machine", "running"])
async def test_a_creation_that_was_killed_goes_on_and_makes_nothing_twice(
    compute: Compute, sandbox: Sandbox, cloud: Cloud, step: str
) -> None:
    request = wanted(sandbox, network_interfaces=[{"assign_public_ip": True}])
    journal = Journal()
    with pytest.raises(ConnectionAbortedError):
        await compute.create_instance(request, op(journal, crash_at=step))
    made = await compute.create_instance(request, op(journal))
    assert made.state == compute_pb2.INSTANCE_STATE_RUNNING
    there = await asyncio.to_thread(cloud.count)
    assert there == {"virtualMachines": 1, "disks": 1, "networkInterfaces": 1, "publicIPAddresses": 1}
    effects = sandbox.state(cloud="azure")["effects"]
    assert effects["VirtualMachines_CreateOrUpdate"] == 1


@pytest.mark.parametrize("kind", ["reset", "unavailable", "html500"])
async def test_an_answer_that_was_lost_makes_nothing_twice(
    compute: Compute, sandbox: Sandbox, cloud: Cloud, kind: str
) -> None:
    for action in ("VirtualMachines_CreateOrUpdate", "NetworkInterfaces_CreateOrUpdate"):
        sandbox.fault(action, kind, after=True, cloud="azure")
    made = await create(compute, sandbox)
    assert made.state == compute_pb2.INSTANCE_STATE_RUNNING
    assert (await asyncio.to_thread(cloud.count))["virtualMachines"] == 1
    state = sandbox.state(cloud="azure")
    assert state["calls"]["VirtualMachines_CreateOrUpdate"] == 2


async def test_a_stop_that_was_killed_goes_on_where_it_was(compute: Compute, sandbox: Sandbox) -> None:
    name = (await create(compute, sandbox)).name
    journal = Journal()
    request = pb.StopInstanceRequest(name=name)
    with pytest.raises(ConnectionAbortedError):
        await compute.stop_instance(request, op(journal, crash_at="stopped"))
    assert "/operations/" in str(journal.outcomes["stop"])
    stopped = await compute.stop_instance(request, op(journal))
    assert stopped.state == compute_pb2.INSTANCE_STATE_DEALLOCATED
    assert sandbox.state(cloud="azure")["calls"]["VirtualMachines_Deallocate"] == 1


async def test_a_poll_comes_no_sooner_than_azure_wants(compute: Compute, sandbox: Sandbox) -> None:
    name = (await create(compute, sandbox)).name
    before = sandbox.state(cloud="azure")["calls"].get("Operations_Get", 0)
    # It takes 4 s, and Azure says how many of them are left; the probe is asked far more often.
    await compute.stop_instance(pb.StopInstanceRequest(name=name), op(interval=0.1))
    assert sandbox.state(cloud="azure")["calls"]["Operations_Get"] - before <= 3


# What is refused before anything is made, and what goes wrong after.


async def test_validate_only_makes_nothing(compute: Compute, sandbox: Sandbox, cloud: Cloud) -> None:
    with pytest.raises(CheckPassed):
        await compute.create_instance(wanted(sandbox), op(validate_only=True))
    assert await asyncio.to_thread(cloud.count) == NOTHING
    assert sandbox.state(cloud="azure")["effects"] == {}


@pytest.mark.parametrize(
    ("fields", "kind", "field"),
    [
        ({"image": "Canonical:ubuntu-24_04-lts:server:1.2.3"}, NotFound, "spec.image"),
        ({"image": "Canonical:no-such:server:latest"}, NotFound, "spec.image"),
        ({"image": "ami-00000000000000000"}, NotFound, "spec.image"),
        ({"image": f"{PARENT}/images/novacron~none"}, NotFound, "spec.image"),
        ({"region": "eastus"}, InvalidArgument, "spec.region"),
        ({"zone": "7"}, InvalidArgument, "spec.zone"),
        ({"instance_type": "Standard_X1"}, NotFound, "spec.instance_type"),
        ({"instance_type": "Standard_NC6s_v3"}, CapacityUnavailable, "spec.instance_type"),
        ({"instance_type": "Standard_E4s_v5", "zone": "3"}, CapacityUnavailable, "spec.zone"),
        ({"instance_type": "Standard_D2ps_v5"}, InvalidArgument, "spec.instance_type"),
        ({"instance_type": "", "vcpus": 999, "memory_bytes": GIB}, InvalidArgument, "spec.vcpus"),
        ({"network_interfaces": [{"subnet": "subnet-1"}]}, InvalidArgument, "spec.network_interfaces[0].subnet"),
        (
            {"network_interfaces": [{"network": f"{PARENT}/networks/novacron~none"}]},
            NotFound,
            "spec.network_interfaces[0].network",
        ),
    ],
)
async def test_a_spec_that_cannot_be_names_the_field(
    compute: Compute, sandbox: Sandbox, fields: dict[str, Any], kind: type[CloudError], field: str
) -> None:
    with pytest.raises(kind) as caught:
        await compute.create_instance(wanted(sandbox, **fields), op(validate_only=True))
    assert [violation.field for violation in caught.value.violations] == [field]
    assert sandbox.state(cloud="azure")["effects"] == {}


async def test_the_smallest_type_that_fits_is_taken(compute: Compute, sandbox: Sandbox) -> None:
    made = await create(compute, sandbox, instance_type="", vcpus=2, memory_bytes=5 * GIB)
    assert made.instance_type == "Standard_B2ms"


async def test_a_resource_group_is_made_where_it_is_missing(sandbox: Sandbox, cloud: Cloud) -> None:
    connection = PROVIDER.connect(settings(sandbox, options={"azure.resource_group": "Fresh"}))
    (compute,) = [area for area in connection.areas if isinstance(area, Compute)]
    made = await create(compute, sandbox)
    assert made.name.startswith(f"{PARENT}/instances/fresh~")
    assert sandbox.state(cloud="azure")["effects"]["ResourceGroups_CreateOrUpdate"] == 1
    await connection.close()


async def test_no_room_shows_when_azure_says_so_late(compute: Compute, sandbox: Sandbox) -> None:
    sandbox.fault("VirtualMachines_CreateOrUpdate", "allocation", cloud="azure")
    journal = Journal()
    with pytest.raises(CapacityUnavailable) as caught:
        await compute.create_instance(wanted(sandbox), op(journal))
    assert caught.value.facts["native_code"] == "AllocationFailed"
    with pytest.raises(CapacityUnavailable):
        await compute.create_instance(wanted(sandbox), op(journal))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("capacity", CapacityUnavailable), ("quota", QuotaExceeded), ("denied", PermissionMissing)],
)
async def test_a_refusal_is_told_as_what_it_is(
    compute: Compute, sandbox: Sandbox, kind: str, expected: type[CloudError]
) -> None:
    sandbox.fault("VirtualMachines_CreateOrUpdate", kind, cloud="azure")
    with pytest.raises(expected) as caught:
        await create(compute, sandbox)
    assert caught.value.facts["native_request_id"] and caught.value.facts["native_code"]
    assert caught.value.facts["call"] == "compute.virtual_machines.begin_create_or_update"
    assert sandbox.state(cloud="azure")["calls"]["VirtualMachines_CreateOrUpdate"] == 1


# Reads.


async def test_throttling_is_waited_out_for_as_long_as_azure_says(connection: Connection, sandbox: Sandbox) -> None:
    sandbox.fault("Subscriptions_Get", "throttle", cloud="azure")
    before, began = connection.throttled_calls(), time.monotonic()
    await connection.identify(Call())
    assert (time.monotonic() - began) * RATE >= 1.0
    assert connection.throttled_calls() == before + 1
    sandbox.fault("Subscriptions_Get", "throttle", cloud="azure")
    with pytest.raises(Throttled) as caught:
        await connection.identify(Call(deadline=time.monotonic() + 0.8))
    assert caught.value.retry_after == 1.0


@pytest.mark.parametrize("kind", ["reset", "unavailable", "html500"])
async def test_a_fault_that_passes_is_not_seen_and_every_attempt_is_ours(
    connection: Connection, sandbox: Sandbox, kind: str
) -> None:
    sandbox.fault("Subscriptions_ListLocations", kind, cloud="azure", count=2)
    await connection.probe("westeurope", Call())
    sandbox.reset(cloud="azure")
    sandbox.fault("Subscriptions_ListLocations", kind, cloud="azure", count=50)
    with pytest.raises(Unavailable):
        await connection.probe("westeurope", Call())
    assert sandbox.state(cloud="azure")["calls"]["Subscriptions_ListLocations"] == 5


async def test_an_answer_that_does_not_come_ends_with_the_callers_time(
    connection: Connection, sandbox: Sandbox
) -> None:
    sandbox.fault("Subscriptions_Get", "slow", seconds=3, cloud="azure")
    began = time.monotonic()
    with pytest.raises(CloudError) as caught:
        await connection.identify(Call(deadline=began + 0.6))
    assert time.monotonic() - began < 1.5 and type(caught.value).__name__ in ("DeadlineExceeded", "Unavailable")


async def test_regions_and_types(connection: Connection, compute: Compute) -> None:
    assert list(await connection.regions(Call())) == ["northeurope", "westeurope"]
    regions = await compute.list_regions(pb.ListRegionsRequest(parent=PARENT, include_provider_data=True), Call())
    assert [region.native_id for region in regions.regions] == ["northeurope", "westeurope"]
    assert list(regions.regions[0].zones) == ["1", "2", "3"] and regions.regions[0].location
    request = pb.ListInstanceTypesRequest(parent=PARENT, regions=["westeurope"], page_size=5)
    seen: dict[str, compute_pb2.InstanceType] = {}
    while True:
        page = await compute.list_instance_types(request, Call())
        assert len(page.instance_types) <= 5
        seen |= {shape.native_id: shape for shape in page.instance_types}
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert seen["Standard_B2s"].vcpus == 2 and seen["Standard_B2s"].memory_bytes == 4 * GIB
    # What the subscription may not have is not offered to it, in a region or in a zone.
    assert "Standard_NC6s_v3" not in seen and list(seen["Standard_E4s_v5"].zones) == ["1", "2"]
    assert seen["Standard_D2ps_v5"].architecture == compute_pb2.ARCHITECTURE_ARM64


async def test_a_subscription_is_listed_in_as_few_calls_as_there_are(compute: Compute, sandbox: Sandbox) -> None:
    for region in sandbox.azure["regions"]:
        await asyncio.to_thread(sandbox.seed, 80, region=region, cloud="azure")
    before = sandbox.state(cloud="azure")["calls"]
    answer = await compute.list_instances(pb.ListInstancesRequest(parent=PARENT, page_size=1000), Call())
    after = sandbox.state(cloud="azure")["calls"]
    assert len(answer.instances) == 160 and not answer.next_page_token
    assert {instance.state for instance in answer.instances} == {compute_pb2.INSTANCE_STATE_RUNNING}
    assert all(instance.private_ips and instance.vcpus for instance in answer.instances)
    # Two pages each of the machines and of their powers.
    assert after["VirtualMachines_ListAll"] - before.get("VirtualMachines_ListAll", 0) == 4
    everything = [instance.name for instance in answer.instances]
    request = pb.ListInstancesRequest(parent=PARENT, page_size=33)
    seen: list[str] = []
    while True:
        page = await compute.list_instances(request, Call())
        assert len(page.instances) <= 33
        seen += [instance.name for instance in page.instances]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert sorted(seen) == sorted(everything) and len(set(seen)) == 160
    here = pb.ListInstancesRequest(parent=PARENT, page_size=1000, regions=["northeurope"])
    assert len((await compute.list_instances(here, Call())).instances) == 80


async def test_a_page_token_leads_nowhere_else(compute: Compute, sandbox: Sandbox) -> None:
    """A caller could write one; a link in it is followed with our token."""
    request = pb.ListInstancesRequest(parent=PARENT)
    subscription = sandbox.azure["subscription_id"]
    for link in (
        f"https://evil.example/subscriptions/{subscription}/x",
        f"{sandbox.azure['endpoint']}/tenants",
        f"{sandbox.azure['endpoint']}@evil.example/subscriptions/{subscription}/x",
        "nonsense",
    ):
        request.page_token = encode_token(request, ["", link, 0])
        with pytest.raises(PageTokenInvalid):
            await compute.list_instances(request, Call())


async def test_options_of_the_list_are_azures(compute: Compute) -> None:
    request = pb.ListInstancesRequest(parent=PARENT)
    request.provider_options.update({"NoSuchParameter": 1})
    with pytest.raises(InvalidArgument) as caught:
        await compute.list_instances(request, Call())
    assert "NoSuchParameter" in caught.value.message


async def test_a_list_that_fails_names_the_provider(compute: Compute, sandbox: Sandbox) -> None:
    sandbox.fault("VirtualMachines_ListAll", "denied", cloud="azure")
    request = pb.ListInstancesRequest(parent=PARENT, return_partial_success=True)
    answer = await compute.list_instances(request, Call())
    assert [part.name for part in answer.unreachable] == [PARENT] and not answer.instances


async def test_addresses_that_may_not_be_read_are_absent(compute: Compute, sandbox: Sandbox) -> None:
    await create(compute, sandbox)
    sandbox.fault("NetworkInterfaces_ListAll", "denied", cloud="azure")
    (found,) = (await compute.list_instances(pb.ListInstancesRequest(parent=PARENT), Call())).instances
    assert found.state == compute_pb2.INSTANCE_STATE_RUNNING and not found.private_ips


# Metrics.


async def test_metrics_come_in_canonical_units_by_fifties(compute: Compute, metrics: Metrics, sandbox: Sandbox) -> None:
    await asyncio.to_thread(sandbox.seed, 60, cloud="azure")
    listed = await compute.list_instances(pb.ListInstancesRequest(parent=PARENT, page_size=1000), Call())
    instances = list(listed.instances)
    end = float((int(ScaledClock(ORIGIN, RATE).time()) - 180) // 300 * 300)
    window = Window(end - 300, end, 60.0)
    types = [descriptor.type for descriptor in metrics.descriptors()]
    found = await metrics.collect("westeurope", instances, types, window, Call())
    assert sandbox.state(cloud="azure")["calls"]["MetricsBatch_Batch"] == 2
    assert {(points.key.metric, points.key.resource) for points in found} == {
        (metric, instance.name) for metric in types for instance in instances
    }
    for points in found:
        assert list(points.times) == [end - 240, end - 180, end - 120, end - 60, end]
        if points.key.metric.endswith("utilization"):
            assert all(0 <= value <= 1 for value in points.values)
    one = {points.key.metric: points for points in found if points.key.resource == instances[0].name}
    coarse = await metrics.collect("westeurope", instances[:1], types, Window(end - 300, end, 300.0), Call())
    # A rate does not grow with the period that it is over.
    for points in coarse:
        mean = sum(one[points.key.metric].values) / 5
        assert points.values[0] == pytest.approx(mean, rel=0.02), points.key.metric


async def test_a_machine_that_went_away_does_not_take_the_others_with_it(
    compute: Compute, metrics: Metrics, sandbox: Sandbox
) -> None:
    await asyncio.to_thread(sandbox.seed, 5, cloud="azure")
    listed = await compute.list_instances(pb.ListInstancesRequest(parent=PARENT), Call())
    instances = list(listed.instances)
    instances[2].native_id += "-gone"
    end = float((int(ScaledClock(ORIGIN, RATE).time()) - 180) // 60 * 60)
    cpu = "cloud.instance.cpu.utilization"
    found = await metrics.collect("westeurope", instances, [cpu], Window(end - 120, end, 60.0), Call())
    assert len(found) == 4
    with pytest.raises(InvalidArgument):
        await metrics.collect(
            "westeurope", instances, ["cloud.instance.network.receive_packets"], Window(0, 1, 1), Call()
        )


# The SDK.


async def test_no_sdk_before_the_first_call_and_never_the_one_of_networks() -> None:
    code = """
import sys
from novacron.cloud.v1 import provider_pb2
from novacron_providers.azure import PROVIDER
from novacron_providers.contract import Settings
config = provider_pb2.ProviderConfig(project="00000000-0000-0000-0000-000000000001")
PROVIDER.connect(Settings(provider="azure", config=config))
assert not [name for name in sys.modules if name == "azure" or name.startswith(("azure.", "aiohttp", "msal"))]
"""
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=True, timeout=30)
    assert not [name for name in sys.modules if name.startswith("azure.mgmt.network")]
