"""What Compute Engine is sent for a spec, and what is refused before."""

import uuid
from typing import Any

import pytest
from google.cloud import compute_v1
from novacron.cloud.v1 import compute_pb2
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.gcp import instances, launch
from novacron_providers.gcp.create import request_id
from novacron_providers.gcp.fleet import NAME, Place
from novacron_providers.gcp.instance_types import custom_name
from novacron_providers.gcp.regions import region_of

GIB = 1 << 30
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHh me@home"
PLAN = launch.Plan(
    zone="us-central1-a",
    name="web-01234567",
    image="projects/debian-cloud/global/images/debian-12",
    instance_type="e2-medium",
    networks=["projects/p/global/networks/default"],
    subnets=[""],
)


def spec(**more: Any) -> compute_pb2.InstanceSpec:
    return compute_pb2.InstanceSpec(**{"image": "debian-cloud/debian-12", "instance_type": "e2-medium", **more})


def body(asked: compute_pb2.InstanceSpec) -> dict[str, Any]:
    launch.check(asked)
    snapshots = [disk.snapshot for disk in asked.data_disks]
    return launch.machine(asked, PLAN, snapshots=snapshots, labels=launch.labels_of(asked, "0123"))


def test_a_plan_comes_back_from_the_journal_as_it_was() -> None:
    assert launch.Plan.from_json(PLAN.to_json()) == PLAN


def test_everything_that_a_spec_can_say_reaches_google() -> None:
    asked = spec(
        display_name="Web One",
        tags={"team": "core"},
        metadata={"role": "web"},
        user_data=b"#!/bin/sh",
        ssh_public_key=KEY,
        spot=True,
        boot_disk={"size_bytes": 20 * GIB + 1, "volume_type": "pd-ssd", "keep_on_delete": True},
        data_disks=[{"size_bytes": GIB, "iops": 3000, "throughput_bytes_per_second": 10**8, "tags": {"use": "log"}}],
        network_interfaces=[{"assign_public_ip": True, "security_groups": ["web", "ssh"]}],
    )
    asked.provider_options.update({"canIpForward": True, "scheduling": {"maxRunDuration": {"seconds": "60"}}})
    made = body(asked)
    labels = {"team": "core", "novacron-operation": "0123"}
    assert made == {
        "name": "web-01234567",
        "description": "Web One",
        "machineType": "zones/us-central1-a/machineTypes/e2-medium",
        "labels": labels,
        "disks": [
            {
                "boot": True,
                "autoDelete": False,
                "initializeParams": {
                    "sourceImage": PLAN.image,
                    "labels": labels,
                    "diskSizeGb": "21",
                    "diskType": "zones/us-central1-a/diskTypes/pd-ssd",
                },
            },
            {
                "boot": False,
                "autoDelete": True,
                "deviceName": "data-0",
                "initializeParams": {
                    "diskName": "web-01234567-data-0",
                    "labels": {**labels, "use": "log"},
                    "diskSizeGb": "1",
                    "provisionedIops": "3000",
                    "provisionedThroughput": "100",
                },
            },
        ],
        "networkInterfaces": [
            {
                "network": "projects/p/global/networks/default",
                "accessConfigs": [{"name": "External NAT", "type": "ONE_TO_ONE_NAT"}],
            }
        ],
        "metadata": {
            "items": [
                {"key": "role", "value": "web"},
                {"key": "ssh-keys", "value": f"novacron:{KEY}"},
                {"key": "user-data", "value": "#!/bin/sh"},
            ]
        },
        "tags": {"items": ["ssh", "web"]},
        "scheduling": {
            "provisioningModel": "SPOT",
            "instanceTerminationAction": "STOP",
            "onHostMaintenance": "TERMINATE",
            "automaticRestart": False,
            "maxRunDuration": {"seconds": "60"},
        },
        "canIpForward": True,
    }


