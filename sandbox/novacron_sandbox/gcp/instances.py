"""Machines of Compute Engine: what the cloud adds to one that is made, and in which state one can be changed how."""

import re
from typing import Any, NamedTuple

from novacron_sandbox.gcp import catalog
from novacron_sandbox.gcp.errors import GoogleError, invalid, not_found
from novacron_sandbox.gcp.resources import ROOT, Body, Change, Resource, Store, fingerprint, timestamp

_ON = ("PROVISIONING", "STAGING", "RUNNING")
_SETTLED = ("RUNNING", "TERMINATED", "SUSPENDED")


class Move(NamedTuple):
    """A change of state: from any of `sources` through `states`; in any of `already` there is nothing to do."""

    sources: tuple[str, ...]
    states: tuple[str, ...]
    already: tuple[str, ...] = ()
    stamp: str = ""


MOVES = {
    "start": Move(("TERMINATED",), _ON, _ON, "lastStartTimestamp"),
    "stop": Move(_ON, ("STOPPING", "TERMINATED"), ("TERMINATED",), "lastStopTimestamp"),
    "suspend": Move(("RUNNING",), ("SUSPENDING", "SUSPENDED"), stamp="lastSuspendedTimestamp"),
    "resume": Move(("SUSPENDED",), _ON, stamp="lastStartTimestamp"),
    "reset": Move(("RUNNING",), ()),
    "setMachineType": Move(("TERMINATED",), ()),
}


# Verbs that replace a part which has a fingerprint of its own.
_PARTS = {"setTags": "tags", "setMetadata": "metadata"}


def change(store: Store, machine: Resource, asked: Change) -> bool:
    """Carry out a verb that only machines have; False for one that they have not. Raises GoogleError."""
    if asked.verb in MOVES:
        _move(store, machine, MOVES[asked.verb], asked)
    elif asked.verb in _PARTS:
        part = _PARTS[asked.verb]
        if asked.body.get("fingerprint") != machine.body[part]["fingerprint"]:
            raise changed("Supplied fingerprint does not match current metadata fingerprint.")
        machine.body[part] = _with_fingerprint(asked.body)
    elif asked.verb == "setDeletionProtection":
        machine.body["deletionProtection"] = asked.query.get("deletionProtection", "true") == "true"
    else:
        return False
    return True


def _move(store: Store, machine: Resource, move: Move, asked: Change) -> None:
    if machine.state not in (*move.sources, *move.already):
        if machine.state not in _SETTLED:
            raise not_ready(machine)
        states = " or ".join("STOPPED" if state == "TERMINATED" else state for state in move.sources)
        message = f"Invalid resource usage: 'Instance should be in the {states} state.'."
        raise GoogleError(400, "invalidResourceUsage", message)
    if asked.exhausted:
        return
    if asked.verb == "setMachineType":
        size = machine_type_of(store, machine.path.rpartition("/instances/")[0], asked.body.get("machineType", ""))
        machine.body["machineType"] = size["selfLink"]
    if move.states and machine.state in move.sources:
        machine.life.change(*move.states, seconds=asked.seconds / (len(move.states) - 1))
        machine.body[move.stamp] = timestamp(store.clock.now())


def show(machine: Resource, shown: Body) -> None:
    """Leave out what a machine that is off has given back: its ephemeral addresses."""
    if machine.state not in ("TERMINATED", "SUSPENDED"):
        return
    shown["networkInterfaces"] = [
        {**nic, "accessConfigs": [{k: v for k, v in one.items() if k != "natIP"} for one in nic["accessConfigs"]]}
        if "accessConfigs" in nic
        else nic
        for nic in machine.body["networkInterfaces"]
    ]


def changed(message: str) -> GoogleError:
    """Return that what a caller knows is out of date."""
    return GoogleError(412, "conditionNotMet", message)


def not_ready(resource: Resource) -> GoogleError:
    """Return that a resource is under way from one state to another."""
    return GoogleError(400, "resourceNotReady", f"The resource '{resource.path}' is not ready")


def path_of(link: str, project: str) -> str:
    """Return the path that a full or partial link means."""
    if "projects/" in link:
        return link[link.index("projects/") :]
    return f"projects/{project}/" + link.removeprefix("/")


def find_image(store: Store, path: str) -> Resource:
    """Return an image by its name, or the newest of a family. Raises GoogleError notFound."""
    images, _, family = path.partition("/family/")
    if not family:
        return store.get(path)
    found = [
        one for one in store.collection(images) if one.body.get("family") == family and "deprecated" not in one.body
    ]
    if not found:
        raise not_found(path)
    return max(found, key=lambda one: (str(one.body["creationTimestamp"]), one.name))


