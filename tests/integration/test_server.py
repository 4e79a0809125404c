"""The server as operators meet it: started, restarted, killed, stopped."""

import asyncio
import contextlib
import pathlib
import signal
import stat
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import grpc
import novacron_client
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from novacron.cloud.v1 import compute_pb2, operations_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client, CloudError, Unreachable
from novacron_providers.contract.errors import InvalidArgument
from novacron_sandbox import Sandbox
from novacron_server.app import App
from novacron_server.security.seal import KeyFileError

from tests.servers import configured, registration, server_process


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(boot_seconds=1) as sandbox:
        yield sandbox


def entry(sandbox: Sandbox) -> dict[str, Any]:
    """The sandbox's AWS as a provider of the configuration file."""
    return {
        "kind": "aws",
        "auth": {key: sandbox.aws[key] for key in ("access_key_id", "secret_access_key")},
        "endpoint": sandbox.aws["endpoint"],
        "regions": sandbox.aws["regions"],
        "default": True,
    }


def everything(folder: pathlib.Path) -> bytes:
    """Bytes of all files of a server but its key."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name != "sealing.key")


async def provider(address: str, name: str = "aws") -> provider_pb2.Provider:
    async with novacron_client.connect(address) as client:
        return (await client.call(pb.GetProviderRequest(name=f"providers/{name}"))).provider


async def test_a_provider_survives_a_restart_and_its_secrets_are_sealed(
    sandbox: Sandbox, tmp_path: pathlib.Path
) -> None:
    async with App(await configured(tmp_path)) as app, novacron_client.connect(app.address) as client:
        before = (await client.call(registration(sandbox))).provider
    async with App(await configured(tmp_path)) as app, novacron_client.connect(app.address) as client:
        after = (await client.call(pb.GetProviderRequest(name="providers/aws"))).provider
        assert (after.etag, after.create_time, after.config) == (before.etag, before.create_time, before.config)
        assert after.state == provider_pb2.PROVIDER_STATE_ACTIVE
        await client.call(pb.ListInstancesRequest(parent="providers/aws"))
    secret = sandbox.aws["secret_access_key"].encode()
    assert secret not in everything(tmp_path)
    assert stat.S_IMODE((tmp_path / "sealing.key").stat().st_mode) == 0o600


async def test_another_key_leaves_the_provider_unavailable_and_says_why(
    sandbox: Sandbox, tmp_path: pathlib.Path
) -> None:
    async with App(await configured(tmp_path)) as app, novacron_client.connect(app.address) as client:
        await client.call(registration(sandbox))
    other = await configured(tmp_path, key_file=tmp_path / "other.key")
    async with App(other) as app, novacron_client.connect(app.address) as client:
        found = (await client.call(pb.GetProviderRequest(name="providers/aws"))).provider
        assert found.state == provider_pb2.PROVIDER_STATE_UNAVAILABLE
        assert "sealed with another key" in found.health.error.message
        with pytest.raises(CloudError) as caught:
            await client.call(pb.ListInstancesRequest(parent="providers/aws"))
        assert caught.value.reason == "CREDENTIALS_INVALID"


async def test_the_configuration_file_registers_and_forgets(sandbox: Sandbox, tmp_path: pathlib.Path) -> None:
    async with App(await configured(tmp_path, providers={"main": entry(sandbox)})) as app:
        found = await provider(app.address, "default")
        assert (found.name, found.state) == ("providers/main", provider_pb2.PROVIDER_STATE_ACTIVE)
        async with novacron_client.connect(app.address) as client:
            with pytest.raises(CloudError) as caught:
                await client.call(pb.UnregisterProviderRequest(name="providers/main"))
            assert "configuration file" in caught.value.message
    async with App(await configured(tmp_path)) as app:
        with pytest.raises(CloudError) as caught:
            await provider(app.address, "main")
        assert caught.value.reason == "RESOURCE_NOT_FOUND"


async def test_a_start_does_not_depend_on_the_clouds(
    sandbox: Sandbox, tmp_path: pathlib.Path, unused_tcp_port: int
) -> None:
    gone = entry(sandbox) | {"endpoint": f"http://127.0.0.1:{unused_tcp_port}"}
    async with App(await configured(tmp_path, providers={"main": gone})) as app:
        found = await provider(app.address, "main")
        assert found.state == provider_pb2.PROVIDER_STATE_UNAVAILABLE
        assert found.health.HasField("error")


async def test_an_adapter_that_is_not_installed_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InvalidArgument, match="no adapter of kind 'ibm' is installed"):
        async with App(await configured(tmp_path, providers={"main": {"kind": "ibm"}})):
            pass


async def test_a_key_file_that_others_can_read_stops_the_start(tmp_path: pathlib.Path) -> None:
    (tmp_path / "sealing.key").write_text("00" * 32)
    (tmp_path / "sealing.key").chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        async with App(await configured(tmp_path)):
            pass


async def test_a_port_that_is_taken_is_an_error_not_a_shared_port(tmp_path: pathlib.Path) -> None:
    (tmp_path / "second").mkdir()
    async with App(await configured(tmp_path)) as app:
        with pytest.raises(OSError, match="is another server running"):
            async with App(await configured(tmp_path / "second", listen=app.address)):
                pass


async def test_a_unix_socket_serves_its_owner_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "novacron.sock"
    async with App(await configured(tmp_path, listen=f"unix:{path}")) as app:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with novacron_client.connect(app.address) as client:
            assert not (await client.call(pb.ListProvidersRequest())).providers


async def test_health_and_reflection_tell_what_is_served(tmp_path: pathlib.Path) -> None:
    async with App(await configured(tmp_path)) as app, grpc.aio.insecure_channel(app.address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        for service in ("", "novacron.cloud.v1.ProviderService"):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        names = [s.name async for r in stub.ServerReflectionInfo(iter(asked)) for s in r.list_services_response.service]
        assert {"novacron.cloud.v1.ProviderService", "novacron.cloud.v1.MetricsService"} <= set(names)


def ec2(sandbox: Sandbox) -> Any:
    return boto3.client(
        "ec2",
        region_name=sandbox.aws["regions"][0],
        endpoint_url=sandbox.aws["endpoint"],
        aws_access_key_id=sandbox.aws["access_key_id"],
        aws_secret_access_key=sandbox.aws["secret_access_key"],
    )


def named(sandbox: Sandbox, name: str) -> list[str]:
    """Instances of that name, by AWS's own SDK."""
    found = ec2(sandbox).describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])
    return [instance["InstanceId"] for group in found["Reservations"] for instance in group["Instances"]]


