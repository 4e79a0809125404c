"""The fleet of Azure: machines of several sizes, each with an interface in one network."""

from novacron_sandbox.azure import kinds, machines
from novacron_sandbox.azure.arm import Arm
from novacron_sandbox.fleet import members

_SIZES = {
    "web": "Standard_B2s",
    "api": "Standard_D2s_v5",
    "worker": "Standard_F4s_v2",
    "cache": "Standard_E2s_v5",
    "db": "Standard_D8s_v5",
    "batch": "Standard_F8s_v2",
}
_IMAGE = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}


def seed(arm: Arm, region: str, count: int, group: str) -> list[str]:
    """Create `count` running machines started three hours to three days ago; returns their ids, in order."""
    place = f"/subscriptions/{arm.subscription}/resourceGroups/{group}/providers"
    network, now = f"{place}/{kinds.NETWORK.type}/fleet-{region}", arm.clock.now()
    if arm.resources.get(network) is None:
        subnets = [{"name": "default", "properties": {"addressPrefix": "10.64.0.0/16"}}]
        properties = {"addressSpace": {"addressPrefixes": ["10.64.0.0/12"]}, "subnets": subnets}
        arm.create(kinds.NETWORK, network, {"location": region, "properties": properties}, now)
    made = []
    for number, _, size, labels, age in members(_SIZES, len(arm.resources.of(machines.KIND)), count):
        name = f"{labels['role']}-{region}-{number:03d}"
        interface = f"{place}/{kinds.INTERFACE.type}/{name}-nic"
        # The address by number: looking for a free one each time would take long for a thousand.
        address = f"10.64.{(number + 4) >> 8}.{(number + 4) & 255}"
        configuration = {"subnet": {"id": f"{network}/subnets/default"}, "privateIPAddress": address}
        card = {"ipConfigurations": [{"name": "ipconfig1", "properties": configuration}]}
        arm.create(kinds.INTERFACE, interface, {"location": region, "properties": card}, now - age)
        properties = {
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {
                "imageReference": _IMAGE,
                "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
            },
            "osProfile": {"computerName": name, "adminUsername": "azureuser", "adminPassword": "kept nowhere"},
            "networkProfile": {"networkInterfaces": [{"id": interface, "properties": {"deleteOption": "Delete"}}]},
        }
        body = {"location": region, "tags": {"Name": name, **labels}, "properties": properties}
        made.append(arm.create(machines.KIND, f"{place}/{machines.KIND.type}/{name}", body, now - age).id)
    return made