def machine_type_of(store: Store, zone: str, link: str) -> dict[str, Any]:
    """Return the machine type of a link for a zone ("projects/p/zones/z"). Raises GoogleError invalid."""
    place, _, name = path_of(link, zone.split("/")[1]).rpartition("/machineTypes/")
    if place != zone:
        raise invalid("resource.machineType", link, "The URL is malformed or of another zone.")
    found = catalog.machine_type(store, zone, name)
    if found is None:
        why = f"Machine type with name '{name}' does not exist in zone '{zone.rpartition('/')[2]}'."
        raise invalid("resource.machineType", link, why)
    return found


def prepare(store: Store, zone: str, body: Body, seconds: float) -> Body:
    """Return the body of a new machine with what the cloud adds, and make the disks it asks for.

    Raises GoogleError, before anything is made, for what the cloud refuses.
    """
    name = body["name"]
    size = machine_type_of(store, zone, body.get("machineType", ""))
    disks = [_disk(store, zone, name, index, asked) for index, asked in enumerate(body.get("disks", ()))]
    if not any(disk.attached.get("boot") for disk in disks):
        raise invalid("resource.disks", "", "A boot disk is required.")
    for disk in disks:
        if disk.attached.get("architecture", size["architecture"]) != size["architecture"]:
            why = f"The machine type is {size['architecture']}, the image is not."
            raise invalid("resource.disks", disk.path, why)
    if not body.get("networkInterfaces"):
        raise invalid("resource.networkInterfaces", "", "At least one network interface is required.")
    nics = [_nic(store, zone, index, asked) for index, asked in enumerate(body["networkInterfaces"])]
    machine = f"{ROOT}{zone}/instances/{name}"
    for disk in disks:
        if disk.new is not None:
            store.new(disk.path, disk.new, seconds=seconds / 4)
        store.get(disk.path).body.setdefault("users", []).append(machine)
    spot = body.get("scheduling", {}).get("provisioningModel") == "SPOT" or body.get("scheduling", {}).get(
        "preemptible"
    )
    return {
        "description": "",
        "cpuPlatform": "Ampere Altra" if size["architecture"] == "ARM64" else "Intel Broadwell",
        "canIpForward": False,
        "deletionProtection": False,
        "startRestricted": False,
        "lastStartTimestamp": timestamp(store.clock.now()),
        **{field: value for field, value in body.items() if field not in ("status", "id")},
        "machineType": size["selfLink"],
        "disks": [disk.attached for disk in disks],
        "networkInterfaces": nics,
        "tags": _with_fingerprint(body.get("tags", {})),
        "metadata": {"kind": "compute#metadata", **_with_fingerprint(body.get("metadata", {}))},
        "fingerprint": fingerprint(body),
        "serviceAccounts": body.get("serviceAccounts", []),
        "shieldedInstanceConfig": {"enableSecureBoot": False, "enableVtpm": True, "enableIntegrityMonitoring": True},
        "scheduling": {
            "onHostMaintenance": "TERMINATE" if spot else "MIGRATE",
            "automaticRestart": not spot,
            "preemptible": bool(spot),
            "provisioningModel": "SPOT" if spot else "STANDARD",
            **body.get("scheduling", {}),
        },
    }


def release(store: Store, machine: Resource, seconds: float) -> None:
    """Let go of a machine's disks: those that go with it go, the others are free again."""
    for attached in machine.body["disks"]:
        disk = store.find(path_of(attached["source"], ""))
        if disk is None:
            continue
        disk.body["users"] = [user for user in disk.body.get("users", ()) if user != machine.body["selfLink"]]
        if attached.get("autoDelete"):
            disk.leave(seconds=seconds)


def prepare_disk(store: Store, zone: str, body: Body, seconds: float = 0.0) -> Body:
    """Return the body of a new disk with what the cloud adds. Raises GoogleError for what the cloud refuses."""
    project = zone.split("/")[1]
    kind = path_of(body.get("type") or f"{zone}/diskTypes/pd-standard", project)
    if store.find(kind) is None:
        raise invalid("resource.type", kind, "The referenced disk type cannot be found.")
    made = {**body, "type": ROOT + kind, "physicalBlockSizeBytes": "4096"}
    lowest = 10
    if source := body.get("sourceImage"):
        image = find_image(store, path_of(source, project))
        lowest = int(image.body["diskSizeGb"])
        made |= {name: image.body[name] for name in ("architecture", "licenses", "guestOsFeatures")}
        made |= {"sourceImage": image.body["selfLink"], "sourceImageId": image.body["id"]}
    size = int(body.get("sizeGb") or lowest)
    if size < lowest:
        raise invalid("resource.sizeGb", size, f"Disk size cannot be smaller than {lowest} GB.")
    return {**made, "sizeGb": str(size)}


