"""A fleet that was there before: many machines at once, named, of several sizes, with hours behind them."""

from hashlib import blake2b

from novacron_sandbox.azure import kinds, machines
from novacron_sandbox.azure.arm import Arm

# (role, size, share of the fleet)
_ROLES = (
    ("web", "Standard_B2s", 6),
    ("api", "Standard_D2s_v5", 5),
    ("worker", "Standard_F4s_v2", 4),
    ("cache", "Standard_E2s_v5", 2),
    ("db", "Standard_D8s_v5", 2),
    ("batch", "Standard_F8s_v2", 1),
)
_HISTORY = 3 * 3600.0
_DAY = 86400.0


def seed(arm: Arm, region: str, count: int, group: str) -> list[str]:
    """Create `count` running machines started three hours to three days ago; returns their ids, in order."""
    line = [(role, size) for role, size, share in _ROLES for _ in range(share)]
    place = f"/subscriptions/{arm.subscription}/resourceGroups/{group}/providers"
    network, now = f"{place}/{kinds.NETWORK.type}/fleet-{region}", arm.clock.now()
    if arm.resources.get(network) is None:
        space = {"addressSpace": {"addressPrefixes": ["10.64.0.0/12"]}}
        subnets = {"subnets": [{"name": "default", "properties": {"addressPrefix": "10.64.0.0/16"}}]}
        arm.create(kinds.NETWORK, network, {"location": region, "properties": {**space, **subnets}}, now)
    have = len(arm.resources.of(machines.KIND))
    made = []
    for number in range(have, have + count):
        # A stride that shares no factor with the line mixes the roles.
        role, size = line[number * 7 % len(line)]
        name = f"{role}-{region}-{number:03d}"
        digest = int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big") / 2**32
        started = now - _HISTORY - digest * (3 * _DAY - _HISTORY)
        interface = f"{place}/{kinds.INTERFACE.type}/{name}-nic"
        # The address by number: looking for a free one each time would take long for a thousand.
        address = f"10.64.{(number + 4) >> 8}.{(number + 4) & 255}"
        configuration = {"subnet": {"id": f"{network}/subnets/default"}, "privateIPAddress": address}
        body = {"ipConfigurations": [{"name": "ipconfig1", "properties": configuration}]}
        arm.create(kinds.INTERFACE, interface, {"location": region, "properties": body}, started)
        image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
        properties = {
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {
                "imageReference": image,
                "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
            },
            "osProfile": {"computerName": name, "adminUsername": "azureuser", "adminPassword": "kept nowhere"},
            "networkProfile": {"networkInterfaces": [{"id": interface, "properties": {"deleteOption": "Delete"}}]},
        }
        tags = {"Name": name, "role": role}
        machine = arm.create(
            machines.KIND,
            f"{place}/{machines.KIND.type}/{name}",
            {"location": region, "tags": tags, "properties": properties},
            started,
        )
        made.append(machine.id)
    return made
