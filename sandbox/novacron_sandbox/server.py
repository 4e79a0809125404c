"""The HTTP server of the sandbox: threads, kept connections, loopback only, quiet."""

import io
import logging
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


class CutConnectionError(Exception):
    """Raised by an application to have the connection reset instead of answered."""


class Server:
    """A WSGI application served on 127.0.0.1 from threads of its own.

    The port is taken at once (0: a free one), so that OSError comes before anything slow; calls wait until the start.
    With `tls`, it speaks HTTPS.
    """

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._server = _HttpServer(port, tls)
        scheme = "http" if tls is None else "https"
        self.endpoint = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http", daemon=True)

    def start(self, application: "WSGIApplication") -> None:
        """Have `application` answer from now on."""
        self._server.application = application
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _HttpServer(ThreadingHTTPServer):
    # The default of 5 refuses a burst of first connections.
    request_queue_size = 256

    application: "WSGIApplication"

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.scheme = "http" if tls is None else "https"
        if tls is not None:
            # Shaking hands where connections are accepted would let one slow client keep out all others.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log what went wrong with a connection, such as a client that trusts another CA."""
        _log.debug("connection of %s", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Buffered, so that headers and body leave together: apart, the second would wait for an acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _HttpServer

    def do_POST(self) -> None:
        """Have the application answer."""
        started: list[tuple[str, list[tuple[str, str]]]] = []
        written: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], trouble: object = None, /
        ) -> Callable[[bytes], object]:
            started.append((status, headers))
            return written.append

        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            written += self.server.application(self._environ(body), start_response)
        except CutConnectionError:
            self._reset()
            return
        except Exception:  # noqa: BLE001 - no trouble of one request may end the server; the caller gets a 500
            _log.exception("%s %s", self.command, self.path)
            started, written = [("500 Internal Server Error", [("Content-Type", "text/html")])], [b"<h1>500<br></h1>"]
        (status, headers), answer = started[-1], b"".join(written)
        code, _, phrase = status.partition(" ")
        self.send_response_only(int(code), phrase)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    def log_message(self, format: str, *values: object) -> None:
        """Write nothing for each request."""

    def _environ(self, body: bytes) -> "WSGIEnvironment":
        path, _, query = self.path.partition("?")
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": self.path,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": self.client_address[0],
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": self.protocol_version,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self.server.scheme,
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            environ.setdefault("HTTP_" + name.upper().replace("-", "_"), value)
        return environ

    def _reset(self) -> None:
        # Lingering for no time at all makes the close a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


for _method in _METHODS:
    setattr(_Handler, f"do_{_method}", _Handler.do_POST)
