"""The HTTP of Google Cloud as WSGI applications: tokens, faults and counts in front, Compute Engine behind."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from novacron_sandbox.faults import Fault, Faults
from novacron_sandbox.gcp import catalog, faults, fleet
from novacron_sandbox.gcp.compute import Compute, Target, target_of
from novacron_sandbox.gcp.credentials import Directory
from novacron_sandbox.gcp.errors import GoogleError, not_found
from novacron_sandbox.gcp.wire import Answer, Request
from novacron_sandbox.ledger import Ledger
from novacron_sandbox.recorder import Recorder
from novacron_sandbox.server import CutConnectionError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# The second is an older name that some libraries still use.
_TOKEN_PATHS = (("token",), ("o", "oauth2", "token"))
_READS = ("get", "list", "aggregatedList", "getFromFamily")


class Cloud:
    """Compute Engine, the token endpoint and IAM Credentials at one address."""

    def __init__(self, compute: Compute, directory: Directory, recorder: Recorder) -> None:
        self._compute, self._directory, self._recorder = compute, directory, recorder
        self.faults, self.ledger = Faults(faults.KINDS), Ledger()
        # One change or read at a time; waiting for an operation holds up nobody.
        self.gate = threading.Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request, as WSGI wants it."""
        request = Request(environ)
        if request.path[0] == "_sandbox":
            return self._hook("/".join(request.path[1:]), request).send(start_response)
        try:
            answer = self._serve(request)
        except GoogleError as refusal:
            answer = refusal.answer()
        if answer is None:
            raise CutConnectionError
        if request.path not in _TOKEN_PATHS:
            self._record(request, answer)
        return answer.send(start_response)

    def metadata(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request to the metadata server, which has an address of its own."""
        return self._directory.metadata(Request(environ)).send(start_response)

    def _serve(self, request: Request) -> Answer | None:
        target: Target | None = None
        if request.path in _TOKEN_PATHS:
            action = "token"
        elif request.path[0] == "v1" and request.path[-1].endswith(":generateAccessToken"):
            action = "generateAccessToken"
        elif request.path[:3] == ("compute", "v1", "projects"):
            target = target_of(request)
            action = target.action
        else:
            raise not_found(request.url)
        self.ledger.called(action, request.query.get("requestId", ""))
        if target is not None:
            self._directory.check(request.bearer)
        fault = self.faults.take(action)
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
            fault = None
        exhausted = fault is not None and fault.kind == "capacity"
        if fault and not fault.after and not exhausted:
            return faults.answer(fault)
        if target is not None:
            answer = Answer(self._answer(target, request, exhausted))
        else:
            answer = self._directory.token(request) if action == "token" else self._directory.impersonate(request)
        return faults.answer(fault) if fault and not exhausted else answer

    def _answer(self, target: Target, request: Request, exhausted: bool) -> dict[str, Any]:
        if target.collection == "operations" and target.verb == "wait":
            return self._compute.wait(target)
        with self.gate:
            if target.verb in _READS:
                return self._compute.read(target, request.query)
            answer, new = self._compute.change(target, request, exhausted=exhausted)
        if new:
            self.ledger.carried_out(target.action)
        return answer

    def _record(self, request: Request, answer: Answer) -> None:
        if self._recorder.on and not isinstance(answer.body, bytes):
            body = answer.body
            if "accessToken" in body:
                body = {**body, "accessToken": "REDACTED"}
            headers = {"content-type": answer.content_type}
            self._recorder.add(
                request.method, request.url, request.headers, _json(request), answer.status, headers, body
            )

    def _hook(self, name: str, request: Request) -> Answer:
        hooks: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "state": self._state,
            "reset": self._reset,
            "fault": self._fault,
            "seed": self._seed,
        }
        if name not in hooks:
            return Answer({"error": f"no hook {name!r}: there are {', '.join(hooks)}"}, 404)
        try:
            return Answer(hooks[name](request.json() or {}))
        except (TypeError, ValueError, KeyError) as refusal:
            return Answer({"error": str(refusal)}, 400)

    def _state(self, _: dict[str, Any]) -> dict[str, Any]:
        return {**self.ledger.as_dict(), "faults": self.faults.waiting()}

    def _reset(self, _: dict[str, Any]) -> dict[str, Any]:
        with self.gate:
            self._compute.clear()
            for memory in (self.faults, self.ledger):
                memory.clear()
        return {}

    def _fault(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.faults.add(Fault(**asked))
        return {}

    def _seed(self, asked: dict[str, Any]) -> dict[str, Any]:
        region, count = asked.get("region", catalog.REGIONS[0]), int(asked["count"])
        if region not in catalog.REGIONS:
            raise ValueError(f"region {region!r} is none of {', '.join(catalog.REGIONS)}")
        with self.gate:
            return {"instances": fleet.seed(self._compute.store, region, count)}


def _json(request: Request) -> Any:
    try:
        return request.json()
    except ValueError:
        return None
