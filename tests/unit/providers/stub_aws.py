"""An AWS endpoint on loopback that answers as a test says, on the wire: also with what no AWS should answer."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

REQUEST_ID = "59dbff89-35bd-4eac-99ed-be587EXAMPLE"


class Answer:
    """One HTTP answer, or a way not to give one.

    Args:
        body: Bytes of the answer.
        status: HTTP status.
        headers: More headers.
        delay: Seconds until it begins.
        reset: Drop the connection instead.
    """

    def __init__(
        self,
        body: str = "",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        delay: float = 0.0,
        reset: bool = False,
    ) -> None:
        self.body, self.status, self.headers = body, status, dict(headers or {})
        self.delay, self.reset = delay, reset


def error(code: str, status: int = 400, message: str = "told by the stub", **headers: str) -> Answer:
    """An error as EC2 sends it."""
    body = (
        f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        f"<RequestID>{REQUEST_ID}</RequestID></Response>"
    )
    return Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def ok(action: str, inner: str = "") -> Answer:
    """A good answer of EC2."""
    return Answer(
        f'<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>{REQUEST_ID}</requestId>{inner}</{action}Response>"
    )


ZONES = ok(
    "DescribeAvailabilityZones",
    "<availabilityZoneInfo><item><zoneName>us-east-1a</zoneName></item></availabilityZoneInfo>",
)
# The first can be read as XML, the second cannot.
HTML = Answer("<!DOCTYPE html><html><body>Internal Server Error</body></html>", 500, {"Content-Type": "text/html"})
BROKEN_HTML = Answer("<html><br><title>Internal Server Error", 500, {"Content-Type": "text/html"})
RESET = Answer(reset=True)


class StubAws:
    """What a test sees of the endpoint.

    Attributes:
        endpoint: Its URL.
        requests: Every request that came: parameters of the form, or its JSON; headers under lower-case names.
    """

    def __init__(self, endpoint: str, script: Callable[[Mapping[str, str]], Answer]) -> None:
        self.endpoint, self.script = endpoint, script
        self.requests: list[dict[str, str]] = []

    def actions(self) -> list[str]:
        """Actions that were asked for, in order."""
        return [request["Action"] for request in self.requests]


@contextlib.contextmanager
def stub_aws(*answers: Answer, script: Callable[[Mapping[str, str]], Answer] | None = None) -> Iterator[StubAws]:
    """Serve: the answers one after the other, the last one again and again; or what `script` makes of each request."""
    left = list(answers)

    def in_order(request: Mapping[str, str]) -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if "X-Amz-Target" in self.headers:
                request = {"Action": self.headers["X-Amz-Target"].rpartition(".")[2], "json": body}
            else:
                request = {key: values[0] for key, values in parse_qs(body).items()}
            request |= {name.lower(): value for name, value in self.headers.items()}
            stub.requests.append(request)
            answer = stub.script(request)
            time.sleep(answer.delay)
            if answer.reset:
                # A reset, not an orderly end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
                return
            with contextlib.suppress(ConnectionError):
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body.encode())))
                self.end_headers()
                self.wfile.write(answer.body.encode())

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    stub = StubAws(f"http://127.0.0.1:{server.server_port}", script or in_order)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
