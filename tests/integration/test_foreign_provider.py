"""A fourth cloud comes from outside: a package with an entry point, and nothing else, beside a server that runs."""

import ast
import asyncio
import os
import pathlib
import sys
from collections.abc import AsyncIterator

import novacron_client
import pytest
import pytest_asyncio
from novacron.cloud.v1 import capabilities_pb2, compute_pb2, metrics_pb2, metrics_service_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client, CloudError

from tests.integration import foreign_provider
from tests.integration.foreign_provider import CPU, REGION, SHAPE
from tests.servers import server_process
from tools import rules

SOURCE = pathlib.Path(foreign_provider.__file__).read_text()
PARENT = "providers/toy-1"

pytestmark = pytest.mark.asyncio(loop_scope="module")


def install(site: pathlib.Path) -> None:
    """Write the package and its metadata as an installer leaves them."""
    files = {
        "novacron_toy/__init__.py": SOURCE,
        "toy-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n",
        "toy-1.0.dist-info/entry_points.txt": "[novacron_cloud.providers]\ntoy = novacron_toy:PROVIDER\n",
    }
    for name, text in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A server process that has never heard of the toy, but for the entry point on its path."""
    site = tmp_path_factory.mktemp("site")
    install(site)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ["PYTHONPATH"]]))
        async with (
            server_process(tmp_path_factory.mktemp("server")) as server,
            novacron_client.connect(server.address) as client,
        ):
            yield client


def registration(name: str, *regions: str) -> pb.RegisterProviderRequest:
    config = provider_pb2.ProviderConfig(regions=regions)
    return pb.RegisterProviderRequest(provider_id=name, provider=provider_pb2.Provider(kind="toy", config=config))


async def instances(client: Client, parent: str = PARENT) -> dict[str, int]:
    found = client.list(pb.ListInstancesRequest(parent=parent))
    return {one.display_name: one.state async for one in found}


async def test_it_needs_the_contract_and_the_stubs_alone() -> None:
    used = {name for _, name in rules.imports(ast.parse(SOURCE))}
    foreign = {name for name in used if name.partition(".")[0] not in sys.stdlib_module_names}
    allowed = ("novacron.cloud.v1", "novacron_providers.contract", "google.protobuf")
    assert [name for name in foreign if not name.startswith(allowed)] == []


async def test_a_machine_lives_there_and_its_metrics_are_read(client: Client) -> None:
    made = (await client.call(registration("toy-1"))).provider
    assert (made.name, made.kind) == (PARENT, "toy")

    able = (await client.call(pb.GetCapabilitiesRequest(name=PARENT))).capabilities
    native = {one.capability for one in able if one.level == capabilities_pb2.SUPPORT_LEVEL_NATIVE}
    assert native == {capabilities_pb2.CAPABILITY_INSTANCES, capabilities_pb2.CAPABILITY_METRICS}
    assert [one.native_id async for one in client.list(pb.ListRegionsRequest(parent=PARENT))] == [REGION]
    assert await instances(client) == {}

    spec = compute_pb2.InstanceSpec(display_name="robot", image="none", instance_type=SHAPE)
    operation = await client.start(pb.CreateInstanceRequest(parent=PARENT, spec=spec))
    seen: list[float] = []
    instance = await operation.wait(timeout=30, progress=lambda now: seen.append(now.progress_percent))
    assert isinstance(instance, compute_pb2.Instance)
    assert seen[-1] == 100 and instance.state == compute_pb2.INSTANCE_STATE_RUNNING
    assert await instances(client, "providers/-") == {"robot": compute_pb2.INSTANCE_STATE_RUNNING}

    wanted = metrics_pb2.MetricSelector(metrics=[CPU], resources=[instance.name])
    async with asyncio.timeout(20):
        points: list[metrics_pb2.MetricPoint] = []
        while not points:
            request = metrics_service_pb2.GetLatestMetricsRequest(parent=PARENT, selector=wanted)
            points = list((await client.call(request)).points)
    assert [(point.resource, point.value) for point in points] == [(instance.name, 0.25)]

    deletion = await client.start(pb.DeleteInstanceRequest(name=instance.name))
    await deletion.wait(timeout=30)
    assert await instances(client) == {}


async def test_its_own_errors_reach_the_caller(client: Client) -> None:
    with pytest.raises(CloudError) as caught:
        await client.call(registration("toy-2", "kitchen"))
    assert (caught.value.reason, caught.value.fields[0].field) == ("FIELD_INVALID", "config.regions")
    await client.call(registration("toy-2", REGION))
    missing = f"providers/toy-2/instances/{REGION}~none"
    with pytest.raises(CloudError) as caught:
        await client.call(pb.GetInstanceRequest(name=missing))
    assert (caught.value.reason, caught.value.resource) == ("RESOURCE_NOT_FOUND", missing)
