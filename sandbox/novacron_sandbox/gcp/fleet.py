"""The fleet of Google Cloud: machines of several types and zones."""

from novacron_sandbox.fleet import members
from novacron_sandbox.gcp.catalog import IMAGE, PROJECT, ZONES
from novacron_sandbox.gcp.resources import Store, timestamp

_TYPES = {
    "web": "e2-medium",
    "api": "n2-standard-2",
    "worker": "n2-highcpu-4",
    "cache": "e2-highmem-2",
    "db": "n2-standard-8",
    "batch": "e2-custom-4-8192",
}


def seed(store: Store, region: str, count: int) -> list[str]:
    """Create `count` running machines made three hours to three days ago; returns "{zone}/{name}" of each, in order."""
    zones = [f"{region}-{letter}" for letter in ZONES[region]]
    have = sum(len(found) for _, found in store.everywhere(PROJECT, "instances"))
    made = []
    for number, name, kind, labels, age in members(_TYPES, have, count):
        zone = zones[number % len(zones)]
        born = store.clock.now() - age
        body = {
            "name": name,
            "machineType": f"zones/{zone}/machineTypes/{kind}",
            "labels": labels,
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": IMAGE}}],
            "networkInterfaces": [{"network": "global/networks/default", "accessConfigs": [{}]}],
            "lastStartTimestamp": timestamp(born),
        }
        store.make(f"projects/{PROJECT}/zones/{zone}/instances/{name}", body, seconds=0.0, at=born)
        made.append(f"{zone}/{name}")
    return made
