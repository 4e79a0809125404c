"""Instances: one life, the same on every cloud."""

import asyncio
import re
import uuid
from collections.abc import Mapping

import grpc
import pytest
from google.protobuf import struct_pb2
from novacron.cloud.v1 import capabilities_pb2, compute_pb2, operations_pb2, storage_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client, CloudError, OperationFailed
from novacron_sandbox import Sandbox

from tests.conformance.conftest import Cloud, create, step_states
from tests.conformance.native import Account

pytestmark = pytest.mark.asyncio(loop_scope="session")
GIB = 1 << 30
USER_DATA = b"#!/bin/sh\necho hello\n"


async def read(client: Client, name: str) -> compute_pb2.Instance:
    return (await client.call(pb.GetInstanceRequest(name=name))).instance


async def alive(account: Account, name: str) -> int:
    return await asyncio.to_thread(account.alive, name)


async def test_creating_follows_named_steps_to_a_running_instance(client: Client, cloud: Cloud) -> None:
    request = pb.CreateInstanceRequest(parent=cloud.parent, spec=cloud.spec("steps"))
    operation = await client.start(request)
    seen: list[operations_pb2.Operation] = []
    made = await operation.wait(progress=seen.append, timeout=60)
    assert made.state == compute_pb2.INSTANCE_STATE_RUNNING
    parent, _, id_ = made.name.rpartition("/")
    assert parent == f"{cloud.parent}/instances"
    assert re.fullmatch(cloud.kind.id.format(region=cloud.regions[0], name="steps"), id_)
    percents = [o.progress_percent for o in seen if o.HasField("progress_percent")]
    assert percents == sorted(percents) and percents[-1] == 100
    assert set(step_states(seen[-1]).values()) == {"SUCCEEDED"}
    assert [o.revision for o in seen] == sorted({o.revision for o in seen})
    assert made.name in [target.name for target in seen[-1].targets]
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)


async def test_an_operation_is_answered_before_the_work_is_done(client: Client, cloud: Cloud) -> None:
    request = pb.CreateInstanceRequest(parent=cloud.parent, spec=cloud.spec("at-once"))
    operation = await client.start(request)
    assert not operation.latest.done
    assert operation.latest.method == "ProviderService/CreateInstance"
    made = await operation.wait(timeout=60)
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)


async def test_what_is_asked_for_is_what_there_is(client: Client, cloud: Cloud, account: Account) -> None:
    made = await create(
        client,
        cloud,
        "whole",
        tags={"team": "core", "env": "test"},
        boot_disk=compute_pb2.BootDiskSpec(size_bytes=40 * GIB, volume_type=cloud.kind.volume_type),
        data_disks=[storage_pb2.StorageVolumeSpec(size_bytes=size * GIB) for size in (16, 10)],
        user_data=USER_DATA,
        ssh_public_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEChAhO4pqCbyDzEoiPY2HWmmGDqFRoA0sxZ0QfKAV nova",
    )
    assert made.display_name == "whole" and made.tags["team"] == "core" and made.tags["env"] == "test"
    assert made.instance_type == cloud.instance_type
    assert (made.vcpus, made.memory_bytes) == cloud.kind.shapes[cloud.instance_type]
    assert made.boot_disk_bytes == 40 * GIB
    assert len(made.storage_volumes) == 3 and made.private_ips
    assert made.HasField("create_time") and made.HasField("observe_time")
    there = await asyncio.to_thread(account.machine, made.native_id)
    assert there.disks == [10, 16, 40] and there.keys == 1
    assert there.user_data == (USER_DATA if cloud.kind.shows_user_data else b"")
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)


async def test_a_shape_is_found_for_vcpus_and_memory(client: Client, cloud: Cloud) -> None:
    spec = cloud.spec("shape", vcpus=2, memory_bytes=4 * GIB)
    spec.instance_type = ""
    operation = await client.start(pb.CreateInstanceRequest(parent=cloud.parent, spec=spec))
    made = await operation.wait(timeout=60)
    assert made.vcpus >= 2 and made.memory_bytes >= 4 * GIB
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)


async def test_spot_instances_say_so(client: Client, cloud: Cloud) -> None:
    made = await create(client, cloud, "spot", spot=True)
    assert made.spot
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)


async def test_validate_only_checks_and_makes_nothing(client: Client, cloud: Cloud, account: Account) -> None:
    request = pb.CreateInstanceRequest(parent=cloud.parent, spec=cloud.spec("nothing"), validate_only=True)
    answer = await client.call(request)
    assert not answer.HasField("operation")
    assert await alive(account, "nothing") == 0
    request.spec.image = cloud.kind.no_image
    with pytest.raises(CloudError) as caught:
        await client.call(request)
    assert caught.value.reason == "RESOURCE_NOT_FOUND"


