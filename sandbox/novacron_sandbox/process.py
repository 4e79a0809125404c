"""The sandbox as a child of this process: started, waited for, ended."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Any, Self

from novacron_sandbox.clouds import CLOUDS

_TAIL = 4000


class SandboxError(Exception):
    """The sandbox did not start, or refused what a test asked of it; the message ends with what it wrote."""


class Sandbox:
    """A sandbox in a child process; a context manager, sync and async.

    >>> async with Sandbox(boot_seconds=0.5) as sandbox:
    ...     sandbox.aws["endpoint"], sandbox.aws["access_key_id"]

    `clouds` names those to start; `port` is that of the first. `origin` and `rate` are those of
    novacron_sandbox.clock.Clock. `metrics_period` and `metrics_lag` are seconds: how often an instance's metrics are
    published and how late they arrive; without them each cloud has its own. `boot_seconds` is how long an instance
    takes to start, stop or end. Once started, `aws`, `azure` and `gcp` say where these clouds are and which keys they
    accept (empty: not started), and `pid` is the child. Leaving ends the child, and no other process; if this process
    dies, the child ends by itself.
    """

    def __init__(
        self,
        *,
        clouds: Sequence[str] = CLOUDS,
        port: int = 0,
        origin: float | None = None,
        rate: float = 1.0,
        metrics_period: int | None = None,
        metrics_lag: float | None = None,
        boot_seconds: float = 2.0,
        ready_timeout: float = 60.0,
    ) -> None:
        arguments = {
            "clouds": ",".join(clouds),
            "port": port,
            "origin": origin,
            "rate": rate,
            "metrics-period": metrics_period,
            "metrics-lag": metrics_lag,
            "boot-seconds": boot_seconds,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        self._arguments = [text for name, value in given.items() for text in (f"--{name}", str(value))]
        self._ready_timeout = ready_timeout
        self._spawning = threading.Lock()
        self._stopped = False
        self._process: subprocess.Popen[str] | None = None
        self.aws: dict[str, Any] = {}
        self.azure: dict[str, Any] = {}
        self.gcp: dict[str, Any] = {}
        self.pid = 0

    def start(self) -> None:
        """Start the child and return when it answers. Raises SandboxError when it does not within `ready_timeout`."""
        with tempfile.TemporaryFile() as stderr:
            with self._spawning:
                if self._stopped or self._process is not None:
                    raise SandboxError("a sandbox starts once: make another one")
                self._process = process = subprocess.Popen(
                    [sys.executable, "-m", "novacron_sandbox", "--stdin", *self._arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    text=True,
                )
                self.pid = process.pid
            line = self._first_line(process)
            try:
                ready = json.loads(line or "")
            except ValueError:
                self.stop()
                wrote = f"{line or ''}{_tail(stderr)}".strip() or "nothing"
                failed = f"was not ready within {self._ready_timeout:g} s" if line is None else "did not start"
                raise SandboxError(f"the sandbox {failed}; it wrote:\n{wrote}") from None
        self.aws, self.azure, self.gcp = (ready.get(cloud, {}) for cloud in ("aws", "azure", "gcp"))

    def stop(self) -> None:
        """End the child, if there is one, and wait until it is gone; any number of times."""
        with self._spawning:
            self._stopped = True
            process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def state(self, *, cloud: str = "aws") -> dict[str, Any]:
        """Return what was counted in a cloud since the last reset.

        {"calls": {action: n}, "tokens": {action: {client_token: n}}, "effects": {action: n}, "faults": [to come]}.
        An effect is a mutation that was carried out: a repeated ClientToken is a second call but no second effect.
        """
        return self._hook(cloud, "state", None)

    def reset(self, *, cloud: str = "aws") -> None:
        """Forget all instances and volumes, counts, remembered tokens and faults of a cloud; the keys stay."""
        self._hook(cloud, "reset", {})

    def fault(
        self,
        action: str,
        kind: str,
        *,
        count: int = 1,
        seconds: float | None = None,
        after: bool = False,
        cloud: str = "aws",
    ) -> None:
        """Make the next `count` calls of an action ("*": of any) fail in a named way; see the cloud's faults.py.

        With `after` the call is carried out and only its answer is spoilt: what a client sees when an answer is lost.
        """
        asked: dict[str, Any] = {"action": action, "kind": kind, "count": count, "after": after}
        self._hook(cloud, "fault", asked if seconds is None else {**asked, "seconds": seconds})

    def mend(self, *, cloud: str = "aws") -> None:
        """Forget the faults that are still to come."""
        self._hook(cloud, "mend", {})

    def seed(self, count: int, *, region: str | None = None, cloud: str = "aws") -> list[str]:
        """Create a fleet of `count` running instances with three hours of history and more; returns their ids.

        They are in the first region of the cloud unless `region` names another.
        """
        asked = {"count": count, **({} if region is None else {"region": region})}
        return list(self._hook(cloud, "seed", asked)["instances"])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self.start)
        except asyncio.CancelledError:
            await asyncio.to_thread(self.stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _first_line(self, process: "subprocess.Popen[str]") -> str | None:
        """What it says first; empty when it ended before, None when it takes too long."""
        lines: list[str] = []

        def read() -> None:
            if process.stdout is not None:
                lines.append(process.stdout.readline())

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        reader.join(self._ready_timeout)
        return lines[0] if lines else None

    def _hook(self, cloud: str, name: str, asked: dict[str, Any] | None) -> dict[str, Any]:
        access: dict[str, Any] = getattr(self, cloud)
        body = None if asked is None else json.dumps(asked).encode()
        request = urllib.request.Request(f"{access['endpoint']}/_sandbox/{name}", data=body)
        trust = ssl.create_default_context(cafile=access["ca_file"]) if "ca_file" in access else None
        try:
            with urllib.request.urlopen(request, timeout=60, context=trust) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise SandboxError(f"{name}: {refusal.read().decode()}") from None
        if not isinstance(found, dict):
            raise SandboxError(f"{name}: an object was expected, not {found!r}")
        return found


def _tail(file: IO[bytes]) -> str:
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - _TAIL))
    return file.read().decode(errors="replace")
