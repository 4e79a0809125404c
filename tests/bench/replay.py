"""Stands between clients and the sandbox's EC2: what was listed once is answered from memory, byte for byte.

A list of 10,000 instances takes the sandbox longer than all clients together, of which alone the CPU is measured.
"""

import http.client
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

# What is answered from memory.
ACTION = "DescribeInstances"
NAMESPACE = b"http://ec2.amazonaws.com/doc/2016-11-15/"
# What Libcloud asks after the list.
NO_ADDRESSES = (
    b'<DescribeAddressesResponse xmlns="' + NAMESPACE + b'"><requestId>0</requestId><addressesSet/>'
    b"</DescribeAddressesResponse>"
)
# Seconds for an answer of the sandbox.
LIMIT = 600.0


class _Answer(NamedTuple):
    status: int
    kind: str
    body: bytes


def _joined(pages: Sequence[_Answer]) -> _Answer:
    """The pages of a list as one."""
    opening, closing = b"<reservationSet>", b"</reservationSet>"
    parts = [page.body.partition(opening) for page in pages]
    items = b"".join(after.rpartition(closing)[0] for _, _, after in parts)
    end = parts[-1][2].rpartition(closing)[2]
    # EC2's own name of the elements, which the sandbox cuts short, and Libcloud insists on.
    begin = parts[0][0].replace(NAMESPACE.rstrip(b"/") + b'"', NAMESPACE + b'"')
    return _Answer(200, pages[0].kind, begin + opening + items + closing + end)


class Replay:
    """An endpoint of EC2.

    Attributes:
        endpoint: Its URL.
        calls: Lists of instances that were asked for, by region.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
        self.calls: Counter[str] = Counter()


@contextmanager
def replay(endpoint: str) -> Iterator[Replay]:
    """Answer for the EC2 at `endpoint`."""
    host = urlsplit(endpoint).netloc
    kept: dict[tuple[str, str, bytes], _Answer] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = parse_qs(urlsplit(self.path).query or body.decode())
            # "AWS4-HMAC-SHA256 Credential=AKID/20261124/us-east-1/ec2/aws4_request, ..."
            region = self.headers.get("Authorization", "///").split("/")[2]
            key = (region, self.path, body)
            is_list = asked.get("Action") == [ACTION]
            found = kept.get(key)
            if found is None and self.command == "GET" and "Action" in asked:
                # Libcloud: it asks for all at once, and signs so that the sandbox does not take it.
                pages = [answer for (where, *_), answer in kept.items() if where == region]
                found = _joined(pages) if is_list else _Answer(200, pages[0].kind, NO_ADDRESSES)
                kept[key] = found
            if found is None:
                found = self._forward(body)
                if is_list and found.status == 200:
                    kept[key] = found
            if is_list:
                proxy.calls[region] += 1
            self.send_response_only(found.status)
            self.send_header("Content-Type", found.kind)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_GET = do_POST

        def log_message(self, format: str, *values: object) -> None:
            """Write nothing for each request."""

        def _forward(self, body: bytes) -> _Answer:
            connection = http.client.HTTPConnection(host, timeout=LIMIT)
            try:
                # The signature is of these headers.
                connection.request(self.command, self.path, body, dict(self.headers.items()))
                answer = connection.getresponse()
                return _Answer(answer.status, answer.headers.get("Content-Type", ""), answer.read())
            finally:
                connection.close()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = Replay(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="replay")
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