async def test_the_same_request_id_makes_one_instance(client: Client, cloud: Cloud, account: Account) -> None:
    request = pb.CreateInstanceRequest(parent=cloud.parent, spec=cloud.spec("once-only"), request_id=str(uuid.uuid4()))
    started = await asyncio.gather(*(client.start(request) for _ in range(10)))
    assert len({operation.name for operation in started}) == 1
    made = await started[0].wait(timeout=60)
    again = await client.start(request)
    assert again.name == started[0].name and again.latest.done
    assert await alive(account, "once-only") == 1
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)


async def test_a_request_id_with_other_parameters_is_refused(client: Client, cloud: Cloud, account: Account) -> None:
    request = pb.CreateInstanceRequest(parent=cloud.parent, spec=cloud.spec("first"), request_id=str(uuid.uuid4()))
    operation = await client.start(request)
    request.spec.display_name = "second"
    with pytest.raises(CloudError) as caught:
        await client.start(request)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    made = await operation.wait(timeout=60)
    assert await alive(account, "second") == 0
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)


async def test_stop_start_restart_delete(client: Client, cloud: Cloud, account: Account) -> None:
    made = await create(client, cloud, "life")
    stopped = await (await client.start(pb.StopInstanceRequest(name=made.name))).wait(timeout=60)
    assert stopped.state == compute_pb2.INSTANCE_STATE_DEALLOCATED
    again = await (await client.start(pb.StopInstanceRequest(name=made.name))).wait(timeout=60)
    assert again.state == compute_pb2.INSTANCE_STATE_DEALLOCATED
    with pytest.raises(OperationFailed) as caught:
        await (await client.start(pb.RestartInstanceRequest(name=made.name))).wait(timeout=60)
    assert caught.value.reason == "RESOURCE_STATE_INVALID"
    started = await (await client.start(pb.StartInstanceRequest(name=made.name))).wait(timeout=60)
    assert started.state == compute_pb2.INSTANCE_STATE_RUNNING
    restarted = await (await client.start(pb.RestartInstanceRequest(name=made.name))).wait(timeout=60)
    assert restarted.state == compute_pb2.INSTANCE_STATE_RUNNING
    assert await alive(account, "life") == 1
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)
    assert await alive(account, "life") == 0


async def test_deleting_what_is_gone_is_not_found_unless_allowed(client: Client, cloud: Cloud) -> None:
    with pytest.raises(CloudError) as caught:
        await (await client.start(pb.DeleteInstanceRequest(name=cloud.nobody))).wait(timeout=60)
    assert caught.value.reason == "RESOURCE_NOT_FOUND"
    await (await client.start(pb.DeleteInstanceRequest(name=cloud.nobody, allow_missing=True))).wait(timeout=60)


async def test_a_resource_that_an_operation_holds_is_busy(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    first = await client.start(pb.StopInstanceRequest(name=instance.name))
    with pytest.raises(CloudError) as caught:
        await client.start(pb.StartInstanceRequest(name=instance.name))
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.ABORTED, "RESOURCE_BUSY")
    assert caught.value.metadata["operation"] == first.name
    await first.wait(timeout=60)


async def test_a_deleted_instance_is_seen_only_when_asked_for(client: Client, cloud: Cloud) -> None:
    made = await create(client, cloud, "ghost")
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)
    query = pb.ListInstancesRequest(parent=cloud.parent, filter='display_name = "ghost"')
    assert [i.name async for i in client.list(query)] == []
    query.show_deleted = True
    found = [i.state async for i in client.list(query)]
    assert found == ([compute_pb2.INSTANCE_STATE_DELETED] if cloud.kind.remembers_deleted else [])


async def test_lists_page_truly_and_lose_nothing(client: Client, cloud: Cloud, sandbox: Sandbox, kind: str) -> None:
    for region in cloud.regions:
        await asyncio.to_thread(sandbox.seed, 7, region=region, cloud=kind)
    everything = {i.name async for i in client.list(pb.ListInstancesRequest(parent=cloud.parent, page_size=1000))}
    for size in (5, 7):
        request = pb.ListInstancesRequest(parent=cloud.parent, page_size=size)
        seen: list[str] = []
        pages = 0
        while True:
            page = await client.call(request)
            assert len(page.instances) <= size and page.HasField("observe_time")
            seen += [i.name for i in page.instances]
            pages += 1
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        assert len(seen) == len(set(seen)) and set(seen) == everything
        assert pages >= len(everything) // size


async def test_a_page_token_of_another_query_is_refused(
    client: Client, cloud: Cloud, sandbox: Sandbox, kind: str
) -> None:
    await asyncio.to_thread(sandbox.seed, 6, cloud=kind)
    first = await client.call(pb.ListInstancesRequest(parent=cloud.parent, page_size=5))
    assert first.next_page_token
    for other in (
        pb.ListInstancesRequest(parent=cloud.parent, filter='state = "RUNNING"', page_token=first.next_page_token),
        pb.ListInstancesRequest(parent=cloud.parent, page_token="nonsense"),
        pb.ListInstanceTypesRequest(parent=cloud.parent, page_token=first.next_page_token),
    ):
        with pytest.raises(CloudError) as caught:
            await client.call(other)
        assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")
        assert [f.field for f in caught.value.fields] == ["page_token"]


