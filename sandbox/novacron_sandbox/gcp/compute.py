"""Compute Engine's API: any type of the table is listed, read, made, labelled and deleted in the same few ways."""

import re
from typing import Any, NamedTuple
from uuid import UUID

from novacron_sandbox.clock import Clock
from novacron_sandbox.gcp import catalog, instances
from novacron_sandbox.gcp.errors import GoogleError, invalid, not_found
from novacron_sandbox.gcp.filters import Filter
from novacron_sandbox.gcp.operations import Operations
from novacron_sandbox.gcp.pages import only, page
from novacron_sandbox.gcp.resources import ROOT, TYPES, Resource, Store, Type, fingerprint, timestamp
from novacron_sandbox.gcp.wire import Request

_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_PLACES = ("zones", "regions")
# Verbs that replace a part of a machine which has a fingerprint of its own.
_PARTS = {"setTags": "tags", "setMetadata": "metadata"}
# What takes as long as a machine's boot; the rest is done in a quarter of it.
_SLOW = ("insert", "delete", "start", "stop", "suspend", "resume")


class Target(NamedTuple):
    """What a request is about. `place` is "zones/us-central1-a", "regions/us-central1", "global" or empty."""

    project: str
    place: str
    collection: str
    name: str
    verb: str

    @property
    def path(self) -> str:
        """The path of its collection."""
        return "/".join(part for part in ("projects", self.project, self.place, self.collection) if part)

    @property
    def action(self) -> str:
        """Its method, as Google calls it: "instances.insert", "zoneOperations.wait"."""
        name = self.collection
        if name == "operations":
            name = f"{self.place.partition('/')[0].removesuffix('s')}Operations"
        return f"{name}.{self.verb}"


def target_of(request: Request) -> Target:
    """Return what a request to /compute/v1/projects/... is about. Raises GoogleError notFound for no such path."""
    project, *rest = request.path[3:] or ("",)
    reads = request.method == "GET"
    match rest:
        case [] if reads and project:
            return Target(project, "", "projects", project, "get")
        case ["aggregated", collection] if reads:
            return Target(project, "global" if collection == "operations" else "", collection, "", "aggregatedList")
        case ["global", "images", "family", family] if reads:
            return Target(project, "global", "images", family, "getFromFamily")
        case ["zones" | "regions" as collection] if reads:
            return Target(project, "", collection, "", "list")
        case ["zones" | "regions" as collection, name] if reads:
            return Target(project, "", collection, name, "get")
        case ["global", collection, *tail]:
            place = "global"
        case ["zones" | "regions" as home, where, collection, *tail]:
            place = f"{home}/{where}"
        case _:
            raise not_found("/".join(request.path))
    match request.method, tail:
        case "GET", []:
            return Target(project, place, collection, "", "list")
        case "POST", []:
            return Target(project, place, collection, "", "insert")
        case "GET", [name]:
            return Target(project, place, collection, name, "get")
        case "DELETE", [name]:
            return Target(project, place, collection, name, "delete")
        case "POST", [name, verb]:
            return Target(project, place, collection, name, verb)
    raise not_found("/".join(request.path))


