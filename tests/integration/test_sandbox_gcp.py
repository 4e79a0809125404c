"""Compute Engine of the sandbox through Google's own library: pages, idempotency, states, fingerprints, refusals."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core.exceptions import (
    BadRequest,
    Conflict,
    Forbidden,
    GoogleAPICallError,
    NotFound,
    PreconditionFailed,
    ServiceUnavailable,
)
from google.cloud import compute_v1
from novacron_sandbox import Sandbox, SandboxError

from tests.unit.sandbox.google import ZONE, Project, client, key, token

DONE = compute_v1.Operation.Status.DONE


@pytest.fixture(scope="module")
def gcp() -> Iterator[Sandbox]:
    with Sandbox(clouds=("gcp",), boot_seconds=0.3) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(gcp: Sandbox) -> Sandbox:
    gcp.reset(cloud="gcp")
    return gcp


@pytest.fixture
def project(sandbox: Sandbox) -> Project:
    return Project(sandbox)


def _reason(refusal: pytest.ExceptionInfo[GoogleAPICallError]) -> str:
    return str(refusal.value.errors[0]["reason"])


def _call(sandbox: Sandbox, path: str, body: Any = None, method: str | None = None) -> Any:
    """Call as the raw list of an adapter does; the path begins below the project."""
    request = urllib.request.Request(
        f"{sandbox.gcp['endpoint']}/compute/v1/projects/{sandbox.gcp['project']}/{path}",
        headers={"Authorization": f"Bearer {token(key(sandbox))}"},
        data=None if body is None else json.dumps(body).encode(),
        method=method,
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_a_machine_goes_through_its_states(project: Project) -> None:
    begun = project.insert(project.spec("web-1"))
    assert begun.status != DONE
    assert begun.progress < 100
    assert project.get("web-1").status in ("PROVISIONING", "STAGING")
    done = project.wait(begun)
    assert (done.status, done.progress, done.target_id) == (DONE, 100, project.get("web-1").id)
    for verb, state in (
        ("stop", "TERMINATED"),
        ("start", "RUNNING"),
        ("suspend", "SUSPENDED"),
        ("resume", "RUNNING"),
        ("reset", "RUNNING"),
    ):
        project.do(verb, "web-1")
        assert project.get("web-1").status == state, verb
    stopping = project.instances.stop_unary(project=project.name, zone=ZONE, instance="web-1")
    assert project.get("web-1").status == "STOPPING"
    project.wait(stopping)
    assert not project.get("web-1").network_interfaces[0].access_configs[0].nat_i_p
    project.do("delete", "web-1")
    with pytest.raises(NotFound) as refusal:
        project.get("web-1")
    assert _reason(refusal) == "notFound"
    with pytest.raises(NotFound):
        client(compute_v1.DisksClient, project.sandbox).get(project=project.name, zone=ZONE, disk="web-1")


def test_a_state_refuses_what_it_does_not_allow(project: Project) -> None:
    size = compute_v1.InstancesSetMachineTypeRequest(machine_type=f"zones/{ZONE}/machineTypes/e2-small")
    change = {"instances_set_machine_type_request_resource": size}
    project.insert(project.spec("young"))
    with pytest.raises(BadRequest, match="not ready") as refusal:
        project.do("suspend", "young")
    assert _reason(refusal) == "resourceNotReady"
    project.make("web-1")
    with pytest.raises(BadRequest, match="STOPPED state") as refusal:
        project.do("set_machine_type", "web-1", **change)
    assert _reason(refusal) == "invalidResourceUsage"
    with pytest.raises(BadRequest):
        project.do("resume", "web-1")
    before = project.get("web-1").last_start_timestamp
    project.do("start", "web-1")
    assert project.get("web-1").last_start_timestamp == before, "a start of what runs does nothing"
    project.do("stop", "web-1")
    project.do("set_machine_type", "web-1", **change)
    assert project.get("web-1").machine_type.endswith("/e2-small")


def test_deletion_can_be_forbidden(project: Project) -> None:
    project.make("web-1", deletion_protection=True)
    with pytest.raises(BadRequest) as refusal:
        project.do("delete", "web-1")
    assert _reason(refusal) == "cannotDeleteProtectedResource"
    request = {"project": project.name, "zone": ZONE, "resource": "web-1", "deletion_protection": False}
    project.wait(project.instances.set_deletion_protection_unary(request=request))
    project.do("delete", "web-1")


def test_a_request_id_makes_one_machine(sandbox: Sandbox, project: Project) -> None:
    number, spec = str(uuid.uuid4()), project.spec("web-1")
    first = project.insert(spec, request_id=number)
    assert project.insert(spec, request_id=number).name == first.name
    project.wait(first)
    assert project.insert(spec, request_id=number).status == DONE
    with pytest.raises(BadRequest, match="requestId"):
        project.insert(project.spec("web-2"), request_id=number)
    for wrong in ("7", str(uuid.UUID(int=0))):
        with pytest.raises(BadRequest, match="requestId"):
            project.insert(spec, request_id=wrong)
    with pytest.raises(Conflict) as refusal:
        project.insert(spec, request_id=str(uuid.uuid4()))
    assert _reason(refusal) == "alreadyExists"
    counted = sandbox.state(cloud="gcp")
    assert counted["effects"]["instances.insert"] == 1
    assert counted["tokens"]["instances.insert"][number] == 4


def test_labels_change_only_under_their_fingerprint(project: Project) -> None:
    project.make("web-1", labels={"env": "test"})
    before = project.get("web-1").label_fingerprint
    request = compute_v1.InstancesSetLabelsRequest(labels={"env": "prod"}, label_fingerprint=before)
    change = {"instances_set_labels_request_resource": request}
    project.do("set_labels", "web-1", **change)
    machine = project.get("web-1")
    assert dict(machine.labels) == {"env": "prod"}
    assert machine.label_fingerprint != before
    with pytest.raises(PreconditionFailed) as refusal:
        project.do("set_labels", "web-1", **change)
    assert _reason(refusal) == "conditionNotMet"
    request.label_fingerprint, request.labels = machine.label_fingerprint, {"Env": "x"}
    with pytest.raises(BadRequest, match="labels"):
        project.do("set_labels", "web-1", **change)


def test_tags_change_only_under_their_fingerprint(project: Project) -> None:
    made = project.make("web-1")
    project.do("set_tags", "web-1", tags_resource=compute_v1.Tags(items=["a"], fingerprint=made.tags.fingerprint))
    assert list(project.get("web-1").tags.items) == ["a"]
    with pytest.raises(PreconditionFailed):
        project.do("set_tags", "web-1", tags_resource=compute_v1.Tags(fingerprint=made.tags.fingerprint))


def test_a_fleet_comes_in_pages_over_all_zones(sandbox: Sandbox, project: Project) -> None:
    made = sandbox.seed(25, cloud="gcp") + sandbox.seed(6, cloud="gcp", region="europe-west1")
    request = compute_v1.AggregatedListInstancesRequest(project=project.name, max_results=10)
    found, sizes = [], []
    for page in project.instances.aggregated_list(request=request).pages:
        assert len(page.items) == 7, "every zone is named on every page"
        names = [
            f"{zone.removeprefix('zones/')}/{one.name}" for zone, part in page.items.items() for one in part.instances
        ]
        empty: list[Any] = [part.warning for part in page.items.values() if not part.instances]
        assert all(warning.code == "NO_RESULTS_ON_PAGE" for warning in empty)
        sizes.append(len(names))
        found += names
    assert sizes == [10, 10, 10, 1]
    assert sorted(found) == sorted(made)
    with pytest.raises(BadRequest, match="maxResults"):
        list(project.instances.list(request={"project": project.name, "zone": ZONE, "max_results": 501}))


def test_a_list_is_filtered_and_cut(sandbox: Sandbox, project: Project) -> None:
    sandbox.seed(20, cloud="gcp")
    whole = f"zones/{ZONE}/instances"
    staging = _call(sandbox, f"{whole}?filter=labels.env%20%3D%20staging&fields=items")
    assert staging["items"]
    assert all(one["labels"]["env"] == "staging" for one in staging["items"])
    assert list(staging) == ["items"]
    everywhere = _call(
        sandbox, "aggregated/instances?fields=items/*(warning/code,instances(name,disks(index,boot),tags/items))"
    )
    assert list(everywhere) == ["items"]
    assert everywhere["items"]["zones/europe-west1-c"] == {"warning": {"code": "NO_RESULTS_ON_PAGE"}}
    one = everywhere["items"][f"zones/{ZONE}"]["instances"][0]
    assert one == {"name": one["name"], "disks": [{"index": 0, "boot": True}], "tags": {}}
    for malformed in ("items(", "items/", "a,,b", "items)", "a b"):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            _call(sandbox, f"{whole}?fields={urllib.parse.quote(malformed)}")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        _call(sandbox, f"{whole}?filter=status")


def test_machine_types_can_be_made_to_measure(sandbox: Sandbox, project: Project) -> None:
    types = client(compute_v1.MachineTypesClient, sandbox)

    def get(name: str) -> compute_v1.MachineType:
        return types.get(project=project.name, zone=ZONE, machine_type=name)

    custom = get("e2-custom-2-4096")
    assert (custom.guest_cpus, custom.memory_mb) == (2, 4096)
    for wrong in ("e2-custom-3-4096", "e2-custom-2-1000", "e2-custom-2-65536"):
        with pytest.raises(BadRequest):
            get(wrong)
    with pytest.raises(NotFound):
        get("e9-standard-2")
    with pytest.raises(BadRequest, match="does not exist in zone"):
        project.insert(project.spec("web-1", kind="e9-standard-2"))
    with pytest.raises(BadRequest, match="ARM64"):
        project.insert(project.spec("web-1", kind="t2a-standard-1"))


def test_what_is_made_has_to_be_there_before(project: Project) -> None:
    spec = project.spec("web-1")
    spec.disks[0].initialize_params.source_image = "projects/debian-cloud/global/images/family/debian-1"
    with pytest.raises(NotFound, match="debian-1"):
        project.insert(spec)
    for change, field in (
        ({"disks": []}, "disks"),
        ({"network_interfaces": []}, "networkInterfaces"),
        ({"network_interfaces": [{"network": "global/networks/none"}]}, "network"),
        ({"name": "Web"}, "name"),
    ):
        wrong = compute_v1.Instance(project.spec("web-1"))
        for name, value in change.items():
            setattr(wrong, name, value)
        with pytest.raises(BadRequest, match=field):
            project.insert(wrong)
    with pytest.raises(BadRequest, match="Unknown zone"):
        project.insert(project.spec("web-1"), zone="us-central1-x")
    assert list(project.instances.list(project=project.name, zone=ZONE)) == []


def test_disks_live_by_themselves(sandbox: Sandbox, project: Project) -> None:
    disks = client(compute_v1.DisksClient, sandbox)
    at: dict[str, Any] = {"project": project.name, "zone": ZONE}
    spec = compute_v1.Disk(name="data-1", size_gb=10, type_=f"zones/{ZONE}/diskTypes/pd-ssd")
    project.wait(disks.insert_unary(**at, disk_resource=spec))
    assert disks.get(**at, disk="data-1").status == "READY"
    machine = project.spec("web-1")
    machine.disks.append(compute_v1.AttachedDisk(source=f"zones/{ZONE}/disks/data-1"))
    project.wait(project.insert(machine))
    with pytest.raises(BadRequest) as refusal:
        disks.delete_unary(**at, disk="data-1")
    assert _reason(refusal) == "resourceInUseByAnotherResource"
    project.do("delete", "web-1")
    assert [disk.name for disk in disks.list(**at)] == ["data-1"]
    project.wait(disks.delete_unary(**at, disk="data-1"))
    assert list(disks.list(**at)) == []


def test_a_zone_without_capacity_fails_the_operation_and_makes_nothing(sandbox: Sandbox, project: Project) -> None:
    sandbox.fault("instances.insert", "capacity", cloud="gcp")
    done = project.wait(project.insert(project.spec("web-1")))
    assert done.error.errors[0].code == "ZONE_RESOURCE_POOL_EXHAUSTED"
    assert done.http_error_status_code == 503
    assert list(project.instances.list(project=project.name, zone=ZONE)) == []
    project.make("web-1")
    project.do("stop", "web-1")
    sandbox.fault("instances.start", "capacity", cloud="gcp")
    assert project.do("start", "web-1").error.errors[0].code == "ZONE_RESOURCE_POOL_EXHAUSTED"
    assert project.get("web-1").status == "TERMINATED"


@pytest.mark.parametrize(
    ("kind", "error", "reason"),
    [
        ("throttle", Forbidden, "rateLimitExceeded"),
        ("quota", Forbidden, "quotaExceeded"),
        ("denied", Forbidden, "forbidden"),
        ("unavailable", ServiceUnavailable, "backendError"),
    ],
)
def test_odd_days_can_be_had_by_name(
    sandbox: Sandbox, project: Project, kind: str, error: type[GoogleAPICallError], reason: str
) -> None:
    sandbox.fault("instances.insert", kind, cloud="gcp")
    with pytest.raises(error) as refusal:
        project.insert(project.spec("web-1"))
    assert _reason(refusal) == reason
    project.make("web-1")


def test_an_answer_can_be_lost_after_the_call_was_carried_out(sandbox: Sandbox, project: Project) -> None:
    number = str(uuid.uuid4())
    sandbox.fault("instances.insert", "unavailable", after=True, cloud="gcp")
    with pytest.raises(ServiceUnavailable):
        project.insert(project.spec("web-1"), request_id=number)
    project.wait(project.insert(project.spec("web-1"), request_id=number))
    assert sandbox.state(cloud="gcp")["effects"]["instances.insert"] == 1


def test_a_connection_can_be_cut_an_answer_be_a_page_and_come_late(sandbox: Sandbox) -> None:
    sandbox.fault("regions.list", "reset", cloud="gcp")
    with pytest.raises(ConnectionError):
        _call(sandbox, "regions")
    sandbox.fault("regions.list", "html500", cloud="gcp")
    with pytest.raises(urllib.error.HTTPError, match="500") as refusal:
        _call(sandbox, "regions")
    assert refusal.value.headers["Content-Type"].startswith("text/html")
    refusal.value.close()
    sandbox.fault("regions.list", "slow", seconds=0.3, cloud="gcp")
    started = time.monotonic()
    assert len(_call(sandbox, "regions")["items"]) == 2
    assert time.monotonic() - started >= 0.3
    with pytest.raises(SandboxError, match="kind 'odd' is none of"):
        sandbox.fault("*", "odd", cloud="gcp")


def test_operations_are_listed_and_waiting_holds_up_nobody(sandbox: Sandbox, project: Project) -> None:
    begun = project.insert(project.spec("web-1"))
    assert project.operations.get(project=project.name, zone=ZONE, operation=begun.name).status != DONE
    assert begun.name in [one.name for one in project.operations.list(project=project.name, zone=ZONE)]
    project.wait(begun)
    with pytest.raises(NotFound):
        project.operations.wait(project=project.name, zone=ZONE, operation="operation-none")
    project.operations.delete(project=project.name, zone=ZONE, operation=begun.name)
    with pytest.raises(NotFound):
        project.operations.get(project=project.name, zone=ZONE, operation=begun.name)
    network = compute_v1.Network(name="net-1", auto_create_subnetworks=False)
    made = client(compute_v1.NetworksClient, sandbox).insert_unary(project=project.name, network_resource=network)
    operations = client(compute_v1.GlobalOperationsClient, sandbox)
    assert operations.wait(project=project.name, operation=made.name).status == DONE


def test_what_the_sandbox_does_not_do_it_says(sandbox: Sandbox) -> None:
    for path, method in (
        ("zones/us-central1-a/instances/web-1/simulateMaintenanceEvent", "POST"),
        ("zones/x/y/z/a/b", "GET"),
    ):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            _call(sandbox, path, {} if method == "POST" else None, method)
        assert refusal.value.code in (404, 501)
        refusal.value.close()
