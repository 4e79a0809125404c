"""One workload on three clouds: what they tell of it, over their own periods, in their own units, agrees."""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping

import novacron_client
import pytest
import pytest_asyncio
from novacron.cloud.v1 import compute_pb2, metrics_pb2
from novacron.cloud.v1 import metrics_service_pb2 as metrics
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client, CloudError
from novacron_providers.contract.clock import ScaledClock
from novacron_sandbox import Sandbox
from novacron_server.app import App

from tests.servers import configured, registration

# Five minutes, EC2's period and the coarsest of the three, in one second.
RATE = 300.0
ORIGIN = time.time()
# Of the coarsest periods, how many are compared.
PERIODS = 4
# Two vCPUs everywhere.
TYPES = {"aws": "t3.micro", "azure": "Standard_B2s", "gcp": "e2-medium"}
PACKETS = {"cloud.instance.network.receive_packets", "cloud.instance.network.transmit_packets"}
COMMON = {
    "cloud.instance.cpu.utilization",
    "cloud.instance.disk.read_bytes",
    "cloud.instance.disk.write_bytes",
    "cloud.instance.disk.read_operations",
    "cloud.instance.disk.write_operations",
    "cloud.instance.network.receive_bytes",
    "cloud.instance.network.transmit_bytes",
}
# What each cloud has of the canonical metrics.
HAS = {"aws": COMMON | PACKETS, "azure": COMMON, "gcp": COMMON | PACKETS}

pytestmark = pytest.mark.asyncio(loop_scope="module")
# By metric and provider: values by the ends of their periods.
Values = Mapping[tuple[str, str], Mapping[float, float]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(origin=ORIGIN, rate=RATE, boot_seconds=30) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A server that has all three clouds, with the workload on each of them."""
    settings = await configured(tmp_path_factory.mktemp("server"))
    async with App(settings, clock=ScaledClock(ORIGIN, RATE)) as app, novacron_client.connect(app.address) as client:
        for cloud in TYPES:
            await client.call(registration(sandbox, cloud, cloud))
        await asyncio.gather(*(create(client, sandbox, cloud) for cloud in TYPES))
        yield client


async def create(client: Client, sandbox: Sandbox, cloud: str) -> None:
    """An instance that does what the workload of the tag's name does: what it is called elsewhere decides nothing."""
    spec = compute_pb2.InstanceSpec(
        display_name=f"{cloud}-1",
        image=getattr(sandbox, cloud)["image"],
        instance_type=TYPES[cloud],
        tags={"novacron-workload": "checkout"},
    )
    operation = await client.start(pb.CreateInstanceRequest(parent=f"providers/{cloud}", spec=spec))
    await operation.wait(timeout=50)


async def periods(client: Client) -> dict[str, float]:
    """Seconds between two values of each cloud, as its descriptors say."""
    found = {}
    for cloud in TYPES:
        described = client.list(metrics.ListMetricDescriptorsRequest(parent=f"providers/{cloud}"))
        (found[cloud],) = {one.min_period.ToTimedelta().total_seconds() async for one in described}
    return found


async def collect(client: Client) -> Values:
    """Values of all series over at least PERIODS of the coarsest periods, one for each."""
    step = await periods(client)
    coarsest = max(step.values())
    fine: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
    wanted = {(metric, cloud) for cloud, has in HAS.items() for metric in has}
    async with asyncio.timeout(45), client.stream_metrics("providers/-") as stream:
        async for update in stream:
            for row in update.rows():
                if row.value is not None:
                    fine[row.key.metric, row.key.resource.split("/")[1]][row.time] = row.value
            coarse = {key: means(values, step[key[1]], coarsest) for key, values in fine.items()}
            if coarse.keys() >= wanted and len(shared(coarse)) >= PERIODS:
                return coarse
    raise AssertionError("the stream ended")


def means(values: Mapping[float, float], step: float, coarsest: float) -> dict[float, float]:
    """Means over periods of `coarsest` seconds that end where the clock is even, of what has all its parts."""
    parts: dict[float, list[float]] = defaultdict(list)
    for end, value in values.items():
        parts[math.ceil(end / coarsest) * coarsest].append(value)
    return {end: sum(part) / len(part) for end, part in parts.items() if len(part) * step == coarsest}


def shared(values: Values) -> list[float]:
    """Ends of the periods of which every series has a value."""
    return sorted(set.intersection(*(set(series) for series in values.values())))


async def test_streams_of_one_workload_agree_at_the_coarsest_period(client: Client) -> None:
    values = await collect(client)
    assert {metric for metric, _ in values} == COMMON | PACKETS
    ends = shared(values)
    # It moves: values that agree because they stand still would prove nothing.
    received = [values["cloud.instance.network.receive_bytes", "aws"][end] for end in ends]
    assert max(received) > 1.01 * min(received)
    for metric in COMMON | PACKETS:
        clouds = [cloud for cloud, has in HAS.items() if metric in has]
        for end in ends:
            told = {cloud: values[metric, cloud][end] for cloud in clouds}
            assert min(told.values()) > 0, (metric, told)
            assert max(told.values()) <= 1.01 * min(told.values()), (metric, told)


async def test_what_a_cloud_does_not_have_is_declared_absent(client: Client) -> None:
    for cloud, has in HAS.items():
        described = client.list(metrics.ListMetricDescriptorsRequest(parent=f"providers/{cloud}"))
        assert {one.type async for one in described if one.type.startswith("cloud.")} == has
    absent = metrics_pb2.MetricSelector(metrics=PACKETS)
    with pytest.raises(CloudError) as caught:
        await client.call(metrics.GetLatestMetricsRequest(parent="providers/azure", selector=absent))
    assert caught.value.reason == "FIELD_INVALID" and caught.value.fields[0].field.startswith("selector.metrics")
