"""The Azure adapter: what is refused, lists, metrics."""

import asyncio
import subprocess
import sys
import time
from typing import Any

import pytest
from novacron.cloud.v1 import compute_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.azure import PROVIDER
from novacron_providers.contract import Call, ScaledClock
from novacron_providers.contract.compute import Compute
from novacron_providers.contract.errors import (
    CapacityUnavailable,
    CloudError,
    InvalidArgument,
    NotFound,
    PageTokenInvalid,
    PermissionMissing,
    QuotaExceeded,
    Throttled,
    Unavailable,
)
from novacron_providers.contract.metrics import Metrics, Window
from novacron_providers.contract.paging import encode_token
from novacron_providers.contract.provider import Connection
from novacron_sandbox import Sandbox

from tests.integration.azure.conftest import (
    GIB,
    NOTHING,
    ORIGIN,
    PARENT,
    RATE,
    Cloud,
    create,
    op,
    settings,
    wanted,
)
from tests.unit.providers.operation import CheckPassed, Journal

pytestmark = pytest.mark.asyncio(loop_scope="module")


# What is refused before anything is made, and what goes wrong after.


async def test_validate_only_makes_nothing(compute: Compute, sandbox: Sandbox, cloud: Cloud) -> None:
    with pytest.raises(CheckPassed):
        await compute.create_instance(wanted(sandbox), op(validate_only=True))
    assert await asyncio.to_thread(cloud.count) == NOTHING
    assert sandbox.state(cloud="azure")["effects"] == {}


@pytest.mark.parametrize(
    ("fields", "kind", "field"),
    [
        ({"image": "Canonical:ubuntu-24_04-lts:server:1.2.3"}, NotFound, "spec.image"),
        ({"image": "Canonical:no-such:server:latest"}, NotFound, "spec.image"),
        ({"image": "ami-00000000000000000"}, NotFound, "spec.image"),
        ({"image": f"{PARENT}/images/novacron~none"}, NotFound, "spec.image"),
        ({"region": "eastus"}, InvalidArgument, "spec.region"),
        ({"zone": "7"}, InvalidArgument, "spec.zone"),
        ({"instance_type": "Standard_X1"}, NotFound, "spec.instance_type"),
        ({"instance_type": "Standard_NC6s_v3"}, CapacityUnavailable, "spec.instance_type"),
        ({"instance_type": "Standard_E4s_v5", "zone": "3"}, CapacityUnavailable, "spec.zone"),
        ({"instance_type": "Standard_D2ps_v5"}, InvalidArgument, "spec.instance_type"),
        ({"instance_type": "", "vcpus": 999, "memory_bytes": GIB}, InvalidArgument, "spec.vcpus"),
        ({"network_interfaces": [{"subnet": "subnet-1"}]}, InvalidArgument, "spec.network_interfaces[0].subnet"),
        (
            {"network_interfaces": [{"network": f"{PARENT}/networks/novacron~none"}]},
            NotFound,
            "spec.network_interfaces[0].network",
        ),
    ],
)
async def test_a_spec_that_cannot_be_names_the_field(
    compute: Compute, sandbox: Sandbox, fields: dict[str, Any], kind: type[CloudError], field: str
) -> None:
    with pytest.raises(kind) as caught:
        await compute.create_instance(wanted(sandbox, **fields), op(validate_only=True))
    assert [violation.field for violation in caught.value.violations] == [field]
    assert sandbox.state(cloud="azure")["effects"] == {}


async def test_the_smallest_type_that_fits_is_taken(compute: Compute, sandbox: Sandbox) -> None:
    made = await create(compute, sandbox, instance_type="", vcpus=2, memory_bytes=5 * GIB)
    assert made.instance_type == "Standard_B2ms"


