"""A request to AWS as it comes over the wire, and the answer that goes back."""

import gzip
import io
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


class Answer(NamedTuple):
    """What goes back: a status, headers without a length, and a body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def send(self, start_response: "StartResponse") -> Iterable[bytes]:
        """Hand the answer to a WSGI server."""
        phrase = HTTPStatus(self.status).phrase
        start_response(f"{self.status} {phrase}", [*self.headers, ("Content-Length", str(len(self.body)))])
        return [self.body]


class Request:
    """One signed request: who asks, of which service and region, for what."""

    def __init__(self, environ: "WSGIEnvironment") -> None:
        self.environ = environ
        self.body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        # What was sent, and is signed, may be compressed.
        self.text = gzip.decompress(self.body) if environ.get("HTTP_CONTENT_ENCODING") == "gzip" else self.body
        self.signed = _AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
        self.access_key_id = self.signed["key"] if self.signed else ""
        self.region = self.signed["region"] if self.signed else ""
        self.service = self.signed["service"] if self.signed else ""
        self.session_token: str = environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        self.json = bool(target)
        self.action: str = target.rpartition(".")[2] or self.form.get("Action", "")

    @cached_property
    def form(self) -> dict[str, str]:
        """The parameters of a query-protocol request, flat as they were sent; empty in the other protocols."""
        if not self.environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
            return {}
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    def header(self, name: str) -> str:
        """Return a header as it was sent, or an empty string."""
        key = name.upper().replace("-", "_")
        value = self.environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", "")
        return str(value)

    def pass_on(self, application: "WSGIApplication") -> Answer:
        """Have a WSGI application answer this request."""
        started: list[tuple[str, list[tuple[str, str]]]] = []
        written: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], trouble: object = None, /
        ) -> Callable[[bytes], object]:
            started.append((status, headers))
            return written.append

        written += application({**self.environ, "wsgi.input": io.BytesIO(self.body)}, start_response)
        status, headers = started[-1]
        return Answer(
            int(status.split()[0]), [h for h in headers if h[0].lower() != "content-length"], b"".join(written)
        )

    @classmethod
    def unsigned(cls, service: str, region: str, action: str, version: str) -> "Request":
        """Return a call of a query-protocol action that comes from nobody, for moto itself."""
        body = f"Action={action}&Version={version}".encode()
        scope = f"nobody/20260101/{region}/{service}/aws4_request"
        return cls(
            {
                "REQUEST_METHOD": "POST",
                "PATH_INFO": "/",
                "SERVER_NAME": "127.0.0.1",
                "SERVER_PORT": "80",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "HTTP_HOST": "127.0.0.1",
                "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}",
                "CONTENT_TYPE": "application/x-www-form-urlencoded",
                "CONTENT_LENGTH": str(len(body)),
                "wsgi.input": io.BytesIO(body),
                "wsgi.url_scheme": "http",
                "wsgi.errors": io.StringIO(),
            }
        )