async def created(client: Client, request: pb.CreateInstanceRequest) -> compute_pb2.Instance:
    """Create and follow to the end, over whatever happens to the server."""
    while True:
        # A lost answer is asked for again with the same request_id, as the contract says.
        with contextlib.suppress(Unreachable):
            made = await (await client.start(request, timeout=60)).wait()
            assert isinstance(made, compute_pb2.Instance)
            return made


@pytest.mark.parametrize("point", ["intent", "before:launch", "sent:launch", "kept:launch", "before:running"])
async def test_after_kill_9_an_operation_finishes_by_itself_with_one_effect(
    sandbox: Sandbox, tmp_path: pathlib.Path, point: str
) -> None:
    name = f"killed-{uuid.uuid4().hex[:8]}"
    spec = compute_pb2.InstanceSpec(display_name=name, image=sandbox.aws["image"], instance_type="t3.micro")
    token = str(uuid.uuid4())
    request = pb.CreateInstanceRequest(parent="providers/aws", spec=spec, request_id=token)
    address = f"unix:{tmp_path / 'server.sock'}"
    async with novacron_client.connect(address) as client:
        async with server_process(tmp_path, listen=address) as server:
            await client.call(registration(sandbox))
            assert await server.terminate() == 0
        async with server_process(tmp_path, listen=address, failpoint=point) as server:
            following = asyncio.create_task(created(client, request))
            assert await asyncio.wait_for(server.process.wait(), 20) == -signal.SIGKILL
        assert not following.done()
        async with server_process(tmp_path, listen=address) as server:
            # The caller that was following when the server died is told the end by the next one.
            made = await asyncio.wait_for(following, 60)
            assert made.state == compute_pb2.INSTANCE_STATE_RUNNING
            again = await client.start(request)
            assert again.latest.state == operations_pb2.OPERATION_STATE_SUCCEEDED
            assert await server.terminate() == 0
    assert len(await asyncio.to_thread(named, sandbox, name)) == 1


async def test_sigterm_lets_what_runs_finish_and_says_not_serving_first(
    sandbox: Sandbox, tmp_path: pathlib.Path
) -> None:
    async with server_process(tmp_path) as server, grpc.aio.insecure_channel(server.address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        ending = asyncio.create_task(server.terminate())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        assert await ending == 0
    assert [line["event"] for line in server.lines()][-2:] == ["stopping", "stopped"]


async def test_no_secret_reaches_logs_database_or_errors(sandbox: Sandbox, tmp_path: pathlib.Path) -> None:
    canaries = [f"canary-{uuid.uuid4().hex}" for _ in range(3)]
    async with server_process(tmp_path) as server, novacron_client.connect(server.address) as client:
        wrong = registration(sandbox)
        wrong.provider.config.auth["secret_access_key"] = canaries[0]
        with pytest.raises(CloudError) as caught:
            await client.call(wrong)
        assert caught.value.reason == "CREDENTIALS_INVALID"
        broken = registration(sandbox)
        broken.provider.config.auth[canaries[1]] = "x"
        broken.provider.config.auth["session_token"] = canaries[1]
        with pytest.raises(CloudError):
            await client.call(broken)
        await client.call(registration(sandbox))
        spec = compute_pb2.InstanceSpec(
            image=sandbox.aws["image"], instance_type="t3.micro", user_data=f"password={canaries[2]}".encode()
        )
        operation = await client.start(pb.CreateInstanceRequest(parent="providers/aws", spec=spec))
        await operation.wait(timeout=60)
        assert await server.terminate() == 0
    told = server.log.read_bytes() + str(caught.value.status).encode()
    stored = everything(tmp_path)
    assert len(server.lines()) > 3
    for canary in (canaries[0], canaries[2], sandbox.aws["secret_access_key"]):
        assert canary.encode() not in told
        assert canary.encode() not in stored
