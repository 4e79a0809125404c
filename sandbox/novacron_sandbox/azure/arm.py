"""Azure Resource Manager: the same verbs for every resource type of the table."""

import copy
import dataclasses
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from novacron_sandbox.azure import kinds, machines
from novacron_sandbox.azure.catalog import REGIONS
from novacron_sandbox.azure.errors import ArmError, body_of
from novacron_sandbox.azure.kinds import Kind
from novacron_sandbox.azure.operations import Operations
from novacron_sandbox.azure.resources import Resource, Resources
from novacron_sandbox.azure.routes import Handler, Route, match
from novacron_sandbox.clock import Clock
from novacron_sandbox.life import Life
from novacron_sandbox.pages import BadTokenError, page
from novacron_sandbox.wire import Answer, Request

KINDS = (
    kinds.GROUP,
    machines.KIND,
    kinds.DISK,
    kinds.INTERFACE,
    kinds.ADDRESS,
    kinds.NETWORK,
    kinds.SUBNET,
    kinds.SECURITY_GROUP,
)
PAGE = 100

_ECHOED = ("id", "name", "type", "etag", "systemData", "resources", "managedBy")
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.()-]{0,88}[A-Za-z0-9_()-])?")


class Arm:
    """The resources of one subscription; not made for threads."""

    def __init__(self, clock: Clock, subscription: str, boot_seconds: float) -> None:
        self.clock, self.subscription, self._boot = clock, subscription, boot_seconds
        self.resources, self.operations = Resources(clock), Operations(clock)
        # How the change that is being asked for is to fail after it was accepted, when a test wants it to.
        self.coming_failure: ArmError | None = None
        # How many mutations were carried out.
        self.changes = 0

    def routes(self) -> list[Route]:
        """Return what is answered here."""
        found = []
        for kind in KINDS:
            verbs = {"GET": self._get, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete}
            names = {"GET": "Get", "PUT": "CreateOrUpdate", "PATCH": "Update", "DELETE": "Delete"}
            if kind.namespace == "Microsoft.Network":
                names["PATCH"] = "UpdateTags"
            for method, verb in verbs.items():
                if method != "PATCH" or kind.parent is None:
                    found.append(Route(method, kind.path, f"{kind.group}_{names[method]}", _bound(verb, kind)))
            collection = kind.path.rpartition("/")[0]
            listed = _bound(self._list, kind)
            if kind.parent is not None:
                found.append(Route("GET", collection, f"{kind.group}_List", listed))
            elif kind is kinds.GROUP:
                found.append(Route("GET", collection, f"{kind.group}_List", listed))
                found.append(Route("HEAD", kind.path, f"{kind.group}_CheckExistence", self._exists))
            else:
                everywhere = f"/subscriptions/{{subscription}}/providers/{kind.type}"
                found.append(Route("GET", everywhere, f"{kind.group}_{kind.lists[0]}", listed))
                found.append(Route("GET", collection, f"{kind.group}_{kind.lists[1]}", listed))
            for action in kind.actions:
                operation = f"{kind.group}_{action[0].upper()}{action[1:]}"
                found.append(Route("POST", f"{kind.path}/{action}", operation, _bound(self._act, kind)))
            if kind.view is not None:
                path, operation = f"{kind.path}/instanceView", f"{kind.group}_InstanceView"
                found.append(Route("GET", path, operation, _bound(self._view, kind)))
        for namespace in ("Microsoft.Compute", "Microsoft.Network", "Microsoft.Resources"):
            place = f"/subscriptions/{{subscription}}/providers/{namespace}/locations/{{location}}"
            found.append(Route("GET", f"{place}/operations/{{operation}}", "Operations_Get", self.operations.status))
            found.append(
                Route("GET", f"{place}/operationResults/{{operation}}", "Operations_Result", self.operations.result)
            )
        return found

    def create(self, kind: Kind, identifier: str, body: dict[str, Any], at: float, seconds: float = 0.0) -> Resource:
        """Have a resource from a time on. Raises ArmError for what Azure refuses."""
        body = copy.deepcopy(body)
        subnets = body.get("properties", {}).pop("subnets", None) if kind is kinds.NETWORK else None
        resource = Resource(kind, identifier, _completed(kind, body), Life(self.clock), at)
        kind.prepare(self.resources, resource)
        kind.begin(resource, at, seconds)
        self.resources.put(resource)
        self._put_subnets(resource, subnets, at)
        return resource

    def clear(self) -> None:
        """Have nothing."""
        self.resources.clear()
        self.operations.clear()

    def _get(self, kind: Kind, request: Request, names: dict[str, str]) -> Answer:
        resource = self._found(kind, request.path)
        shown = self._shown(resource, request)
        if kind.view is not None and request.query.get("$expand", "").lower() == "instanceview":
            shown["properties"]["instanceView"] = kind.view(resource, self.clock.now())
        return Answer(200, shown, _etag(resource))

    def _list(self, kind: Kind, request: Request, names: dict[str, str]) -> Answer:
        under = request.path.rpartition("/providers/")[0] if kind.parent is None else request.path.rpartition("/")[0]
        if kind is kinds.GROUP:
            under = f"/subscriptions/{self.subscription}"
        elif "resourceGroup" in names:
            self._check_group(request.path)
        if kind.parent is not None:
            self._found(kind.parent, under)
        try:
            found, following = page(
                self.resources.of(kind, under),
                lambda one: one.key,
                limit=PAGE,
                token=request.query.get("$skiptoken"),
                query=request.path.lower(),
            )
        except BadTokenError:
            raise ArmError("InvalidSkipToken", "The provided skip token is not valid.") from None
        value, now = [], self.clock.now()
        status_only = request.query.get("statusonly", "").lower() == "true"
        for resource in found:
            shown = kind.shown(self.resources, resource, now)
            if kind.view is not None and status_only:
                shown["properties"] = {"vmId": shown["properties"]["vmId"], "instanceView": kind.view(resource, now)}
            value.append(shown)
        return Answer(200, {"value": value, **({"nextLink": _next_link(request, following)} if following else {})})

    def _put(self, kind: Kind, request: Request, names: dict[str, str]) -> Answer:
        before = self.resources.get(request.path)
        self._check_put(kind, request, before)
        body, now = copy.deepcopy(body_of(request)), self.clock.now()
        _strip(kind, body)
        subnets = body.get("properties", {}).pop("subnets", None) if kind is kinds.NETWORK else None
        seconds = self._boot * kind.seconds if kind.polled else 0.0
        if before is None:
            resource = self.create(kind, self._identifier(kind, names), body, now, seconds)
            self.changes += 1
        else:
            body["location"] = before.location
            resource = dataclasses.replace(
                before, body=_completed(kind, body), found=copy.deepcopy(before.found), failed=False
            )
            kind.prepare(self.resources, resource)
            if resource.body == before.body and not before.failed:
                self._put_subnets(before, subnets, now)
                return self._accepted(before, request, 200)
            resource.version += 1
            self.changes += 1
            self.resources.put(resource)
        self._put_subnets(resource, subnets, now)
        self._change(resource, "Creating" if before is None and kind.namespace == "Microsoft.Compute" else "Updating")
        return self._accepted(resource, request, kind.created if before is None or kind.created == 202 else 200)

    def _patch(self, kind: Kind, request: Request, names: dict[str, str]) -> Answer:
        before = self._found(kind, request.path)
        self._check_match(before, request)
        wanted = copy.deepcopy(body_of(request))
        _strip(kind, wanted)
        body = copy.deepcopy(before.body)
        # Tags are replaced as a whole, everything else is merged.
        body["tags"] = wanted.pop("tags", body.get("tags", {}))
        if kind.namespace != "Microsoft.Network":
            _merge(body, wanted)
        resource = dataclasses.replace(before, body=body, found=copy.deepcopy(before.found))
        kind.prepare(self.resources, resource)
        if resource.body != before.body:
            resource.version += 1
            self.changes += 1
            self.resources.put(resource)
            if kind.namespace == "Microsoft.Compute":
                self._change(resource, "Updating")
        return self._accepted(resource, request, 200)

    def _delete(self, kind: Kind, request: Request, names: dict[str, str]) -> Answer:
        self._check_group(request.path)
        resource = self.resources.get(request.path)
        if resource is None:
            return Answer(204)
        self._check_match(resource, request)
        if resource.changing != "Deleting":
            self._check_unused(resource)
            seconds = self._boot * kind.seconds
            until = self.clock.now() + seconds
            kind.end(self.resources, resource, until)
            self.resources.leave(resource, until)
            self.changes += 1
            self.operations.begin(resource, seconds)
        operation = self.operations.latest(resource)
        if operation is None:
            return Answer(200)
        ways = "location" if kind is kinds.GROUP else "both"
        return Answer(202, headers=self.operations.headers(operation, request, ways))

    def _exists(self, request: Request, names: dict[str, str]) -> Answer:
        return Answer(404 if self.resources.get(request.path) is None else 204)

    def _act(self, kind: Kind, request: Request, names: dict[str, str]) -> Answer:
        path, _, action = request.path.rpartition("/")
        resource = self._found(kind, path)
        if resource.state(self.clock.now()) in ("Creating", "Deleting"):
            message = f"The request failed due to conflict with a concurrent request on '{resource.name}'."
            raise ArmError("Conflict", message, 409)
        act = next(act for name, act in kind.actions.items() if name.lower() == action.lower())
        if act(resource, self._boot * kind.seconds):
            self.changes += 1
            self._change(resource, "Updating")
        operation = self.operations.latest(resource) or self.operations.begin(resource, 0.0)
        return Answer(202, headers=self.operations.headers(operation, request, "both"))

    def _view(self, kind: Kind, request: Request, names: dict[str, str]) -> Answer:
        assert kind.view is not None, "only those with a view have the route"
        return Answer(200, kind.view(self._found(kind, request.path.rpartition("/")[0]), self.clock.now()))

    def _found(self, kind: Kind, path: str) -> Resource:
        resource = self.resources.get(path)
        if resource is None:
            self._check_group(path)
            name, group = path.rpartition("/")[2], path.split("/")[4]
            message = f"The Resource '{kind.type}/{name}' under resource group '{group}' was not found."
            raise ArmError("ResourceNotFound", message, 404)
        return resource

    def _check_group(self, path: str) -> None:
        parts = path.split("/")
        if self.resources.get("/".join(parts[:5])) is None:
            raise ArmError("ResourceGroupNotFound", f"Resource group '{parts[4]}' could not be found.", 404)

    def _identifier(self, kind: Kind, names: dict[str, str]) -> str:
        return kind.path.format(**{**names, "subscription": self.subscription})

    def _check_put(self, kind: Kind, request: Request, before: Resource | None) -> None:
        if kind is not kinds.GROUP:
            self._check_group(request.path)
        if kind.parent is not None:
            self._found(kind.parent, request.path.rsplit("/", 2)[0])
        name = request.path.rpartition("/")[2]
        if not _NAME.fullmatch(name):
            raise ArmError("InvalidResourceName", f"Resource name {name} is invalid.")
        self._check_match(before, request)
        body = body_of(request)
        location = str(body.get("location") or "").lower().replace(" ", "")
        if kind.located:
            if not location:
                raise ArmError("LocationRequired", "The location property is required for this definition.")
            if location not in REGIONS:
                message = f"The provided location '{location}' is not available for resource type '{kind.type}'."
                raise ArmError("LocationNotAvailableForResourceType", message)
        if before is None:
            return
        if before.changing == "Deleting":
            raise ArmError("Conflict", f"The resource {before.id} is being deleted.", 409)
        if kind.located and location != before.location:
            message = f"The resource '{before.name}' already exists in location '{before.location}'."
            raise ArmError("InvalidResourceLocation", message, 409)

    def _check_match(self, resource: Resource | None, request: Request) -> None:
        wanted, unwanted = request.header("if-match"), request.header("if-none-match")
        if wanted and (resource is None or wanted not in ("*", resource.etag)):
            raise ArmError("PreconditionFailed", "The condition 'If-Match' is not met.", 412)
        if unwanted and resource is not None and unwanted in ("*", resource.etag):
            raise ArmError("PreconditionFailed", "The condition 'If-None-Match' is not met.", 412)

    def _check_unused(self, resource: Resource) -> None:
        code, status = resource.kind.in_use
        inside = [resource, *self.resources.of(kinds.SUBNET, resource.id)] if code else []
        for one in inside:
            user = next((user for user in self.resources.users(one.id) if user.kind is not kinds.GROUP), None)
            if user is not None:
                message = f"{resource.kind.type} {one.id} cannot be deleted because it is in use by {user.id}."
                raise ArmError(code, message, status)

    def _put_subnets(self, network: Resource, subnets: list[dict[str, Any]] | None, now: float) -> None:
        if subnets is None:
            return
        names = {str(wanted.get("name", "")).lower() for wanted in subnets}
        for subnet in self.resources.of(kinds.SUBNET, network.id):
            if subnet.name.lower() not in names:
                self._check_unused(subnet)
                self.resources.leave(subnet, now)
        for wanted in subnets:
            identifier = f"{network.id}/subnets/{wanted.get('name')}"
            if self.resources.get(identifier) is None:
                _strip(kinds.SUBNET, wanted)
                self.create(kinds.SUBNET, identifier, wanted, now)

    def _change(self, resource: Resource, state: str) -> None:
        if not resource.kind.polled:
            return
        seconds = self._boot * resource.kind.seconds
        resource.failed = self.coming_failure is not None
        resource.changing, resource.until = state, self.clock.now() + seconds
        self.operations.begin(resource, seconds, self.coming_failure)

    def _accepted(self, resource: Resource, request: Request, status: int) -> Answer:
        operation, headers = self.operations.latest(resource), _etag(resource)
        if operation is None and status == 202:
            status = 200
        if operation is not None:
            headers |= self.operations.headers(operation, request, resource.kind.polled)
        return Answer(status, self._shown(resource, request), headers)

    def _shown(self, resource: Resource, request: Request) -> dict[str, Any]:
        """As the caller spells it, apart from the type, whose spelling is Azure's."""
        names = match(resource.kind.path, request.path)
        identifier = self._identifier(resource.kind, names) if names else resource.id
        return resource.kind.shown(self.resources, resource, self.clock.now(), identifier)