def test_no_public_address_unless_it_is_asked_for() -> None:
    assert "accessConfigs" not in body(spec())["networkInterfaces"][0]
    assert "scheduling" not in body(spec()) and "metadata" not in body(spec())


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"image": ""}, "spec.image"),
        ({"instance_type": ""}, "spec.instance_type"),
        ({"instance_type": "t3.micro"}, "spec.instance_type"),
        ({"vcpus": 2}, "spec.vcpus"),
        ({"tags": {"Team": "core"}}, "spec.tags"),
        ({"tags": {"team": "Core"}}, "spec.tags"),
        ({"tags": {"1team": ""}}, "spec.tags"),
        ({"tags": {"team": "a b"}}, "spec.tags"),
        ({"tags": {"team": "x" * 64}}, "spec.tags"),
        ({"tags": {f"k{n}": "" for n in range(64)}}, "spec.tags"),
        ({"tags": {"novacron-operation": "mine"}}, "spec.tags"),
        ({"metadata": {"user-data": "x"}}, "spec.metadata"),
        ({"metadata": {"a b": "x"}}, "spec.metadata"),
        ({"user_data": b"\xff\xfe"}, "spec.user_data"),
        ({"user_data": b"x" * (256 * 1024 + 1)}, "spec.user_data"),
        ({"ssh_public_key": "two\nkeys"}, "spec.ssh_public_key"),
        ({"boot_disk": {"size_bytes": -1}}, "spec.boot_disk.size_bytes"),
        ({"network_interfaces": [{"security_groups": ["sg_1"]}]}, "spec.network_interfaces[0].security_groups"),
        ({"data_disks": [{}]}, "spec.data_disks[0].size_bytes"),
        ({"data_disks": [{"size_bytes": 1, "zone": "us-central1-a"}]}, "spec.data_disks[0]"),
        ({"data_disks": [{"size_bytes": 1, "tags": {"A": ""}}]}, "spec.data_disks[0].tags"),
    ],
)
def test_what_cannot_be_names_its_field(bad: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        launch.check(spec(**bad))
    assert [violation.field for violation in caught.value.violations] == [field]


def test_provider_options_add_and_never_replace() -> None:
    asked = spec()
    asked.provider_options.update({"name": "other"})
    with pytest.raises(InvalidArgument) as caught:
        body(asked)
    assert caught.value.violations[0].field == "spec.provider_options"


@pytest.mark.parametrize(
    ("vcpus", "memory", "name"),
    [
        (2, 4 * GIB, "e2-custom-2-4096"),
        (4, 5 * GIB, "e2-custom-4-5120"),
        (1, GIB, "custom-1-1024"),
        (32, 128 * GIB, "e2-custom-32-131072"),
        (3, 4 * GIB, "spec.vcpus"),
        (34, 64 * GIB, "spec.vcpus"),
        (2, 4 * GIB + 1, "spec.memory_bytes"),
        (2, GIB // 2, "spec.memory_bytes"),
        (2, 17 * GIB, "spec.memory_bytes"),
        (1, GIB // 2, "spec.memory_bytes"),
    ],
)
def test_a_machine_is_made_to_measure_exactly_or_refused(vcpus: int, memory: int, name: str) -> None:
    if not name.startswith("spec."):
        assert custom_name(vcpus, memory) == name
        return
    with pytest.raises(InvalidArgument) as caught:
        custom_name(vcpus, memory)
    assert caught.value.violations[0].field == name


@pytest.mark.parametrize("display_name", ["Web One", "", "9 lives", "ünï", "-", "x" * 100, "a-" * 30])
def test_a_name_for_people_becomes_one_for_google(display_name: str) -> None:
    assert NAME.fullmatch(launch.machine_name(display_name, "0123456789abcdef"))
    assert launch.machine_name(display_name, "0123456789abcdef").endswith("-01234567")


def test_a_step_always_sends_the_same_uuid_and_each_its_own() -> None:
    first, second = request_id("nvc1-aa"), request_id("nvc1-ab")
    assert first == request_id("nvc1-aa") != second
    assert uuid.UUID(first).int and uuid.UUID(first).version == 5


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("default", "projects/p/global/networks/default"),
        ("global/networks/n", "projects/p/global/networks/n"),
        ("projects/q/global/networks/n", "projects/q/global/networks/n"),
        ("https://www.googleapis.com/compute/v1/projects/q/global/networks/n", "projects/q/global/networks/n"),
    ],
)
def test_every_way_to_write_a_link_is_one_path(link: str, path: str) -> None:
    assert launch.path_of(link, "p", "global/networks") == path
    assert launch.PATH.fullmatch(path)


@pytest.mark.parametrize("path", ["projects/p/../q", "projects/p/x?y", "projects/p/x#y", "projects//x", "p/x"])
def test_no_path_leads_elsewhere(path: str) -> None:
    assert not launch.PATH.fullmatch(path)


def test_names_of_ours_resolve_to_links() -> None:
    assert (
        launch.native("providers/gcp/networks/global~n", "gcp", "networks", "p", "f") == "projects/p/global/networks/n"
    )
    with pytest.raises(InvalidArgument, match="not of providers/gcp"):
        launch.native("providers/aws/networks/a~n", "gcp", "networks", "p", "f")
    place = Place.of("providers/gcp/instances/us-central1-a~web-1")
    assert (place.region, place.zone, place.machine) == ("us-central1", "us-central1-a", "web-1")
    assert Place.of(place.name) == place
    for bad in ("us-central1~web-1", "us-central1-a~Web", "us-central1-a~..", "us-central1-a~a%2Fb"):
        with pytest.raises(InvalidArgument):
            Place.of(f"providers/gcp/instances/{bad}")


def test_every_state_that_google_has_is_one_of_ours() -> None:
    statuses: Any = compute_v1.Instance.Status
    words = [status.name for status in statuses if status.name != "UNDEFINED_STATUS"]
    assert len(words) > 8
    assert not [word for word in words if not instances.state_of({"status": word})]
    assert instances.state_of({"status": "TERMINATED"}) == compute_pb2.INSTANCE_STATE_DEALLOCATED
    assert instances.state_of({"status": "SUSPENDED"}) == compute_pb2.INSTANCE_STATE_SUSPENDED
    assert instances.state_of({"status": "REPAIRING"}) == compute_pb2.INSTANCE_STATE_STARTING
    assert not instances.state_of({"status": "NEW_ONE"})


RAW: dict[str, Any] = {
    "name": "web-01234567",
    "selfLink": "https://www.googleapis.com/compute/v1/projects/p/zones/europe-west1-b/instances/web-01234567",
    "zone": "https://www.googleapis.com/compute/v1/projects/p/zones/europe-west1-b",
    "status": "RUNNING",
    "description": "Web One",
    "machineType": "https://www.googleapis.com/compute/v1/projects/p/zones/europe-west1-b/machineTypes/e2-medium",
    "labels": {"team": "core", "novacron-operation": "0123"},
    "metadata": {"items": [{"key": "role", "value": "web"}, {"key": "user-data", "value": "canary"}]},
    "disks": [
        {"source": "https://x/projects/p/zones/europe-west1-b/disks/data", "index": 1, "diskSizeGb": "5"},
        {
            "source": "https://x/projects/p/zones/europe-west1-b/disks/boot",
            "index": 0,
            "boot": True,
            "diskSizeGb": "10",
            "architecture": "ARM64",
        },
        {"type": "SCRATCH", "index": 2},
    ],
    "networkInterfaces": [
        {
            "network": "https://x/projects/p/global/networks/default",
            "networkIP": "10.0.0.2",
            "accessConfigs": [{"natIP": "34.1.2.3"}, {"name": "without"}],
        }
    ],
    "tags": {"items": ["web"]},
    "scheduling": {"provisioningModel": "SPOT"},
    "creationTimestamp": "2026-11-24T08:00:00.000-08:00",
}


def test_an_instance_is_translated() -> None:
    shape = compute_pb2.InstanceType(vcpus=2, memory_bytes=4 * GIB)
    found = instances.translate(RAW, provider="gcp", observed=5.0, shape=shape, with_data=True)
    assert found.name == "providers/gcp/instances/europe-west1-b~web-01234567"
    assert (found.display_name, found.region, found.zone) == ("Web One", "europe-west1", "europe-west1-b")
    assert (found.vcpus, found.memory_bytes, found.boot_disk_bytes) == (2, 4 * GIB, 10 * GIB)
    assert found.architecture == compute_pb2.ARCHITECTURE_ARM64
    assert (
        found.storage_volumes[0] == "providers/gcp/storageVolumes/europe-west1-b~boot"
        and len(found.storage_volumes) == 2
    )
    assert (list(found.public_ips), list(found.private_ips)) == (["34.1.2.3"], ["10.0.0.2"])
    assert list(found.security_groups) == ["web"] and found.spot
    assert found.create_time.ToJsonString() == "2026-11-24T16:00:00Z"
    assert dict(found.metadata) == {"role": "web"}
    assert "canary" not in str(found)


def test_what_is_not_known_is_absent() -> None:
    raw = {key: RAW[key] for key in ("name", "selfLink", "zone", "status")}
    found = instances.translate({**raw, "description": "theirs"}, provider="gcp", observed=5.0, shape=None)
    # A description is a name only where we wrote it.
    assert found.display_name == "web-01234567"
    for field in ("vcpus", "memory_bytes", "boot_disk_bytes", "start_time", "create_time"):
        assert not found.HasField(field), field
    assert region_of("europe-west10-b") == "europe-west10"
