"""The whole of Azure as one WSGI application: tokens, faults and counts in front, then the routes."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from novacron_sandbox.azure import catalog, faults, fleet, kinds
from novacron_sandbox.azure.arm import Arm, Route, match
from novacron_sandbox.azure.directory import Directory
from novacron_sandbox.azure.errors import ArmError
from novacron_sandbox.azure.logs import Logs
from novacron_sandbox.azure.metrics import Metrics
from novacron_sandbox.azure.shelf import Shelf
from novacron_sandbox.azure.throttle import Throttle
from novacron_sandbox.azure.wire import Answer, Request
from novacron_sandbox.clock import Clock
from novacron_sandbox.faults import Fault, Faults
from novacron_sandbox.ledger import Ledger
from novacron_sandbox.recorder import Recorder
from novacron_sandbox.server import CutConnectionError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

GROUP = "novacron"
_VERSION = "api-version"


class Cloud:
    """Azure on `clock`: one tenant, one subscription with one resource group, one Log Analytics workspace."""

    def __init__(
        self, clock: Clock, directory: Directory, *, boot_seconds: float, metrics_period: int, metrics_lag: float
    ) -> None:
        self.subscription_id, self.workspace_id = str(uuid.uuid4()), str(uuid.uuid4())
        self._directory, self._throttle = directory, Throttle(clock)
        self._arm = Arm(clock, self.subscription_id, boot_seconds)
        metrics = Metrics(clock, self._arm.resources, period=metrics_period, lag=metrics_lag)
        self._routes = [
            *Shelf(self.subscription_id, directory.tenant_id).routes(),
            *self._arm.routes(),
            Route("POST", "/subscriptions/{subscription}/metrics:getBatch", "MetricsBatch_Batch", metrics.get_batch),
            Route("POST", "/v1/workspaces/{workspace}/query", "Query_Execute", Logs(self._arm, metrics).query),
        ]
        self._faults, self._ledger, self._recorder = Faults(faults.KINDS), Ledger(), Recorder("azure")
        # Resources are not made for threads.
        self._gate = threading.Lock()
        self._reset({})

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request, as WSGI wants it."""
        request = Request(environ)
        if request.path.startswith("/_sandbox/"):
            return self._hook(request.path.removeprefix("/_sandbox/"), request).send(start_response)
        answer = self._sign_in(request)
        if answer is None:
            answer = self._serve(request)
            if answer is None:
                raise CutConnectionError
            value = None if isinstance(answer.value, bytes) else answer.value
            self._recorder.add(
                request.method, request.url, request.headers, request.json, answer.status, answer.headers, value
            )
        return answer.send(start_response)

    def metadata(self) -> "WSGIApplication":
        """Return the application that answers at the metadata address of a machine."""
        return lambda environ, start_response: self._directory.metadata(Request(environ)).send(start_response)

    def _sign_in(self, request: Request) -> Answer | None:
        """Answer what goes to the authority; None when the path is none of its own."""
        answer = self._directory.entra(request)
        if answer is None or request.method != "POST":
            return answer
        self._ledger.called("token")
        fault = self._faults.take("token")
        return faults.refused_token(fault) if fault else answer

    def _serve(self, request: Request) -> Answer | None:
        headers = {"x-ms-request-id": str(uuid.uuid4()), "x-ms-correlation-request-id": str(uuid.uuid4())}
        try:
            answer = self._guarded(request, headers)
        except ArmError as refusal:
            answer = Answer(refusal.status, refusal.value, {**refusal.headers, "x-ms-error-code": refusal.code})
        return answer and answer._replace(headers={**headers, **answer.headers})

    def _guarded(self, request: Request, headers: dict[str, str]) -> Answer | None:
        route, names = self._route(request)
        self._ledger.called(route.operation)
        self._directory.check(request)
        if not request.path.startswith("/v1/") and _VERSION not in request.query:
            message = "The api-version query parameter (?api-version=) is required for all requests."
            raise ArmError("MissingApiVersionParameter", message)
        if names.get("subscription", self.subscription_id).lower() != self.subscription_id:
            message = f"The subscription '{names['subscription']}' could not be found."
            raise ArmError("SubscriptionNotFound", message, 404)
        if names.get("workspace", self.workspace_id).lower() != self.workspace_id:
            raise ArmError("WorkspaceNotFoundError", "The workspace could not be found", 404)
        fault = self._faults.take(route.operation)
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
            fault = None
        spoilt = fault is not None and fault.kind != "allocation"
        if fault and spoilt and not fault.after:
            return faults.answer(fault, route.operation, self._directory)
        with self._gate:
            self._arm.resources.settle()
            headers |= self._throttle.take(request.method)
            if fault and not spoilt:
                self._arm.coming_failure = faults.ALLOCATION_FAILED
            before = self._arm.changes
            answer = route.answer(request, names)
            if self._arm.changes > before:
                self._ledger.carried_out(route.operation)
        return faults.answer(fault, route.operation, self._directory) if fault and spoilt else answer

    def _route(self, request: Request) -> tuple[Route, dict[str, str]]:
        others = False
        for route in self._routes:
            names = match(route.path, request.path)
            if names is not None:
                if route.method == request.method:
                    return route, names
                others = True
        if others:
            raise ArmError("MethodNotAllowed", f"The HTTP method '{request.method}' is not supported here.", 405)
        raise ArmError("InvalidResourceType", f"The sandbox has nothing at {request.path}.", 404)

    def _hook(self, name: str, request: Request) -> Answer:
        hooks: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "state": self._state,
            "reset": self._reset,
            "fault": self._fault,
            "seed": self._seed,
        }
        if name not in hooks:
            return Answer(404, {"error": f"no hook {name!r}: there are {', '.join(hooks)}"})
        try:
            return Answer(200, hooks[name](json.loads(request.body or b"{}")))
        except (TypeError, ValueError, KeyError) as refusal:
            return Answer(400, {"error": str(refusal)})

    def _state(self, _: dict[str, Any]) -> dict[str, Any]:
        return {**self._ledger.as_dict(), "faults": self._faults.waiting()}

    def _reset(self, _: dict[str, Any]) -> dict[str, Any]:
        with self._gate:
            self._arm.clear()
            group = f"/subscriptions/{self.subscription_id}/resourceGroups/{GROUP}"
            region = next(iter(catalog.REGIONS))
            self._arm.create(kinds.GROUP, group, {"location": region}, self._arm.clock.now())
            for memory in (self._faults, self._ledger):
                memory.clear()
        return {}

    def _fault(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._faults.add(Fault(**asked))
        return {}

    def _seed(self, asked: dict[str, Any]) -> dict[str, Any]:
        region, count = asked.get("region", next(iter(catalog.REGIONS))), int(asked["count"])
        if region not in catalog.REGIONS:
            raise ValueError(f"region {region!r} is none of {', '.join(catalog.REGIONS)}")
        with self._gate:
            return {"instances": fleet.seed(self._arm, region, count, GROUP)}
