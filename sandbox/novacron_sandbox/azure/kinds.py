"""The table of resource types: a type is a few lines here, all the rest is the same for each of them."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.azure.resources import Resource, Resources, iso

Shown = dict[str, Any]
MACHINE = "Microsoft.Compute/virtualMachines"
_POWERED = ("starting", "running", "stopping", "stopped")
_PREMIUM = ("Premium_LRS", "Premium_ZRS", "PremiumV2_LRS")


def _nothing(*_: object) -> None:
    """What a type does about something that does not concern it."""


@dataclass(frozen=True, eq=False)
class Kind:
    """A resource type.

    `group` is its operation group in Microsoft's specification, `lists` are the operations that list it below a
    subscription and below a resource group. `defaults` are properties that it has when its owner names none, `fields`
    those beside properties. `items` are arrays whose members are resources of their own below it. `created` is the
    status of a creation, `polled` where its changes are polled ("azure", "location", "both", "": they are immediate).
    `seconds` is how long a change takes, in boots of a machine. `in_use` (code, status) refuses its end while others
    refer to it. `prepare` checks what is wanted and finds what it takes; `show` adds what only Azure says; `begin`
    starts its life, `end` has go with it what belongs to it; `view` is its instance view, if it has one; `actions` are
    verbs of its own, each of which returns False when there is nothing to do.
    """

    group: str
    type: str
    lists: tuple[str, str] = ("ListAll", "List")
    parent: "Kind | None" = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    read_only: tuple[str, ...] = ()
    items: Mapping[str, str] = field(default_factory=dict)
    located: bool = True
    etag: bool = True
    created: int = 201
    polled: str = "azure"
    seconds: float = 0.25
    in_use: tuple[str, int] = ("", 400)
    prepare: Callable[[Resources, Resource], None] = _nothing
    show: Callable[[Resources, Resource, Shown], None] = _nothing
    begin: Callable[[Resource, float, float], None] = _nothing
    end: Callable[[Resources, Resource, float], None] = _nothing
    view: Callable[[Resource, float], Shown] | None = None
    actions: Mapping[str, Callable[[Resource, float], bool]] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """The provider it belongs to."""
        return self.type.partition("/")[0]

    @property
    def path(self) -> str:
        """The template of its id."""
        name = self.type.rpartition("/")[2]
        if self.parent is not None:
            return f"{self.parent.path}/{name}/{{{name}}}"
        if self.namespace == "Microsoft.Resources":
            return "/subscriptions/{subscription}/resourceGroups/{resourceGroup}"
        return f"/subscriptions/{{subscription}}/resourceGroups/{{resourceGroup}}/providers/{self.type}/{{name}}"

    def shown(self, resources: Resources, resource: Resource, now: float, identifier: str = "") -> Shown:
        """Return a resource as a caller gets to see it, under its id or in the caller's spelling of it."""
        identifier = identifier or resource.id
        properties = {**_copied(resource.properties), "provisioningState": resource.state(now)}
        shown = {
            "id": identifier,
            "name": identifier.rpartition("/")[2],
            "type": self.type,
            **{name: _copied(value) for name, value in resource.body.items() if name != "properties"},
            "properties": properties,
        }
        if self.etag:
            shown["etag"] = resource.etag
        if "resourceGuid" in self.read_only:
            properties["resourceGuid"] = resource.guid
        for array, item_type in self.items.items():
            for item in properties.get(array, ()):
                item["id"] = f"{identifier}/{array}/{item.get('name')}"
                item["type"] = item_type
                item["etag"] = resource.etag
                item.setdefault("properties", {})["provisioningState"] = "Succeeded"
        self.show(resources, resource, shown)
        return shown


def _copied(value: Any) -> Any:
    """Copy a body without what its owner alone may know."""
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items() if name not in _SECRET}
    return [_copied(part) for part in value] if isinstance(value, list) else value


_SECRET = ("adminPassword", "customData", "userData")


def must_have(resources: Resources, resource: Resource, reference: Any) -> Resource:
    """Return what a reference points to. Raises ArmError InvalidResourceReference when there is no such thing."""
    identifier = str((reference or {}).get("id", ""))
    found = resources.get(identifier)
    if found is None or found.changing == "Deleting":
        message = f"Resource {identifier} referenced by resource {resource.id} was not found."
        raise ArmError("InvalidResourceReference", message)
    return found


