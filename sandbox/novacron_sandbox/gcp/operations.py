"""Operations: what a change is answered with, to be asked until it is done."""

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from novacron_sandbox.clock import Clock
from novacron_sandbox.gcp.errors import not_found
from novacron_sandbox.gcp.resources import ROOT, timestamp

# A wait answers after about two minutes even when nothing is done.
_LONGEST_WAIT = 120.0
_PENDING_SHARE = 0.1


@dataclass
class Operation:
    """A change from `begins` to `ends`; with `error` (code, message, HTTP status, phrase) it fails there."""

    body: dict[str, Any]
    begins: float
    ends: float
    error: tuple[str, str, int, str] | None = None

    def view(self, now: float) -> dict[str, Any]:
        """What is shown of it at that time."""
        share = 1.0 if now >= self.ends else (now - self.begins) / (self.ends - self.begins)
        if share < _PENDING_SHARE:
            return {**self.body, "status": "PENDING", "progress": 0}
        started = {**self.body, "startTime": timestamp(self.begins + _PENDING_SHARE * (self.ends - self.begins))}
        if share < 1.0:
            return {**started, "status": "RUNNING", "progress": int(100 * share)}
        done = {**started, "status": "DONE", "progress": 100, "endTime": timestamp(self.ends)}
        if self.error is None:
            return done
        code, message, status, phrase = self.error
        error = {"errors": [{"code": code, "message": message}]}
        return {**done, "error": error, "httpErrorStatusCode": status, "httpErrorMessage": phrase}


@dataclass
class Operations:
    """All operations by path ("projects/p/zones/z/operations/n")."""

    clock: Clock
    user: str
    _all: dict[str, Operation] = field(default_factory=dict)

    def begin(
        self,
        project: str,
        place: str,
        verb: str,
        target: str,
        *,
        number: str,
        target_id: str,
        seconds: float,
        request_id: str = "",
        error: tuple[str, str, int, str] | None = None,
    ) -> str:
        """Begin an operation that takes `seconds`, and return its path."""
        now = self.clock.now()
        name = f"operation-{int(now * 1000)}-{uuid4().hex[:13]}-{uuid4().hex[:8]}-{uuid4().hex[:8]}"
        path = f"projects/{project}/{place}/operations/{name}"
        body = {
            "kind": "compute#operation",
            "id": number,
            "name": name,
            "operationType": verb,
            "targetLink": ROOT + target,
            "targetId": target_id,
            "user": self.user,
            "insertTime": timestamp(now),
            "selfLink": ROOT + path,
        }
        if place != "global":
            body[place.partition("/")[0][:-1]] = f"{ROOT}projects/{project}/{place}"
        if request_id:
            body["clientOperationId"] = request_id
        self._all[path] = Operation(body, now, now + seconds, error)
        return path

    def get(self, path: str) -> dict[str, Any]:
        """Return an operation as it is now. Raises GoogleError notFound."""
        return self._find(path).view(self.clock.now())

    def wait(self, path: str) -> dict[str, Any]:
        """Return an operation once it is done, or as it is after two minutes. Raises GoogleError notFound."""
        operation, latest = self._find(path), time.monotonic() + _LONGEST_WAIT
        while (left := operation.ends - self.clock.now()) > 0 and time.monotonic() < latest:
            time.sleep(min(max(left / self.clock.rate, 0.001), 0.2))
        return operation.view(self.clock.now())

    def list(self, collection: str) -> list[dict[str, Any]]:
        """Return those of a place, by name."""
        now = self.clock.now()
        return [self._all[path].view(now) for path in sorted(self._all) if path.rpartition("/")[0] == collection]

    def delete(self, path: str) -> None:
        """Forget an operation. Raises GoogleError notFound."""
        if self._all.pop(path, None) is None:
            raise not_found(path)

    def _find(self, path: str) -> Operation:
        found = self._all.get(path)
        if found is None:
            raise not_found(path)
        return found

    def clear(self) -> None:
        """Forget them all."""
        self._all.clear()
