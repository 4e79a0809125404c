"""Reads and changes through the whole server, counted where they arrive: at the sandbox's three clouds."""

import asyncio
import pathlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import novacron_client
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2
from novacron.cloud.v1 import compute_pb2, provider_pb2, provider_service_pb2_grpc
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client
from novacron_providers import aws, azure, gcp
from novacron_providers.contract import Call, Compute, ScaledClock, Secret, Settings
from novacron_sandbox import Sandbox
from novacron_server.app import App

from tests.servers import CONFIGS, configured, registration
from tests.unit.providers.operation import MemoryOp

pytestmark = pytest.mark.asyncio(loop_scope="module")

# The waits between attempts, and those of a breaker, pass at this speed; deadlines are real.
RATE, ORIGIN = 10.0, time.time()
# A cloud's list of instances, and how many calls it takes: EC2 is asked region by region, Azure for
# machines and for their states.
LISTS = {
    "aws": ("DescribeInstances", 2),
    "azure": ("VirtualMachines_ListAll", 2),
    "gcp": ("instances.aggregatedList", 1),
}
# What one instance is read with, and the name of one.
GETS = {
    "aws": ("DescribeInstances", "us-east-1~i-0123456789abcdef0"),
    "azure": ("VirtualMachines_Get", "sandbox~web"),
    "gcp": ("instances.get", "us-central1-a~web"),
}
CREATES = {"aws": "RunInstances", "azure": "VirtualMachines_CreateOrUpdate", "gcp": "instances.insert"}
TYPES = {"aws": "t3.micro", "azure": "Standard_B2s", "gcp": "e2-medium"}
PLUGINS = {"aws": aws.PROVIDER, "azure": azure.PROVIDER, "gcp": gcp.PROVIDER}
CLOUDS = pytest.mark.parametrize("cloud", LISTS)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(origin=ORIGIN, rate=RATE, boot_seconds=3) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def clean(sandbox: Sandbox) -> None:
    """Nothing from the test before."""
    for cloud in LISTS:
        sandbox.reset(cloud=cloud)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    settings = await configured(tmp_path_factory.mktemp("server"))
    async with App(settings, clock=ScaledClock(ORIGIN, RATE)) as app:
        async with novacron_client.connect(app.address) as client:
            for cloud in LISTS:
                await client.call(registration(sandbox, cloud, cloud))
                # What is read once for all lists, such as instance types.
                await client.call(pb.ListInstancesRequest(parent=f"providers/{cloud}"))
        yield app.address


@pytest_asyncio.fixture(loop_scope="module")
async def client(address: str) -> AsyncIterator[Client]:
    async with novacron_client.connect(address) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def stub(address: str) -> AsyncIterator[Any]:
    """The RPCs themselves: nothing is repeated on this side."""
    async with grpc.aio.insecure_channel(address) as channel:
        yield provider_service_pb2_grpc.ProviderServiceStub(channel)


def lists(sandbox: Sandbox, cloud: str) -> int:
    """How often a cloud was asked for its instances."""
    return int(sandbox.state(cloud=cloud)["calls"].get(LISTS[cloud][0], 0))


def now(cloud: str, **more: Any) -> pb.ListInstancesRequest:
    """A list that the cloud is asked for now."""
    request = pb.ListInstancesRequest(parent=f"providers/{cloud}", **more)
    request.max_staleness.SetInParent()
    return request


def spec(sandbox: Sandbox, cloud: str, name: str) -> compute_pb2.InstanceSpec:
    image = getattr(sandbox, cloud)["image"]
    return compute_pb2.InstanceSpec(display_name=name, image=image, instance_type=TYPES[cloud])


async def create(client: Client, sandbox: Sandbox, cloud: str, name: str) -> compute_pb2.Instance:
    request = pb.CreateInstanceRequest(parent=f"providers/{cloud}", spec=spec(sandbox, cloud, name))
    made = await (await client.start(request)).wait(timeout=30)
    assert isinstance(made, compute_pb2.Instance)
    return made


