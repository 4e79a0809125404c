"""One suite for every cloud and for any server.

By default a sandbox and a server in this process, both on one clock that runs fast, so that clouds' real periods and
lags pass in seconds. With `--target HOST:PORT` the server that runs there, with `--provider`, `--image` and
`--instance-type` for what it has registered.
"""

import asyncio
import json
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import boto3
import novacron_client
import pytest
import pytest_asyncio
from mypy_boto3_ec2 import EC2Client
from novacron.cloud.v1 import compute_pb2, provider_pb2
from novacron.cloud.v1 import operations_pb2 as operations
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client
from novacron_providers.contract.clock import ScaledClock
from novacron_sandbox import Sandbox
from novacron_server.app import App

from tests.servers import aws_config, configured

# Five minutes, the period of EC2's basic monitoring, in one second.
RATE = 300.0
ORIGIN = time.time()


@dataclass(frozen=True)
class Cloud:
    """What the suite must know of the account it runs on."""

    provider: str
    image: str
    instance_type: str
    regions: tuple[str, ...]

    @property
    def parent(self) -> str:
        return f"providers/{self.provider}"

    def spec(self, name: str = "", **more: object) -> compute_pb2.InstanceSpec:
        """An instance that can be made; what is given in `more` is changed."""
        spec = compute_pb2.InstanceSpec(
            display_name=name, image=self.image, instance_type=self.instance_type, region=self.regions[0]
        )
        spec.MergeFrom(compute_pb2.InstanceSpec(**more))  # type: ignore[arg-type]  # any field of the spec
        return spec


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> str:
    """Address of a server that runs already; empty when the suite starts its own."""
    return str(request.config.getoption("--target"))


@pytest.fixture(scope="session")
def sandbox(target: str) -> Iterator[Sandbox]:
    """The clouds on loopback; tests that look behind the server skip where there is none."""
    if target:
        pytest.skip("--target: the clouds behind that server are not ours to look into")
    with Sandbox(origin=ORIGIN, rate=RATE, boot_seconds=60) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def config(sandbox: Sandbox) -> provider_pb2.ProviderConfig:
    """How to reach the sandbox's AWS."""
    return aws_config(sandbox)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def address(
    target: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """A server to talk to."""
    if target:
        yield target
        return
    folder = tmp_path_factory.mktemp("server")
    settings = await configured(folder)
    async with App(settings, clock=ScaledClock(ORIGIN, RATE)) as app:
        yield app.address


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(address: str) -> AsyncIterator[Client]:
    async with novacron_client.connect(address) as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cloud(client: Client, target: str, request: pytest.FixtureRequest) -> Cloud:
    """The account that the suite works on, registered."""
    if target:
        options = request.config.option
        parent = f"providers/{options.provider}"
        regions = [r.native_id async for r in client.list(pb.ListRegionsRequest(parent=parent))]
        return Cloud(options.provider, options.image, options.instance_type, tuple(regions))
    config: provider_pb2.ProviderConfig = request.getfixturevalue("config")
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    await client.call(
        pb.RegisterProviderRequest(provider_id="aws", provider=provider_pb2.Provider(kind="aws", config=config))
    )
    return Cloud("aws", sandbox.aws["image"], "t3.micro", tuple(sandbox.aws["regions"]))


@pytest_asyncio.fixture(loop_scope="session")
async def instance(client: Client, cloud: Cloud) -> AsyncIterator[compute_pb2.Instance]:
    """A running instance, deleted afterwards."""
    made = await create(client, cloud)
    yield made
    deletion = await client.start(pb.DeleteInstanceRequest(name=made.name, allow_missing=True))
    await deletion.wait(timeout=60)


async def create(client: Client, cloud: Cloud, name: str = "", **more: object) -> compute_pb2.Instance:
    """Create an instance and wait for it."""
    request = pb.CreateInstanceRequest(
        parent=cloud.parent, spec=cloud.spec(name or f"c-{uuid.uuid4().hex[:8]}", **more)
    )
    operation = await client.start(request)
    made = await operation.wait(timeout=60)
    assert isinstance(made, compute_pb2.Instance)
    return made


def native(name: str) -> str:
    """The cloud's own id in a resource name."""
    return name.rpartition("~")[2]


@pytest.fixture
def ec2(sandbox: Sandbox) -> EC2Client:
    """AWS's own SDK, straight at the sandbox: counts what exists, never through our code."""
    return boto3.client(
        "ec2",
        region_name=sandbox.aws["regions"][0],
        endpoint_url=sandbox.aws["endpoint"],
        aws_access_key_id=sandbox.aws["access_key_id"],
        aws_secret_access_key=sandbox.aws["secret_access_key"],
    )


async def seed(sandbox: Sandbox, region: str, count: int) -> None:
    """Make instances behind the server's back, as a colleague with a console would."""
    body = json.dumps({"region": region, "count": count}).encode()
    request = urllib.request.Request(
        sandbox.aws["endpoint"] + "/_sandbox/seed", body, {"Content-Type": "application/json"}
    )

    def post() -> None:
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()

    await asyncio.to_thread(post)


def step_states(operation: operations.Operation) -> dict[str, str]:
    """State of each step by its id, without the prefix."""
    return {
        step.id: operations.OperationState.Name(step.state).removeprefix("OPERATION_STATE_") for step in operation.steps
    }
