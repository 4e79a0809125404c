"""Virtual machines: what they are made of, what they go through, and what they refuse."""

from dataclasses import dataclass
from typing import Any

from novacron_sandbox.azure.catalog import SIZES, Size, find_image
from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.azure.kinds import DISK, INTERFACE, MACHINE, Kind, Shown, free, must_have
from novacron_sandbox.azure.resources import Resource, Resources, iso
from novacron_sandbox.samples import Machine


def seen_by_metrics(machine: Resource) -> Machine:
    """Return what metrics are read from: its tag novacron-workload, which clouds can share, or its id, and its size."""
    size = SIZES[machine.properties["hardwareProfile"]["vmSize"].lower()]
    workload = machine.body.get("tags", {}).get("novacron-workload") or machine.key
    return Machine(workload, size.vcpus, size.memory * 2.0**30)


@dataclass(frozen=True)
class Power:
    """An action that takes a machine through `states`: `refused` in some, and with nothing to do in those of `done`."""

    name: str
    states: tuple[str, ...]
    refused: tuple[str, ...] = ()
    done: tuple[str, ...] = ()

    def __call__(self, machine: Resource, seconds: float) -> bool:
        """Begin it; False when there is nothing to do. Raises ArmError when the machine cannot."""
        state = machine.life.state
        if state in self.refused:
            message = f"Cannot {self.name} VM '{machine.name}' because it is not running: PowerState/{state}."
            raise ArmError("OperationNotAllowed", message, 409)
        if state in self.done:
            return False
        machine.life.change(*self.states, seconds=seconds)
        return True


_OFF = ("stopping", "stopped", "deallocating", "deallocated")
ACTIONS = (
    Power("start", ("starting", "running"), done=("starting", "running")),
    Power("powerOff", ("stopping", "stopped"), done=_OFF),
    Power("deallocate", ("deallocating", "deallocated"), done=("deallocating", "deallocated")),
    Power("restart", ("starting", "running"), refused=_OFF),
)


def view(machine: Resource, now: float) -> dict[str, Any]:
    """Return the instance view: the only place that says whether a machine runs."""
    state = machine.state(now)
    when = iso(machine.until if machine.until <= now else machine.created)
    statuses = [
        {
            "code": f"ProvisioningState/{state.lower()}",
            "level": "Error" if state == "Failed" else "Info",
            "displayStatus": f"Provisioning {state.lower()}" if state in ("Succeeded", "Failed") else state,
            "time": when,
        }
    ]
    if not machine.failed:
        power_state = machine.life.state
        statuses.append({"code": f"PowerState/{power_state}", "level": "Info", "displayStatus": f"VM {power_state}"})
    disks = [machine.properties["storageProfile"]["osDisk"], *machine.properties["storageProfile"]["dataDisks"]]
    return {
        "computerName": machine.properties.get("osProfile", {}).get("computerName", machine.name),
        "hyperVGeneration": "V2",
        "disks": [{"name": disk["name"], "statuses": statuses[:1]} for disk in disks],
        "statuses": statuses,
    }


def _prepare(resources: Resources, machine: Resource) -> None:
    wanted = machine.properties
    name = wanted.setdefault("hardwareProfile", {}).get("vmSize", "")
    size = SIZES.get(name.lower())
    if size is None:
        message = f"The value {name} provided for the VM size is not valid."
        raise ArmError("InvalidParameter", message)
    if size.restricted == "Location" or (size.restricted == "Zone" and "3" in machine.body.get("zones", ())):
        message = (
            f"The requested VM size '{name}' is not available in the current region or zone '{machine.location}' for"
            " this subscription."
        )
        raise ArmError("SkuNotAvailable", message, 409)
    before: str = machine.found.get("vmSize", name)
    if SIZES[before.lower()].architecture != size.architecture:
        raise ArmError("OperationNotAllowed", f"Unable to resize the VM from {before} to {name}.", 409)
    machine.found["vmSize"] = name
    interfaces = wanted.setdefault("networkProfile", {}).get("networkInterfaces")
    if not interfaces:
        raise ArmError("InvalidParameter", "Required parameter 'networkProfile' is missing (null).")
    for reference in interfaces:
        interface = free(resources, machine, must_have(resources, machine, reference), "NicInUse")
        if interface.kind is not INTERFACE or interface.location != machine.location:
            message = f"Resource {interface.id} is no network interface in {machine.location}."
            raise ArmError("InvalidResourceReference", message)
    storage = wanted.setdefault("storageProfile", {})
    disk, data = storage.setdefault("osDisk", {}), storage.setdefault("dataDisks", [])
    if disk.get("createOption") not in ("FromImage", "Attach"):
        raise ArmError("InvalidParameter", "Required parameter 'osDisk.createOption' is missing or not supported.")
    luns = [one.get("lun") for one in data]
    if len(luns) > size.disks or len(set(luns)) < len(luns):
        raise ArmError("OperationNotAllowed", "There are too many data disks, or two with the same lun.", 409)
    if disk["createOption"] == "FromImage":
        _prepare_image(machine, size)
    disk.setdefault("osType", "Linux")
    disk.setdefault("name", f"{machine.name}_OsDisk_1_{machine.guid.replace('-', '')}")
    for one in (disk, *data):
        _prepare_disk(resources, machine, one)