def _bound(answer: Callable[[Any, Request, dict[str, str]], Answer], what: object) -> Handler:
    return lambda request, names: answer(what, request, names)


def _completed(kind: Kind, body: dict[str, Any]) -> dict[str, Any]:
    """Add to a body what its owner left to Azure."""
    if kind.located:
        body["location"] = str(body.get("location", "")).lower().replace(" ", "")
    body["properties"] = {**copy.deepcopy(dict(kind.defaults)), **(body.get("properties") or {})}
    for name, value in kind.fields.items():
        body.setdefault(name, copy.deepcopy(value))
    return body


def _strip(kind: Kind, body: dict[str, Any]) -> None:
    """Drop what only Azure says: callers may send back what they were shown."""
    for name in [name for name, value in body.items() if name in _ECHOED or value is None]:
        del body[name]
    properties = body.get("properties")
    if not isinstance(properties, dict):
        body["properties"] = {}
        return
    for name in ("provisioningState", *kind.read_only):
        properties.pop(name, None)


def _merge(body: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if isinstance(value, dict) and isinstance(body.get(name), dict):
            _merge(body[name], value)
        elif value is not None:
            body[name] = value


def _etag(resource: Resource) -> dict[str, str]:
    return {"ETag": resource.etag} if resource.kind.etag else {}


def _next_link(request: Request, token: str) -> str:
    base = re.sub(r"&%24skiptoken=[^&]*|&\$skiptoken=[^&]*", "", request.url)
    return f"{base}&%24skiptoken={quote(token)}"
