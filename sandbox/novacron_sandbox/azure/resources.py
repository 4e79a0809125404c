"""Every resource of the subscription: by id in any case, with who uses whom, changes that take time and etags."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from novacron_sandbox.clock import Clock
from novacron_sandbox.life import Life

if TYPE_CHECKING:
    from novacron_sandbox.azure.kinds import Kind

_NAMESPACE = uuid.UUID("5a9d5b6e-2a52-4c1c-9d53-6e6f7661637e")


@dataclass
class Resource:
    """One resource: what its owner wants (`body`), what Azure has found for it (`found`) and what it is going through.

    `changing` is the provisioning state until `until`; after that it is Succeeded, or gone if it was Deleting.
    """

    kind: "Kind"
    id: str
    body: dict[str, Any]
    life: Life
    created: float
    found: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    changing: str = ""
    until: float = 0.0
    failed: bool = False

    @property
    def key(self) -> str:
        """Its id as it is compared: in lower case."""
        return self.id.lower()

    @property
    def name(self) -> str:
        """The last part of its id."""
        return self.id.rpartition("/")[2]

    @property
    def location(self) -> str:
        """Where it is."""
        return str(self.body.get("location", ""))

    @property
    def properties(self) -> dict[str, Any]:
        """What its owner wants it to be like."""
        properties: dict[str, Any] = self.body.setdefault("properties", {})
        return properties

    @property
    def guid(self) -> str:
        """A number of its own that stays the same."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.key} {self.created!r}"))

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return f'W/"{uuid.uuid5(_NAMESPACE, f"{self.guid} {self.version}")}"'

    def state(self, now: float) -> str:
        """Its provisioning state."""
        if self.changing and now < self.until:
            return self.changing
        return "Failed" if self.failed else "Succeeded"


class Resources:
    """The resources that are there."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._by_key: dict[str, Resource] = {}
        self._by_kind: dict[Kind, dict[str, Resource]] = {}
        self._uses: dict[str, set[str]] = {}
        self._users: dict[str, set[str]] = {}
        self._leaving: set[str] = set()

    def get(self, identifier: str) -> Resource | None:
        """Return the resource with this id, in any case."""
        return self._by_key.get(identifier.lower())

    def put(self, resource: Resource) -> None:
        """Keep a resource, new or changed."""
        self._forget_uses(resource)
        self._by_key[resource.key] = self._by_kind.setdefault(resource.kind, {})[resource.key] = resource
        self._uses[resource.key] = set(_ids(resource.body)) - {resource.key}
        for used in self._uses[resource.key]:
            self._users.setdefault(used, set()).add(resource.key)

    def leave(self, resource: Resource, until: float) -> None:
        """Have a resource and all below it go at a time."""
        below = [one for key, one in self._by_key.items() if key.startswith(resource.key + "/")]
        for one in [resource, *below]:
            one.changing, one.until = "Deleting", until
            self._leaving.add(one.key)

    def settle(self) -> None:
        """Remove what has gone by now."""
        now = self.clock.now()
        for key in [key for key in self._leaving if self._by_key[key].until <= now]:
            self._leaving.discard(key)
            resource = self._by_key.pop(key)
            del self._by_kind[resource.kind][key]
            self._forget_uses(resource)

    def of(self, kind: "Kind", under: str = "") -> list[Resource]:
        """Return those of a kind, below an id (any case), by id."""
        prefix = under.lower() + "/"
        members = self._by_kind.get(kind, {})
        return [members[key] for key in sorted(members) if key.startswith(prefix)]

    def users(self, identifier: str) -> Iterator[Resource]:
        """Yield those that refer to a resource by its id."""
        for key in sorted(self._users.get(identifier.lower(), ())):
            yield self._by_key[key]

    def holder(self, identifier: str, kind_type: str) -> Resource | None:
        """Return the one of a type that uses a resource, if one does."""
        return next((user for user in self.users(identifier) if user.kind.type == kind_type), None)

    def clear(self) -> None:
        """Have none."""
        for table in (self._by_key, self._by_kind, self._uses, self._users, self._leaving):
            table.clear()

    def _forget_uses(self, resource: Resource) -> None:
        for used in self._uses.pop(resource.key, ()):
            self._users[used].discard(resource.key)


def iso(time: float) -> str:
    """Return a time as ARM writes it."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _ids(value: object) -> Iterator[str]:
    """Yield the ids, in lower case, of all resources that a body refers to."""
    parts: Iterable[object] = ()
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield value["id"].lower()
        parts = value.values()
    elif isinstance(value, list):
        parts = value
    for part in parts:
        yield from _ids(part)
