"""What Compute Engine keeps: resources by their path, each of a type of the table and with a life."""

import base64
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from novacron_sandbox.clock import Clock
from novacron_sandbox.gcp.errors import not_found
from novacron_sandbox.life import Life

ROOT = "https://www.googleapis.com/compute/v1/"
GONE = "(gone)"

Body = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Type:
    """A type of resource: where it lives ("zones", "regions", "global", or "" for the places themselves).

    A new one goes through `states`; one without states shows none. `labelled` ones have labels with a fingerprint. What
    is not `writable` can only be read. `seconds` is how long a change takes, in boots of a machine. `prepare` returns
    the body of a new one with what the cloud adds, or refuses it; `show` changes what is shown; `change` carries out a
    verb that other types do not have and says whether it knows it; `release` lets go of what it holds when it ends.
    """

    collection: str
    kind: str
    home: str
    states: tuple[str, ...] = ()
    labelled: bool = False
    writable: bool = True
    seconds: float = 0.25
    leaving: str = "DELETING"
    prepare: "Callable[[Store, str, Body, float], Body]" = lambda store, place, body, seconds: body
    show: "Callable[[Resource, Body], None]" = lambda resource, shown: None
    change: "Callable[[Store, Resource, Change], bool]" = lambda store, resource, change: False
    release: "Callable[[Store, Resource, float], None]" = lambda store, resource, seconds: None


@dataclass(frozen=True)
class Change:
    """What a caller wants of a resource; `exhausted`: there is no machine left to carry it out on."""

    verb: str
    body: Body
    query: Mapping[str, str]
    seconds: float
    exhausted: bool


@dataclass
class Resource:
    """One resource. `body` is what its API shows, apart from its state; `found` is what it keeps to itself."""

    kind: Type
    path: str
    body: Body
    life: Life
    leaving: bool = False
    found: Body = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name within its collection."""
        return self.path.rpartition("/")[2]

    @property
    def state(self) -> str:
        """The state at this moment."""
        return self.life.state

    def leave(self, *, seconds: float) -> None:
        """Be on its way for so long and then be gone."""
        self.leaving = True
        self.life.change(self.kind.leaving, GONE, seconds=seconds)

    def view(self) -> Body:
        """What is shown of it now."""
        shown = {**self.body, "status": self.state} if self.kind.states else dict(self.body)
        self.kind.show(self, shown)
        return shown


class Store:
    """All resources, by path ("projects/p/zones/z/instances/n"). To be called by one thread at a time."""

    def __init__(self, clock: Clock, types: Mapping[str, Type]) -> None:
        self.clock, self._types = clock, types
        self._collections: dict[str, dict[str, Resource]] = {}
        self._numbers = itertools.count(4_611_686_018_427_000_001)

    def make(self, path: str, body: Body, *, seconds: float, at: float | None = None) -> Resource:
        """Make a resource that its owner wants. Raises GoogleError for what the cloud refuses."""
        place, collection, _ = path.rsplit("/", 2)
        return self.new(path, self._types[collection].prepare(self, place, body, seconds), seconds=seconds, at=at)

    def new(self, path: str, body: Body, *, seconds: float = 0.0, at: float | None = None) -> Resource:
        """Keep a new resource with what the cloud itself adds; it is made in `seconds` from now, or from `at`."""
        collection, _, name = path.rpartition("/")
        kind = self._types[collection.rpartition("/")[2]]
        life = Life(self.clock)
        states = kind.states or ("READY",)
        life.change(*states, seconds=seconds / max(1, len(states) - 1), at=at)
        made = {
            "kind": f"compute#{kind.kind}",
            "id": self.number(),
            "creationTimestamp": timestamp(self.clock.now() if at is None else at),
            "name": name,
            **body,
            "selfLink": ROOT + path,
        }
        resource = Resource(kind, path, made, life)
        _, _, home, *below = path.split("/")
        if home in ("zones", "regions") and below[1:]:
            made.setdefault(home[:-1], ROOT + "/".join(path.split("/")[:4]))
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
        home = self._types[collection].home
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
