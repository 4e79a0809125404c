"""States of instances: the adapters know all that their clouds have, and are not silent about any other."""

import importlib.util
import json
import logging
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from novacron.cloud.v1 import compute_pb2
from novacron_providers.aws import instances as aws
from novacron_providers.azure import instances as azure
from novacron_providers.gcp import instances as gcp

# As Microsoft documents them ("States and billing status of Azure Virtual Machines"): to its OpenAPI documents they are
# plain strings.
AZURE_POWER = {"starting", "running", "stopping", "stopped", "deallocating", "deallocated", "unknown"}
AZURE_PROVISIONING = {"Creating", "Updating", "Migrating", "Succeeded", "Failed", "Canceled", "Deleting"}
UNSPECIFIED = compute_pb2.INSTANCE_STATE_UNSPECIFIED


def aws_instance(state: str) -> compute_pb2.Instance:
    raw: Any = {"InstanceId": "i-1", "State": {"Name": state}}
    return aws.translate(raw, provider="aws", region="us-east-1", observed=0, shape=None)


def azure_instance(state: str) -> compute_pb2.Instance:
    raw = {
        "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm",
        "name": "vm",
        "location": "westeurope",
        "properties": {
            "provisioningState": "Succeeded",
            "instanceView": {"statuses": [{"code": f"PowerState/{state}"}]},
        },
    }
    return azure.translate(raw, provider="azure", observed=0, shape=None, cards={}, addresses={})


def gcp_instance(state: str) -> compute_pb2.Instance:
    raw = {"name": "vm", "zone": "zones/us-central1-a", "selfLink": "projects/p/zones/z/instances/vm", "status": state}
    return gcp.translate(raw, provider="gcp", observed=0, shape=None)


Reading = Callable[[str], compute_pb2.Instance]
CLOUDS = [("aws", aws_instance), ("azure", azure_instance), ("gcp", gcp_instance)]


def test_all_states_of_ec2_are_known() -> None:
    shape: Any = botocore.session.Session().get_service_model("ec2").shape_for("InstanceStateName")
    assert set(aws.STATES) == set(shape.enum)
    assert UNSPECIFIED not in aws.STATES.values()


def test_all_states_of_compute_engine_are_known() -> None:
    found = importlib.util.find_spec("googleapiclient")
    assert found is not None and found.origin is not None
    path = pathlib.Path(found.origin).parent / "discovery_cache" / "documents" / "compute.v1.json"
    document = json.loads(path.read_text())
    assert set(gcp.STATES) == set(document["schemas"]["Instance"]["properties"]["status"]["enum"])
    assert UNSPECIFIED not in gcp.STATES.values()


def test_all_states_of_azure_are_known() -> None:
    assert set(azure.POWER) == AZURE_POWER
    assert {*azure.PROVISIONING, *azure.POWERLESS} == AZURE_PROVISIONING
    # Of these Azure itself says that it does not know.
    assert [word for word, state in azure.POWER.items() if state == UNSPECIFIED] == ["unknown"]
    assert [word for word, state in azure.POWERLESS.items() if state == UNSPECIFIED] == ["Succeeded"]


@pytest.mark.parametrize(("kind", "read"), CLOUDS)
def test_a_state_that_is_new_is_shown_and_told_once(kind: str, read: Reading, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "novacron.cloud"):
        for _ in range(3):
            instance = read("teleporting")
            assert (instance.state, instance.native_state) == (UNSPECIFIED, "teleporting")
    (line,) = [record.getMessage() for record in caplog.records]
    assert kind in line and "teleporting" in line


@pytest.mark.parametrize(("kind", "read"), CLOUDS)
def test_a_state_that_is_known_is_no_news(kind: str, read: Reading, caplog: pytest.LogCaptureFixture) -> None:
    running = {"aws": "running", "azure": "running", "gcp": "RUNNING"}[kind]
    assert read(running).state == compute_pb2.INSTANCE_STATE_RUNNING
    if kind == "azure":
        assert read("unknown").state == UNSPECIFIED
    assert not caplog.records


def test_each_reading_of_a_new_state_is_counted() -> None:
    # In a process of its own: the meter provider of a process is set once.
    program = """
import json
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
from novacron_providers.gcp import instances
for status in ("RUNNING", "TELEPORTING", "TELEPORTING"):
    instances.state_of({"status": status})
(resource,) = reader.get_metrics_data().resource_metrics
found = [metric for scope in resource.scope_metrics for metric in scope.metrics]
print(json.dumps([(m.name, dict(p.attributes), p.value) for m in found for p in m.data.data_points]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [["novacron.cloud.unknown_states", {"kind": "gcp", "state": "TELEPORTING"}, 2]]