async def test_lists_are_filtered(client: Client, cloud: Cloud) -> None:
    made = await create(client, cloud, "needle", tags={"env": "haystack"})
    for query in (
        'tags.env = "haystack"',
        'display_name = "needle" AND state = "RUNNING"',
        f'native_id = "{made.native_id}"',
        f'zone = "{made.zone}" AND tags:"env" AND instance_type = "{cloud.instance_type}" AND display_name = "needle"',
    ):
        request = pb.ListInstancesRequest(parent=cloud.parent, filter=query)
        assert [i.name async for i in client.list(request)] == [made.name], query
    none = pb.ListInstancesRequest(parent=cloud.parent, filter='tags.env = "haystack" AND state != "RUNNING"')
    assert [i async for i in client.list(none)] == []
    with pytest.raises(CloudError) as caught:
        await client.call(pb.ListInstancesRequest(parent=cloud.parent, filter='colour = "red"'))
    assert [f.field for f in caught.value.fields] == ["filter"]
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)


async def test_one_region_or_many(client: Client, cloud: Cloud) -> None:
    made = await create(client, cloud, "elsewhere", region=cloud.regions[1])
    here = pb.ListInstancesRequest(parent=cloud.parent, regions=[cloud.regions[0]])
    assert made.name not in [i.name async for i in client.list(here)]
    there = pb.ListInstancesRequest(parent=cloud.parent, regions=list(cloud.regions))
    assert made.name in [i.name async for i in client.list(there)]
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)


async def test_all_providers_are_listed_at_once(client: Client, cloud: Cloud, instance: compute_pb2.Instance) -> None:
    found = {i.name async for i in client.list(pb.ListInstancesRequest(parent="providers/-", page_size=100))}
    assert instance.name in found


async def test_every_cloud_is_in_one_list(client: Client, clouds: Mapping[str, Cloud], sandbox: Sandbox) -> None:
    for kind in clouds:
        await asyncio.to_thread(sandbox.seed, 1, cloud=kind)
    request = pb.ListInstancesRequest(parent="providers/-", page_size=100)
    parents = {i.name.partition("/instances/")[0] async for i in client.list(request)}
    assert {cloud.parent for cloud in clouds.values()} <= parents


async def test_provider_data_comes_only_when_asked_for(
    client: Client, cloud: Cloud, instance: compute_pb2.Instance
) -> None:
    assert not (await read(client, instance.name)).HasField("provider_data")
    full = await client.call(pb.GetInstanceRequest(name=instance.name, include_provider_data=True))
    assert full.instance.provider_data[cloud.kind.native_id] == instance.native_id


@pytest.mark.parametrize(
    ("mode", "capability", "state"),
    [
        (pb.STOP_MODE_KEEP_HOST, "INSTANCE_KEEP_HOST", compute_pb2.INSTANCE_STATE_STOPPED),
        (pb.STOP_MODE_SUSPEND, "INSTANCE_SUSPEND", compute_pb2.INSTANCE_STATE_SUSPENDED),
    ],
    ids=["keep-host", "suspend"],
)
async def test_the_other_ways_of_being_off_are_as_declared(
    client: Client,
    cloud: Cloud,
    instance: compute_pb2.Instance,
    mode: pb.StopMode,
    capability: str,
    state: compute_pb2.InstanceState,
) -> None:
    told = (await client.call(pb.GetCapabilitiesRequest(name=cloud.parent))).capabilities
    wanted = capabilities_pb2.Capability.Value(f"CAPABILITY_{capability}")
    (status,) = [status for status in told if status.capability == wanted]
    request = pb.StopInstanceRequest(name=instance.name, mode=mode)
    if status.level == capabilities_pb2.SUPPORT_LEVEL_NONE:
        with pytest.raises(CloudError) as caught:
            await (await client.start(request)).wait(timeout=60)
        assert caught.value.reason == "CAPABILITY_UNSUPPORTED"
        assert caught.value.metadata["capability"] == capability
    elif mode == pb.STOP_MODE_SUSPEND and not cloud.kind.suspends_all:
        with pytest.raises(CloudError) as caught:
            await (await client.start(request)).wait(timeout=60)
        assert caught.value.reason == "RESOURCE_STATE_INVALID"
        assert status.limits
    else:
        stopped = await (await client.start(request)).wait(timeout=60)
        assert stopped.state == state
        started = await (await client.start(pb.StartInstanceRequest(name=instance.name))).wait(timeout=60)
        assert started.state == compute_pb2.INSTANCE_STATE_RUNNING


async def test_provider_options_of_another_shape_are_refused(client: Client, cloud: Cloud) -> None:
    options = struct_pb2.Struct()
    options.update({"NoSuchParameter": 1})
    with pytest.raises(CloudError) as caught:
        await client.call(pb.ListInstancesRequest(parent=cloud.parent, provider_options=options))
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "NoSuchParameter" in caught.value.message