def free(resources: Resources, resource: Resource, wanted: Resource, code: str, status: int = 400) -> Resource:
    """Return what is wanted. Raises ArmError when another resource of the same type has it."""
    holder = resources.holder(wanted.id, resource.kind.type)
    if holder is not None and holder.key != resource.key:
        raise ArmError(code, f"{wanted.id} is used by existing resource {holder.id}.", status)
    return wanted


def _show_group(resources: Resources, resource: Resource, shown: Shown) -> None:
    shown["properties"] = {"provisioningState": shown["properties"]["provisioningState"]}


def _prepare_network(resources: Resources, resource: Resource) -> None:
    prefixes = resource.properties.get("addressSpace", {}).get("addressPrefixes")
    if not prefixes:
        raise ArmError("MissingJsonReferenceId", "Value for addressSpace.addressPrefixes is missing.")
    for prefix in prefixes:
        _network(prefix)


def _show_network(resources: Resources, resource: Resource, shown: Shown) -> None:
    subnets = resources.of(SUBNET, resource.id)
    now = float("inf")
    shown["properties"]["subnets"] = [
        SUBNET.shown(resources, subnet, now, f"{shown['id']}/subnets/{subnet.name}") for subnet in subnets
    ]
    shown["properties"].setdefault("virtualNetworkPeerings", [])


def _prepare_subnet(resources: Resources, resource: Resource) -> None:
    parent = resources.get(resource.id.rpartition("/subnets/")[0])
    prefix = resource.properties.get("addressPrefix") or next(iter(resource.properties.get("addressPrefixes", [])), "")
    network = _network(prefix)
    spaces = parent.properties["addressSpace"]["addressPrefixes"] if parent else []
    if not any(network.version == _network(s).version and network.subnet_of(_network(s)) for s in spaces):  # type: ignore[arg-type]  # of the same version
        message = f"Subnet '{resource.name}' is not valid because its IP address range is outside of its network's."
        raise ArmError("NetcfgInvalidSubnet", message)
    if group := resource.properties.get("networkSecurityGroup"):
        must_have(resources, resource, group)


def _show_subnet(resources: Resources, resource: Resource, shown: Shown) -> None:
    used = [
        {"id": f"{nic.id}/ipConfigurations/{one.get('name')}"}
        for nic in resources.users(resource.id)
        for one in nic.properties.get("ipConfigurations", ())
    ]
    if used:
        shown["properties"]["ipConfigurations"] = used


def _prepare_interface(resources: Resources, resource: Resource) -> None:
    configurations = resource.properties.get("ipConfigurations")
    if not configurations:
        raise ArmError("NetworkInterfaceMustHaveAtLeastOneIpConfiguration", f"{resource.id} has no IP configuration.")
    for number, configuration in enumerate(configurations):
        wanted = configuration.setdefault("properties", {})
        subnet = must_have(resources, resource, wanted.get("subnet"))
        if (public := wanted.get("publicIPAddress")) is not None:
            free(resources, resource, must_have(resources, resource, public), "PublicIPAddressInUse")
        wanted.setdefault("primary", number == 0)
        wanted.setdefault("privateIPAllocationMethod", "Dynamic")
        wanted.setdefault("privateIPAddressVersion", "IPv4")
        addresses = resource.found.setdefault("addresses", {})
        address = wanted.setdefault("privateIPAddress", addresses.get(configuration.get("name")))
        wanted["privateIPAddress"] = address or _free_address(resources, subnet)
        addresses[configuration.get("name")] = wanted["privateIPAddress"]
    if (group := resource.properties.get("networkSecurityGroup")) is not None:
        must_have(resources, resource, group)


def _show_interface(resources: Resources, resource: Resource, shown: Shown) -> None:
    machine = resources.holder(resource.id, MACHINE)
    shown["properties"].setdefault("dnsSettings", {"dnsServers": [], "appliedDnsServers": []})
    if machine is not None:
        shown["properties"] |= {"virtualMachine": {"id": machine.id}, "primary": True}
        digits = resource.guid.replace("-", "")[:6].upper()
        shown["properties"]["macAddress"] = f"00-0D-3A-{digits[:2]}-{digits[2:4]}-{digits[4:]}"


