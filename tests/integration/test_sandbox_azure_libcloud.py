"""Apache Libcloud's Azure driver, which nobody here wrote, drives the sandbox through a machine's life."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import libcloud.security
import pytest
from libcloud.common.azure_arm import AzureResourceManagementConnection
from libcloud.compute.base import Node, NodeAuthPassword, NodeSize
from libcloud.compute.drivers.azure_arm import AzureImage, AzureNodeDriver
from libcloud.compute.types import NodeState
from libcloud.http import LibcloudConnection
from novacron_sandbox import Sandbox

from tests.unit.sandbox.microsoft import subscription


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clouds=("azure",), boot_seconds=0.2) as sandbox:
        yield sandbox


@pytest.fixture
def driver(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Any:
    access = sandbox.azure
    endpoint = access["endpoint"].rpartition(":")[0]
    monkeypatch.setattr(libcloud.security, "CA_CERTS_PATH", access["ca_file"])

    class Here(LibcloudConnection):
        """Azure's port, which the driver takes for granted, is ours."""

        def __init__(self, host: str, *_: int, **options: Any) -> None:
            init: Any = super().__init__
            init(host, **{**options, "port": int(access["endpoint"].rpartition(":")[2]), "secure": True})

    class Connection(AzureResourceManagementConnection):
        conn_class = Here

    class Driver(AzureNodeDriver):
        connectionCls = Connection

    places = {
        "resourceManagerEndpointUrl": endpoint,
        "activeDirectoryEndpointUrl": endpoint,
        "activeDirectoryResourceId": "https://management.core.windows.net/",
        "storageEndpointSuffix": ".invalid",
    }
    make: Any = Driver
    return make(
        access["tenant_id"],
        access["subscription_id"],
        access["client_id"],
        access["client_secret"],
        region="West Europe",
        cloud_environment=places,
    )


def _find(driver: Any, name: str) -> Node | None:
    return next((node for node in driver.list_nodes() if node.name == name), None)


def _wait(driver: Any, name: str, state: str) -> Node:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        node = _find(driver, name)
        if node is not None and node.state == state:
            return node
        # Azure takes only so many calls in a second.
        time.sleep(0.1)
    raise AssertionError(f"{name} is never {state}")


def _network(sandbox: Sandbox) -> None:
    async def make() -> None:
        async with subscription(sandbox) as azure:
            await azure.interface("unused", public=False)

    asyncio.run(make())


def _machines(sandbox: Sandbox) -> list[str]:
    async def names() -> list[str]:
        async with subscription(sandbox) as azure:
            return [str(machine.name) async for machine in azure.compute.virtual_machines.list_all()]

    return asyncio.run(names())


def test_a_machine_lives_and_ends(sandbox: Sandbox, driver: Any) -> None:
    _network(sandbox)
    assert {location.id for location in driver.list_locations()} == {"westeurope", "northeurope"}
    size = NodeSize("Standard_B2s", "Standard_B2s", 4096, 30, 0, 0, driver)
    image = driver.get_image("Canonical:ubuntu-24_04-lts:server:24.04.202611120")
    assert isinstance(image, AzureImage)
    made = driver.create_node(
        "libcloud",
        size,
        image,
        NodeAuthPassword("Sandbox-1-secret"),
        ex_resource_group="novacron",
        ex_network="network-westeurope",
        ex_use_managed_disks=True,
        ex_tags={"made-by": "libcloud"},
    )
    assert made.state == NodeState.PENDING
    node = _wait(driver, "libcloud", NodeState.RUNNING)
    assert node.private_ips[0].startswith("10.0.0.")
    # What it made, Microsoft's own library shows.
    assert _machines(sandbox) == ["libcloud"]

    driver.ex_create_tags(node, {"role": "guest"})
    assert driver.ex_get_node(node.id).extra["tags"] == {"made-by": "libcloud", "role": "guest"}
    assert driver.reboot_node(node)
    driver.stop_node(_wait(driver, "libcloud", NodeState.RUNNING))
    driver.start_node(_wait(driver, "libcloud", NodeState.STOPPED))
    assert driver.destroy_node(_wait(driver, "libcloud", NodeState.RUNNING), ex_poll_wait=0.3)
    assert _find(driver, "libcloud") is None
    assert _machines(sandbox) == []
    # The driver does not wait until its interface is gone, which takes a quarter of a boot.
    time.sleep(0.1)
    assert [nic.name for nic in driver.ex_list_nics("novacron")] == ["unused-nic"]


def test_what_others_made_it_lists(sandbox: Sandbox, driver: Any) -> None:
    async def make() -> str:
        async with subscription(sandbox) as azure:
            return str((await azure.create("microsoft")).id)

    identifier = asyncio.run(make())
    node = _find(driver, "microsoft")
    assert node is not None
    assert (node.id, node.state) == (identifier, NodeState.RUNNING)
    assert node.public_ips[0].startswith("20.50.")
