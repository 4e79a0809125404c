"""HTTP as Google's APIs speak it: paths of collections and names, queries, JSON or a form."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PHRASES = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}


class Request:
    """One request, read."""

    def __init__(self, environ: "WSGIEnvironment") -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.url: str = environ["RAW_URI"]
        path, _, query = self.url.partition("?")
        self.path = tuple(unquote(part) for part in path.strip("/").split("/"))
        self.query = dict(parse_qsl(query, keep_blank_values=True))
        self.raw: bytes = environ["wsgi.input"].read()

    def header(self, name: str) -> str:
        """Return a header, or an empty text."""
        key = name.upper().replace("-", "_")
        return str(self.environ.get(key if key.startswith("CONTENT_") else f"HTTP_{key}", ""))

    @property
    def headers(self) -> dict[str, str]:
        """Those that say nothing about who asks."""
        names = {
            key[5:].lower().replace("_", "-"): str(value) for key, value in self.environ.items() if key[:5] == "HTTP_"
        }
        return {name: value for name, value in names.items() if name != "authorization"}

    @property
    def bearer(self) -> str:
        """The token of the caller, or an empty text."""
        return self.header("Authorization").removeprefix("Bearer ")

    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.raw.decode()))

    def json(self) -> Any:
        """The body as JSON, or None without one. Raises ValueError when it is not JSON."""
        return json.loads(self.raw) if self.raw else None


@dataclass(frozen=True)
class Answer:
    """What is sent back: an object as JSON, or bytes as they are."""

    body: Any
    status: int = 200
    content_type: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, start_response: "StartResponse") -> Iterable[bytes]:
        """Answer as WSGI wants it."""
        phrase = _PHRASES.get(self.status, "Error" if self.status >= 400 else "OK")
        start_response(f"{self.status} {phrase}", [("Content-Type", self.content_type), *self.headers.items()])
        return [self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()]
