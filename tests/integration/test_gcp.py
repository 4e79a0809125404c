"""The Google Cloud adapter against the sandbox: what exists in the cloud is counted by Google's own SDK."""

import asyncio
import json
import pathlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from google.cloud import compute_v1
from novacron.cloud.v1 import compute_pb2, provider_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract import Call, ScaledClock, Secret, Settings
from novacron_providers.contract.compute import Compute
from novacron_providers.contract.errors import (
    CapacityUnavailable,
    CloudError,
    CredentialsInvalid,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    PermissionMissing,
    QuotaExceeded,
    StateInvalid,
    Throttled,
    Unsupported,
)
from novacron_providers.contract.metrics import Metrics, Window
from novacron_providers.contract.provider import Connection
from novacron_providers.gcp import PROVIDER
from novacron_sandbox import Sandbox

from tests.unit.providers.operation import CheckPassed, Journal, MemoryOp
from tests.unit.sandbox.google import client

pytestmark = pytest.mark.asyncio(loop_scope="module")
PARENT = "providers/gcp"
GIB = 1 << 30
# Google's own periods, of a minute, pass at this speed.
RATE, ORIGIN = 20.0, time.time()
CREATE, STOP = "instances.insert", "instances.stop"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clouds=("gcp",), origin=ORIGIN, rate=RATE, boot_seconds=4) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def clean(sandbox: Sandbox) -> None:
    """Nothing from the test before."""
    sandbox.reset(cloud="gcp")


def file(sandbox: Sandbox, name: str) -> str:
    return pathlib.Path(sandbox.gcp[name]).read_text()


def settings(sandbox: Sandbox, auth: Mapping[str, str] | None = None, **more: Any) -> Settings:
    gcp = sandbox.gcp
    config = provider_pb2.ProviderConfig(
        **{
            "project": gcp["project"],
            "endpoint": gcp["endpoint"],
            "regions": gcp["regions"],
            "default_region": "us-central1",
            **{key: value for key, value in more.items() if key != "options"},
        }
    )
    config.options.update({"gcp.monitoring_endpoint": gcp["monitoring_endpoint"], "gcp.iam_endpoint": gcp["endpoint"]})
    config.options.update(more.get("options", {}))
    keys = {"service_account_json": file(sandbox, "credentials_file")} if auth is None else auth
    secrets = {key: Secret(value) for key, value in keys.items()}
    made = Settings(provider="gcp", config=config, auth=secrets, clock=ScaledClock(ORIGIN, RATE))
    PROVIDER.check(made)
    return made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def connection(sandbox: Sandbox) -> AsyncIterator[Connection]:
    connection = PROVIDER.connect(settings(sandbox))
    yield connection
    await connection.close()


@pytest.fixture
def compute(connection: Connection) -> Compute:
    (area,) = [area for area in connection.areas if isinstance(area, Compute)]
    return area


@pytest.fixture
def metrics(connection: Connection) -> Metrics:
    (area,) = [area for area in connection.areas if isinstance(area, Metrics)]
    return area


class Record(Journal):
    """The journal of one operation: its own id, and tokens that no other operation has."""

    def __init__(self) -> None:
        super().__init__()
        self.id, self.salt = uuid.uuid4().hex, uuid.uuid4().hex


class OwnOp(MemoryOp):
    """An operation unlike all others, as those of a server are: Google remembers what it was asked with a token."""

    journal: Record

    @property
    def id(self) -> str:
        return self.journal.id

    async def step(self, name: str, send: Callable[[str], Awaitable[str]], **more: Any) -> str:
        return await super().step(name, lambda token: send(f"{token}{self.journal.salt}"), **more)


def op(journal: Record | None = None, **more: Any) -> OwnOp:
    return OwnOp(journal or Record(), clock=ScaledClock(ORIGIN, RATE), interval=1.0, **more)


