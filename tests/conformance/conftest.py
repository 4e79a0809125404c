"""One suite for every cloud and for any server.

By default a sandbox of all clouds and a server in this process, both on one clock that runs fast, so that clouds' real
periods and lags pass in seconds; each test of a cloud runs on each of them. With `--target HOST:PORT` the server that
runs there, with `--provider`, `--image` and `--instance-type` for what it has registered.
"""

import asyncio
import pathlib
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

import novacron_client
import pytest
import pytest_asyncio
from novacron.cloud.v1 import compute_pb2, provider_pb2
from novacron.cloud.v1 import operations_pb2 as operations
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client
from novacron_providers.contract.clock import ScaledClock
from novacron_sandbox import Sandbox
from novacron_server.app import App

from tests.conformance.kinds import KINDS, Kind
from tests.conformance.native import ACCOUNTS, Account
from tests.servers import CONFIGS, configured, registration

# Five minutes, the period of EC2's basic monitoring, in one second.
RATE = 300.0
ORIGIN = time.time()
FOLDER = pathlib.Path(__file__).parent


@dataclass(frozen=True)
class Cloud:
    """What the suite must know of the provider it works with, and of its kind."""

    provider: str
    image: str
    instance_type: str
    regions: tuple[str, ...]
    kind: Kind

    @property
    def parent(self) -> str:
        return f"providers/{self.provider}"

    @property
    def nobody(self) -> str:
        """Name of an instance that does not exist."""
        return f"{self.parent}/instances/{self.kind.nobody.format(region=self.regions[0])}"

    def spec(self, name: str = "", **more: object) -> compute_pb2.InstanceSpec:
        """An instance that can be made; what is given in `more` is changed."""
        spec = compute_pb2.InstanceSpec(
            display_name=name, image=self.image, instance_type=self.instance_type, region=self.regions[0]
        )
        spec.MergeFrom(compute_pb2.InstanceSpec(**more))  # type: ignore[arg-type]  # any field of the spec
        return spec


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what depends on a cloud on every cloud, or on the one behind --target."""
    if "kind" in metafunc.fixturenames:
        kinds = ["target"] if metafunc.config.getoption("--target") else list(KINDS)
        metafunc.parametrize("kind", kinds, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --target leave out what looks behind the server: the clouds there are not ours."""
    if config.getoption("--target"):
        ours = [item for item in items if isinstance(item, pytest.Function) and item.path.parent == FOLDER]
        behind = [item for item in ours if "sandbox" in item.fixturenames]
        config.hook.pytest_deselected(items=behind)
        items[:] = [item for item in items if item not in behind]


@pytest.fixture(scope="session")
def kind(request: pytest.FixtureRequest) -> str:
    """Kind of the cloud that a test runs on: "aws", "azure", "gcp", or "target" for what is behind --target."""
    return str(request.param)


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> str:
    """Address of a server that runs already; empty when the suite starts its own."""
    return str(request.config.getoption("--target"))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The clouds on loopback."""
    with Sandbox(origin=ORIGIN, rate=RATE, boot_seconds=60) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def config(sandbox: Sandbox, kind: str) -> provider_pb2.ProviderConfig:
    """How to reach a cloud of the sandbox."""
    return CONFIGS[kind](sandbox)


@pytest.fixture(scope="session")
def account(sandbox: Sandbox, kind: str) -> Account:
    """The account behind the server, through the cloud's own SDK."""
    return ACCOUNTS[kind](sandbox)


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
async def clouds(client: Client, target: str, request: pytest.FixtureRequest) -> Mapping[str, Cloud]:
    """What the suite works on, registered, by kind."""
    if target:
        options = request.config.option
        provider = (await client.call(pb.GetProviderRequest(name=f"providers/{options.provider}"))).provider
        regions = [r.native_id async for r in client.list(pb.ListRegionsRequest(parent=provider.name))]
        kind = KINDS[provider.kind]
        return {"target": Cloud(options.provider, options.image, options.instance_type, tuple(regions), kind)}
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    await asyncio.gather(*(client.call(registration(sandbox, name, name)) for name in KINDS))
    access = {name: getattr(sandbox, name) for name in KINDS}
    types = {name: next(iter(kind.shapes)) for name, kind in KINDS.items()}
    return {
        name: Cloud(name, access[name]["image"], types[name], tuple(access[name]["regions"]), kind)
        for name, kind in KINDS.items()
    }


@pytest.fixture(scope="session")
def cloud(clouds: Mapping[str, Cloud], kind: str) -> Cloud:
    """The cloud that a test runs on."""
    return clouds[kind]


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


def step_states(operation: operations.Operation) -> dict[str, str]:
    """State of each step by its id, without the prefix."""
    return {
        step.id: operations.OperationState.Name(step.state).removeprefix("OPERATION_STATE_") for step in operation.steps
    }
