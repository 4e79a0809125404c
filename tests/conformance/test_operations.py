"""Operations: followed, found, waited for, cancelled."""

import time
import uuid

import grpc
import pytest
from google.protobuf import duration_pb2
from novacron.cloud.v1 import compute_pb2, operations_pb2, streams_pb2
from novacron.cloud.v1 import operations_service_pb2 as pb
from novacron.cloud.v1 import provider_service_pb2 as providers
from novacron_client import Client, CloudError, OperationFailed

from tests.conformance.conftest import Cloud, step_states

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def events(client: Client, request: pb.WatchOperationRequest) -> list[operations_pb2.OperationEvent]:
    """Every event of a watch to its end, but heartbeats, which may come at any time."""
    found: list[operations_pb2.OperationEvent] = []
    async for response in client.operations.WatchOperation(request, timeout=60):
        found.extend(event for event in response.events if not event.control.HasField("heartbeat"))
    return found


async def test_a_watch_opens_shows_the_whole_operation_and_ends_when_it_is_done(client: Client, cloud: Cloud) -> None:
    request = providers.CreateInstanceRequest(parent=cloud.parent, spec=cloud.spec("watched"))
    operation = await client.start(request)
    seen = await events(client, pb.WatchOperationRequest(name=operation.name, include_logs=True))
    assert seen[0].control.HasField("opened") and not seen[0].control.opened.resumed
    assert seen[0].sequence == 0
    synced = next(i for i, event in enumerate(seen) if event.control.HasField("synced"))
    assert all(event.sequence == 0 for event in seen[:synced]) and seen[synced].sequence > 0
    assert seen[-1].operation.done and seen[-1].operation.state == operations_pb2.OPERATION_STATE_SUCCEEDED
    made = compute_pb2.Instance()
    assert seen[-1].operation.response.Unpack(made)
    await (await client.start(providers.DeleteInstanceRequest(name=made.name))).wait(timeout=60)


async def test_a_watch_resumes_where_it_was_and_a_strange_position_starts_anew(
    client: Client, instance: compute_pb2.Instance
) -> None:
    operation = await client.start(providers.StopInstanceRequest(name=instance.name))
    first = await events(client, pb.WatchOperationRequest(name=operation.name))
    place = streams_pb2.StreamPosition(epoch=first[0].control.opened.epoch, sequence=first[-1].sequence)
    resumed = await events(client, pb.WatchOperationRequest(name=operation.name, resume_after=place))
    assert resumed[0].control.opened.resumed
    assert not [event for event in resumed if event.HasField("operation")]
    place.epoch = "another"
    anew = await events(client, pb.WatchOperationRequest(name=operation.name, resume_after=place))
    assert not anew[0].control.opened.resumed
    assert [event.operation.done for event in anew if event.HasField("operation")] == [True]


async def test_waiting_answers_at_the_timeout_or_when_it_is_done(client: Client, cloud: Cloud) -> None:
    request = providers.CreateInstanceRequest(parent=cloud.parent, spec=cloud.spec("waited"))
    operation = await client.start(request)
    at_once = pb.WaitOperationRequest(name=operation.name, timeout=duration_pb2.Duration())
    assert not (await client.call(at_once)).operation.done
    long = pb.WaitOperationRequest(name=operation.name, timeout=duration_pb2.Duration(seconds=600))
    waited = (await client.call(long, timeout=60)).operation
    assert waited.done and waited.HasField("end_time")
    name = waited.targets[0].name
    await (await client.start(providers.DeleteInstanceRequest(name=name))).wait(timeout=60)


async def test_a_lost_answer_is_found_by_its_request_id(client: Client, instance: compute_pb2.Instance) -> None:
    token = str(uuid.uuid4())
    operation = await client.start(providers.StopInstanceRequest(name=instance.name, request_id=token))
    parent = instance.name.rsplit("/", 2)[0]
    query = pb.ListOperationsRequest(parent=parent, filter=f'request_id = "{token}"')
    assert [o.name async for o in client.list(query)] == [operation.name]
    await operation.wait(timeout=60)
    for condition in (
        'state = "SUCCEEDED"',
        'done = "true" AND method = "ProviderService/StopInstance"',
        f'targets.name:"{instance.name}"',
    ):
        query.filter = f'request_id = "{token}" AND {condition}'
        assert [o.name async for o in client.list(query)] == [operation.name], condition


