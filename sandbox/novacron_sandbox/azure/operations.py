"""Long-running operations: what a caller polls until a change is through."""

import math
import uuid
from dataclasses import dataclass

from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.azure.resources import Resource, iso
from novacron_sandbox.clock import Clock
from novacron_sandbox.wire import Answer, Request

# Azure asks for no more than one poll in this time, however long it takes.
_LONGEST_WAIT = 10
_KEPT = 4096


@dataclass(frozen=True)
class Operation:
    """One change of a resource from `start` to `end`; with `error` it fails then."""

    id: str
    resource: Resource
    start: float
    end: float
    error: ArmError | None = None


class Operations:
    """Those under way and the last thousands that ended."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_id: dict[str, Operation] = {}
        self._latest: dict[str, Operation] = {}

    def begin(self, resource: Resource, seconds: float, error: ArmError | None = None) -> Operation:
        """Start one that takes `seconds`."""
        now = self._clock.now()
        operation = Operation(str(uuid.uuid4()), resource, now, now + seconds, error)
        while len(self._by_id) >= _KEPT:
            del self._by_id[next(iter(self._by_id))]
        self._by_id[operation.id] = operation
        self._latest[resource.key] = operation
        return operation

    def latest(self, resource: Resource) -> Operation | None:
        """Return the last one of a resource, if it is still under way."""
        found = self._latest.get(resource.key)
        return found if found and found.end > self._clock.now() else None

    def headers(self, operation: Operation, request: Request, ways: str) -> dict[str, str]:
        """Return where to poll ("azure", "location" or "both"), and after how long."""
        version = request.query.get("api-version", "")
        resource = operation.resource
        root = f"{request.endpoint}{'/'.join(resource.id.split('/')[:3])}"
        place = f"{root}/providers/{resource.kind.namespace}/locations/{resource.location or 'global'}"
        headers = {}
        if ways != "location":
            headers["Azure-AsyncOperation"] = f"{place}/operations/{operation.id}?api-version={version}"
        if ways != "azure":
            headers["Location"] = f"{place}/operationResults/{operation.id}?api-version={version}"
        return {**headers, "Retry-After": self._wait(operation)}

    def status(self, request: Request, names: dict[str, str]) -> Answer:
        """Answer a poll of Azure-AsyncOperation."""
        operation = self._find(names["operation"])
        value: dict[str, object] = {"name": operation.id, "startTime": iso(operation.start)}
        if operation.end > self._clock.now():
            return Answer(200, {**value, "status": "InProgress"}, {"Retry-After": self._wait(operation)})
        value["endTime"] = iso(operation.end)
        if operation.error is not None:
            return Answer(200, {**value, "status": "Failed", **operation.error.value})
        return Answer(200, {**value, "status": "Succeeded"})

    def result(self, request: Request, names: dict[str, str]) -> Answer:
        """Answer a poll of Location."""
        operation = self._find(names["operation"])
        if operation.end > self._clock.now():
            return Answer(202, headers={"Location": request.url, "Retry-After": self._wait(operation)})
        if operation.error is not None:
            raise operation.error
        return Answer(200)

    def clear(self) -> None:
        """Forget all."""
        self._by_id.clear()
        self._latest.clear()

    def _find(self, operation_id: str) -> Operation:
        if operation_id not in self._by_id:
            raise ArmError("OperationNotFound", f"The operation '{operation_id}' was not found.", 404)
        return self._by_id[operation_id]

    def _wait(self, operation: Operation) -> str:
        left = math.ceil(operation.end - self._clock.now())
        return str(min(_LONGEST_WAIT, max(1, left)))