def _prepare_image(machine: Resource, size: Size) -> None:
    """Find the image and hold the machine to what a machine of an image needs."""
    reference = machine.properties["storageProfile"].get("imageReference", {})
    image = find_image(*(str(reference.get(part, "")) for part in ("publisher", "offer", "sku", "version")))
    if image is None:
        raise ArmError("PlatformImageNotFound", "The platform image is not available. Verify all its fields.", 404)
    system, architecture, reference["exactVersion"] = image
    if architecture != size.architecture:
        raise ArmError(
            "BadRequest", f"The image is {architecture}, but the VM size '{size.name}' is {size.architecture}."
        )
    names = [reference["publisher"], reference["offer"], reference["sku"], reference["version"]]
    if machine.found.setdefault("image", names) != names:
        raise ArmError("PropertyChangeNotAllowed", "Changing property 'imageReference' is not allowed.", 409)
    machine.properties["storageProfile"]["osDisk"]["osType"] = system
    profile = machine.properties.setdefault("osProfile", {})
    if not profile.get("computerName") or not profile.get("adminUsername"):
        raise ArmError("InvalidParameter", "Required parameter 'osProfile' is missing (null).")
    linux = profile.get("linuxConfiguration", {})
    if "disablePasswordAuthentication" in linux:
        # Azure takes the word for the value.
        linux["disablePasswordAuthentication"] = str(linux["disablePasswordAuthentication"]).lower() == "true"
    keys = linux.get("ssh", {}).get("publicKeys")
    if not (profile.get("adminPassword") or keys or machine.found.get("credentials")):
        raise ArmError("InvalidParameter", "Required parameter 'adminPassword' is missing (null).")
    machine.found["credentials"] = True
    profile |= {"secrets": [], "allowExtensionOperations": True, "requireGuestProvisionSignal": True}


def _prepare_disk(resources: Resources, machine: Resource, wanted: dict[str, Any]) -> None:
    """Attach a disk that is there, or make one that is not: a disk of a machine is a resource of its own."""
    slot = f"lun{wanted['lun']}" if "lun" in wanted else "os"
    made = machine.found.setdefault("disks", {}).get(slot)
    managed = wanted.setdefault("managedDisk", {})
    wanted.setdefault("deleteOption", "Detach")
    wanted.setdefault("caching", "ReadWrite" if slot == "os" else "None")
    if made is not None:
        # The same machine put again, by someone who does not say again what became of it.
        wanted.setdefault("name", made["name"])
        managed.setdefault("id", made["id"])
    if "id" in managed:
        disk = free(resources, machine, must_have(resources, machine, managed), "AttachDiskWhileBeingDetached", 409)
    else:
        disk = _new_disk(resources, machine, wanted, slot)
    wanted["name"] = disk.name
    wanted["diskSizeGB"] = disk.properties["diskSizeGB"]
    managed |= {"id": disk.id, "storageAccountType": disk.body["sku"]["name"]}
    machine.found["disks"][slot] = {"name": disk.name, "id": disk.id}


def _new_disk(resources: Resources, machine: Resource, wanted: dict[str, Any], slot: str) -> Resource:
    name = wanted.get("name") or f"{machine.name}_{slot}_{machine.guid.replace('-', '')}"
    properties: dict[str, Any] = {"creationData": {"createOption": wanted.get("createOption")}}
    if "diskSizeGB" in wanted:
        properties["diskSizeGB"] = wanted["diskSizeGB"]
    if slot == "os":
        properties["osType"] = wanted["osType"]
    body: dict[str, Any] = {
        "location": machine.location,
        "sku": {"name": wanted["managedDisk"].get("storageAccountType", "Premium_LRS")},
        **{copied: machine.body[copied] for copied in ("zones", "tags") if copied in machine.body},
        "properties": properties,
    }
    group = machine.id.partition("/providers/")[0]
    disk = Resource(DISK, f"{group}/providers/{DISK.type}/{name}", body, machine.life, machine.created)
    if resources.get(disk.id) is not None:
        raise ArmError("Conflict", f"Disk {disk.id} already exists.", 409)
    DISK.prepare(resources, disk)
    resources.put(disk)
    return disk


def _show(resources: Resources, machine: Resource, shown: Shown) -> None:
    shown["properties"] |= {"vmId": machine.guid, "timeCreated": iso(machine.created)}


def _begin(machine: Resource, at: float, seconds: float) -> None:
    machine.life.change("starting", "running", seconds=seconds, at=at)


def _end(resources: Resources, machine: Resource, until: float) -> None:
    """Stop, and have go with the machine what was to be deleted with it."""
    machine.life.change("stopping", "stopped", seconds=until - resources.clock.now())
    storage = machine.properties["storageProfile"]
    parts = [
        part["managedDisk"]["id"]
        for part in (storage["osDisk"], *storage["dataDisks"])
        if part.get("deleteOption") == "Delete"
    ]
    for reference in machine.properties["networkProfile"]["networkInterfaces"]:
        if reference.get("properties", {}).get("deleteOption") != "Delete":
            continue
        parts.append(reference["id"])
        interface = resources.get(reference["id"])
        for one in interface.properties["ipConfigurations"] if interface else ():
            address = one["properties"].get("publicIPAddress", {})
            if address.get("properties", {}).get("deleteOption") == "Delete":
                parts.append(address["id"])
    for identifier in parts:
        if (part := resources.get(identifier)) is not None:
            resources.leave(part, until)


KIND = Kind(
    "VirtualMachines",
    MACHINE,
    read_only=("vmId", "timeCreated", "instanceView"),
    created=201,
    polled="azure",
    seconds=1.0,
    prepare=_prepare,
    show=_show,
    begin=_begin,
    end=_end,
    view=view,
    actions={action.name: action for action in ACTIONS},
)
