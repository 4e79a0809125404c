"""Azure Resource Manager of the sandbox, through Microsoft's own libraries."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from novacron_sandbox import Sandbox

from tests.unit.sandbox.microsoft import Subscription, subscription, wanted

COMPUTE = "2024-07-01"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clouds=("azure",), boot_seconds=0.4) as sandbox:
        yield sandbox


@pytest.fixture
async def azure(sandbox: Sandbox) -> AsyncIterator[Subscription]:
    await asyncio.to_thread(sandbox.reset, cloud="azure")
    async with subscription(sandbox) as opened:
        yield opened


async def _refused(azure: Subscription, method: str, path: str, body: Any = None, **options: str) -> tuple[int, str]:
    answer = await azure.send(method, path, body, **options)
    assert answer.status_code >= 400
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_machine_is_made_with_what_belongs_to_it(azure: Subscription) -> None:
    interface = await azure.interface("one")
    machines = azure.compute.virtual_machines
    poller = await machines.begin_create_or_update("novacron", "one", wanted(interface, "one"))
    assert (await machines.get("novacron", "one")).properties.provisioning_state == "Creating"
    assert await azure.power("one") == "PowerState/starting"
    machine = await poller.result()
    assert machine.properties.provisioning_state == "Succeeded"
    assert await azure.power("one") == "PowerState/running"
    assert machine.properties.os_profile.admin_password is None
    disk = await azure.compute.disks.get("novacron", machine.properties.storage_profile.os_disk.name)
    assert (disk.managed_by, disk.properties.disk_state, disk.properties.disk_size_gb) == (machine.id, "Attached", 30)
    shown = (await azure.send("GET", interface)).json()["properties"]
    assert shown["virtualMachine"] == {"id": machine.id}
    address = shown["ipConfigurations"][0]["properties"]["publicIPAddress"]["id"]
    public = (await azure.send("GET", address)).json()["properties"]
    assert public["ipAddress"].startswith("20.50.")
    assert public["ipConfiguration"]["id"] == f"{interface}/ipConfigurations/ipconfig1"


async def test_what_stops_is_told_apart(azure: Subscription) -> None:
    await azure.create("one")
    machines = azure.compute.virtual_machines
    for action, on_the_way, then in (
        (machines.begin_power_off, "stopping", "stopped"),
        (machines.begin_start, "starting", "running"),
        (machines.begin_deallocate, "deallocating", "deallocated"),
    ):
        poller = await action("novacron", "one")
        assert await azure.power("one") == f"PowerState/{on_the_way}"
        await poller.result()
        assert await azure.power("one") == f"PowerState/{then}"
    with pytest.raises(ResourceExistsError, match="OperationNotAllowed"):
        await machines.begin_restart("novacron", "one")
    # To stop what is stopped changes nothing, and works.
    await (await machines.begin_power_off("novacron", "one")).result()
    assert await azure.power("one") == "PowerState/deallocated"


async def test_all_states_come_with_one_list(azure: Subscription) -> None:
    await azure.create("one")
    listed = [machine async for machine in azure.compute.virtual_machines.list_all(status_only="true")]
    assert [s.code for s in listed[0].properties.instance_view.statuses] == [
        "ProvisioningState/succeeded",
        "PowerState/running",
    ]
    assert listed[0].properties.hardware_profile is None


async def test_with_a_machine_goes_what_was_to_go(azure: Subscription) -> None:
    machine = await azure.create("one")
    machines = azure.compute.virtual_machines
    poller = await machines.begin_delete("novacron", "one")
    assert (await machines.get("novacron", "one")).properties.provisioning_state == "Deleting"
    with pytest.raises(ResourceExistsError, match="Conflict"):
        await machines.begin_start("novacron", "one")
    await poller.result()
    with pytest.raises(ResourceNotFoundError, match="ResourceNotFound"):
        await machines.get("novacron", "one")
    with pytest.raises(ResourceNotFoundError):
        await machines.begin_start("novacron", "one")
    assert [disk async for disk in azure.compute.disks.list()] == []
    for kind in ("networkInterfaces", "publicIPAddresses"):
        assert (await azure.send("GET", f"{azure.root}/providers/Microsoft.Network/{kind}")).json()["value"] == []
    assert (await azure.send("DELETE", machine.id, version=COMPUTE)).status_code == 204


async def test_what_is_in_use_does_not_go(azure: Subscription) -> None:
    machine = await azure.create("one")
    place = f"{azure.group}/providers/Microsoft.Network"
    interface = f"{place}/networkInterfaces/one-nic"
    assert await _refused(azure, "DELETE", interface) == (400, "NicInUse")
    assert await _refused(azure, "DELETE", f"{place}/publicIPAddresses/one-ip") == (
        400,
        "PublicIPAddressCannotBeDeleted",
    )
    network = f"{place}/virtualNetworks/network-westeurope"
    assert await _refused(azure, "DELETE", network) == (400, "InUseVirtualNetworkCannotBeDeleted")
    assert await _refused(azure, "DELETE", f"{network}/subnets/default") == (400, "InUseSubnetCannotBeDeleted")
    disk = machine.properties.storage_profile.os_disk.managed_disk.id
    assert await _refused(azure, "DELETE", disk, version="2024-03-02") == (409, "OperationNotAllowed")
    with pytest.raises(HttpResponseError, match="NicInUse"):
        await azure.compute.virtual_machines.begin_create_or_update("novacron", "two", wanted(interface, "two"))


async def test_the_same_again_is_no_second_change(azure: Subscription, sandbox: Sandbox) -> None:
    body = wanted(await azure.interface("one"), "one")
    machines = azure.compute.virtual_machines
    first = await (await machines.begin_create_or_update("novacron", "one", body)).result()
    again = await (await machines.begin_create_or_update("novacron", "one", body)).result()
    assert (again.properties.vm_id, again.etag) == (first.properties.vm_id, first.etag)
    state = await asyncio.to_thread(sandbox.state, cloud="azure")
    assert state["calls"]["VirtualMachines_CreateOrUpdate"] == 2
    assert state["effects"]["VirtualMachines_CreateOrUpdate"] == 1
    assert len([disk async for disk in azure.compute.disks.list()]) == 1


async def test_tags_are_replaced_as_a_whole(azure: Subscription) -> None:
    before = await azure.create("one")
    poller = await azure.compute.virtual_machines.begin_update("novacron", "one", {"tags": {"role": "web"}})
    after = await poller.result()
    assert after.tags == {"role": "web"}
    assert after.etag != before.etag
    assert after.properties.vm_id == before.properties.vm_id


async def test_etags_guard_changes(azure: Subscription) -> None:
    await azure.interface("one", public=False)
    path = f"{azure.group}/providers/Microsoft.Network/networkInterfaces/one-nic"
    found = await azure.send("GET", path)
    body = found.json()
    etag = body["etag"]
    assert found.headers["ETag"] == etag
    subnet = body["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"]
    configurations = [{"name": "ipconfig1", "properties": {"subnet": {"id": subnet}}}]
    wish = {"location": "westeurope", "tags": {"a": "b"}, "properties": {"ipConfigurations": configurations}}
    refused = (412, "PreconditionFailed")
    assert await _refused(azure, "PUT", path, wish, If_None_Match="*") == refused
    assert await _refused(azure, "PUT", path, wish, If_Match='W/"other"') == refused
    assert await _refused(azure, "PUT", f"{path}-2", wish, If_Match="*") == refused
    changed = await azure.send("PUT", path, wish, If_Match=etag)
    assert changed.status_code == 200
    assert changed.json()["etag"] != etag
    # The address that was given once stays.
    kept = [one["properties"]["privateIPAddress"] for one in changed.json()["properties"]["ipConfigurations"]]
    assert kept == [one["properties"]["privateIPAddress"] for one in body["properties"]["ipConfigurations"]]


async def test_ids_are_the_same_in_any_case(azure: Subscription) -> None:
    machine = await azure.create("One")
    shouted = machine.id.replace("/novacron/", "/NOVACRON/").replace("virtualMachines/One", "VIRTUALMACHINES/ONE")
    found = (await azure.send("GET", shouted.replace("resourceGroups", "resourcegroups"), version=COMPUTE)).json()
    assert found["properties"]["vmId"] == machine.properties.vm_id
    # The type is spelled as Azure spells it, the names as the caller does.
    assert found["id"] == f"{azure.root}/resourceGroups/NOVACRON/providers/Microsoft.Compute/virtualMachines/ONE"
    listed = [one.id async for one in azure.compute.virtual_machines.list_all()]
    assert listed == [machine.id]


async def test_pages_go_on_where_the_last_one_ended(azure: Subscription, sandbox: Sandbox) -> None:
    made = await asyncio.to_thread(sandbox.seed, 230, cloud="azure")
    machines = azure.compute.virtual_machines
    pages = [[machine.id async for machine in page] async for page in machines.list_all().by_page()]
    assert [len(page) for page in pages] == [100, 100, 30]
    assert sorted(identifier for page in pages for identifier in page) == sorted(made)
    path = f"{azure.root}/providers/Microsoft.Compute/virtualMachines?api-version={COMPUTE}"
    first = (await azure.send("GET", path)).json()
    (await azure.send("DELETE", first["value"][-1]["id"], version=COMPUTE)).raise_for_status()
    await asyncio.sleep(0.5)
    second = (await azure.send("GET", first["nextLink"])).json()
    assert [one["id"] for one in second["value"]] == pages[1]


async def test_an_operation_is_polled_both_ways(azure: Subscription) -> None:
    machine = await azure.create("one")
    begun = await azure.send("POST", f"{machine.id}/deallocate", version=COMPUTE)
    assert begun.status_code == 202
    assert int(begun.headers["Retry-After"]) == 1
    status = (await azure.send("GET", begun.headers["Azure-AsyncOperation"])).json()
    assert status["status"] == "InProgress"
    assert (await azure.send("GET", begun.headers["Location"])).status_code == 202
    await asyncio.sleep(0.5)
    status = (await azure.send("GET", begun.headers["Azure-AsyncOperation"])).json()
    assert status["status"] == "Succeeded"
    assert status["endTime"] > status["startTime"]
    assert (await azure.send("GET", begun.headers["Location"])).status_code == 200
    unknown = begun.headers["Location"].replace(status["name"], "0")
    assert await _refused(azure, "GET", unknown) == (404, "OperationNotFound")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"hardwareProfile": {"vmSize": "Standard_Z9"}}, "InvalidParameter"),
        ({"hardwareProfile": {"vmSize": "Standard_NC6s_v3"}}, "SkuNotAvailable"),
        ({"hardwareProfile": {"vmSize": "Standard_D2ps_v5"}}, "BadRequest"),
        ({"networkProfile": {"networkInterfaces": [{"id": "/subscriptions/x"}]}}, "InvalidResourceReference"),
        ({"networkProfile": {}}, "InvalidParameter"),
        ({"osProfile": {"computerName": "one", "adminUsername": "u"}}, "InvalidParameter"),
        (
            {
                "storageProfile": {
                    "imageReference": {"publisher": "a", "offer": "b", "sku": "c", "version": "d"},
                    "osDisk": {"createOption": "FromImage"},
                }
            },
            "PlatformImageNotFound",
        ),
    ],
)
async def test_machines_that_cannot_be_are_refused(azure: Subscription, change: dict[str, Any], code: str) -> None:
    with pytest.raises(HttpResponseError, match=code):
        await azure.create("one", **change)
    # Nothing is left of it.
    assert [machine async for machine in azure.compute.virtual_machines.list_all()] == []
    assert [disk async for disk in azure.compute.disks.list()] == []


async def test_resources_that_cannot_be_are_refused(azure: Subscription) -> None:
    place = f"{azure.group}/providers/Microsoft.Network"
    network = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    body: dict[str, Any] = {"location": "westeurope", "properties": network}
    path = f"{place}/virtualNetworks/one"
    assert await _refused(azure, "PUT", path, {"properties": network}) == (400, "LocationRequired")
    elsewhere = {"location": "mars", "properties": network}
    assert await _refused(azure, "PUT", path, elsewhere) == (400, "LocationNotAvailableForResourceType")
    assert await _refused(azure, "PUT", path.replace("novacron", "nothing"), body) == (404, "ResourceGroupNotFound")
    assert await _refused(azure, "PUT", f"{path}!", body) == (400, "InvalidResourceName")
    assert await _refused(azure, "GET", path) == (404, "ResourceNotFound")
    assert await _refused(azure, "GET", path, version="") == (400, "MissingApiVersionParameter")
    assert await _refused(azure, "GET", f"{place}/things/one") == (404, "InvalidResourceType")
    assert await _refused(azure, "POST", path) == (405, "MethodNotAllowed")
    assert await _refused(azure, "GET", "/subscriptions/other/resourcegroups") == (404, "SubscriptionNotFound")
    outside = {"properties": {"addressPrefix": "192.168.0.0/24"}}
    (await azure.send("PUT", path, body)).raise_for_status()
    assert await _refused(azure, "PUT", f"{path}/subnets/a", outside) == (400, "NetcfgInvalidSubnet")
    moved = {**body, "location": "northeurope"}
    assert await _refused(azure, "PUT", path, moved) == (409, "InvalidResourceLocation")


async def test_a_group_goes_with_all_that_is_in_it(azure: Subscription) -> None:
    group = f"{azure.root}/resourcegroups/other"
    assert (await azure.send("HEAD", group, version=COMPUTE)).status_code == 404
    made = await azure.send("PUT", group, {"location": "westeurope"}, version=COMPUTE)
    assert made.status_code == 201
    assert (await azure.send("HEAD", group, version=COMPUTE)).status_code == 204
    rules = f"{group}/providers/Microsoft.Network/networkSecurityGroups/rules"
    shown = (await azure.send("PUT", rules, {"location": "westeurope"})).json()
    assert [rule["name"] for rule in shown["properties"]["defaultSecurityRules"]][2] == "DenyAllInBound"
    begun = await azure.send("DELETE", group, version=COMPUTE)
    assert begun.status_code == 202
    assert "Azure-AsyncOperation" not in begun.headers
    await asyncio.sleep(0.15)
    assert (await azure.send("GET", begun.headers["Location"])).status_code == 200
    assert await _refused(azure, "GET", rules) == (404, "ResourceGroupNotFound")


async def test_sizes_say_where_they_are_not_to_be_had(azure: Subscription) -> None:
    skus = [sku async for sku in azure.compute.resource_skus.list(filter="location eq 'northeurope'")]
    sizes = {sku.name: sku for sku in skus if sku.resource_type == "virtualMachines"}
    assert {place for sku in skus for place in sku.locations} == {"northeurope"}
    assert {sku.resource_type for sku in skus} == {"virtualMachines", "disks"}
    assert sizes["Standard_B2s"].restrictions == []
    restriction = sizes["Standard_NC6s_v3"].restrictions[0]
    assert (restriction.type, restriction.reason_code) == ("Location", "NotAvailableForSubscription")
    assert sizes["Standard_E4s_v5"].restrictions[0].restriction_info.zones == ["3"]
    capabilities = {one.name: one.value for one in sizes["Standard_B2s"].capabilities}
    assert (capabilities["vCPUs"], capabilities["MemoryGB"]) == ("2", "4")


async def test_images_have_versions(azure: Subscription) -> None:
    images = azure.compute.virtual_machine_images
    wanted = ("westeurope", "Canonical", "ubuntu-24_04-lts", "server")
    versions = await images.list(*wanted, top=1, orderby="name desc")
    assert [one.name for one in versions] == ["24.04.202611120"]
    found = await images.get(*wanted, "latest")
    assert (found.properties.architecture, found.name) == ("x64", "24.04.202611120")
    with pytest.raises(ResourceNotFoundError):
        await images.list("westeurope", "Nobody", *wanted[2:])
