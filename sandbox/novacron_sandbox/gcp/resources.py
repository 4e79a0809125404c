"""What Compute Engine keeps: types of resources in a table, and resources by their path, each with a life."""

import base64
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from novacron_sandbox.clock import Clock
from novacron_sandbox.gcp.errors import not_found
from novacron_sandbox.life import Life

ROOT = "https://www.googleapis.com/compute/v1/"
GONE = "(gone)"


@dataclass(frozen=True)
class Type:
    """A type of resource: where it lives ("zones", "regions", "global", or "" for the places themselves).

    A new one goes through `states`; one without states shows none. `labelled` ones have labels with a fingerprint. What
    is not `writable` can only be read.
    """

    collection: str
    kind: str
    home: str
    states: tuple[str, ...] = ()
    labelled: bool = False
    writable: bool = True


TYPES = {
    kind.collection: kind
    for kind in (
        Type("zones", "compute#zone", "", ("UP",), writable=False),
        Type("regions", "compute#region", "", ("UP",), writable=False),
        Type("machineTypes", "compute#machineType", "zones", writable=False),
        Type("diskTypes", "compute#diskType", "zones", writable=False),
        Type("instances", "compute#instance", "zones", ("PROVISIONING", "STAGING", "RUNNING"), labelled=True),
        Type("disks", "compute#disk", "zones", ("CREATING", "READY"), labelled=True),
        Type("images", "compute#image", "global", ("PENDING", "READY"), labelled=True),
        Type("snapshots", "compute#snapshot", "global", ("CREATING", "READY"), labelled=True),
        Type("networks", "compute#network", "global"),
        Type("subnetworks", "compute#subnetwork", "regions"),
        Type("firewalls", "compute#firewall", "global"),
        Type("addresses", "compute#address", "regions", ("RESERVED",), labelled=True),
    )
}


@dataclass
class Resource:
    """One resource. `body` is what its API shows, apart from its state."""

    kind: Type
    path: str
    body: dict[str, Any]
    life: Life
    leaving: bool = False

    @property
    def name(self) -> str:
        """Its name within its collection."""
        return self.path.rpartition("/")[2]

    @property
    def place(self) -> str:
        """Where it is: "zones/us-central1-a", "regions/us-central1" or "global"."""
        return "/".join(self.path.split("/")[2:-2])

    @property
    def state(self) -> str:
        """The state at this moment."""
        return self.life.state

    def leave(self, state: str, *, seconds: float) -> None:
        """Be in that state for so long and then be gone."""
        self.leaving = True
        self.life.change(state, GONE, seconds=seconds)

    def view(self) -> dict[str, Any]:
        """What is shown of it now."""
        shown = {**self.body, "status": self.state} if self.kind.states else self.body
        if self.kind.collection == "instances" and self.state in ("TERMINATED", "SUSPENDED"):
            shown["networkInterfaces"] = [_without_address(nic) for nic in self.body["networkInterfaces"]]
        return shown


class Store:
    """All resources, by path ("projects/p/zones/z/instances/n"). To be called by one thread at a time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._collections: dict[str, dict[str, Resource]] = {}
        self._numbers = itertools.count(4_611_686_018_427_000_001)

    def new(self, path: str, body: dict[str, Any], *, seconds: float = 0.0, at: float | None = None) -> Resource:
        """Keep a new resource with what the cloud itself adds; it is made in `seconds` from now, or from `at`."""
        collection, _, name = path.rpartition("/")
        kind = TYPES[collection.rpartition("/")[2]]
        life = Life(self.clock)
        states = kind.states or ("READY",)
        life.change(*states, seconds=seconds / max(1, len(states) - 1), at=at)
        made = {
            "kind": kind.kind,
            "id": self.number(),
            "creationTimestamp": timestamp(self.clock.now() if at is None else at),
            "name": name,
            **body,
            "selfLink": ROOT + path,
        }
        resource = Resource(kind, path, made, life)
        if kind.home in ("zones", "regions"):
            made.setdefault(kind.home[:-1], ROOT + "/".join(path.split("/")[:4]))
        if kind.labelled:
            made["labelFingerprint"] = fingerprint(made.get("labels", {}))
        self._collections.setdefault(collection, {})[name] = resource
        return resource

    def number(self) -> str:
        """Return an id that nothing else has."""
        return str(next(self._numbers))

    def get(self, path: str) -> Resource:
        """Return a resource by its name, or by its id. Raises GoogleError notFound."""
        found = self.find(path)
        if found is None:
            raise not_found(path)
        return found

    def find(self, path: str) -> Resource | None:
        """The same, or None when there is none."""
        collection, _, name = path.rpartition("/")
        members = self._collections.get(collection, {})
        found = members.get(name)
        if found is None and name.isdigit():
            found = next((one for one in members.values() if one.body["id"] == name), None)
        return found if found is not None and found.state != GONE else None

    def collection(self, path: str) -> list[Resource]:
        """Return what is in a collection, by name; what is gone is forgotten."""
        members = self._collections.get(path, {})
        for name in [name for name, one in members.items() if one.state == GONE]:
            del members[name]
        return [members[name] for name in sorted(members)]

    def everywhere(self, project: str, collection: str) -> Iterator[tuple[str, list[Resource]]]:
        """Yield each place where a project may have such resources, with what is there."""
        home = TYPES[collection].home
        for place in (
            ["global"]
            if home == "global"
            else [f"{home}/{one.name}" for one in self.collection(f"projects/{project}/{home}")]
        ):
            yield place, self.collection(f"projects/{project}/{place}/{collection}")

    def remove(self, keep: Sequence[str]) -> None:
        """Forget everything but the collections that end in these names."""
        for path in [path for path in self._collections if path.rpartition("/")[2] not in keep]:
            del self._collections[path]


def timestamp(time: float) -> str:
    """Return a time as Compute Engine writes it."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds")


def fingerprint(value: object) -> str:
    """Return what changes when the value does."""
    return base64.b64encode(blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).digest()).decode()


def _without_address(nic: dict[str, Any]) -> dict[str, Any]:
    """A machine that is off has given back its ephemeral address."""
    given = [{name: value for name, value in one.items() if name != "natIP"} for one in nic.get("accessConfigs", ())]
    return {**nic, "accessConfigs": given} if given else nic
