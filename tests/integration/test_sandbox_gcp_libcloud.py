"""A client that nobody here wrote: Apache Libcloud takes a machine through its life; Google's library sees the same."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from libcloud.common.google import GoogleBaseAuthConnection
from libcloud.compute.drivers.gce import GCEConnection, GCENodeDriver
from libcloud.compute.types import NodeState
from novacron_sandbox import Sandbox

from tests.unit.sandbox.google import ZONE, Project


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clouds=("gcp",), boot_seconds=0.2) as running:
        yield running


@pytest.fixture
def driver(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Libcloud's driver, with its key, its tokens and its calls sent to the sandbox."""
    sandbox.reset(cloud="gcp")
    for kind in (GCEConnection, GoogleBaseAuthConnection):
        monkeypatch.setattr(kind, "base_url", sandbox.gcp["endpoint"], raising=False)
    monkeypatch.setattr(GCEConnection, "poll_interval", 0.05)
    document = json.loads(Path(sandbox.gcp["credentials_file"]).read_text())
    # Libcloud has no types here.
    driver: Any = GCENodeDriver
    return driver(
        document["client_email"],
        document["private_key"],
        datacenter=ZONE,
        project=sandbox.gcp["project"],
        auth_type="SA",
        credential_file=str(tmp_path / "token"),
        secure=False,
    )


def test_it_takes_a_machine_through_its_life(sandbox: Sandbox, driver: Any) -> None:
    project = Project(sandbox)
    node = driver.create_node(
        "libcloud-1",
        size="e2-medium",
        image=driver.ex_get_image_from_family("debian-12", ex_project_list=["debian-cloud"]),
        ex_labels={"made-by": "libcloud"},
        ex_tags=["http-server"],
        ex_disk_type="pd-ssd",
    )
    assert node.state == NodeState.RUNNING
    assert len(node.public_ips) == len(node.private_ips) == 1
    seen = project.get("libcloud-1")
    assert (seen.status, dict(seen.labels), list(seen.tags.items)) == (
        "RUNNING",
        {"made-by": "libcloud"},
        ["http-server"],
    )
    assert str(seen.id) == node.id
    assert driver.ex_stop_node(node)
    assert driver.ex_get_node("libcloud-1").state == NodeState.STOPPED
    assert driver.ex_set_machine_type(node, "n2-standard-2")
    assert driver.ex_start_node(node)
    assert driver.reboot_node(node)
    node = driver.ex_get_node("libcloud-1")
    assert (node.state, node.size) == (NodeState.RUNNING, "n2-standard-2")
    assert driver.ex_set_node_labels(node, {"made-by": "nobody"})
    assert dict(project.get("libcloud-1").labels) == {"made-by": "nobody"}
    assert driver.destroy_node(node, destroy_boot_disk=False)
    assert list(project.instances.list(project=project.name, zone=ZONE)) == []


def test_it_lists_what_others_made(sandbox: Sandbox, driver: Any) -> None:
    project = Project(sandbox)
    made = project.make("sdk-1", labels={"env": "test"})
    fleet = sandbox.seed(5, cloud="gcp")
    nodes = {node.name: node for node in driver.list_nodes(ex_zone="all")}
    assert set(nodes) == {"sdk-1", *(name.partition("/")[2] for name in fleet)}
    assert nodes["sdk-1"].id == str(made.id)
    assert nodes["sdk-1"].extra["labels"] == {"env": "test"}
    assert len(driver.ex_list_zones()) == 7
    assert len(driver.ex_list_regions()) == 2
    assert "e2-medium" in [size.name for size in driver.list_sizes(ZONE)]
    assert "default" in [network.name for network in driver.ex_list_networks()]
    assert driver.destroy_node(nodes["sdk-1"])
    assert "sdk-1" not in [one.name for one in project.instances.list(project=project.name, zone=ZONE)]