class Compute:
    """One project and the public images. To be called by one thread at a time, but for `wait`."""

    def __init__(self, clock: Clock, *, boot_seconds: float, user: str) -> None:
        self.store = Store(clock)
        self.operations = Operations(clock, user)
        self._boot = boot_seconds
        # requestId: what was asked, and the path of the operation that answered.
        self._requests: dict[str, tuple[object, str]] = {}
        catalog.fill(self.store)

    def clear(self) -> None:
        """Forget all but what was there from the start."""
        self.store.remove(catalog.KEPT)
        catalog.fill_project(self.store)
        self.operations.clear()
        self._requests.clear()

    def read(self, target: Target, query: dict[str, str]) -> dict[str, Any]:
        """Answer get, list, aggregatedList and getFromFamily."""
        self._check_place(target)
        found = self._found(target, query)
        return only(query["fields"], found) if query.get("fields") else found

    def wait(self, target: Target) -> dict[str, Any]:
        """Answer operations.wait; any thread may."""
        return self.operations.wait(f"{target.path}/{target.name}")

    def change(self, target: Target, request: Request, *, exhausted: bool = False) -> tuple[dict[str, Any], bool]:
        """Begin a change and return its operation, and whether it is a new one.

        A requestId that was seen is answered with the operation of then. `exhausted`: no machine is left in the zone.
        Raises GoogleError for what the cloud refuses.
        """
        self._check_place(target)
        try:
            body = request.json() or {}
        except ValueError:
            raise GoogleError(400, "parseError", "Parse Error") from None
        if target.collection == "operations" and target.verb == "delete":
            self.operations.delete(f"{target.path}/{target.name}")
            return {}, True
        number = request.query.get("requestId", "")
        asked = [target, body]
        if number:
            _check_request_id(number)
            if number in self._requests:
                before, path = self._requests[number]
                if before != asked:
                    message = f"Invalid value for field 'requestId': '{number}'. It was used for another request."
                    raise GoogleError(400, "invalid", message)
                return self.operations.get(path), False
        kind = TYPES.get(target.collection)
        if kind is None or not kind.writable or (kind.home or "global") != target.place.partition("/")[0]:
            raise GoogleError(501, "notImplemented", f"The sandbox does not do {target.action}.")
        resource, error = self._carry_out(kind, target, body, request.query, exhausted)
        slow = target.collection == "instances" and target.verb in _SLOW
        path = self.operations.begin(
            target.project,
            target.place,
            target.verb,
            resource.path,
            number=self.store.number(),
            target_id=resource.body["id"],
            seconds=self._boot if slow else self._boot / 4,
            request_id=number,
            error=error,
        )
        if number:
            self._requests[number] = asked, path
        return self.operations.get(path), True

    def _check_place(self, target: Target) -> None:
        if target.project != catalog.PROJECT and (target.collection, target.place) != ("images", "global"):
            raise not_found(f"projects/{target.project}")
        home, _, name = target.place.partition("/")
        if home in _PLACES and self.store.find(f"projects/{target.project}/{target.place}") is None:
            raise invalid(home[:-1], name, f"Unknown {home[:-1]}.")

    def _found(self, target: Target, query: dict[str, str]) -> dict[str, Any]:
        if target.collection == "projects":
            return catalog.project()
        if target.collection == "operations":
            return self._found_operations(target, query)
        kind = TYPES.get(target.collection)
        if kind is None:
            raise GoogleError(501, "notImplemented", f"The sandbox does not do {target.action}.")
        path = f"{target.path}/{target.name}"
        match target.verb:
            case "get" if target.collection == "machineTypes":
                shape = catalog.machine_type(self.store, target.path.rpartition("/")[0], target.name)
                if shape is None:
                    raise not_found(path)
                return shape
            case "get":
                return self.store.get(path).view()
            case "getFromFamily":
                return instances.find_image(self.store, f"{target.path}/family/{target.name}").view()
            case "aggregatedList":
                return self._aggregated(kind, target, query)
        passes = _filter(query)
        chosen = [one for one in self.store.collection(target.path) if passes(one)]
        newest_first = query.get("orderBy") == "creationTimestamp desc"
        if newest_first:
            chosen.sort(key=lambda one: (_minus(one.body["creationTimestamp"]), one.name))
        found, following = page(
            chosen,
            lambda one: [_minus(one.body["creationTimestamp"]) if newest_first else "", one.name],
            query,
            target.path,
        )
        return _listed(f"{kind.kind}List", target.path, [one.view() for one in found], following)

    def _found_operations(self, target: Target, query: dict[str, str]) -> dict[str, Any]:
        if target.verb == "get":
            return self.operations.get(f"{target.path}/{target.name}")
        if target.verb != "list":
            raise GoogleError(501, "notImplemented", f"The sandbox does not do {target.action}.")
        passes = _filter(query)
        chosen = [one for one in self.operations.list(target.path) if passes(one)]
        found, following = page(chosen, lambda one: [one["name"]], query, target.path)
        return _listed("compute#operationList", target.path, list(found), following)

    def _aggregated(self, kind: Type, target: Target, query: dict[str, str]) -> dict[str, Any]:
        passes = _filter(query)
        places: dict[str, list[dict[str, Any]]] = {}
        chosen: list[tuple[str, Resource]] = []
        for place, members in self.store.everywhere(target.project, kind.collection):
            places[place] = []
            chosen += [(place, one) for one in members if passes(one)]
        found, following = page(chosen, lambda one: [one[0], one[1].name], query, f"aggregated/{kind.collection}")
        for place, one in found:
            places[place].append(one.view())
        items: dict[str, Any] = {
            place: {kind.collection: members} if members else _nothing_in(place) for place, members in places.items()
        }
        path = f"projects/{target.project}/aggregated/{kind.collection}"
        return _listed(f"{kind.kind}AggregatedList", path, items, following)

    def _carry_out(
        self, kind: Type, target: Target, body: dict[str, Any], query: dict[str, str], exhausted: bool
    ) -> tuple[Resource, tuple[str, str, int, str] | None]:
        """Carry out a change, and return what it is about and the error that its operation is to end with."""
        if target.verb == "insert":
            resource = self._insert(kind, target, body)
            if exhausted:
                instances.release(self.store, resource, seconds=self._boot)
                resource.leave(resource.state, seconds=self._boot)
            return resource, _exhausted(target) if exhausted else None
        resource = self.store.get(f"{target.path}/{target.name}")
        if resource.leaving:
            raise instances.not_ready(resource)
        machine = target.collection == "instances"
        if target.verb == "delete":
            self._delete(resource)
        elif target.verb == "setLabels" and kind.labelled:
            self._set_labels(resource, body)
        elif machine and target.verb in instances.MOVES:
            if exhausted:
                instances.check_move(resource, target.verb)
                return resource, _exhausted(target)
            self._move(resource, target, body)
        elif machine and target.verb in _PARTS:
            part = _PARTS[target.verb]
            if body.get("fingerprint") != resource.body[part]["fingerprint"]:
                raise _changed("Supplied fingerprint does not match current metadata fingerprint.")
            resource.body[part] = {**body, "fingerprint": fingerprint(body.get("items", []))}
        elif machine and target.verb == "setDeletionProtection":
            resource.body["deletionProtection"] = query.get("deletionProtection", "true") == "true"
        else:
            raise GoogleError(501, "notImplemented", f"The sandbox does not do {target.action}.")
        return resource, None

    def _insert(self, kind: Type, target: Target, body: dict[str, Any]) -> Resource:
        name = str(body.get("name", ""))
        if not _NAME.fullmatch(name):
            raise invalid("resource.name", name, f"Must be a match of regex '{_NAME.pattern}'")
        path = f"{target.path}/{name}"
        if self.store.find(path) is not None:
            raise GoogleError(409, "alreadyExists", f"The resource '{path}' already exists")
        instances.check_labels(body.get("labels", {}))
        place, seconds = target.path.rpartition("/")[0], self._boot
        if kind.collection == "instances":
            body = instances.complete(self.store, place, body, seconds=seconds / 4)
        elif kind.collection == "disks":
            body, seconds = instances.complete_disk(self.store, place, body), seconds / 4
        return self.store.new(path, body, seconds=seconds)

    def _delete(self, resource: Resource) -> None:
        if resource.body.get("deletionProtection"):
            message = "Invalid resource usage: 'Resource cannot be deleted if it's protected against deletion.'."
            raise GoogleError(400, "cannotDeleteProtectedResource", message)
        if users := resource.body.get("users"):
            message = (
                f"The {resource.kind.collection[:-1]} resource '{resource.path}' is already being used by '{users[0]}'"
            )
            raise GoogleError(400, "resourceInUseByAnotherResource", message)
        if resource.kind.collection == "instances":
            instances.release(self.store, resource, seconds=self._boot)
            resource.leave("STOPPING", seconds=self._boot)
        else:
            resource.leave("DELETING", seconds=self._boot / 4)

    def _set_labels(self, resource: Resource, body: dict[str, Any]) -> None:
        labels = body.get("labels", {})
        if body.get("labelFingerprint") != resource.body["labelFingerprint"]:
            raise _changed("Labels fingerprint either invalid or resource labels have changed")
        instances.check_labels(labels)
        resource.body |= {"labels": labels, "labelFingerprint": fingerprint(labels)}

    def _move(self, machine: Resource, target: Target, body: dict[str, Any]) -> None:
        move = instances.check_move(machine, target.verb)
        if target.verb == "setMachineType":
            place = target.path.rpartition("/")[0]
            size = instances.machine_type_of(self.store, place, str(body.get("machineType", "")))
            machine.body["machineType"] = size["selfLink"]
        if move.states and machine.state in move.sources:
            machine.life.change(*move.states, seconds=self._boot / (len(move.states) - 1))
            machine.body[move.stamp] = timestamp(self.store.clock.now())


