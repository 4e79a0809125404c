"""Bytes on the wire for each sample, with all that TCP carries of them: HTTP/2, gRPC and the headers of events."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from novacron.cloud.v1 import metrics_service_pb2

from tests.bench.load import Counts, Load, readers, until
from tests.bench.processes import Server, ours
from tests.bench.table import Row

SERIES, PERIOD, TICKS = 10_000, 0.5, 10
# Every tenth series changes.
CHANGED = 10


class Relay:
    """Passes connections on to a server, and counts what comes back.

    Attributes:
        size: Bytes that the server sent.
    """

    def __init__(self, address: str) -> None:
        self._host, _, self._port = address.rpartition(":")
        self.size = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on until either side ends it."""
        source, sink = await asyncio.open_connection(self._host, int(self._port))
        forth = asyncio.create_task(self._pass(reader, sink))
        with contextlib.suppress(OSError):
            await self._pass(source, writer, counted=True)
        forth.cancel()
        sink.close()
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool = False) -> None:
        while data := await reader.read(1 << 16):
            self.size += len(data) * counted
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def relayed(server: Server) -> AsyncIterator[tuple[Relay, Server]]:
    """A relay to a server, and the server as it is reached through it."""
    relay = Relay(server.address)
    listener = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    try:
        port = listener.sockets[0].getsockname()[1]
        yield relay, replace(server, address=f"127.0.0.1:{port}")
    finally:
        listener.close()


async def measure(changed: int) -> float:
    """Bytes for each sample, from before the first tick is counted to after the last."""
    request = metrics_service_pb2.StreamMetricsRequest(parent="providers/toy", changes_only=changed > 1)
    async with (
        ours(SERIES, PERIOD, changed) as server,
        relayed(server) as (relay, through),
        readers(through, 1, connections=1, request=request) as load,
    ):
        before, sent = await quiet(load, relay, 1)
        after, sent_then = await quiet(load, relay, before.samples + SERIES // changed * TICKS)
        return (sent_then - sent) / (after.samples - before.samples)


async def quiet(load: Load, relay: Relay, samples: int) -> tuple[Counts, int]:
    """Counts between two ticks, when so many samples have come, and the bytes that went over the wire."""
    await until(load, lambda counts: counts.samples >= samples, pause=PERIOD / 10)
    while True:
        before = await load.count(), relay.size
        await asyncio.sleep(PERIOD / 10)
        if before == (await load.count(), relay.size):
            return before


async def rows() -> AsyncIterator[Row]:
    whole = await measure(1)
    yield Row(
        "wire", f"bytes of a sample, {SERIES:,} in a tick, against 8.0", whole / 8, 1.04, detail=f"{whole:.2f} bytes"
    )
    some = await measure(CHANGED)
    yield Row(
        "wire-changes",
        f"bytes of a sample, a {CHANGED}th of {SERIES:,} changed, against 9.0",
        some / 9,
        1.06,
        detail=f"{some:.2f} bytes",
    )
