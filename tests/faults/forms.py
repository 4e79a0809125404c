"""How each cloud words a failure, and what a request to it asks for."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Answer:
    """What goes back in place of the cloud's own answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Asked(NamedTuple):
    """What a request asks for.

    Attributes:
        action: "RunInstances", "PUT virtualMachines", "POST instances".
        call: Equal for the attempts of one call of a change: action and token, or name; empty for a read.
        creates: It makes a machine, for which there may be no room.
    """

    action: str
    call: str
    creates: bool


class Forms(Protocol):
    """The forms of one cloud."""

    def asked(self, method: str, url: str, body: bytes) -> Asked | None:
        """What a request asks for; None for what is let through untouched."""

    def unavailable(self) -> Answer:
        """503: not taken up."""

    def throttle(self, dice: float) -> Answer:
        """Too many requests; `dice`, from 0 to 1, chooses where a cloud has several ways to say so."""

    def failed(self) -> Answer:
        """500: something broke, perhaps after the effect."""

    def expired(self) -> Answer:
        """The credentials are over."""

    def stockout(self) -> Answer:
        """No machine of that kind is left."""

    def known(self, url: str) -> Answer | None:
        """The answer to a question about something that only these forms have made up."""


class Aws:
    """EC2's query protocol; other services are let through."""

    def asked(self, method: str, url: str, body: bytes) -> Asked | None:
        form = parse_qs(body.decode(errors="replace"))
        action = form.get("Action", [""])[0]
        if not form.get("Version", [""])[0].startswith("2016-11-15"):
            return None
        if action.startswith(("Describe", "Get")):
            return Asked(action, "", False)
        token = form.get("ClientToken", [body.decode(errors="replace")])[0]
        return Asked(action, f"{action} {token}", action == "RunInstances")

    def unavailable(self) -> Answer:
        return self._error(503, "Unavailable", "The service is unavailable. Please try again shortly.")

    def throttle(self, dice: float) -> Answer:
        return self._error(503, "RequestLimitExceeded", "Request limit exceeded.")

    def failed(self) -> Answer:
        return self._error(500, "InternalError", "An internal error has occurred.")

    def expired(self) -> Answer:
        return self._error(400, "RequestExpired", "Request has expired.")

    def stockout(self) -> Answer:
        text = "We currently do not have sufficient capacity in the Availability Zone you requested."
        return self._error(500, "InsufficientInstanceCapacity", text)

    def known(self, url: str) -> Answer | None:
        return None

    def _error(self, status: int, code: str, text: str) -> Answer:
        errors = f"<Errors><Error><Code>{code}</Code><Message>{text}</Message></Error></Errors>"
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{errors}<RequestID>{uuid.uuid4()}</RequestID></Response>'
        return Answer(status, body.encode(), {"Content-Type": "text/xml;charset=UTF-8"})


class Azure:
    """Resource Manager; Entra's tokens and what the monitor answers are let through."""

    def asked(self, method: str, url: str, body: bytes) -> Asked | None:
        path = urlsplit(url).path
        if not path.startswith("/subscriptions/") or path.endswith(":getBatch"):
            return None
        parts = path.strip("/").split("/")
        # The last part that is a type and no name: types and names take turns.
        kind = parts[-1] if len(parts) % 2 else parts[-2]
        action = f"{method} {kind}"
        if method == "GET":
            return Asked(action, "", False)
        return Asked(action, f"{method} {path.lower()}", action == "PUT virtualMachines")

    def unavailable(self) -> Answer:
        return self._error(503, "ServerTimeout", "The service is unavailable. Please try again.")

    def throttle(self, dice: float) -> Answer:
        return self._error(429, "TooManyRequests", "The request is being throttled.", {"Retry-After": "1"})

    def failed(self) -> Answer:
        return self._error(500, "InternalServerError", "Encountered internal server error.")

    def expired(self) -> Answer:
        challenge = 'Bearer authorization_uri="https://login.microsoftonline.com/", error="invalid_token"'
        text = "The access token expiry UTC time is earlier than current UTC time."
        return self._error(401, "ExpiredAuthenticationToken", text, {"WWW-Authenticate": challenge})

    def stockout(self) -> Answer:
        text = "The requested size is currently not available in this location. Try another size or location."
        return self._error(409, "SkuNotAvailable", text)

    def known(self, url: str) -> Answer | None:
        return None

    def _error(self, status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> Answer:
        return _json(status, {"error": {"code": code, "message": text}}, headers)


class Gcp:
    """Compute Engine; the token endpoint is let through."""

    def __init__(self) -> None:
        self._made_up: dict[str, Answer] = {}

    def asked(self, method: str, url: str, body: bytes) -> Asked | None:
        split = urlsplit(url)
        if not split.path.startswith("/compute/v1/projects/"):
            return None
        # /compute/v1/projects/P/zones/Z/instances[/NAME[/VERB]]
        parts = split.path.strip("/").split("/")
        kind = parts[6] if len(parts) > 6 and parts[4] in ("zones", "regions") else parts[-1]
        action = f"{method} {'/'.join([kind, *parts[8:]])}"
        if method == "GET" or kind == "operations":
            return Asked(action, "", False)
        token = parse_qs(split.query).get("requestId", [body.decode(errors="replace")])[0]
        return Asked(action, f"{action} {token}", action == "POST instances")

    def unavailable(self) -> Answer:
        return self._error(503, "backendError", "The service is currently unavailable.")

    def throttle(self, dice: float) -> Answer:
        return self._error(403 if dice < 0.5 else 429, "rateLimitExceeded", "Rate Limit Exceeded", "usageLimits")

    def failed(self) -> Answer:
        return self._error(500, "backendError", "Internal error encountered.")

    def expired(self) -> Answer:
        return self._error(401, "authError", "Invalid Credentials")

    def stockout(self) -> Answer:
        # Google takes the call, and its operation ends with the error.
        name = f"operation-{uuid.uuid4()}"
        text = "The zone does not have enough resources available to fulfill the request."
        operation = {
            "kind": "compute#operation",
            "name": name,
            "operationType": "insert",
            "status": "DONE",
            "progress": 100,
            "error": {"errors": [{"code": "ZONE_RESOURCE_POOL_EXHAUSTED", "message": text}]},
            "httpErrorStatusCode": 503,
            "httpErrorMessage": "SERVICE UNAVAILABLE",
        }
        answer = self._made_up[name] = _json(200, operation)
        return answer

    def known(self, url: str) -> Answer | None:
        parts = urlsplit(url).path.split("/")
        return self._made_up.get(parts[-2] if parts[-1] == "wait" else parts[-1])

    def _error(self, status: int, reason: str, text: str, domain: str = "global") -> Answer:
        detail = {"message": text, "domain": domain, "reason": reason}
        return _json(status, {"error": {"code": status, "message": text, "errors": [detail]}})


def _json(status: int, value: object, headers: Mapping[str, str] | None = None) -> Answer:
    more = headers or {}
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8", **more})


def of(cloud: str) -> Forms:
    """The forms of a cloud by its kind."""
    kinds: dict[str, type[Forms]] = {"aws": Aws, "azure": Azure, "gcp": Gcp}
    return kinds[cloud]()