async def test_a_resource_group_is_made_where_it_is_missing(sandbox: Sandbox, cloud: Cloud) -> None:
    connection = PROVIDER.connect(settings(sandbox, options={"azure.resource_group": "Fresh"}))
    (compute,) = [area for area in connection.areas if isinstance(area, Compute)]
    made = await create(compute, sandbox)
    assert made.name.startswith(f"{PARENT}/instances/fresh~")
    assert sandbox.state(cloud="azure")["effects"]["ResourceGroups_CreateOrUpdate"] == 1
    await connection.close()


async def test_no_room_shows_when_azure_says_so_late(compute: Compute, sandbox: Sandbox) -> None:
    sandbox.fault("VirtualMachines_CreateOrUpdate", "allocation", cloud="azure")
    journal = Journal()
    with pytest.raises(CapacityUnavailable) as caught:
        await compute.create_instance(wanted(sandbox), op(journal))
    assert caught.value.facts["native_code"] == "AllocationFailed"
    with pytest.raises(CapacityUnavailable):
        await compute.create_instance(wanted(sandbox), op(journal))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("capacity", CapacityUnavailable), ("quota", QuotaExceeded), ("denied", PermissionMissing)],
)
async def test_a_refusal_is_told_as_what_it_is(
    compute: Compute, sandbox: Sandbox, kind: str, expected: type[CloudError]
) -> None:
    sandbox.fault("VirtualMachines_CreateOrUpdate", kind, cloud="azure")
    with pytest.raises(expected) as caught:
        await create(compute, sandbox)
    assert caught.value.facts["native_request_id"] and caught.value.facts["native_code"]
    assert caught.value.facts["call"] == "compute.virtual_machines.begin_create_or_update"
    assert sandbox.state(cloud="azure")["calls"]["VirtualMachines_CreateOrUpdate"] == 1


# Reads.


async def test_throttling_is_waited_out_for_as_long_as_azure_says(connection: Connection, sandbox: Sandbox) -> None:
    sandbox.fault("Subscriptions_Get", "throttle", cloud="azure")
    before, began = connection.throttled_calls(), time.monotonic()
    await connection.identify(Call())
    assert (time.monotonic() - began) * RATE >= 1.0
    assert connection.throttled_calls() == before + 1
    sandbox.fault("Subscriptions_Get", "throttle", cloud="azure")
    with pytest.raises(Throttled) as caught:
        await connection.identify(Call(deadline=time.monotonic() + 0.8))
    assert caught.value.retry_after == 1.0


@pytest.mark.parametrize("kind", ["reset", "unavailable", "html500"])
async def test_a_fault_that_passes_is_not_seen_and_every_attempt_is_ours(
    connection: Connection, sandbox: Sandbox, kind: str
) -> None:
    sandbox.fault("Subscriptions_ListLocations", kind, cloud="azure", count=2)
    await connection.probe("westeurope", Call())
    sandbox.reset(cloud="azure")
    sandbox.fault("Subscriptions_ListLocations", kind, cloud="azure", count=50)
    with pytest.raises(Unavailable):
        await connection.probe("westeurope", Call())
    assert sandbox.state(cloud="azure")["calls"]["Subscriptions_ListLocations"] == 5


async def test_an_answer_that_does_not_come_ends_with_the_callers_time(
    connection: Connection, sandbox: Sandbox
) -> None:
    sandbox.fault("Subscriptions_Get", "slow", seconds=3, cloud="azure")
    began = time.monotonic()
    with pytest.raises(CloudError) as caught:
        await connection.identify(Call(deadline=began + 0.6))
    assert time.monotonic() - began < 1.5 and type(caught.value).__name__ in ("DeadlineExceeded", "Unavailable")


