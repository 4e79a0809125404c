"""The table of resource types: a type is a few lines here, all the rest is the same for each of them."""

from novacron_sandbox.gcp import instances
from novacron_sandbox.gcp.resources import Body, Resource, Type, timestamp


def _show_operation(operation: Resource, shown: Body) -> None:
    shown["progress"] = {"PENDING": 0, "RUNNING": 50, "DONE": 100}[operation.state]
    if operation.state == "DONE":
        shown |= {"endTime": timestamp(operation.life.since), **operation.found}


TYPES = {
    kind.collection: kind
    for kind in (
        Type("zones", "zone", "", ("UP",), writable=False),
        Type("regions", "region", "", ("UP",), writable=False),
        Type("machineTypes", "machineType", "zones", writable=False),
        Type("diskTypes", "diskType", "zones", writable=False),
        Type(
            "instances",
            "instance",
            "zones",
            ("PROVISIONING", "STAGING", "RUNNING"),
            labelled=True,
            seconds=1.0,
            leaving="STOPPING",
            prepare=instances.prepare,
            show=instances.show,
            change=instances.change,
            release=instances.release,
        ),
        Type("disks", "disk", "zones", ("CREATING", "READY"), labelled=True, prepare=instances.prepare_disk),
        Type("images", "image", "global", ("PENDING", "READY"), labelled=True),
        Type("snapshots", "snapshot", "global", ("CREATING", "READY"), labelled=True),
        Type("networks", "network", "global"),
        Type("subnetworks", "subnetwork", "regions"),
        Type("firewalls", "firewall", "global"),
        Type("addresses", "address", "regions", ("RESERVED",), labelled=True),
        Type("operations", "operation", "zones", ("PENDING", "RUNNING", "DONE"), writable=False, show=_show_operation),
    )
}