def _check_request_id(number: str) -> None:
    try:
        good = UUID(number).int != 0
    except ValueError:
        good = False
    if not good:
        raise invalid("requestId", number, "Must be a valid UUID that is not zero.")


def _filter(query: dict[str, str]) -> Any:
    """Return what tells whether a resource, or a view of one, passes the filter of a query."""
    text = query.get("filter", "")
    if not text:
        return lambda one: True
    try:
        asked = Filter(text)
    except ValueError as refusal:
        raise invalid("filter", text, f"Invalid list filter expression: {refusal}.") from None
    return lambda one: asked.passes(lambda field: _field(one if isinstance(one, dict) else one.view(), field))


def _field(view: Any, field: str) -> object:
    for name in field.split("."):
        view = view.get(name) if isinstance(view, dict) else None
    return view


def _listed(kind: str, path: str, items: Any, following: str) -> dict[str, Any]:
    answer = {"kind": kind, "id": path, "items": items, "selfLink": ROOT + path}
    return {**answer, "nextPageToken": following} if following else answer


def _nothing_in(place: str) -> dict[str, Any]:
    message = f"There are no results for scope '{place}' on this page."
    data = [{"key": "scope", "value": place}]
    return {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": message, "data": data}}


def _exhausted(target: Target) -> tuple[str, str, int, str]:
    message = (
        f"The zone 'projects/{target.project}/{target.place}' does not have enough resources available to fulfill the"
        " request.  Try a different zone, or try again later."
    )
    return "ZONE_RESOURCE_POOL_EXHAUSTED", message, 503, "SERVICE UNAVAILABLE"


def _changed(message: str) -> GoogleError:
    return GoogleError(412, "conditionNotMet", message)


def _minus(text: str) -> list[int]:
    """A key by which later texts come first."""
    return [-ord(sign) for sign in text]
