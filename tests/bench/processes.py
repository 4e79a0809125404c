"""Servers and loads of a bench, each a process of its own, and what they use."""

import asyncio
import os
import pathlib
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO

CPP = pathlib.Path(__file__).parent / "cpp"
BUILT = pathlib.Path("build/bench")
# What the processes say beside their answers.
LOG = BUILT / "processes.log"
# Seconds until a process must have said its address, and until one that was told to end is killed.
PATIENCE = 60.0


@dataclass(frozen=True)
class Server:
    """A server under load."""

    process: asyncio.subprocess.Process
    address: str

    @property
    def cpu(self) -> float:
        """Seconds of CPU that all its threads, also those that ended, have used."""
        # The number that clock_getcpuclockid gives for a process, which Python has no name for.
        return time.clock_gettime(~self.process.pid << 3 | 2)

    @property
    def memory(self) -> float:
        """Resident memory, in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    async def ask(self, line: str = "") -> str:
        """Its answer to a line."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{line}\n".encode())
        return (await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)).decode().strip()


@asynccontextmanager
async def spawned(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that ends when its standard input does."""
    with await asyncio.to_thread(_log) as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, "GRPC_VERBOSITY": "NONE"},
        )
    assert process.stdin
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()


@asynccontextmanager
async def _served(*command: str) -> AsyncIterator[Server]:
    async with spawned(*command) as process:
        assert process.stdout
        address = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode().strip()
        if not address:
            raise RuntimeError(f"{' '.join(command)} ended before it served; see {LOG}")
        yield Server(process, address)


@asynccontextmanager
async def ours(series: int, period: float, *more: object) -> AsyncIterator[Server]:
    """The whole server; see ours.py."""
    with tempfile.TemporaryDirectory() as folder:
        words = map(str, (folder, series, period, *more))
        async with _served(sys.executable, "-m", "tests.bench.ours", *words) as server:
            yield server


@asynccontextmanager
async def rival(kind: str, series: int, period: float) -> AsyncIterator[Server]:
    """grpc.aio by itself, see rivals.py; or "cpp", for which `built` must have given no reason not to."""
    command = [sys.executable, "-m", "tests.bench.rivals", kind] if kind != "cpp" else [str(BUILT / "ring")]
    async with _served(*command, str(series), str(period)) as server:
        yield server


def _log() -> BinaryIO:
    BUILT.mkdir(parents=True, exist_ok=True)
    return LOG.open("ab")


def _is_old(name: str) -> bool:
    """Whether a program is older than what it is compiled from."""
    program = BUILT / name
    newest = max(path.stat().st_mtime for path in CPP.iterdir())
    return not program.exists() or program.stat().st_mtime <= newest


async def built() -> str:
    """Compile the C++ programs, if that was not done since they were changed; why they are not there, or ""."""
    for program in ("g++", "pkg-config"):
        if not shutil.which(program):
            return f"needs {program}: apt-get install g++ pkg-config libgrpc++-dev"
    found = await _output("pkg-config", "--cflags", "--libs", "grpc++")
    if found is None:
        return "needs gRPC for C++: apt-get install libgrpc++-dev"
    for name in ("ring", "load"):
        if not await asyncio.to_thread(_is_old, name):
            continue
        await asyncio.to_thread(BUILT.mkdir, parents=True, exist_ok=True)
        command = ("g++", "-O2", "-std=c++17", "-pthread", str(CPP / f"{name}.cc"), "-o", str(BUILT / name))
        if await _output(*command, *found.split()) is None:
            return f"{name}.cc does not compile with the gRPC for C++ that is here"
    return ""


async def _output(*command: str) -> str | None:
    """What a command prints; None when it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    return None if process.returncode else output.decode()