async def there(sandbox: Sandbox) -> dict[str, list[str]]:
    """Machines and disks that exist, by Google's own SDK."""

    def read() -> dict[str, list[str]]:
        found = {}
        for kind in (compute_v1.InstancesClient, compute_v1.DisksClient):
            sdk: Any = client(kind, sandbox)
            pages = sdk.aggregated_list(project=sandbox.gcp["project"])
            name = kind.__name__.removesuffix("Client").lower()
            found[name] = [one.name for _, scope in pages for one in getattr(scope, name)]
            sdk.transport.close()
        return found

    return await asyncio.to_thread(read)


def wanted(sandbox: Sandbox, **more: Any) -> pb.CreateInstanceRequest:
    spec = {"display_name": "web", "image": sandbox.gcp["image"], "instance_type": "e2-medium", **more}
    return pb.CreateInstanceRequest(parent=PARENT, spec=compute_pb2.InstanceSpec(**spec))


async def create(compute: Compute, sandbox: Sandbox, **more: Any) -> compute_pb2.Instance:
    return await compute.create_instance(wanted(sandbox, **more), op())


async def identified(given: Settings) -> str:
    connection = PROVIDER.connect(given)
    try:
        identity = await connection.identify(Call())
        assert await connection.regions(Call())
        return f"{identity.account} {identity.principal}"
    finally:
        await connection.close()


# Signing in.


