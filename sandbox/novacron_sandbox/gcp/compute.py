"""Compute Engine's API: any type of the table is listed, read, made, labelled and deleted in the same few ways."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4

from novacron_sandbox.clock import Clock
from novacron_sandbox.gcp import catalog, fields, instances
from novacron_sandbox.gcp.errors import GoogleError, invalid, not_done, not_found
from novacron_sandbox.gcp.filters import Filter
from novacron_sandbox.gcp.kinds import TYPES
from novacron_sandbox.gcp.resources import ROOT, Body, Change, Resource, Store, Type, fingerprint, timestamp
from novacron_sandbox.pages import BadTokenError, page
from novacron_sandbox.wire import Request

T = TypeVar("T")
MAX_RESULTS = 500

_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_PLACES = ("zones", "regions")
# What takes as long as its type says; the rest is done in a quarter of a boot.
_SLOW = ("insert", "delete", "start", "stop", "suspend", "resume")
# A wait answers after about two minutes even when nothing is done.
_LONGEST_WAIT = 120.0


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
    project, *rest = request.parts[3:] or ("",)
    reads = request.method == "GET"
    match rest:
        case [] if reads and project:
            return Target(project, "", "projects", project, "get")
        case ["aggregated", collection] if reads:
            return Target(project, "", collection, "", "aggregatedList")
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
            raise not_found(request.path)
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
    raise not_found(request.path)


class Compute:
    """One project and the public images. To be called by one thread at a time, but for `wait`."""

    def __init__(self, clock: Clock, *, boot_seconds: float, user: str) -> None:
        self.store = Store(clock, TYPES)
        self._boot, self._user = boot_seconds, user
        # requestId: what was asked, and the path of the operation that answered.
        self._requests: dict[str, tuple[object, str]] = {}
        catalog.fill(self.store)

    def clear(self) -> None:
        """Forget all but what was there from the start."""
        self.store.remove(catalog.KEPT)
        catalog.fill_project(self.store)
        self._requests.clear()

    def read(self, target: Target, query: dict[str, str]) -> Body:
        """Answer get, list, aggregatedList and getFromFamily; `fields` cuts an answer down."""
        self._check_place(target)
        wanted = fields.parse(query["fields"]) if query.get("fields") else {}
        answer: Body = fields.cut(self._found(target, query), wanted)
        return answer

    def wait(self, target: Target) -> Body:
        """Answer operations.wait: once it is done, or after two minutes. Any thread may call."""
        operation, latest = self.store.get(f"{target.path}/{target.name}"), time.monotonic() + _LONGEST_WAIT
        while operation.state != "DONE" and time.monotonic() < latest:
            time.sleep(0.01)
        return operation.view()

    def change(self, target: Target, request: Request, *, exhausted: bool = False) -> tuple[Body, bool]:
        """Begin a change and return its operation, and whether it is a new one.

        A requestId that was seen is answered with the operation of then. `exhausted`: no machine is left in the zone.
        Raises GoogleError for what the cloud refuses.
        """
        self._check_place(target)
        if request.body and request.json is None:
            raise GoogleError(400, "parseError", "Parse Error")
        body, number = request.json or {}, request.query.get("requestId", "")
        if target.collection == "operations" and target.verb == "delete":
            self.store.get(f"{target.path}/{target.name}").leave(seconds=0.0)
            return {}, True
        asked = [target, body]
        if number:
            _check_request_id(number)
            if number in self._requests:
                before, path = self._requests[number]
                if before != asked:
                    raise invalid("requestId", number, "It was used for another request.")
                return self.store.get(path).view(), False
        kind = TYPES.get(target.collection)
        if kind is None or not kind.writable or kind.home != target.place.partition("/")[0]:
            raise not_done(target.action)
        seconds = self._boot * (kind.seconds if target.verb in _SLOW else 0.25)
        resource, failed = self._carry_out(kind, target, Change(target.verb, body, request.query, seconds, exhausted))
        operation = self._begin(target, resource, number, seconds)
        if failed:
            operation.found = _exhausted(target)
        if number:
            self._requests[number] = asked, operation.path
        return operation.view(), True

    def _begin(self, target: Target, resource: Resource, number: str, seconds: float) -> Resource:
        now = self.store.clock.now()
        name = f"operation-{int(now * 1000)}-{uuid4()}"
        body = {
            "operationType": target.verb,
            "targetLink": ROOT + resource.path,
            "targetId": resource.body["id"],
            "user": self._user,
            "insertTime": timestamp(now),
            "startTime": timestamp(now),
            **({"clientOperationId": number} if number else {}),
        }
        return self.store.new(f"projects/{target.project}/{target.place}/operations/{name}", body, seconds=seconds)

    def _check_place(self, target: Target) -> None:
        if target.project != catalog.PROJECT and (target.collection, target.place) != ("images", "global"):
            raise not_found(f"projects/{target.project}")
        home, _, name = target.place.partition("/")
        if home in _PLACES and self.store.find(f"projects/{target.project}/{target.place}") is None:
            raise invalid(home[:-1], name, f"Unknown {home[:-1]}.")

    def _found(self, target: Target, query: dict[str, str]) -> Body:
        if target.collection == "projects":
            return catalog.project()
        kind = TYPES.get(target.collection)
        if kind is None:
            raise not_done(target.action)
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
        found, following = _page(chosen, lambda one: one.name, query, target.path)
        return _listed(f"{kind.kind}List", target.path, [one.view() for one in found], following)

    def _aggregated(self, kind: Type, target: Target, query: dict[str, str]) -> Body:
        passes = _filter(query)
        places: dict[str, list[Body]] = {}
        chosen: list[tuple[str, Resource]] = []
        for place, members in self.store.everywhere(target.project, kind.collection):
            places[place] = []
            chosen += [(place, one) for one in members if passes(one)]
        path = f"projects/{target.project}/aggregated/{kind.collection}"
        found, following = _page(chosen, lambda one: [one[0], one[1].name], query, path)
        for place, one in found:
            places[place].append(one.view())
        items = {
            place: {kind.collection: members} if members else _nothing_in(place) for place, members in places.items()
        }
        return _listed(f"{kind.kind}AggregatedList", path, items, following)

    def _carry_out(self, kind: Type, target: Target, asked: Change) -> tuple[Resource, bool]:
        """Carry out a change, and return what it is about and whether its operation is to fail."""
        if target.verb == "insert":
            resource = self._insert(target, asked)
            if asked.exhausted:
                self._end(resource, asked.seconds)
            return resource, asked.exhausted
        resource = self.store.get(f"{target.path}/{target.name}")
        if resource.leaving:
            raise instances.not_ready(resource)
        if target.verb == "delete":
            self._delete(resource, asked.seconds)
        elif target.verb == "setLabels" and kind.labelled:
            self._set_labels(resource, asked.body)
        elif not kind.change(self.store, resource, asked):
            raise not_done(target.action)
        return resource, asked.exhausted and target.verb in instances.MOVES

    def _insert(self, target: Target, asked: Change) -> Resource:
        name = str(asked.body.get("name", ""))
        if not _NAME.fullmatch(name):
            raise invalid("resource.name", name, f"Must be a match of regex '{_NAME.pattern}'")
        path = f"{target.path}/{name}"
        if self.store.find(path) is not None:
            raise GoogleError(409, "alreadyExists", f"The resource '{path}' already exists")
        instances.check_labels(asked.body.get("labels", {}))
        return self.store.make(path, asked.body, seconds=asked.seconds)

    def _delete(self, resource: Resource, seconds: float) -> None:
        if resource.body.get("deletionProtection"):
            message = "Invalid resource usage: 'Resource cannot be deleted if it's protected against deletion.'."
            raise GoogleError(400, "cannotDeleteProtectedResource", message)
        if users := resource.body.get("users"):
            message = f"The {resource.kind.kind} resource '{resource.path}' is already being used by '{users[0]}'"
            raise GoogleError(400, "resourceInUseByAnotherResource", message)
        self._end(resource, seconds)

    def _end(self, resource: Resource, seconds: float) -> None:
        resource.kind.release(self.store, resource, seconds)
        resource.leave(seconds=seconds)

    def _set_labels(self, resource: Resource, body: Body) -> None:
        labels = body.get("labels", {})
        if body.get("labelFingerprint") != resource.body["labelFingerprint"]:
            raise instances.changed("Labels fingerprint either invalid or resource labels have changed")
        instances.check_labels(labels)
        resource.body |= {"labels": labels, "labelFingerprint": fingerprint(labels)}


def _check_request_id(number: str) -> None:
    try:
        good = UUID(number).int != 0
    except ValueError:
        good = False
    if not good:
        raise invalid("requestId", number, "Must be a valid UUID that is not zero.")


def _filter(query: dict[str, str]) -> Callable[[Resource], bool]:
    """Return what tells whether a resource passes the filter of a query."""
    text = query.get("filter", "")
    if not text:
        return lambda one: True
    try:
        asked = Filter(text)
    except ValueError as refusal:
        raise invalid("filter", text, f"Invalid list filter expression: {refusal}.") from None
    return lambda one: _passes(asked, one.view())


def _passes(asked: Filter, view: Body) -> bool:
    return asked.passes(lambda field: _field(view, field))


def _field(view: Any, field: str) -> object:
    for name in field.split("."):
        view = view.get(name) if isinstance(view, dict) else None
    return view


def _page(items: Sequence[T], key: Callable[[T], Any], query: dict[str, str], path: str) -> tuple[Sequence[T], str]:
    asked = query.get("maxResults", str(MAX_RESULTS))
    if not asked.isdigit() or int(asked) > MAX_RESULTS:
        raise invalid("maxResults", asked, f"Values must be within the range: [0, {MAX_RESULTS}]")
    token, same = query.get("pageToken"), [path, query.get("filter", "")]
    try:
        return page(items, key, limit=int(asked) or MAX_RESULTS, token=token, query=same)
    except BadTokenError:
        raise invalid("pageToken", token, "Invalid page token.") from None


def _listed(kind: str, path: str, items: Any, following: str) -> Body:
    answer = {"kind": f"compute#{kind}", "id": path, "items": items, "selfLink": ROOT + path}
    return {**answer, "nextPageToken": following} if following else answer


def _nothing_in(place: str) -> Body:
    message = f"There are no results for scope '{place}' on this page."
    data = [{"key": "scope", "value": place}]
    return {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": message, "data": data}}


def _exhausted(target: Target) -> Body:
    message = (
        f"The zone 'projects/{target.project}/{target.place}' does not have enough resources available to fulfill the"
        " request.  Try a different zone, or try again later."
    )
    error = {"errors": [{"code": "ZONE_RESOURCE_POOL_EXHAUSTED", "message": message}]}
    return {"error": error, "httpErrorStatusCode": 503, "httpErrorMessage": "SERVICE UNAVAILABLE"}
