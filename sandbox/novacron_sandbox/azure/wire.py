"""A request to Azure as it comes over the wire, and the answer that goes back."""

import json
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from novacron_sandbox.azure.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Answer(NamedTuple):
    """What goes back: a status, a value that becomes JSON (None: no body; bytes as they are) and headers."""

    status: int
    value: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody writes into it

    def send(self, start_response: "StartResponse") -> "Iterable[bytes]":
        """Hand the answer to a WSGI server."""
        body = b"" if self.value is None else self.value
        headers = dict(self.headers)
        if self.value is not None and not isinstance(body, bytes):
            body = json.dumps(self.value).encode()
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        phrase = HTTPStatus(self.status).phrase
        start_response(f"{self.status} {phrase}", [*headers.items(), ("Content-Length", str(len(body)))])
        return [body]


class Request:
    """One request: where to, with which parameters (names are the same in any case) and which body."""

    def __init__(self, environ: "WSGIEnvironment") -> None:
        self._environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.path = environ.get("PATH_INFO", "").replace("//", "/").rstrip("/") or "/"
        self.endpoint = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '127.0.0.1')}"
        self.url = self.endpoint + str(environ.get("RAW_URI", ""))
        self.query = {
            name.lower(): value for name, value in parse_qsl(urlsplit(self.url).query, keep_blank_values=True)
        }
        self.body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))

    def header(self, name: str) -> str:
        """Return a header as it was sent, or an empty string."""
        return str(self._environ.get("HTTP_" + name.upper().replace("-", "_"), ""))

    @property
    def headers(self) -> dict[str, str]:
        """All headers, without what proves who is asking."""
        sent = {name[5:].lower().replace("_", "-"): v for name, v in self._environ.items() if name.startswith("HTTP_")}
        sent["content-type"] = self._environ.get("CONTENT_TYPE", "")
        sent.pop("authorization", None)
        return sent

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a form."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None when there is none or it is something else."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None

    @property
    def object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ArmError InvalidRequestContent when it is not one."""
        if not isinstance(self.json, dict):
            raise ArmError("InvalidRequestContent", "The request content was invalid and could not be deserialized.")
        return self.json