async def refusal(calling: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await calling
    return caught.value


def pushback(error: grpc.aio.AioRpcError) -> str:
    return str(dict(error.trailing_metadata() or ()).get("grpc-retry-pushback-ms", ""))


def facts(error: grpc.aio.AioRpcError) -> dict[str, str]:
    """The metadata of its ErrorInfo."""
    status, info = status_pb2.Status(), error_details_pb2.ErrorInfo()
    status.ParseFromString(dict(error.trailing_metadata() or ())["grpc-status-details-bin"])
    for detail in status.details:
        if detail.Unpack(info):
            return dict(info.metadata)
    return {}


@CLOUDS
async def test_a_hundred_equal_reads_at_once_are_one_list_of_the_cloud(
    client: Client, sandbox: Sandbox, cloud: str
) -> None:
    # A query of its own, so that nothing is kept of it.
    request = pb.ListInstancesRequest(parent=f"providers/{cloud}", filter='display_name != "nobody"')
    answers = await asyncio.gather(*(client.call(request) for _ in range(100)))
    assert lists(sandbox, cloud) == LISTS[cloud][1]
    assert len({answer.SerializeToString() for answer in answers}) == 1
    assert answers[0].HasField("observe_time")
    # It is kept, with the time at which the cloud was asked.
    assert (await client.call(request)).observe_time == answers[0].observe_time
    assert lists(sandbox, cloud) == LISTS[cloud][1]


async def test_reads_of_all_providers_share_as_well(client: Client, sandbox: Sandbox) -> None:
    request = pb.ListInstancesRequest(parent="providers/-", filter='display_name != "nobody at all"')
    await asyncio.gather(*(client.call(request) for _ in range(30)))
    assert {cloud: lists(sandbox, cloud) for cloud in LISTS} == {cloud: calls for cloud, (_, calls) in LISTS.items()}


@CLOUDS
async def test_after_a_change_of_ours_the_next_read_asks_the_cloud(
    client: Client, sandbox: Sandbox, cloud: str
) -> None:
    request = pb.ListInstancesRequest(parent=f"providers/{cloud}", filter='display_name = "shared-1"')
    assert not (await client.call(request)).instances
    made = await create(client, sandbox, cloud, "shared-1")
    before = lists(sandbox, cloud)
    found = await client.call(request)
    assert [i.name for i in found.instances] == [made.name]
    assert lists(sandbox, cloud) == before + LISTS[cloud][1]
    get = pb.GetInstanceRequest(name=made.name)
    assert (await client.call(get)).instance.state == compute_pb2.INSTANCE_STATE_RUNNING
    await (await client.start(pb.StopInstanceRequest(name=made.name))).wait(timeout=30)
    assert (await client.call(get)).instance.state != compute_pb2.INSTANCE_STATE_RUNNING
    await (await client.start(pb.DeleteInstanceRequest(name=made.name))).wait(timeout=30)
    assert not (await client.call(request)).instances


async def test_what_we_made_is_listed_though_the_cloud_lags_behind(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("DescribeInstances", "lag", count=100_000, seconds=30)
    old = sandbox.seed(7, region="eu-west-1")
    made = await create(client, sandbox, "aws", "lagging")
    listed = [i.native_id async for i in client.list(now("aws", page_size=3))]
    assert sorted(listed) == sorted([*old, made.native_id])
    [page] = (await client.call(now("aws", filter='display_name = "lagging"'))).instances
    assert page.name == made.name
    # In the end the cloud has it, and it is listed once.
    sandbox.reset()
    assert [i.native_id async for i in client.list(now("aws", page_size=3))] == [made.native_id]


@CLOUDS
@pytest.mark.parametrize(
    ("kind", "code"),
    [("unavailable", grpc.StatusCode.UNAVAILABLE), ("throttle", grpc.StatusCode.RESOURCE_EXHAUSTED)],
)
async def test_there_are_five_attempts_on_the_wire_and_callers_are_told_not_to_repeat(
    stub: Any, sandbox: Sandbox, cloud: str, kind: str, code: grpc.StatusCode
) -> None:
    action, name = GETS[cloud]
    sandbox.fault(action, kind, count=50, cloud=cloud)
    error = await refusal(stub.GetInstance(pb.GetInstanceRequest(name=f"providers/{cloud}/instances/{name}")))
    # Too many calls is never told as a lack of rights.
    assert error.code() is code
    assert sandbox.state(cloud=cloud)["calls"][action] == 5
    assert pushback(error) == "-1"
    assert facts(error)["provider"] == cloud and facts(error)["native_code"]


@CLOUDS
async def test_a_cloud_that_hangs_does_not_hold_a_caller_beyond_the_deadline(
    stub: Any, sandbox: Sandbox, cloud: str
) -> None:
    sandbox.fault(LISTS[cloud][0], "slow", count=2, seconds=3, cloud=cloud)
    began = time.monotonic()
    error = await refusal(stub.ListInstances(now(cloud), timeout=1.0))
    assert time.monotonic() - began < 1.1
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    # It is the server that says so, and before the caller's own clock does.
    assert "allow more time" in str(error.details())


@CLOUDS
async def test_who_cancels_a_change_is_let_go_and_what_was_sent_is_settled(sandbox: Sandbox, cloud: str) -> None:
    config = await asyncio.to_thread(CONFIGS[cloud], sandbox)
    auth = {key: Secret(value) for key, value in config.auth.items()}
    config.ClearField("auth")
    connection = PLUGINS[cloud].connect(Settings(provider=cloud, config=config, auth=auth))
    [compute] = [area for area in connection.areas if isinstance(area, Compute)]
    await connection.identify(Call())
    sandbox.fault(CREATES[cloud], "slow", count=1, seconds=2, cloud=cloud)
    request = pb.CreateInstanceRequest(parent=f"providers/{cloud}", spec=spec(sandbox, cloud, "cancelled"))
    creating = asyncio.create_task(compute.create_instance(request, MemoryOp()))
    async with asyncio.timeout(10):
        while not (await asyncio.to_thread(sandbox.state, cloud=cloud))["calls"].get(CREATES[cloud]):  # noqa: ASYNC110  # it can only be asked
            await asyncio.sleep(0.02)
    began = time.monotonic()
    creating.cancel()
    await asyncio.gather(creating, return_exceptions=True)
    assert creating.cancelled() and time.monotonic() - began < 0.1
    assert not (await asyncio.to_thread(sandbox.state, cloud=cloud))["effects"].get(CREATES[cloud])
    await connection.close()
    state = await asyncio.to_thread(sandbox.state, cloud=cloud)
    assert (state["calls"][CREATES[cloud]], state["effects"][CREATES[cloud]]) == (1, 1)


async def test_an_outage_of_a_region_is_shown_in_health_and_spares_the_cloud(
    client: Client, stub: Any, sandbox: Sandbox
) -> None:
    region = sandbox.aws["regions"][1]
    sandbox.fault("DescribeInstances", "unavailable", count=10_000)
    await asyncio.gather(
        *(refusal(stub.ListInstances(now("aws", regions=[region], page_size=size))) for size in range(1, 61))
    )
    before, began = lists(sandbox, "aws"), time.monotonic()
    errors = await asyncio.gather(*(refusal(stub.ListInstances(now("aws", regions=[region]))) for _ in range(20)))
    assert time.monotonic() - began < 0.5
    assert lists(sandbox, "aws") - before <= 2
    assert {error.code() for error in errors} == {grpc.StatusCode.UNAVAILABLE}
    assert facts(errors[-1])["region"] == region
    found = (await client.call(pb.GetProviderRequest(name="providers/aws"))).provider
    assert found.state == provider_pb2.PROVIDER_STATE_DEGRADED
    [circuit] = found.health.open_circuits
    assert circuit.region == region and circuit.error.code == grpc.StatusCode.UNAVAILABLE.value[0]
    sandbox.reset()
    # Five seconds of the server's clock later one call tries.
    await asyncio.sleep(6.0 / RATE)
    assert not (await client.call(now("aws", regions=[region]))).instances
    found = (await client.call(pb.GetProviderRequest(name="providers/aws"))).provider
    assert not found.health.open_circuits


async def test_credentials_that_are_refused_again_and_again_are_not_tried_for_a_while(
    stub: Any, sandbox: Sandbox, tmp_path: pathlib.Path
) -> None:
    region = sandbox.aws["regions"][0]
    async with App(await configured(tmp_path)) as app, novacron_client.connect(app.address) as client:
        await client.call(registration(sandbox))
        sandbox.fault("*", "expired", count=10_000)
        for size in range(1, 11):
            with pytest.raises(novacron_client.CloudError) as caught:
                await client.call(now("aws", regions=[region], page_size=size))
            assert caught.value.reason == "CREDENTIALS_INVALID"
        assert lists(sandbox, "aws") == 3
        [circuit] = (await client.call(pb.GetProviderRequest(name="providers/aws"))).provider.health.open_circuits
        assert circuit.region == region and 0 < circuit.retry_time.ToSeconds() - time.time() <= 31
        # New credentials begin anew.
        sandbox.reset()
        update = pb.UpdateProviderRequest(provider=registration(sandbox).provider)
        update.provider.name, update.provider.config.default_zone = "providers/aws", f"{region}a"
        update.update_mask.paths.append("config")
        await client.call(update)
        assert not (await client.call(now("aws", regions=[region]))).instances