class _Disk(NamedTuple):
    """A disk of a new machine: its path, how it is attached, and its body when it is yet to be made."""

    path: str
    attached: dict[str, Any]
    new: dict[str, Any] | None


def _disk(store: Store, zone: str, machine: str, index: int, asked: dict[str, Any]) -> _Disk:
    boot = bool(asked.get("boot"))
    new: dict[str, Any] | None = None
    body: dict[str, Any]
    if params := asked.get("initializeParams"):
        name = params.get("diskName") or (machine if boot else f"{machine}-{index}")
        path = f"{zone}/disks/{name}"
        if store.find(path) is not None:
            raise GoogleError(409, "alreadyExists", f"The resource '{path}' already exists")
        fields = {"sizeGb": "diskSizeGb", "type": "diskType", "sourceImage": "sourceImage", "labels": "labels"}
        given = {field: params[source] for field, source in fields.items() if params.get(source)}
        new = body = prepare_disk(store, zone, {"name": name, **given})
    else:
        path = path_of(asked.get("source", ""), zone.split("/")[1])
        body = store.get(path).body
        if body.get("users"):
            message = f"The disk resource '{path}' is already being used by '{body['users'][0]}'"
            raise GoogleError(400, "resourceInUseByAnotherResource", message)
    shared: dict[str, Any] = {
        field: body[field] for field in ("architecture", "licenses", "guestOsFeatures") if field in body
    }
    attached: dict[str, Any] = {
        "kind": "compute#attachedDisk",
        "type": "PERSISTENT",
        "mode": asked.get("mode", "READ_WRITE"),
        "interface": "SCSI",
        "source": ROOT + path,
        "deviceName": asked.get("deviceName") or f"persistent-disk-{index}",
        "index": index,
        "boot": boot,
        "autoDelete": bool(asked.get("autoDelete")),
        "diskSizeGb": body["sizeGb"],
        **shared,
    }
    return _Disk(path, attached, new)


def _nic(store: Store, zone: str, index: int, asked: dict[str, Any]) -> dict[str, Any]:
    project, region = zone.split("/")[1], zone.rpartition("/")[2][:-2]
    number = int(store.number()) % (1 << 16)
    subnetwork = store.find(path_of(asked.get("subnetwork") or f"regions/{region}/subnetworks/default", project))
    network = path_of(asked.get("network") or "global/networks/default", project)
    if subnetwork is None or store.find(network) is None:
        field = "network" if subnetwork else "subnetwork"
        why = f"The referenced {field} resource cannot be found."
        raise invalid(f"resource.networkInterfaces[{index}].{field}", asked.get(field, ""), why)
    given = {
        "kind": "compute#networkInterface",
        "name": f"nic{index}",
        "network": subnetwork.body["network"] if asked.get("subnetwork") else ROOT + network,
        "subnetwork": subnetwork.body["selfLink"],
        "networkIP": asked.get("networkIP") or f"10.128.{number >> 8}.{number & 255}",
        "stackType": "IPV4_ONLY",
        "fingerprint": fingerprint([zone, number]),
    }
    access = [
        {
            "kind": "compute#accessConfig",
            "type": "ONE_TO_ONE_NAT",
            "name": one.get("name", "External NAT"),
            "natIP": one.get("natIP") or f"34.72.{number >> 8}.{number & 255}",
            "networkTier": one.get("networkTier", "PREMIUM"),
        }
        for one in asked.get("accessConfigs", ())
    ]
    return {**given, "accessConfigs": access} if access else given


def _with_fingerprint(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "fingerprint": fingerprint(value.get("items", []))}


def check_labels(labels: dict[str, Any]) -> None:
    """Raise GoogleError invalid for labels that are not in small letters, or too many or too long."""
    for key, value in labels.items():
        text = f"{key}{value}"
        if (
            text != text.lower()
            or not re.fullmatch(r"[^\W\d_][\w-]{0,62}", key)
            or not re.fullmatch(r"[\w-]{0,63}", value)
        ):
            raise invalid("resource.labels", {key: value}, "Labels must match [a-z][-_a-z0-9]*, values [-_a-z0-9]*.")
    if len(labels) > 64:
        raise invalid("resource.labels", len(labels), "At most 64 labels are allowed.")