def _prepare_address(resources: Resources, resource: Resource) -> None:
    sku = resource.body["sku"]
    sku.setdefault("tier", "Regional")
    if sku["name"] == "Standard" and resource.properties["publicIPAllocationMethod"] != "Static":
        message = f"Standard sku publicIp {resource.id} must have AllocationMethod set to Static."
        raise ArmError("PublicIPAddressSkuStandardMustHaveStaticAllocation", message)


def _show_address(resources: Resources, resource: Resource, shown: Shown) -> None:
    interface = resources.holder(resource.id, INTERFACE.type)
    machine = resources.holder(interface.id, MACHINE) if interface else None
    if interface is not None:
        name = next(
            one["name"]
            for one in interface.properties["ipConfigurations"]
            if one["properties"].get("publicIPAddress", {}).get("id", "").lower() == resource.key
        )
        shown["properties"]["ipConfiguration"] = {"id": f"{interface.id}/ipConfigurations/{name}"}
    static = resource.properties["publicIPAllocationMethod"] == "Static"
    # A dynamic address is there only while its machine has hardware.
    if static or (machine is not None and machine.life.state in _POWERED):
        number = int(resource.guid.replace("-", "")[:4], 16)
        shown["properties"]["ipAddress"] = f"20.50.{number >> 8}.{number & 255}"


_DEFAULT_RULES = tuple(
    {
        "name": name,
        "properties": {
            "protocol": "*",
            "sourcePortRange": "*",
            "destinationPortRange": "*",
            "sourceAddressPrefix": source,
            "destinationAddressPrefix": destination,
            "access": access,
            "priority": priority,
            "direction": direction,
            "provisioningState": "Succeeded",
        },
    }
    for name, source, destination, access, priority, direction in (
        ("AllowVnetInBound", "VirtualNetwork", "VirtualNetwork", "Allow", 65000, "Inbound"),
        ("AllowAzureLoadBalancerInBound", "AzureLoadBalancer", "*", "Allow", 65001, "Inbound"),
        ("DenyAllInBound", "*", "*", "Deny", 65500, "Inbound"),
        ("AllowVnetOutBound", "VirtualNetwork", "VirtualNetwork", "Allow", 65000, "Outbound"),
        ("AllowInternetOutBound", "*", "Internet", "Allow", 65001, "Outbound"),
        ("DenyAllOutBound", "*", "*", "Deny", 65500, "Outbound"),
    )
)


def _show_security_group(resources: Resources, resource: Resource, shown: Shown) -> None:
    shown["properties"]["defaultSecurityRules"] = [
        {"id": f"{shown['id']}/defaultSecurityRules/{rule['name']}", "etag": resource.etag, **_copied(rule)}
        for rule in _DEFAULT_RULES
    ]
    users = list(resources.users(resource.id))
    for name, kind in (("networkInterfaces", INTERFACE), ("subnets", SUBNET)):
        if found := [{"id": user.id} for user in users if user.kind is kind]:
            shown["properties"][name] = found


def _prepare_disk(resources: Resources, resource: Resource) -> None:
    wanted = resource.properties.get("creationData", {}).get("createOption")
    if wanted not in ("Empty", "FromImage", "Attach"):
        raise ArmError(
            "InvalidParameter", "Required parameter 'creationData.createOption' is missing or not supported."
        )
    size = resource.properties.setdefault("diskSizeGB", 30 if wanted == "FromImage" else None)
    if not isinstance(size, int) or not 1 <= size <= 32767:
        raise ArmError("InvalidParameter", "The value of parameter 'disk.diskSizeGB' is out of range.")
    if resource.found.get("size", 0) > size:
        raise ArmError("OperationNotAllowed", "Disk size cannot be reduced.", 409)
    resource.found["size"] = size


