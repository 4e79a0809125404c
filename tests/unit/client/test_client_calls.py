"""Calls: found by their request, safe to repeat, and errors that say what to do."""

import asyncio
import socket
import time
import uuid
from pathlib import Path
from typing import Any

import grpc
import novacron_client
import pytest
from google.protobuf.message import Message
from novacron.cloud.v1 import compute_pb2, metrics_service_pb2, operations_service_pb2, provider_pb2
from novacron.cloud.v1.operations_pb2 import Operation as OperationMessage
from novacron.cloud.v1.provider_service_pb2 import (
    CreateInstanceRequest,
    CreateInstanceResponse,
    GetProviderRequest,
    GetProviderResponse,
    ListInstancesRequest,
    ListInstancesResponse,
)
from novacron_client import Backoff, Client, CloudError, Unreachable

from tests.unit.client import scripted_server as script
from tests.unit.client.fake_channel import AioChannel, in_thread
from tools import calls

Code = grpc.StatusCode
QUICK = Backoff(base=0.001, limit=0.002)


@pytest.fixture
def channel() -> AioChannel:
    return AioChannel()


@pytest.fixture
def client(channel: AioChannel) -> Client:
    double: Any = channel
    return Client(double, address="there", backoff=QUICK)


async def take(channel: AioChannel, request: type[Message], *args: Any, **options: Any) -> Any:
    return await in_thread(channel.answer, request, *args, **options)


async def test_a_call_is_found_by_the_type_of_its_request(client: Client, channel: AioChannel) -> None:
    call = asyncio.create_task(client.call(GetProviderRequest(name="providers/aws"), timeout=7))
    expected = GetProviderResponse(provider=provider_pb2.Provider(name="providers/aws", kind="aws"))
    request = await take(channel, GetProviderRequest, expected)
    assert request.name == "providers/aws"
    assert (await call).provider.kind == "aws"
    assert 6 < (channel.timeouts[0] or 0) <= 7


async def test_a_request_id_is_filled_in_and_kept_over_repeats(client: Client, channel: AioChannel) -> None:
    mine = CreateInstanceRequest(parent="providers/aws")
    call = asyncio.create_task(client.call(mine))
    first = await take(channel, CreateInstanceRequest, code=Code.UNAVAILABLE, details="Socket closed")
    second = await take(channel, CreateInstanceRequest, CreateInstanceResponse())
    await call
    assert uuid.UUID(first.request_id).version == 4
    assert second == first
    assert mine.request_id == ""


async def test_a_request_id_of_the_caller_is_kept(client: Client, channel: AioChannel) -> None:
    call = asyncio.create_task(client.call(CreateInstanceRequest(parent="providers/aws", request_id="mine")))
    assert (await take(channel, CreateInstanceRequest, CreateInstanceResponse())).request_id == "mine"
    await call


async def test_repeats_end_after_the_attempts(client: Client, channel: AioChannel) -> None:
    call = asyncio.create_task(client.call(ListInstancesRequest(parent="providers/-")))
    for _ in range(QUICK.attempts):
        await take(channel, ListInstancesRequest, code=Code.UNAVAILABLE, details="connect: Connection refused (111)")
    with pytest.raises(Unreachable, match="no NovaCron Cloud server answers at there: Connection refused"):
        await call


async def test_a_server_that_forbids_repeats_is_obeyed(client: Client, channel: AioChannel) -> None:
    call = asyncio.create_task(client.call(ListInstancesRequest(parent="providers/-")))
    status = script.status(Code.UNAVAILABLE, "PROVIDER_UNAVAILABLE", "aws does not answer")
    await take(
        channel, ListInstancesRequest, code=Code.UNAVAILABLE, details="x", trailers=script.trailers(status, "-1")
    )
    with pytest.raises(CloudError, match="aws does not answer") as caught:
        await call
    assert caught.value.reason == "PROVIDER_UNAVAILABLE"
    assert not isinstance(caught.value, Unreachable)


async def test_a_wait_that_would_outlast_the_timeout_is_not_begun(client: Client, channel: AioChannel) -> None:
    call = asyncio.create_task(client.call(ListInstancesRequest(parent="providers/-"), timeout=5))
    status = script.status(Code.UNAVAILABLE, "SERVER_SHUTTING_DOWN", "the server stops", retry_after=60)
    await take(channel, ListInstancesRequest, code=Code.UNAVAILABLE, details="x", trailers=script.trailers(status))
    async with asyncio.timeout(2):
        with pytest.raises(CloudError, match="the server stops"):
            await call


