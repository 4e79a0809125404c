"""What clouds were asked and what they answered, for whoever judges it: one JSON object a line, a file for each cloud.

Only when the environment variable SANDBOX_RECORD names a folder: {folder}/{cloud}-{pid}.jsonl.
"""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Recorder:
    """Appends the exchanges of one cloud's API; does nothing when nobody asked for a record."""

    def __init__(self, cloud: str) -> None:
        folder = os.environ.get("SANDBOX_RECORD")
        self._path = Path(folder) / f"{cloud}-{os.getpid()}.jsonl" if folder else None
        self._lock = threading.Lock()

    @property
    def on(self) -> bool:
        """Whether there is a record: what is costly to prepare can be left out otherwise."""
        return self._path is not None

    def add(
        self,
        method: str,
        url: str,
        request_headers: Mapping[str, str],
        request_body: Any,
        status: int,
        response_headers: Mapping[str, str],
        response_body: Any,
    ) -> None:
        """Append one exchange before its answer leaves; bodies are parsed JSON, or None."""
        if self._path is None:
            return
        exchange = {
            "method": method,
            "url": url,
            "request_headers": dict(request_headers),
            "request_body": request_body,
            "status": status,
            "response_headers": dict(response_headers),
            "response_body": response_body,
        }
        line = json.dumps(exchange) + "\n"
        with self._lock, self._path.open("a") as record:
            record.write(line)