async def test_regions_and_types(connection: Connection, compute: Compute) -> None:
    assert list(await connection.regions(Call())) == ["northeurope", "westeurope"]
    regions = await compute.list_regions(pb.ListRegionsRequest(parent=PARENT, include_provider_data=True), Call())
    assert [region.native_id for region in regions.regions] == ["northeurope", "westeurope"]
    assert list(regions.regions[0].zones) == ["1", "2", "3"] and regions.regions[0].location
    request = pb.ListInstanceTypesRequest(parent=PARENT, regions=["westeurope"], page_size=5)
    seen: dict[str, compute_pb2.InstanceType] = {}
    while True:
        page = await compute.list_instance_types(request, Call())
        assert len(page.instance_types) <= 5
        seen |= {shape.native_id: shape for shape in page.instance_types}
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert seen["Standard_B2s"].vcpus == 2 and seen["Standard_B2s"].memory_bytes == 4 * GIB
    # What the subscription may not have is not offered to it, in a region or in a zone.
    assert "Standard_NC6s_v3" not in seen and list(seen["Standard_E4s_v5"].zones) == ["1", "2"]
    assert seen["Standard_D2ps_v5"].architecture == compute_pb2.ARCHITECTURE_ARM64


async def test_a_subscription_is_listed_in_as_few_calls_as_there_are(compute: Compute, sandbox: Sandbox) -> None:
    for region in sandbox.azure["regions"]:
        await asyncio.to_thread(sandbox.seed, 80, region=region, cloud="azure")
    before = sandbox.state(cloud="azure")["calls"]
    answer = await compute.list_instances(pb.ListInstancesRequest(parent=PARENT, page_size=1000), Call())
    after = sandbox.state(cloud="azure")["calls"]
    assert len(answer.instances) == 160 and not answer.next_page_token
    assert {instance.state for instance in answer.instances} == {compute_pb2.INSTANCE_STATE_RUNNING}
    assert all(instance.private_ips and instance.vcpus for instance in answer.instances)
    # Two pages each of the machines and of their powers.
    assert after["VirtualMachines_ListAll"] - before.get("VirtualMachines_ListAll", 0) == 4
    everything = [instance.name for instance in answer.instances]
    request = pb.ListInstancesRequest(parent=PARENT, page_size=33)
    seen: list[str] = []
    while True:
        page = await compute.list_instances(request, Call())
        assert len(page.instances) <= 33
        seen += [instance.name for instance in page.instances]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert sorted(seen) == sorted(everything) and len(set(seen)) == 160
    # Whatever the pages are: the cards are read with the first.
    before = sandbox.state(cloud="azure")["calls"]
    request = pb.ListInstancesRequest(parent=PARENT, page_size=100)
    page = await compute.list_instances(request, Call())
    request.page_token = page.next_page_token
    assert len(page.instances) + len((await compute.list_instances(request, Call())).instances) == 160
    after = sandbox.state(cloud="azure")["calls"]
    assert after["NetworkInterfaces_ListAll"] - before["NetworkInterfaces_ListAll"] == 2
    assert after["VirtualMachines_ListAll"] - before["VirtualMachines_ListAll"] == 4
    here = pb.ListInstancesRequest(parent=PARENT, page_size=1000, regions=["northeurope"])
    assert len((await compute.list_instances(here, Call())).instances) == 80


async def test_a_page_token_leads_nowhere_else(compute: Compute, sandbox: Sandbox) -> None:
    """A caller could write one; a link in it is followed with our token."""
    request = pb.ListInstancesRequest(parent=PARENT)
    subscription = sandbox.azure["subscription_id"]
    for link in (
        f"https://evil.example/subscriptions/{subscription}/x",
        f"{sandbox.azure['endpoint']}/tenants",
        f"{sandbox.azure['endpoint']}@evil.example/subscriptions/{subscription}/x",
        "nonsense",
    ):
        request.page_token = encode_token(request, ["", f"1 {link}", 0])
        with pytest.raises(PageTokenInvalid):
            await compute.list_instances(request, Call())


async def test_options_of_the_list_are_azures(compute: Compute) -> None:
    request = pb.ListInstancesRequest(parent=PARENT)
    request.provider_options.update({"NoSuchParameter": 1})
    with pytest.raises(InvalidArgument) as caught:
        await compute.list_instances(request, Call())
    assert "NoSuchParameter" in caught.value.message


