"""The HTTP of Google Cloud as WSGI applications: tokens, faults and counts in front, Compute Engine behind."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from novacron_sandbox.custom import CustomMetrics
from novacron_sandbox.faults import Fault
from novacron_sandbox.front import Front
from novacron_sandbox.gcp import catalog, fleet
from novacron_sandbox.gcp.compute import Compute, Target, target_of
from novacron_sandbox.gcp.credentials import Directory
from novacron_sandbox.gcp.errors import GoogleError, not_found, spoilt
from novacron_sandbox.recorder import Recorder
from novacron_sandbox.wire import Answer, Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# The second is an older name that some libraries still use.
_TOKEN_PATHS = ("/token", "/o/oauth2/token")
_READS = ("get", "list", "aggregatedList", "getFromFamily")


class Cloud:
    """Compute Engine, the token endpoint and IAM Credentials at one address."""

    def __init__(self, compute: Compute, directory: Directory, recorder: Recorder, written: CustomMetrics) -> None:
        self._compute, self._directory, self._recorder, self._written = compute, directory, recorder, written
        self.front = Front(catalog.REGIONS, self._reset, lambda region, count: fleet.seed(compute.store, region, count))

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request, as WSGI wants it."""
        request = Request(environ)
        if request.path.startswith("/_sandbox/"):
            return Answer(*self.front.hook(request.path.removeprefix("/_sandbox/"), request.body)).send(start_response)
        try:
            answer = self._serve(request)
        except GoogleError as refusal:
            answer = refusal.answer()
        if request.path not in _TOKEN_PATHS and isinstance(answer.value, dict):
            # The tokens of impersonation are nothing for a record.
            value = {**answer.value, "accessToken": "REDACTED"} if "accessToken" in answer.value else answer.value
            headers = {"content-type": "application/json; charset=utf-8"}
            self._recorder.add(
                request.method, request.target, request.headers, request.json, answer.status, headers, value
            )
        return answer.send(start_response)

    def metadata(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request to the metadata server, which has an address of its own."""
        return self._directory.metadata(Request(environ)).send(start_response)

    def _reset(self) -> None:
        self._compute.clear()
        self._written.clear()

    def _serve(self, request: Request) -> Answer:
        if request.path in _TOKEN_PATHS:
            self.front.ledger.called("token")
            return self.front.pass_on("token", lambda _: self._directory.token(request), spoilt)
        if request.parts[0] == "v1" and request.parts[-1].endswith(":generateAccessToken"):
            self.front.ledger.called("generateAccessToken")
            return self.front.pass_on("generateAccessToken", lambda _: self._directory.impersonate(request), spoilt)
        if request.parts[:3] != ("compute", "v1", "projects"):
            raise not_found(request.target)
        target = target_of(request)
        self.front.ledger.called(target.action, request.query.get("requestId", ""))
        self._directory.check(request.bearer)

        def carry_out(fault: Fault | None) -> Answer:
            return Answer(200, self._answer(target, request, exhausted=fault is not None))

        return self.front.pass_on(target.action, carry_out, spoilt, accepted=("capacity",))

    def _answer(self, target: Target, request: Request, *, exhausted: bool) -> dict[str, Any]:
        if target.collection == "operations" and target.verb == "wait":
            # Outside of the gate: waiting for an operation holds up nobody.
            return self._compute.wait(target)
        with self.front.gate:
            if target.verb in _READS:
                return self._compute.read(target, request.query)
            answer, new = self._compute.change(target, request, exhausted=exhausted)
        if new:
            self.front.ledger.carried_out(target.action)
        return answer
