"""The judge of Google Cloud: a machine's life through Google's own library conforms; a change of one field does not."""

import copy
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import compute_v1, monitoring_v3
from novacron_sandbox import Sandbox

from tests.judge.discovery import Google
from tests.unit.sandbox.google import SCOPES, ZONE, Metrics, Project, client, key

Exchange = dict[str, Any]


@pytest.fixture(scope="module")
def judge() -> Google:
    return Google()


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Exchange]]:
    """What is said while a machine is made, changed, watched and deleted."""
    folder: Path = tmp_path_factory.mktemp("exchanges")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_RECORD", str(folder))
        with Sandbox(clouds=("gcp",), boot_seconds=0.2, metrics_period=1, metrics_lag=0) as sandbox:
            _live(sandbox)
    (record,) = folder.iterdir()
    yield [json.loads(line) for line in record.read_text().splitlines()]


def _live(sandbox: Sandbox) -> None:
    project = Project(sandbox)
    spec, number = project.spec("web-1", kind="e2-custom-2-4096", labels={"env": "test"}), str(uuid.uuid4())
    project.wait(project.insert(spec, request_id=number))
    assert project.insert(spec, request_id=number).client_operation_id == number
    for verb in ("stop", "start", "suspend", "resume", "reset"):
        project.do(verb, "web-1")
    project.do("stop", "web-1")
    size = compute_v1.InstancesSetMachineTypeRequest(machine_type=f"zones/{ZONE}/machineTypes/n2-standard-2")
    project.do("set_machine_type", "web-1", instances_set_machine_type_request_resource=size)
    labels = compute_v1.InstancesSetLabelsRequest(
        labels={"env": "prod"}, label_fingerprint=project.get("web-1").label_fingerprint
    )
    project.do("set_labels", "web-1", instances_set_labels_request_resource=labels)
    with pytest.raises(GoogleAPICallError):
        project.do("set_labels", "web-1", instances_set_labels_request_resource=labels)
    listed = compute_v1.AggregatedListInstancesRequest(project=project.name, filter="status = RUNNING", max_results=7)
    sandbox.seed(20, cloud="gcp")
    assert sum(len(found.instances) for _, found in project.instances.aggregated_list(request=listed)) == 20
    name: dict[str, Any] = {"project": project.name}
    assert len(list(client(compute_v1.ZonesClient, sandbox).list(**name))) == 7
    assert len(list(client(compute_v1.RegionsClient, sandbox).list(**name))) == 2
    assert len(list(client(compute_v1.MachineTypesClient, sandbox).list(**name, zone=ZONE))) > 40
    client(compute_v1.MachineTypesClient, sandbox).get(**name, zone=ZONE, machine_type="n2-custom-4-8192")
    client(compute_v1.DisksClient, sandbox).get(**name, zone=ZONE, disk="web-1")
    client(compute_v1.ImagesClient, sandbox).get_from_family(project="debian-cloud", family="debian-12")
    client(compute_v1.NetworksClient, sandbox).get(**name, network="default")
    client(compute_v1.SubnetworksClient, sandbox).get(**name, region="us-central1", subnetwork="default")
    client(compute_v1.ProjectsClient, sandbox).get(**name)
    _watch(sandbox)
    _impersonate(sandbox)
    project.do("delete", "web-1")


def _watch(sandbox: Sandbox) -> None:
    metrics, now = Metrics(sandbox), time.time()
    full = monitoring_v3.ListTimeSeriesRequest.TimeSeriesView.FULL
    assert metrics.series("cpu/utilization", now - 60, now, view=full)
    metrics.close()


def _impersonate(sandbox: Sandbox) -> None:
    from google.auth import impersonated_credentials

    target = sandbox.gcp["impersonate"]
    url = f"{sandbox.gcp['iam_endpoint']}/v1/projects/-/serviceAccounts/{target}:generateAccessToken"
    borrowed = impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]  # has no types
        key(sandbox), target, SCOPES, iam_endpoint_override=url
    )
    client(compute_v1.ProjectsClient, sandbox, borrowed).get(project=sandbox.gcp["project"])