async def test_a_list_that_fails_names_the_provider(compute: Compute, sandbox: Sandbox) -> None:
    sandbox.fault("VirtualMachines_ListAll", "denied", cloud="azure")
    request = pb.ListInstancesRequest(parent=PARENT, return_partial_success=True)
    answer = await compute.list_instances(request, Call())
    assert [part.name for part in answer.unreachable] == [PARENT] and not answer.instances


async def test_addresses_that_may_not_be_read_are_absent(compute: Compute, sandbox: Sandbox) -> None:
    await create(compute, sandbox)
    sandbox.fault("NetworkInterfaces_ListAll", "denied", cloud="azure")
    (found,) = (await compute.list_instances(pb.ListInstancesRequest(parent=PARENT), Call())).instances
    assert found.state == compute_pb2.INSTANCE_STATE_RUNNING and not found.private_ips


# Metrics.


async def test_metrics_come_in_canonical_units_by_fifties(compute: Compute, metrics: Metrics, sandbox: Sandbox) -> None:
    await asyncio.to_thread(sandbox.seed, 60, cloud="azure")
    listed = await compute.list_instances(pb.ListInstancesRequest(parent=PARENT, page_size=1000), Call())
    instances = list(listed.instances)
    end = float((int(ScaledClock(ORIGIN, RATE).time()) - 180) // 300 * 300)
    window = Window(end - 300, end, 60.0)
    types = [descriptor.type for descriptor in metrics.descriptors()]
    found = await metrics.collect("westeurope", instances, types, window, Call())
    assert sandbox.state(cloud="azure")["calls"]["MetricsBatch_Batch"] == 2
    assert {(points.key.metric, points.key.resource) for points in found} == {
        (metric, instance.name) for metric in types for instance in instances
    }
    for points in found:
        assert list(points.times) == [end - 240, end - 180, end - 120, end - 60, end]
        if points.key.metric.endswith("utilization"):
            assert all(0 <= value <= 1 for value in points.values)
    one = {points.key.metric: points for points in found if points.key.resource == instances[0].name}
    coarse = await metrics.collect("westeurope", instances[:1], types, Window(end - 300, end, 300.0), Call())
    # A rate does not grow with the period that it is over.
    for points in coarse:
        mean = sum(one[points.key.metric].values) / 5
        assert points.values[0] == pytest.approx(mean, rel=0.02), points.key.metric


async def test_a_machine_that_went_away_does_not_take_the_others_with_it(
    compute: Compute, metrics: Metrics, sandbox: Sandbox
) -> None:
    await asyncio.to_thread(sandbox.seed, 5, cloud="azure")
    listed = await compute.list_instances(pb.ListInstancesRequest(parent=PARENT), Call())
    instances = list(listed.instances)
    instances[2].native_id += "-gone"
    end = float((int(ScaledClock(ORIGIN, RATE).time()) - 180) // 60 * 60)
    cpu = "cloud.instance.cpu.utilization"
    found = await metrics.collect("westeurope", instances, [cpu], Window(end - 120, end, 60.0), Call())
    assert len(found) == 4
    with pytest.raises(InvalidArgument):
        await metrics.collect(
            "westeurope", instances, ["cloud.instance.network.receive_packets"], Window(0, 1, 1), Call()
        )


# The SDK.


async def test_no_sdk_before_the_first_call_and_never_the_one_of_networks() -> None:
    code = """
import sys
from novacron.cloud.v1 import provider_pb2
from novacron_providers.azure import PROVIDER
from novacron_providers.contract import Settings
config = provider_pb2.ProviderConfig(project="00000000-0000-0000-0000-000000000001")
PROVIDER.connect(Settings(provider="azure", config=config))
assert not [name for name in sys.modules if name == "azure" or name.startswith(("azure.", "aiohttp", "msal"))]
"""
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=True, timeout=30)
    assert not [name for name in sys.modules if name.startswith("azure.mgmt.network")]