async def test_operations_are_listed_newest_first_in_pages(client: Client, instance: compute_pb2.Instance) -> None:
    for request in (
        providers.StopInstanceRequest(name=instance.name),
        providers.StartInstanceRequest(name=instance.name),
        providers.StopInstanceRequest(name=instance.name),
    ):
        await (await client.start(request)).wait(timeout=60)
    query = pb.ListOperationsRequest(parent="providers/-", page_size=1, filter=f'targets.name:"{instance.name}"')
    found = [o async for o in client.list(query)]
    assert [o.method.split("/")[1] for o in found[:3]] == ["StopInstance", "StartInstance", "StopInstance"]
    times = [o.create_time.ToNanoseconds() for o in found]
    assert times == sorted(times, reverse=True)


async def test_a_cancelled_operation_ends_between_steps_and_tells_what_is_left(client: Client, cloud: Cloud) -> None:
    for name in ("cancelled", "cancelled-again", "cancelled-at-last"):
        operation = await client.start(providers.CreateInstanceRequest(parent=cloud.parent, spec=cloud.spec(name)))
        async for now in operation.watch():
            if now.targets:
                break
        if not (await operation.cancel()).done:
            break
        # Where the machine stood still for a second the instance runs by now, and there was nothing left to cancel.
        (made,) = [target.name for target in operation.latest.targets if "/instances/" in target.name]
        await (await client.start(providers.DeleteInstanceRequest(name=made))).wait(timeout=60)
    with pytest.raises(OperationFailed) as caught:
        await operation.wait(timeout=60)
    ended = caught.value.operation
    assert caught.value.code is grpc.StatusCode.CANCELLED
    assert ended.state == operations_pb2.OPERATION_STATE_CANCELLED
    assert "CANCELLED" in step_states(ended).values()
    (left,) = [target.name for target in ended.targets if "/instances/" in target.name]
    again = await client.call(pb.CancelOperationRequest(name=operation.name))
    assert again.operation.done
    await (await client.start(providers.DeleteInstanceRequest(name=left))).wait(timeout=60)


async def test_a_failure_has_its_reason_in_the_operation(client: Client, cloud: Cloud) -> None:
    spec = cloud.spec("absent")
    spec.image = cloud.kind.no_image
    operation = await client.start(providers.CreateInstanceRequest(parent=cloud.parent, spec=spec))
    with pytest.raises(OperationFailed) as caught:
        await operation.wait(timeout=60)
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
    assert [f.field for f in caught.value.fields] == ["spec.image"]
    assert caught.value.metadata["provider"] == cloud.provider
    assert caught.value.operation.state == operations_pb2.OPERATION_STATE_FAILED
    assert not caught.value.operation.targets


async def test_an_operation_that_is_not_known_is_not_found(client: Client, cloud: Cloud) -> None:
    name = f"{cloud.parent}/operations/{'0' * 32}"
    calls = (
        client.call(pb.GetOperationRequest(name=name)),
        client.call(pb.WaitOperationRequest(name=name)),
        client.call(pb.CancelOperationRequest(name=name)),
        client.operation(name).refresh(),
    )
    for call in calls:
        with pytest.raises(CloudError) as caught:
            await call
        assert (caught.value.code, caught.value.resource) == (grpc.StatusCode.NOT_FOUND, name)
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await events(client, pb.WatchOperationRequest(name=name))
    assert ended.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_watch_of_something_slow_has_heartbeats(client: Client, cloud: Cloud) -> None:
    """On the server's clock a second passes quickly in the sandbox; on a real one this takes what it takes."""
    request = providers.CreateInstanceRequest(parent=cloud.parent, spec=cloud.spec("beats"))
    operation = await client.start(request)
    watch = pb.WatchOperationRequest(name=operation.name, heartbeat_interval=duration_pb2.Duration(nanos=1))
    begin = time.monotonic()
    seen = await events(client, watch)
    opened = seen[0].control.opened
    assert opened.heartbeat_interval.ToNanoseconds() == 10**9, "less than a second means a second"
    assert time.monotonic() - begin < 60
    name = seen[-1].operation.targets[0].name
    await (await client.start(providers.DeleteInstanceRequest(name=name))).wait(timeout=60)
