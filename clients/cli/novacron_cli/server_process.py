"""A server of one's own, as a child process: started, waited for, ended."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_TAIL = 2000


class ServerError(Exception):
    """The server did not start; the message ends with what it wrote."""


class ServerProcess:
    """`novacron-cloud serve` on a free port of 127.0.0.1, with its state in a folder; an async context manager.

    Entering it starts the child, `ready` waits until it serves, leaving it ends the child and no other process. If this
    process dies, the child ends by itself.
    """

    def __init__(self, folder: Path, *, ready_timeout: float = 60.0) -> None:
        self._folder, self._ready_timeout = folder, ready_timeout
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._stop)

    async def ready(self) -> str:
        """Wait until it serves calls, and return its address. Raises ServerError when it ends or takes too long."""
        end = time.monotonic() + self._ready_timeout
        while time.monotonic() < end:
            if address := await asyncio.to_thread(self._address):
                return address
            await asyncio.sleep(0.05)
        wrote = await asyncio.to_thread(self._tail)
        raise ServerError(f"the server was not ready after {self._ready_timeout:g} s{wrote}")

    def _start(self) -> None:
        # Nothing that is configured for a server of this machine may reach this one.
        config = self._folder / "empty.toml"
        config.touch()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NOVACRON_")}
        local = ",".join(filter(None, (os.environ.get("no_proxy"), "127.0.0.1")))
        flags = {
            "--listen": "127.0.0.1:0",
            "--config": str(config),
            "--database": f"sqlite:///{self._folder / 'state.db'}",
            "--key-file": str(self._folder / "sealing.key"),
            "--ready-file": str(self._folder / "ready.json"),
            "--shutdown-grace": "2s",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "novacron_cli", "serve", "--until-stdin-closes", *sum(flags.items(), ())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment | {"no_proxy": local, "NO_PROXY": local},
            )

    def _address(self) -> str:
        """Where it serves; empty while it does not yet."""
        ready = self._folder / "ready.json"
        if ready.exists():
            return str(json.loads(ready.read_text())["address"])
        if self._process is not None and self._process.poll() is not None:
            raise ServerError(f"the server ended with {self._process.returncode} before it was ready{self._tail()}")
        return ""

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _tail(self) -> str:
        wrote = self._log.read_text(errors="replace")[-_TAIL:].strip()
        return f"; it wrote:\n{wrote}" if wrote else "; it wrote nothing"
