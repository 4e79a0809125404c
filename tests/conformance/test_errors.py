"""Bad input: each gets a typed error that names the field and the way out."""

import asyncio
import time
import uuid
from typing import Any

import grpc
import pytest
from novacron.cloud.v1 import metrics_service_pb2 as metrics
from novacron.cloud.v1 import operations_service_pb2 as operations
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client, CloudError

from tests.conformance.conftest import Cloud

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def raw(address: str, method: str, data: bytes, timeout: float | None = None) -> grpc.StatusCode:
    """Status of a call whose bytes are ours, past every client library."""
    async with grpc.aio.insecure_channel(address) as channel:
        # So that a deadline is one of the call, not of the connection.
        await channel.channel_ready()
        call: Any = channel.unary_unary(f"/novacron.cloud.v1.ProviderService/{method}")
        try:
            await call(data, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return error.code()
    return grpc.StatusCode.OK


async def refused(client: Client, request: Any) -> CloudError:
    with pytest.raises(CloudError) as caught:
        await client.call(request)
    return caught.value


async def test_an_unknown_provider_is_not_found(client: Client) -> None:
    nobody = f"providers/p-{uuid.uuid4().hex[:6]}"
    for request in (
        pb.GetProviderRequest(name=nobody),
        pb.GetCapabilitiesRequest(name=nobody),
        pb.ListInstancesRequest(parent=nobody),
        pb.CreateInstanceRequest(parent=nobody, spec={"image": "ami-1", "instance_type": "t3.micro"}),
        pb.StopInstanceRequest(name=f"{nobody}/instances/us-east-1~i-0abc"),
        metrics.GetLatestMetricsRequest(parent=nobody),
        operations.ListOperationsRequest(parent=nobody),
    ):
        error = await refused(client, request)
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND"), request
        assert error.resource == nobody


async def test_an_unknown_region_names_the_field(client: Client, cloud: Cloud) -> None:
    error = await refused(client, pb.ListInstancesRequest(parent=cloud.parent, regions=["mars-north-1"]))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert error.fields[0].field.startswith("regions")
    error = await refused(
        client,
        pb.CreateInstanceRequest(parent=cloud.parent, spec=cloud.spec("x", region="mars-north-1"), validate_only=True),
    )
    assert error.fields[0].field == "spec.region"


@pytest.mark.parametrize(
    "name",
    [
        "i-0abc",
        "{parent}",
        "{parent}/instances/",
        "{parent}/instances/a/b",
        "{parent}/instances/no-scope",
        "{parent}/volumes/us-east-1~vol-1",
        "providers/UPPER/instances/us-east-1~i-0abc",
    ],
)
async def test_a_malformed_name_is_refused_with_the_right_form(client: Client, cloud: Cloud, name: str) -> None:
    error = await refused(client, pb.GetInstanceRequest(name=name.format(parent=cloud.parent)))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert [field.field for field in error.fields] == ["name"]
    assert "instances/" in error.message


async def test_an_instance_that_does_not_exist_is_not_found(client: Client, cloud: Cloud) -> None:
    error = await refused(client, pb.GetInstanceRequest(name=cloud.nobody))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND")
    assert error.resource == cloud.nobody
    assert error.metadata["native_code"] == cloud.kind.not_found
    assert bool(error.metadata.get("native_request_id")) == cloud.kind.signs_errors


async def test_all_breaches_of_a_request_are_told_at_once(client: Client) -> None:
    error = await refused(client, pb.CreateInstanceRequest(parent="nowhere", spec={}))
    assert {field.field for field in error.fields} == {"parent", "spec.image"}


async def test_bytes_that_are_no_request_are_refused(address: str) -> None:
    assert await raw(address, "ListInstances", b"\xff\xff\xff\xff") is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_method_that_does_not_exist_is_unimplemented(address: str) -> None:
    assert await raw(address, "MakeCoffee", b"") is grpc.StatusCode.UNIMPLEMENTED


async def test_a_message_of_five_megabytes_is_refused(address: str) -> None:
    assert await raw(address, "ListInstances", b"\x0a" + b"x" * 5_000_000) is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_deadline_that_has_passed_is_told(address: str, cloud: Cloud) -> None:
    request = pb.ListInstancesRequest(parent=cloud.parent).SerializeToString()
    for timeout in (0, 0.001, 0.05):
        assert await raw(address, "ListInstances", request, timeout) is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_caller_that_leaves_cancels_nothing(client: Client, cloud: Cloud, address: str) -> None:
    token = str(uuid.uuid4())
    request = pb.CreateInstanceRequest(parent=cloud.parent, spec=cloud.spec("left-alone"), request_id=token)
    leaving = asyncio.create_task(raw(address, "CreateInstance", request.SerializeToString()))
    query = operations.ListOperationsRequest(parent=cloud.parent, filter=f'request_id = "{token}"')
    end = time.monotonic() + 30
    found: list[str] = []
    while not found and time.monotonic() < end:
        found = [o.name async for o in client.list(query)]
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    made: Any = await client.operation(found[0]).wait(timeout=60)
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=60)


async def test_a_bad_request_to_all_providers_is_an_error_not_an_empty_answer(client: Client, cloud: Cloud) -> None:
    for request in (
        pb.ListInstancesRequest(parent="providers/-", filter="colour", return_partial_success=True),
        pb.ListInstancesRequest(parent="providers/-", regions=["mars-north-1"], return_partial_success=True),
    ):
        error = await refused(client, request)
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
