"""A request as it comes over the wire, and the answer that goes back: JSON over HTTP, as Azure and Google speak it."""

import json
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

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
        body, headers = self.value, dict(self.headers)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json; charset=utf-8")
        start_response(f"{self.status} {HTTPStatus(self.status).phrase}", list(headers.items()))
        return [body or b""]


class Request:
    """One request: where to, with which parameters and which body."""

    def __init__(self, environ: "WSGIEnvironment") -> None:
        self._environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.path = environ["PATH_INFO"].replace("//", "/").rstrip("/") or "/"
        self.target: str = environ["RAW_URI"]
        self.endpoint = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '127.0.0.1')}"
        self.query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        self.body: bytes = environ["wsgi.input"].read()

    @property
    def url(self) -> str:
        """The whole address."""
        return self.endpoint + self.target

    @property
    def parts(self) -> tuple[str, ...]:
        """The path, cut at its slashes."""
        return tuple(self.path.strip("/").split("/"))

    def header(self, name: str) -> str:
        """Return a header as it was sent, or an empty text."""
        return str(self._environ.get("HTTP_" + name.upper().replace("-", "_"), ""))

    @property
    def bearer(self) -> str:
        """The token of the caller, or an empty text."""
        kind, _, token = self.header("authorization").partition(" ")
        return token if kind.lower() == "bearer" else ""

    @property
    def headers(self) -> dict[str, str]:
        """All headers, without what proves who is asking."""
        sent = {name[5:].lower().replace("_", "-"): v for name, v in self._environ.items() if name.startswith("HTTP_")}
        sent.pop("authorization", None)
        return sent

    @property
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
