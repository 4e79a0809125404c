"""Readers of StreamMetrics: the C++ ones, or where there is no C++ compiler slower ones, in this process."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from novacron.cloud.v1 import metrics_service_pb2

from tests.bench.processes import BUILT, Server, built, spawned

METHOD = "/novacron.cloud.v1.MetricsService/StreamMetrics"
# Seconds until what is waited for must have come.
PATIENCE = 45.0


@dataclass(frozen=True)
class Counts:
    """What all readers together received, those that are held not counted.

    Attributes:
        messages, size: Messages, and bytes in them.
        events: Events with a position that are not about the stream itself.
        samples: In batches that are not of a snapshot.
        dropped: Events that were told as dropped.
        unaccounted: Positions that went by without an event or being told as dropped.
        failed: Streams that ended by themselves; held ones too.
        opened: Streams that received anything; held ones too.
        least: Samples of the reader that has the fewest.
    """

    messages: int
    size: int
    events: int
    samples: int
    dropped: int
    unaccounted: int
    failed: int
    opened: int
    least: int


class Load(Protocol):
    """Readers at work.

    Attributes:
        pid: Of their process; None when it is this one.
    """

    pid: int | None

    async def count(self) -> Counts:
        """What was received so far."""

    async def hold(self, number: int) -> Counts:
        """Have so many readers stop to read."""

    async def renew(self) -> Counts:
        """Cancel all streams, and open as many anew."""


@asynccontextmanager
async def readers(
    server: Server,
    streams: int,
    *,
    connections: int = 10,
    window: int = 0,
    request: metrics_service_pb2.StreamMetricsRequest | None = None,
) -> AsyncIterator[Load]:
    """Readers of a server, on so many connections; each takes in `window` bytes unread, 0 for gRPC's own way."""
    data = (request or metrics_service_pb2.StreamMetricsRequest(parent="providers/toy")).SerializeToString()
    if await built():
        slow = _Readers(server.address, data, streams, connections, window)
        try:
            yield slow
        finally:
            await slow.close()
        return
    words = map(str, (BUILT / "load", server.address, METHOD, data.hex(), streams, connections, window))
    async with spawned(*words) as process:
        yield _Process(Server(process, ""))


async def until(load: Load, done: Callable[[Counts], bool], pause: float = 0.1) -> Counts:
    """Wait for something to be received."""
    async with asyncio.timeout(PATIENCE):
        # The load is asked, because an Event set by every message would be a part of what is measured.
        while not done(counts := await load.count()):  # noqa: ASYNC110  # as above
            await asyncio.sleep(pause)
    return counts


async def cost(server: Server, load: Load, least: int, seconds: float) -> tuple[float, Counts, Counts]:
    """CPU seconds of the server from when each reader has `least` samples, over some seconds, and what came before
    and after."""
    await until(load, lambda counts: counts.least >= least)
    before, begin = await load.count(), server.cpu
    await asyncio.sleep(seconds)
    after = await load.count()
    return server.cpu - begin, before, after


class _Process:
    def __init__(self, process: Server) -> None:
        self._process = process
        self.pid: int | None = process.process.pid

    async def count(self) -> Counts:
        return await self._told("count")

    async def hold(self, number: int) -> Counts:
        return await self._told(f"hold {number}")

    async def renew(self) -> Counts:
        return await self._told("renew")

    async def _told(self, line: str) -> Counts:
        return Counts(**json.loads(await self._process.ask(line)))


class _Reader:
    def __init__(self) -> None:
        self.messages = self.size = self.events = self.samples = self.dropped = self.first = self.last = 0
        self.failed, self.is_held = False, False

    async def run(self, channel: grpc.aio.Channel, request: bytes) -> None:
        method: grpc.aio.UnaryStreamMultiCallable[Any, bytes] = channel.unary_stream(METHOD, None, None)
        call = method(request)
        try:
            async for data in call:
                self._take(data)
                if self.is_held:
                    await asyncio.Event().wait()
            self.failed = True
        except grpc.aio.AioRpcError:
            self.failed = True
        finally:
            call.cancel()

    def _take(self, data: bytes) -> None:
        self.messages, self.size = self.messages + 1, self.size + len(data)
        for event in metrics_service_pb2.StreamMetricsResponse.FromString(data).events:
            lost = event.control.gap.dropped_events
            self.dropped, self.last = self.dropped + lost, self.last + lost
            if not event.sequence:
                continue
            is_control = event.HasField("control")
            self.first = self.first if self.last else event.sequence - (not is_control)
            self.last = event.sequence
            self.events += not is_control
            self.samples += len(event.batch.values)


class _Readers:
    pid: int | None = None

    def __init__(self, address: str, request: bytes, streams: int, connections: int, window: int) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        if window:
            options += [("grpc.http2.lookahead_bytes", window), ("grpc.http2.bdp_probe", 0)]
        self._channels = [grpc.aio.insecure_channel(address, options) for _ in range(connections)]
        self._request, self._streams = request, streams
        self._open()

    def _open(self) -> None:
        self._readers = [_Reader() for _ in range(self._streams)]
        pairs = zip(self._readers, itertools.cycle(self._channels), strict=False)
        self._tasks = [asyncio.create_task(reader.run(channel, self._request)) for reader, channel in pairs]

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def count(self) -> Counts:
        def total(name: str) -> int:
            return sum(getattr(reader, name) for reader in free)

        free = [reader for reader in self._readers if not reader.is_held]
        return Counts(
            **{name: total(name) for name in ("messages", "size", "events", "samples", "dropped")},
            unaccounted=sum(abs(r.last - r.first - r.events - r.dropped) for r in free),
            failed=sum(reader.failed for reader in self._readers),
            opened=sum(reader.messages > 0 for reader in self._readers),
            least=min(reader.samples for reader in free),
        )

    async def hold(self, number: int) -> Counts:
        for reader in self._readers[:number]:
            reader.is_held = True
        return await self.count()

    async def renew(self) -> Counts:
        await self._end()
        self._open()
        return await self.count()

    async def close(self) -> None:
        await self._end()
        for channel in self._channels:
            await channel.close()
