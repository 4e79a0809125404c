"""What grpc.aio costs by itself: `python -m tests.bench.rivals ring|rows SERIES PERIOD`.

It prints its address and ends when its standard input does; after a line "hold" there nothing more is published,
until "go". StreamMetrics is a batch of SERIES samples every PERIOD seconds, without any collecting behind it:

    ring   encoded once, in a ring of ready bytes, each batch one message
    rows   built anew for each subscriber, a row with all its names for each sample

GetProvider is answered with its request.
"""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import numpy as np
from google.protobuf import timestamp_pb2
from novacron.cloud.v1 import metrics_pb2, metrics_service_pb2
from novacron_server.doors.grpc import OPTIONS
from novacron_server.telemetry import frame

Source = Callable[[], AsyncIterator[bytes]]


class Ring:
    """The last batches, and a wake-up when there is another one."""

    def __init__(self, series: int, period: float) -> None:
        self._series, self._period = series, period
        self._held: deque[bytes] = deque(maxlen=64)
        self._head = 0
        self._turn = asyncio.Event()
        # Whether anything is published.
        self.is_live = True

    async def publish(self) -> None:
        """Add a batch each period, without end."""
        places, values = frame.places(np.arange(self._series)), np.arange(self._series) / 2
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += self._period
            await asyncio.sleep(due - loop.time())
            if not self.is_live:
                continue
            self._head += 1
            self._held.append(frame.batch(self._head, 1_700_000_000.0, self._period, places, values))
            self._turn.set()
            self._turn = asyncio.Event()

    async def batches(self) -> AsyncIterator[bytes]:
        """Those that come from now on; the oldest are left out for a reader who lags too far."""
        cursor = self._head
        while True:
            if cursor == self._head:
                await self._turn.wait()
                continue
            oldest = self._head - len(self._held)
            cursor = max(cursor, oldest)
            data = self._held[cursor - oldest]
            cursor += 1
            yield data

    async def rows(self) -> AsyncIterator[bytes]:
        """The same samples as rows, which each reader gets its own of."""
        async for _ in self.batches():
            points = [
                metrics_pb2.MetricPoint(
                    metric="cloud.instance.cpu.utilization",
                    resource=f"providers/toy/instances/east~i-{n:05}",
                    attributes={"region": "east", "account": "toy"},
                    unit="1",
                    time=timestamp_pb2.Timestamp(seconds=1_700_000_000),
                    value=n / 2,
                )
                for n in range(self._series)
            ]
            yield metrics_service_pb2.GetLatestMetricsResponse(points=points).SerializeToString()


def handlers(source: Source) -> tuple[grpc.GenericRpcHandler, ...]:
    """StreamMetrics from a source; GetProvider answers with its request."""

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        # So that a reader knows that it is heard.
        yield b""
        async for data in source():
            yield data

    async def answer(request: bytes, context: Any) -> bytes:
        return request

    streaming: grpc.RpcMethodHandler[Any, Any] = grpc.unary_stream_rpc_method_handler(stream, None, None)
    answering: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(answer, None, None)
    return (
        grpc.method_handlers_generic_handler("novacron.cloud.v1.MetricsService", {"StreamMetrics": streaming}),
        grpc.method_handlers_generic_handler("novacron.cloud.v1.ProviderService", {"GetProvider": answering}),
    )


async def main(kind: str, series: int, period: float) -> None:
    ring = Ring(series, period)
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers(handlers(ring.rows if kind == "rows" else ring.batches))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    publishing = asyncio.create_task(ring.publish())
    print(f"127.0.0.1:{port}", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        ring.is_live = line.strip() != "hold"
        print(flush=True)
    publishing.cancel()
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