def _show_disk(resources: Resources, resource: Resource, shown: Shown) -> None:
    machine = resources.holder(resource.id, MACHINE)
    name = shown["sku"]["name"]
    shown["sku"] = {"name": name, "tier": "Premium" if name in _PREMIUM else "Standard"}
    shown["properties"] |= {
        "timeCreated": iso(resource.created),
        "uniqueId": resource.guid,
        "diskSizeBytes": resource.properties["diskSizeGB"] << 30,
        "diskState": "Unattached",
    }
    if machine is not None:
        shown["managedBy"] = machine.id
        shown["properties"]["diskState"] = "Attached" if machine.life.state in _POWERED else "Reserved"


def _network(prefix: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(prefix)
    except ValueError:
        raise ArmError("InvalidAddressPrefixFormat", f"Address prefix {prefix} is malformed.") from None


def _free_address(resources: Resources, subnet: Resource) -> str:
    prefix = subnet.properties.get("addressPrefix") or subnet.properties["addressPrefixes"][0]
    taken = {
        one["properties"].get("privateIPAddress")
        for nic in resources.users(subnet.id)
        for one in nic.properties.get("ipConfigurations", ())
    }
    network = _network(prefix)
    # Azure keeps the first four addresses of a subnet, and the last.
    for number in range(4, network.num_addresses - 1):
        address = str(network[number])
        if address not in taken:
            return address
    raise ArmError("SubnetIsFull", f"Subnet {subnet.id} has no free address.")


GROUP = Kind("ResourceGroups", "Microsoft.Resources/resourceGroups", polled="", etag=False, show=_show_group)
DISK = Kind(
    "Disks",
    "Microsoft.Compute/disks",
    lists=("List", "ListByResourceGroup"),
    fields={"sku": {"name": "Standard_LRS"}},
    read_only=("timeCreated", "diskSizeBytes", "uniqueId", "diskState"),
    etag=False,
    created=202,
    polled="both",
    in_use=("OperationNotAllowed", 409),
    prepare=_prepare_disk,
    show=_show_disk,
)
INTERFACE = Kind(
    "NetworkInterfaces",
    "Microsoft.Network/networkInterfaces",
    defaults={"enableAcceleratedNetworking": False, "enableIPForwarding": False},
    read_only=("virtualMachine", "macAddress", "primary", "resourceGuid", "hostedWorkloads", "tapConfigurations"),
    items={"ipConfigurations": "Microsoft.Network/networkInterfaces/ipConfigurations"},
    in_use=("NicInUse", 400),
    prepare=_prepare_interface,
    show=_show_interface,
)
ADDRESS = Kind(
    "PublicIPAddresses",
    "Microsoft.Network/publicIPAddresses",
    defaults={
        "publicIPAllocationMethod": "Dynamic",
        "publicIPAddressVersion": "IPv4",
        "idleTimeoutInMinutes": 4,
        "ipTags": [],
    },
    fields={"sku": {"name": "Basic"}},
    read_only=("ipConfiguration", "resourceGuid", "ipAddress"),
    in_use=("PublicIPAddressCannotBeDeleted", 400),
    prepare=_prepare_address,
    show=_show_address,
)
NETWORK = Kind(
    "VirtualNetworks",
    "Microsoft.Network/virtualNetworks",
    defaults={"enableDdosProtection": False},
    read_only=("resourceGuid",),
    in_use=("InUseVirtualNetworkCannotBeDeleted", 400),
    prepare=_prepare_network,
    show=_show_network,
)
SUBNET = Kind(
    "Subnets",
    "Microsoft.Network/virtualNetworks/subnets",
    parent=NETWORK,
    defaults={
        "delegations": [],
        "privateEndpointNetworkPolicies": "Disabled",
        "privateLinkServiceNetworkPolicies": "Enabled",
    },
    read_only=("ipConfigurations", "purpose"),
    located=False,
    in_use=("InUseSubnetCannotBeDeleted", 400),
    prepare=_prepare_subnet,
    show=_show_subnet,
)
SECURITY_GROUP = Kind(
    "NetworkSecurityGroups",
    "Microsoft.Network/networkSecurityGroups",
    defaults={"securityRules": []},
    read_only=("resourceGuid", "defaultSecurityRules", "networkInterfaces", "subnets"),
    items={"securityRules": "Microsoft.Network/networkSecurityGroups/securityRules"},
    in_use=("InUseNetworkSecurityGroupCannotBeDeleted", 400),
    show=_show_security_group,
)