async def test_other_errors_are_not_repeated(client: Client, channel: AioChannel) -> None:
    call = asyncio.create_task(client.call(ListInstancesRequest(parent="providers/x")))
    status = script.status(Code.NOT_FOUND, "RESOURCE_NOT_FOUND", "no provider x", resource="providers/x")
    await take(channel, ListInstancesRequest, code=Code.NOT_FOUND, details="x", trailers=script.trailers(status))
    with pytest.raises(CloudError) as caught:
        await call
    assert (caught.value.reason, caught.value.resource) == ("RESOURCE_NOT_FOUND", "providers/x")


async def test_start_gives_a_handle_on_the_operation(client: Client, channel: AioChannel) -> None:
    start = asyncio.create_task(client.start(CreateInstanceRequest(parent="providers/aws")))
    answer = CreateInstanceResponse(operation=OperationMessage(name="providers/aws/operations/1"))
    await take(channel, CreateInstanceRequest, answer)
    assert (await start).name == "providers/aws/operations/1"


async def test_a_list_goes_over_all_pages(client: Client, channel: AioChannel) -> None:
    request = ListInstancesRequest(parent="providers/-", page_size=2, return_partial_success=True)
    listing = client.list(request)

    async def names() -> list[str]:
        return [instance.name async for instance in listing]

    reading = asyncio.create_task(names())
    pages = [
        ListInstancesResponse(
            instances=[compute_pb2.Instance(name="a"), compute_pb2.Instance(name="b")], next_page_token="2"
        ),
        ListInstancesResponse(instances=[compute_pb2.Instance(name="c")]),
    ]
    pages[1].unreachable.add(name="providers/aws/regions/eu-west-1")
    tokens = [(await take(channel, ListInstancesRequest, page)).page_token for page in pages]
    assert await reading == ["a", "b", "c"]
    assert tokens == ["", "2"]
    assert [part.name for part in listing.unreachable] == ["providers/aws/regions/eu-west-1"]
    assert request.page_token == ""


async def test_leaving_the_client_closes_the_channel(client: Client, channel: AioChannel) -> None:
    async with client as entered:
        assert entered is client
    assert channel.closed


async def test_what_does_not_fit_is_refused_before_it_is_sent(client: Client) -> None:
    double: Any = client
    with pytest.raises(TypeError, match=r"cloud\.v1\.Instance is not the request of an RPC"):
        await double.call(compute_pb2.Instance())
    with pytest.raises(TypeError, match="StreamMetrics answers with a stream"):
        await double.call(metrics_service_pb2.StreamMetricsRequest())
    with pytest.raises(TypeError, match="GetProvider starts no operation"):
        await double.start(GetProviderRequest())
    with pytest.raises(ValueError, match="validate_only starts no operation"):
        await client.start(CreateInstanceRequest(validate_only=True))
    with pytest.raises(TypeError, match="GetOperation lists nothing"):
        double.list(operations_service_pb2.GetOperationRequest())
    with pytest.raises(ValueError, match="'nowhere' is neither HOST:PORT nor unix:PATH"):
        novacron_client.connect("nowhere")


async def test_no_server_is_told_within_a_second_or_two() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    async with novacron_client.connect(address) as client:
        with pytest.raises(Unreachable, match=f"no NovaCron Cloud server answers at {address}: Connection refused"):
            await client.call(GetProviderRequest(name="providers/aws"))
    assert time.monotonic() - began < 3


async def test_a_call_that_takes_too_long_ends_at_its_timeout() -> None:
    async def hang(_: Any, __: Any) -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async with script.serve({GetProviderRequest: hang}) as address, novacron_client.connect(address) as client:
        with pytest.raises(CloudError, match="GetProvider was not answered in time") as caught:
            await client.call(GetProviderRequest(name="providers/aws"), timeout=0.1)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


async def test_a_server_that_comes_back_is_found(tmp_path: Path) -> None:
    async def answer(_: Any, __: Any) -> Message:
        return GetProviderResponse(provider=provider_pb2.Provider(kind="aws"))

    address = f"unix:{tmp_path / 'socket'}"
    async with novacron_client.connect(address, backoff=Backoff(attempts=50, limit=0.2)) as client:
        call = asyncio.create_task(client.call(GetProviderRequest(name="providers/aws")))
        await asyncio.sleep(0.1)
        async with script.serve({GetProviderRequest: answer}, listen=address):
            assert (await call).provider.kind == "aws"


def test_typed_calls_are_those_of_the_contract() -> None:
    assert calls.TARGET.read_text() == calls.text(), "run `make proto`"
