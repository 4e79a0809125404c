"""A server for the fanout bench: `python -m tests.bench.fanout_server bare|server FOLDER`.

It prints its address, serves StreamMetrics, and ends when its standard input does. Both send a tick of SERIES
samples every PERIOD seconds to all who read:

    bare     a grpc.aio handler and a ring of ready bytes: what grpc.aio costs by itself
    server   the whole server, with its door, dispatch, spans and logs

The cloud is in memory and does next to nothing, so what is counted beyond the ring is ours.
"""

import asyncio
import pathlib
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc
import numpy as np
from novacron.cloud.v1 import capabilities_pb2, compute_pb2
from novacron_providers.contract import Call, Points, Provider, SeriesKey, SystemClock, Window
from novacron_server.app import App
from novacron_server.config import Config, ProviderEntry
from novacron_server.doors.grpc import OPTIONS
from novacron_server.observability import setup_logs
from novacron_server.telemetry import frame

from tests.unit.telemetry.toycloud import CPU, ToyCloud

SERIES = 1000
PERIOD = 0.1

Handler = Callable[[bytes, Any], AsyncIterator[bytes]]


class QuickCloud(ToyCloud):
    """An account that publishes a value of each of SERIES instances every PERIOD seconds."""

    def __init__(self) -> None:
        super().__init__(SystemClock(), period=PERIOD)
        self.metrics = [CPU]
        self._keys = [SeriesKey(CPU, self.add(f"i-{n:04}")) for n in range(SERIES)]

    async def collect(
        self,
        region: str,
        instances: Sequence[compute_pb2.Instance],
        metrics: Sequence[str],
        window: Window,
        call: Call,
    ) -> Sequence[Points]:
        times, values = (window.end,), (window.end % 1000,)
        return [Points(key, times, values) for key in self._keys]


async def serve(handler: Handler) -> tuple[grpc.aio.Server, str]:
    server = grpc.aio.server(options=OPTIONS)
    method: grpc.RpcMethodHandler[Any, Any] = grpc.unary_stream_rpc_method_handler(handler, None, None)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("novacron.cloud.v1.MetricsService", {"StreamMetrics": method}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, f"127.0.0.1:{port}"


async def bare(ended: asyncio.Event) -> None:
    ring: deque[bytes] = deque(maxlen=64)
    head = 0
    turn = asyncio.Event()

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        cursor = head
        yield b""
        while True:
            if cursor == head:
                await turn.wait()
                continue
            cursor = max(cursor, head - len(ring))
            data = ring[cursor - head + len(ring)]
            cursor += 1
            yield data

    server, address = await serve(stream)
    print(address, flush=True)
    values = np.arange(SERIES) / 2
    while not ended.is_set():
        await asyncio.sleep(PERIOD)
        ring.append(frame.batch(head + 1, 1_700_000_000.0, PERIOD, np.arange(SERIES), values))
        head += 1
        turn.set()
        turn = asyncio.Event()
    await server.stop(0)


async def whole(ended: asyncio.Event, folder: pathlib.Path) -> None:
    able = capabilities_pb2.CapabilityStatus(
        capability=capabilities_pb2.CAPABILITY_METRICS, level=capabilities_pb2.SUPPORT_LEVEL_NATIVE
    )
    account = QuickCloud()
    plugin = Provider(
        kind="toy", display_name="Toy", capabilities=[able], check=lambda settings: None, connect=lambda _: account
    )
    config = Config(
        listen="127.0.0.1:0",
        database=f"sqlite:///{folder / 'state.db'}",
        key_file=folder / "sealing.key",
        providers={"toy": ProviderEntry(kind="toy")},
    )
    stop_logs = setup_logs("info", "json")
    try:
        async with App(config, plugins={"toy": plugin}) as app:
            print(app.address, flush=True)
            await ended.wait()
    finally:
        stop_logs()


async def main(kind: str, folder: pathlib.Path) -> None:
    ended = asyncio.Event()

    async def watch() -> None:
        await asyncio.to_thread(sys.stdin.read)
        ended.set()

    watching = asyncio.create_task(watch())
    await (bare(ended) if kind == "bare" else whole(ended, folder))
    await watching


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], pathlib.Path(sys.argv[2])))