def _of(exchanges: list[Exchange], part: str, *, status: int = 200) -> Exchange:
    """A copy of the first exchange whose URL has this part."""
    return copy.deepcopy(next(one for one in exchanges if part in one["url"] and one["status"] == status))


def test_a_machines_life_conforms(judge: Google, exchanges: list[Exchange]) -> None:
    verdicts = [judge.judge(exchange) for exchange in exchanges]
    assert [verdict for verdict in verdicts if verdict.breaches] == []
    seen = {verdict.operation for verdict in verdicts}
    assert seen >= {f"compute.instances.{verb}" for verb in ("insert", "get", "aggregatedList", "setLabels", "delete")}
    assert seen >= {"compute.zoneOperations.wait", "iamcredentials.projects.serviceAccounts.generateAccessToken"}
    assert "google.monitoring.v3.MetricService.ListTimeSeries" in seen


ANSWERS: list[tuple[str, Callable[[Any], None], str]] = [
    ("instances/web-1", lambda body: body.update(status="RUNING"), "answer status: "),
    ("instances/web-1", lambda body: body.update(id=7), "answer id: "),
    ("instances/web-1", lambda body: body["disks"][0].update(sizeGb="1"), "answer disks/0: "),
    ("instances/web-1", lambda body: body.update(kind="compute#disk"), "answer kind: "),
    ("aggregated/instances", lambda body: body.update(items=[]), "answer items: "),
    ("instances?requestId", lambda body: body.update(progress="100"), "answer progress: "),
]


@pytest.mark.parametrize(("part", "change", "breach"), ANSWERS)
def test_a_changed_field_of_an_answer_fails(
    judge: Google, exchanges: list[Exchange], part: str, change: Callable[[Any], None], breach: str
) -> None:
    method = "POST" if "requestId" in part else "GET"
    exchange = _of([one for one in exchanges if one["method"] == method], part)
    change(exchange["response_body"])
    (found,) = judge.judge(exchange).breaches
    assert found.startswith(breach)


def test_a_changed_field_of_a_request_fails(judge: Google, exchanges: list[Exchange]) -> None:
    changes: dict[str, Callable[[Any], Any]] = {
        "request : ": lambda body: body.update(machine_type=body.pop("machineType")),
        "request disks/0/initializeParams/diskSizeGb: ": lambda body: body["disks"][0]["initializeParams"].update(
            diskSizeGb="big"
        ),
        "request labels/env: ": lambda body: body["labels"].update(env=1),
    }
    for breach, change in changes.items():
        exchange = _of(exchanges, "instances?requestId")
        change(exchange["request_body"])
        found = judge.judge(exchange).breaches
        assert [one[: len(breach)] for one in found] == [breach]


def test_a_changed_query_or_path_fails(judge: Google, exchanges: list[Exchange]) -> None:
    exchange = _of(exchanges, "aggregated/instances")
    for old, new, breach in (
        ("maxResults=7", "maxResults=seven", "query maxResults: "),
        ("maxResults=7", "max_results=7", "query max_results: "),
        ("/novacron-sandbox/", "/Novacron_Sandbox!/", "path project: "),
        ("aggregated/instances", "aggregated/machines", "path: "),
    ):
        found = judge.judge({**exchange, "url": exchange["url"].replace(old, new)}).breaches
        assert [one[: len(breach)] for one in found] == [breach]


def test_a_refusal_has_googles_form(judge: Google, exchanges: list[Exchange]) -> None:
    exchange = _of(exchanges, "setLabels", status=412)
    del exchange["response_body"]["error"]["errors"][0]["reason"]
    (found,) = judge.judge(exchange).breaches
    assert found.startswith("answer error/errors/0: ")


def test_another_message_over_grpc_fails(judge: Google, exchanges: list[Exchange]) -> None:
    exchange = _of(exchanges, "ListTimeSeries", status=0)
    exchange["request_headers"]["grpc-message-type"] = "google.monitoring.v3.TimeSeries"
    assert judge.judge(exchange).breaches == [
        "request: google.monitoring.v3.TimeSeries, not google.monitoring.v3.ListTimeSeriesRequest"
    ]
    assert judge.judge({**exchange, "url": "/google.monitoring.v3.MetricService/ListAll"}).breaches == [
        "path: Google's library does not know it"
    ]
