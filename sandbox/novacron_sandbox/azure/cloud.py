"""The whole of Azure as one WSGI application: tokens, faults and counts in front, then the routes."""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from novacron_sandbox.azure import catalog, fleet, kinds
from novacron_sandbox.azure.arm import Arm
from novacron_sandbox.azure.custom import CustomStore
from novacron_sandbox.azure.directory import Directory
from novacron_sandbox.azure.errors import ALLOCATION, ArmError, allocation_failed, refused_token, spoilt
from novacron_sandbox.azure.logs import Logs
from novacron_sandbox.azure.metrics import Metrics
from novacron_sandbox.azure.routes import Route, match
from novacron_sandbox.azure.shelf import Shelf
from novacron_sandbox.azure.throttle import Throttle
from novacron_sandbox.faults import Fault
from novacron_sandbox.front import Front
from novacron_sandbox.recorder import Recorder
from novacron_sandbox.samples import Samples
from novacron_sandbox.wire import Answer, Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

GROUP = "novacron"
_MACHINE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{machine}"
# It is not Resource Manager's: no api-version, and an effect of its own.
_WRITE = "CustomMetrics_Write"


class Cloud:
    """Azure: one tenant, one subscription with one resource group, one Log Analytics workspace."""

    def __init__(self, directory: Directory, samples: Samples, boot_seconds: float) -> None:
        self.subscription_id, self.workspace_id = str(uuid.uuid4()), str(uuid.uuid4())
        self._directory, self._throttle = directory, Throttle(samples.clock)
        self._arm = Arm(samples.clock, self.subscription_id, boot_seconds)
        self._custom = CustomStore(self._arm.resources, samples.clock)
        metrics = Metrics(self._arm.resources, samples, self._custom)
        logs = Logs(self._arm.resources, samples)
        self._routes = [
            *Shelf(self.subscription_id, directory.tenant_id).routes(),
            *self._arm.routes(),
            Route("POST", "/subscriptions/{subscription}/metrics:getBatch", "MetricsBatch_Batch", metrics.get_batch),
            Route("POST", f"{_MACHINE}/metrics", _WRITE, self._custom.write),
            Route("POST", "/v1/workspaces/{workspace}/query", "Query_Execute", logs.query),
        ]
        self._front = Front(
            list(catalog.REGIONS),
            self._reset,
            lambda region, count: fleet.seed(self._arm, region, count, GROUP),
            [ALLOCATION],
        )
        self._recorder = Recorder("azure")
        self._reset()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request, as WSGI wants it."""
        request = Request(environ)
        # The names of parameters are the same in any case.
        request.query = {name.lower(): value for name, value in request.query.items()}
        if request.path.startswith("/_sandbox/"):
            return Answer(*self._front.hook(request.path.removeprefix("/_sandbox/"), request.body)).send(start_response)
        answer = self._sign_in(request)
        if answer is None:
            answer = self._serve(request)
            value = None if isinstance(answer.value, bytes) else answer.value
            self._recorder.add(
                request.method, request.url, request.headers, request.json, answer.status, answer.headers, value
            )
        return answer.send(start_response)

    def metadata(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request at the metadata address of a machine."""
        return self._directory.metadata(Request(environ)).send(start_response)

    def _sign_in(self, request: Request) -> Answer | None:
        """Answer what goes to the authority; None when the path is none of its own."""
        answer = self._directory.entra(request)
        if answer is None or request.method != "POST":
            return answer
        self._front.ledger.called("token")
        return self._front.pass_on("token", lambda _: answer, refused_token)

    def _serve(self, request: Request) -> Answer:
        headers = {"x-ms-request-id": str(uuid.uuid4()), "x-ms-correlation-request-id": str(uuid.uuid4())}
        try:
            answer = self._guarded(request, headers)
        except ArmError as refusal:
            answer = Answer(refusal.status, refusal.value, {**refusal.headers, "x-ms-error-code": refusal.code})
        return answer._replace(headers={**headers, **answer.headers})

    def _guarded(self, request: Request, headers: dict[str, str]) -> Answer:
        route, names = self._route(request)
        self._front.ledger.called(route.operation)
        self._directory.check(request)
        if not request.path.startswith("/v1/") and route.operation != _WRITE and "api-version" not in request.query:
            message = "The api-version query parameter (?api-version=) is required for all requests."
            raise ArmError("MissingApiVersionParameter", message)
        if names.get("subscription", self.subscription_id).lower() != self.subscription_id:
            message = f"The subscription '{names['subscription']}' could not be found."
            raise ArmError("SubscriptionNotFound", message, 404)
        if names.get("workspace", self.workspace_id).lower() != self.workspace_id:
            raise ArmError("WorkspaceNotFoundError", "The workspace could not be found", 404)

        def carry_out(fault: Fault | None) -> Answer:
            with self._front.gate:
                self._arm.resources.settle()
                headers.update(self._throttle.take(request.method))
                self._arm.coming_failure = allocation_failed() if fault else None
                before = self._arm.changes
                answer = route.answer(request, names)
                if self._arm.changes > before or route.operation == _WRITE:
                    self._front.ledger.carried_out(route.operation)
            return answer

        def spoil(fault: Fault) -> Answer:
            if fault.kind == "expired":
                raise self._directory.expired()
            return spoilt(fault)

        return self._front.pass_on(route.operation, carry_out, spoil, accepted=(ALLOCATION,))

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

    def _reset(self) -> None:
        self._arm.clear()
        self._custom.clear()
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{GROUP}"
        self._arm.create(kinds.GROUP, group, {"location": next(iter(catalog.REGIONS))}, self._arm.clock.now())
