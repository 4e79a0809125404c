"""Machines of the Azure adapter: signing in, a life, and nothing twice."""

import asyncio
import pathlib

import pytest
from novacron.cloud.v1 import compute_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.azure import PROVIDER
from novacron_providers.contract import Call
from novacron_providers.contract.compute import Compute
from novacron_providers.contract.errors import (
    CloudError,
    CredentialsInvalid,
    NotFound,
    OutcomeUnknown,
    PermissionMissing,
    QuotaExceeded,
    StateInvalid,
    Unavailable,
    Unsupported,
)
from novacron_sandbox import Sandbox

from tests.integration.azure.conftest import (
    GIB,
    NOTHING,
    PARENT,
    Cloud,
    create,
    fault_of,
    op,
    settings,
    wanted,
)
from tests.unit.providers.operation import Journal

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


# Nothing left behind.


@pytest.mark.parametrize("crash_at", ["", "look", "remove-1"], ids=["", "killed", "killed removing"])
async def test_what_was_made_for_a_machine_that_is_not_made_is_removed_again(
    compute: Compute, sandbox: Sandbox, cloud: Cloud, crash_at: str
) -> None:
    request = wanted(sandbox, network_interfaces=[{"assign_public_ip": True}])
    sandbox.fault("VirtualMachines_CreateOrUpdate", "quota", cloud="azure")
    journal = Journal()
    if crash_at:
        with pytest.raises(ConnectionAbortedError):
            await compute.create_instance(request, op(journal, crash_at=crash_at))
    with pytest.raises(QuotaExceeded):
        await compute.create_instance(request, op(journal))
    there = await asyncio.to_thread(cloud.count)
    assert there == {"virtualMachines": 0, "disks": 0, "networkInterfaces": 0, "publicIPAddresses": 0}
    assert not journal.targets and not journal.warnings


async def test_what_cannot_be_removed_again_is_told(compute: Compute, sandbox: Sandbox, cloud: Cloud) -> None:
    sandbox.fault("VirtualMachines_CreateOrUpdate", "quota", cloud="azure")
    sandbox.fault("NetworkInterfaces_Delete", "denied", cloud="azure")
    journal = Journal()
    with pytest.raises(QuotaExceeded):
        await compute.create_instance(wanted(sandbox), op(journal))
    assert (await asyncio.to_thread(cloud.count))["networkInterfaces"] == 1
    (left,) = journal.targets.values()
    assert "/networkInterfaces/" in left.native_id and left.region
    assert [type(warning) for warning in journal.warnings] == [PermissionMissing]


async def test_a_restart_whose_answer_is_lost_is_not_sent_again(compute: Compute, sandbox: Sandbox) -> None:
    name = (await create(compute, sandbox)).name
    sandbox.fault("VirtualMachines_Restart", "reset", after=True, cloud="azure")
    with pytest.raises(Unavailable) as caught:
        await compute.restart_instance(pb.RestartInstanceRequest(name=name), op())
    assert caught.value.sent
    assert sandbox.state(cloud="azure")["calls"]["VirtualMachines_Restart"] == 1
    # Killed in between, it is not sent again either.
    name = (await create(compute, sandbox)).name
    journal = Journal()
    with pytest.raises(ConnectionAbortedError):
        await compute.restart_instance(pb.RestartInstanceRequest(name=name), op(journal, crash_at="restart"))
    with pytest.raises(OutcomeUnknown):
        await compute.restart_instance(pb.RestartInstanceRequest(name=name), op(journal))
    assert sandbox.state(cloud="azure")["calls"]["VirtualMachines_Restart"] == 2
