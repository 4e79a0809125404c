"""A cloud small enough to count: every change is made once for each token, and every call is remembered.

It lives in the test's own process, so that it outlives the servers that a test kills.
"""

import http.server
import threading
import time
from collections import Counter
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qs, urlsplit


class Sent(NamedTuple):
    """A call that arrived: when, from whom, to do what, with which token."""

    when: float
    caller: str
    action: str
    token: str


class ToyCloud:
    """Serves POST /{action}?token=&caller= (makes a thing once, answers with its id) and GET /state?id= (0 to 1).

    Args:
        boot: Seconds until what was made is there.
        delay: Seconds between a change and its answer.
    """

    def __init__(self, *, boot: float = 0.2, delay: float = 0.0) -> None:
        self.boot, self.delay = boot, delay
        self.sent: list[Sent] = []
        self.made: dict[str, tuple[str, str, float]] = {}
        self._lock = threading.Lock()
        cloud = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._answer(*cloud._change(self.path))

            def do_GET(self) -> None:
                self._answer(cloud._state(self.path), 0.0)

            def _answer(self, text: str, delay: float) -> None:
                time.sleep(delay)
                try:
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(text.encode())
                except OSError:
                    # Whoever asked was killed.
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def effects(self) -> Counter[str]:
        """How many things each action made."""
        with self._lock:
            return Counter(action for action, _, _ in self.made.values())

    def tries(self, action: str) -> int:
        """Most calls with one token."""
        with self._lock:
            return max(Counter(sent.token for sent in self.sent if sent.action == action).values(), default=0)

    def _change(self, path: str) -> tuple[str, float]:
        asked = urlsplit(path)
        query = parse_qs(asked.query)
        action, token = asked.path.strip("/"), query["token"][0]
        with self._lock:
            self.sent.append(Sent(time.monotonic(), query["caller"][0], action, token))
            if token not in self.made:
                self.made[token] = (action, f"{action}-{len(self.made)}", time.monotonic())
            return self.made[token][1], self.delay

    def _state(self, path: str) -> str:
        wanted = parse_qs(urlsplit(path).query)["id"][0]
        with self._lock:
            since = next(since for _, id_, since in self.made.values() if id_ == wanted)
        return str(min(1.0, (time.monotonic() - since) / self.boot))