@pytest.mark.parametrize("way", ["key", "key, impersonating", "metadata server", "federation", "default"])
async def test_every_way_of_signing_in_leads_to_the_project(
    sandbox: Sandbox, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gcp, project = sandbox.gcp, sandbox.gcp["project"]
    key = {"service_account_json": file(sandbox, "credentials_file")}
    if way == "key":
        assert await identified(settings(sandbox, project="")) == f"{project} {gcp['service_account']}"
    elif way == "key, impersonating":
        given = settings(sandbox, {**key, "impersonate": gcp["impersonate"]})
        assert await identified(given) == f"{project} {gcp['impersonate']}"
        assert sandbox.state(cloud="gcp")["calls"]["generateAccessToken"] == 1
    elif way == "metadata server":
        given = settings(sandbox, {}, project="", options={"gcp.metadata_host": gcp["metadata_host"]})
        assert await identified(given) == f"{project} {gcp['service_account']}"
    elif way == "federation":
        auth = {"external_account_json": file(sandbox, "external_account_file")}
        assert project in await identified(settings(sandbox, auth, options={"gcp.token_urls": [gcp["token_url"]]}))
    else:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", gcp["credentials_file"])
        assert await identified(settings(sandbox, {})) == f"{project} {gcp['service_account']}"


async def test_federation_may_also_impersonate(sandbox: Sandbox) -> None:
    document = json.loads(file(sandbox, "external_account_file"))
    endpoint, target = sandbox.gcp["endpoint"], sandbox.gcp["impersonate"]
    document["service_account_impersonation_url"] = (
        f"{endpoint}/v1/projects/-/serviceAccounts/{target}:generateAccessToken"
    )
    auth = {"external_account_json": json.dumps(document)}
    with pytest.raises(InvalidArgument, match="impersonation_url"):
        settings(sandbox, auth, options={"gcp.token_urls": [sandbox.gcp["token_url"]]})
    assert target in await identified(settings(sandbox, auth, options={"gcp.token_urls": [endpoint]}))


async def test_what_does_not_sign_in_says_so(sandbox: Sandbox) -> None:
    with pytest.raises(CredentialsInvalid, match="do not lead to project"):
        await identified(settings(sandbox, project="another-project"))
    stranger = json.loads(file(sandbox, "credentials_file"))
    stranger["client_email"] = "stranger@novacron-sandbox.iam.gserviceaccount.com"
    with pytest.raises(CredentialsInvalid, match="invalid_grant"):
        await identified(settings(sandbox, {"service_account_json": json.dumps(stranger)}))
    stranger["private_key"] = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"
    with pytest.raises(CredentialsInvalid) as caught:
        await identified(settings(sandbox, {"service_account_json": json.dumps(stranger)}))
    assert "canary" not in repr(caught.value)
    key = {"service_account_json": file(sandbox, "credentials_file")}
    with pytest.raises(PermissionMissing) as denied:
        await identified(settings(sandbox, {**key, "impersonate": "nobody@my-project.iam.gserviceaccount.com"}))
    assert denied.value.facts["permission"] == "iam.serviceAccounts.getAccessToken"


async def test_one_token_is_fetched_for_many_calls_and_another_when_it_is_refused(sandbox: Sandbox) -> None:
    connection = PROVIDER.connect(settings(sandbox))
    compute = next(area for area in connection.areas if isinstance(area, Compute))
    try:
        await asyncio.gather(*(compute.list_regions(pb.ListRegionsRequest(), Call()) for _ in range(8)))
        assert sandbox.state(cloud="gcp")["calls"]["token"] == 1
        sandbox.fault("regions.list", "expired", cloud="gcp")
        await compute.list_regions(pb.ListRegionsRequest(), Call())
        assert sandbox.state(cloud="gcp")["calls"]["token"] == 2
    finally:
        await connection.close()


# A machine's life.


async def test_a_machine_goes_through_its_life(compute: Compute, sandbox: Sandbox) -> None:
    made = await create(
        compute,
        sandbox,
        tags={"team": "core"},
        data_disks=[{"size_bytes": 20 * GIB}],
        network_interfaces=[{"assign_public_ip": True}],
    )
    assert (made.state, made.vcpus, made.memory_bytes) == (compute_pb2.INSTANCE_STATE_RUNNING, 2, 4 * GIB)
    assert made.display_name == "web" and made.tags["team"] == "core" and made.public_ips
    assert made.image.startswith("projects/debian-cloud/global/images/debian-12-bookworm-v")
    assert len((await there(sandbox))["disks"]) == 2
    stopped = await compute.stop_instance(pb.StopInstanceRequest(name=made.name), op())
    assert stopped.state == compute_pb2.INSTANCE_STATE_DEALLOCATED
    with pytest.raises(StateInvalid):
        await compute.stop_instance(pb.StopInstanceRequest(name=made.name, mode=pb.STOP_MODE_SUSPEND), op())
    with pytest.raises(StateInvalid):
        await compute.restart_instance(pb.RestartInstanceRequest(name=made.name), op())
    started = await compute.start_instance(pb.StartInstanceRequest(name=made.name), op())
    assert started.state == compute_pb2.INSTANCE_STATE_RUNNING
    asleep = await compute.stop_instance(pb.StopInstanceRequest(name=made.name, mode=pb.STOP_MODE_SUSPEND), op())
    assert asleep.state == compute_pb2.INSTANCE_STATE_SUSPENDED
    awake = await compute.start_instance(pb.StartInstanceRequest(name=made.name), op())
    assert awake.state == compute_pb2.INSTANCE_STATE_RUNNING
    await compute.restart_instance(pb.RestartInstanceRequest(name=made.name), op())
    await compute.delete_instance(pb.DeleteInstanceRequest(name=made.name), op())
    assert await there(sandbox) == {"instances": [], "disks": []}
    effects = sandbox.state(cloud="gcp")["effects"]
    assert effects == {
        f"instances.{verb}": 1 for verb in ("insert", "stop", "start", "suspend", "resume", "reset", "delete")
    }
    with pytest.raises(NotFound) as gone:
        await compute.delete_instance(pb.DeleteInstanceRequest(name=made.name), op())
    assert gone.value.resource == made.name
    await compute.delete_instance(pb.DeleteInstanceRequest(name=made.name, allow_missing=True), op())


@pytest.mark.parametrize("step", ["check", "machine", "running"])
async def test_a_creation_that_was_cut_off_makes_one_machine(compute: Compute, sandbox: Sandbox, step: str) -> None:
    journal = Record()
    with pytest.raises(ConnectionAbortedError):
        await compute.create_instance(wanted(sandbox), op(journal, crash_at=step))
    made = await compute.create_instance(wanted(sandbox), op(journal))
    assert made.state == compute_pb2.INSTANCE_STATE_RUNNING
    assert len((await there(sandbox))["instances"]) == 1
    assert sandbox.state(cloud="gcp")["effects"] == {CREATE: 1}


async def test_a_stop_that_was_cut_off_is_carried_out_once(compute: Compute, sandbox: Sandbox) -> None:
    made = await create(compute, sandbox)
    journal = Record()
    with pytest.raises(ConnectionAbortedError):
        await compute.stop_instance(pb.StopInstanceRequest(name=made.name), op(journal, crash_at="stop"))
    off = await compute.stop_instance(pb.StopInstanceRequest(name=made.name), op(journal))
    assert off.state == compute_pb2.INSTANCE_STATE_DEALLOCATED
    assert sandbox.state(cloud="gcp")["effects"][STOP] == 1


async def test_a_machine_that_was_made_before_google_forgot_is_taken_for_ours(
    compute: Compute, sandbox: Sandbox
) -> None:
    journal = Record()
    made = await compute.create_instance(wanted(sandbox), op(journal))
    # The same name with another requestId: Google says that it exists.
    journal.salt = "another"
    journal.outcomes.pop("machine")
    journal.outcomes.pop("running")
    again = await compute.create_instance(wanted(sandbox, metadata={"x": "y"}), op(journal))
    assert again.name == made.name
    assert sandbox.state(cloud="gcp")["effects"] == {CREATE: 1}


async def test_a_machine_is_made_to_measure(compute: Compute, sandbox: Sandbox) -> None:
    made = await create(
        compute, sandbox, image="debian-cloud/debian-12", instance_type="", vcpus=4, memory_bytes=5 * GIB, spot=True
    )
    assert (made.instance_type, made.vcpus, made.memory_bytes) == ("e2-custom-4-5120", 4, 5 * GIB)
    assert made.spot
    arm = await create(
        compute, sandbox, image="debian-cloud/debian-12-arm64", instance_type="", vcpus=2, memory_bytes=8 * GIB
    )
    assert arm.instance_type == "t2a-standard-2" and arm.architecture == compute_pb2.ARCHITECTURE_ARM64


@pytest.mark.parametrize(
    ("bad", "kind", "field"),
    [
        ({"image": "debian-cloud/debian-99"}, NotFound, "spec.image"),
        ({"image": "ami-00000000000000000"}, NotFound, "spec.image"),
        ({"image": "projects/x/../y"}, NotFound, "spec.image"),
        ({"instance_type": "e2-gigantic"}, NotFound, "spec.instance_type"),
        ({"image": "debian-cloud/debian-12-arm64"}, InvalidArgument, "spec.instance_type"),
        ({"region": "mars-north1"}, InvalidArgument, "spec.region"),
        ({"zone": "us-central1-z"}, InvalidArgument, "spec.zone"),
        ({"network_interfaces": [{"network": "nowhere"}]}, NotFound, "spec.network_interfaces[0].network"),
        ({"network_interfaces": [{"subnet": "nowhere"}]}, NotFound, "spec.network_interfaces[0].subnet"),
        ({"provider_options": {"noSuchField": True}}, InvalidArgument, "spec.provider_options"),
    ],
)
async def test_what_cannot_be_made_names_its_field_and_makes_nothing(
    compute: Compute, sandbox: Sandbox, bad: dict[str, Any], kind: type[CloudError], field: str
) -> None:
    with pytest.raises(kind) as caught:
        await compute.create_instance(wanted(sandbox, **bad), op(validate_only=True))
    assert [violation.field for violation in caught.value.violations] == [field]
    assert sandbox.state(cloud="gcp")["effects"] == {}


async def test_a_check_goes_up_to_the_first_change(compute: Compute, sandbox: Sandbox) -> None:
    with pytest.raises(CheckPassed):
        await compute.create_instance(wanted(sandbox), op(validate_only=True))
    assert sandbox.state(cloud="gcp")["effects"] == {}
    with pytest.raises(Unsupported):
        name = f"{PARENT}/instances/us-central1-a~web-1"
        await compute.stop_instance(pb.StopInstanceRequest(name=name, mode=pb.STOP_MODE_KEEP_HOST), op())


async def test_odd_days_of_google(compute: Compute, connection: Connection, sandbox: Sandbox) -> None:
    before = connection.throttled_calls()
    for kind in ("throttle", "html500", "unavailable", "reset"):
        sandbox.fault(CREATE, kind, cloud="gcp")
    made = await create(compute, sandbox)
    assert connection.throttled_calls() == before + 1
    assert made.state == compute_pb2.INSTANCE_STATE_RUNNING
    assert sandbox.state(cloud="gcp")["effects"] == {CREATE: 1}
    for kind, error in (("capacity", CapacityUnavailable), ("quota", QuotaExceeded), ("denied", PermissionMissing)):
        sandbox.fault(CREATE, kind, cloud="gcp")
        with pytest.raises(error):
            await compute.create_instance(wanted(sandbox), op())
    request = pb.ListInstancesRequest(parent=PARENT)
    for kind in ("throttle", "reset", "html500"):
        sandbox.fault("instances.aggregatedList", kind, cloud="gcp")
    assert len((await compute.list_instances(request, Call())).instances) == 1
    sandbox.fault("instances.aggregatedList", "throttle", count=9, cloud="gcp")
    with pytest.raises(Throttled):
        await compute.list_instances(request, Call())
    sandbox.reset(cloud="gcp")
    sandbox.fault("instances.aggregatedList", "slow", seconds=3, cloud="gcp")
    with pytest.raises(DeadlineExceeded) as late:
        await compute.list_instances(request, Call(deadline=time.monotonic() + 0.7))
    assert late.value.facts["call"] == "instances.aggregatedList"


# Lists.


async def test_lists_page_through_the_whole_project(compute: Compute, sandbox: Sandbox) -> None:
    await asyncio.to_thread(sandbox.seed, 7, cloud="gcp")
    await asyncio.to_thread(sandbox.seed, 4, region="europe-west1", cloud="gcp")
    request = pb.ListInstancesRequest(parent=PARENT, page_size=3)
    found: list[compute_pb2.Instance] = []
    while True:
        page = await compute.list_instances(request, Call())
        assert len(page.instances) <= 3
        found += page.instances
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert len({instance.name for instance in found}) == len(found) == 11
    assert all(instance.vcpus and instance.memory_bytes for instance in found)
    here = await compute.list_instances(pb.ListInstancesRequest(parent=PARENT, regions=["europe-west1"]), Call())
    assert {instance.region for instance in here.instances} == {"europe-west1"} and len(here.instances) == 4
    custom = await compute.list_instances(
        pb.ListInstancesRequest(parent=PARENT, filter='tags.env = "staging"', include_provider_data=True), Call()
    )
    assert custom.instances and {one.tags["env"] for one in custom.instances} == {"staging"}
    assert all(one.provider_data.fields["labels"].struct_value.fields for one in custom.instances)


async def test_a_list_asks_google_for_every_field_that_it_tells_of(compute: Compute, sandbox: Sandbox) -> None:
    spec: dict[str, Any] = {
        "tags": {"env": "prod"},
        "metadata": {"role": "web"},
        "spot": True,
        "boot_disk": compute_pb2.BootDiskSpec(size_bytes=12 * GIB),
        "network_interfaces": [compute_pb2.NetworkInterfaceSpec(assign_public_ip=True)],
    }
    made = await create(compute, sandbox, **spec)

    async def listed(*, whole: bool) -> compute_pb2.Instance:
        # All that Google says is asked for only with provider_data.
        request = pb.ListInstancesRequest(parent=PARENT, include_provider_data=whole)
        (found,) = (await compute.list_instances(request, Call())).instances
        found.ClearField("observe_time")
        found.ClearField("provider_data")
        return found

    assert await listed(whole=False) == await listed(whole=True)
    one = await listed(whole=False)
    assert (one.display_name, one.metadata["role"], one.spot) == ("web", "web", True)
    assert one.public_ips and one.storage_volumes and one.boot_disk_bytes == 12 * GIB and one.name == made.name


async def test_regions_and_machine_types(compute: Compute) -> None:
    regions = (await compute.list_regions(pb.ListRegionsRequest(parent=PARENT), Call())).regions
    assert {region.native_id: list(region.zones)[:1] for region in regions} == {
        "europe-west1": ["europe-west1-b"],
        "us-central1": ["us-central1-a"],
    }
    request = pb.ListInstanceTypesRequest(parent=PARENT, regions=["us-central1"], page_size=7)
    names: list[str] = []
    zones: dict[str, list[str]] = {}
    while True:
        page = await compute.list_instance_types(request, Call())
        assert len(page.instance_types) <= 7
        names += [shape.name for shape in page.instance_types]
        zones |= {shape.native_id: list(shape.zones) for shape in page.instance_types}
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert len(names) == len(set(names))
    assert f"{PARENT}/instanceTypes/us-central1~e2-medium" in names
    assert zones["e2-medium"] == [f"us-central1-{letter}" for letter in "abcf"]
    assert zones["t2a-standard-2"] == [f"us-central1-{letter}" for letter in "abf"]


# Metrics.


async def test_one_call_for_each_metric_reads_all_machines(
    compute: Compute, metrics: Metrics, sandbox: Sandbox
) -> None:
    await asyncio.to_thread(sandbox.seed, 6, cloud="gcp")
    instances = list((await compute.list_instances(pb.ListInstancesRequest(parent=PARENT), Call())).instances)
    end = float((int(ScaledClock(ORIGIN, RATE).time()) - 300) // 300 * 300)
    types = [descriptor.type for descriptor in metrics.descriptors()]
    found = await metrics.collect("us-central1", instances, types, Window(end - 300, end, 60.0), Call())
    assert sandbox.state(cloud="gcp")["calls"]["timeSeries.list"] == len(types)
    assert {(points.key.metric, points.key.resource) for points in found} == {
        (metric, instance.name) for metric in types for instance in instances
    }
    for points in found:
        assert list(points.times) == [end - 240, end - 180, end - 120, end - 60, end]
        if points.key.metric.endswith("utilization"):
            assert all(0 <= value <= 1 for value in points.values)
    fine = {(points.key.metric, points.key.resource): points.values for points in found}
    coarse = await metrics.collect("us-central1", instances, types, Window(end - 300, end, 300.0), Call())
    # A rate does not grow with the period that it is over.
    for points in coarse:
        mean = sum(fine[points.key.metric, points.key.resource]) / 5
        assert list(points.values) == [pytest.approx(mean, rel=0.02)], points.key.metric
    assert await metrics.collect("europe-west1", instances, types, Window(end - 300, end, 60.0), Call()) == []
    with pytest.raises(InvalidArgument):
        await metrics.collect("us-central1", instances, ["cloud.instance.memory.utilization"], Window(0, 1, 1), Call())


async def test_a_throttled_read_of_metrics_is_repeated(compute: Compute, metrics: Metrics, sandbox: Sandbox) -> None:
    await asyncio.to_thread(sandbox.seed, 1, cloud="gcp")
    instances = list((await compute.list_instances(pb.ListInstancesRequest(parent=PARENT), Call())).instances)
    end = float((int(ScaledClock(ORIGIN, RATE).time()) - 300) // 60 * 60)
    window = Window(end - 60, end, 60.0)
    for kind in ("throttle", "reset", "expired"):
        sandbox.fault("timeSeries.list", kind, cloud="gcp")
        assert await metrics.collect("us-central1", instances, ["cloud.instance.cpu.utilization"], window, Call())
    sandbox.fault("timeSeries.list", "denied", cloud="gcp")
    with pytest.raises(PermissionMissing):
        await metrics.collect("us-central1", instances, ["cloud.instance.cpu.utilization"], window, Call())
