"""A fleet that was there before: many machines at once, named, of several types and zones, with hours behind them."""

from hashlib import blake2b

from novacron_sandbox.gcp import instances
from novacron_sandbox.gcp.catalog import IMAGE, PROJECT, ZONES
from novacron_sandbox.gcp.resources import Store, timestamp

# (role, type, share of the fleet)
_ROLES = (
    ("web", "e2-medium", 6),
    ("api", "n2-standard-2", 5),
    ("worker", "n2-highcpu-4", 4),
    ("cache", "e2-highmem-2", 2),
    ("db", "n2-standard-8", 2),
    ("batch", "e2-custom-4-8192", 1),
)
_HISTORY = 3 * 3600.0
_DAY = 86400.0


def seed(store: Store, region: str, count: int) -> list[str]:
    """Create `count` running machines made three hours to three days ago; returns "{zone}/{name}" of each, in order."""
    line = [(role, kind) for role, kind, share in _ROLES for _ in range(share)]
    zones = [f"{region}-{letter}" for letter in ZONES[region]]
    have = sum(len(members) for _, members in store.everywhere(PROJECT, "instances"))
    made = []
    for number in range(have, have + count):
        # A stride that shares no factor with the line mixes the roles.
        role, kind = line[number * 7 % len(line)]
        name, zone = f"{role}-{number:03d}", zones[number % len(zones)]
        place = f"projects/{PROJECT}/zones/{zone}"
        body = {
            "name": name,
            "machineType": f"zones/{zone}/machineTypes/{kind}",
            "labels": {"role": role, "env": ("prod", "prod", "staging")[number % 3]},
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": IMAGE}}],
            "networkInterfaces": [{"network": "global/networks/default", "accessConfigs": [{}]}],
        }
        age = _HISTORY + int.from_bytes(blake2b(name.encode(), digest_size=2).digest(), "big") / 65536 * 3 * _DAY
        born = store.clock.now() - age
        body = instances.complete(store, place, body, seconds=0.0)
        store.new(f"{place}/instances/{name}", {**body, "lastStartTimestamp": timestamp(born)}, at=born)
        made.append(f"{zone}/{name}")
    return made
