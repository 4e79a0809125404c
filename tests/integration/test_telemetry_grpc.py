"""Streams of metrics over real sockets: what flow control, cancelled calls and dead peers do to them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from novacron.cloud.v1 import metrics_service_pb2
from novacron_providers.contract import Call, CloudError, to_status
from novacron_server.doors.writer import Writer

from tests.unit.telemetry.lab import Lab, stream_request
from tests.unit.telemetry.reader import Reader
from tests.unit.telemetry.toycloud import CPU

SERVICE = "novacron.cloud.v1.MetricsService"
PATIENCE = 20.0


class Served:
    """An engine behind a bare grpc.aio server that hands its bytes on."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_stream_rpc_method_handler(
            self._stream, metrics_service_pb2.StreamMetricsRequest.FromString, None
        )
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {"StreamMetrics": handler}),)
        )
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.channels: list[grpc.aio.Channel] = []

    async def _stream(
        self,
        request: metrics_service_pb2.StreamMetricsRequest,
        context: grpc.aio.ServicerContext[Any, bytes],
    ) -> None:
        writer = Writer(context)
        try:
            async for message in self.lab.telemetry.stream_metrics(request, Call(clock=self.lab.clock)):
                if isinstance(message, bytes):
                    await writer.send(message)
                else:
                    await message.into(writer)
        except CloudError as error:
            code = next(code for code in grpc.StatusCode if code.value[0] == to_status(error).code)
            await context.abort(code, error.message)

    def channel(self, *options: tuple[str, int]) -> grpc.aio.Channel:
        alone = ("grpc.use_local_subchannel_pool", 1)
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options=[alone, *options])
        self.channels.append(channel)
        return channel

    def call(self, channel: grpc.aio.Channel, **fields: Any) -> grpc.aio.UnaryStreamCall[Any, bytes]:
        method: grpc.aio.UnaryStreamMultiCallable[Any, bytes] = channel.unary_stream(
            f"/{SERVICE}/StreamMetrics",
            request_serializer=metrics_service_pb2.StreamMetricsRequest.SerializeToString,
            response_deserializer=None,
        )
        return method(stream_request(**fields))

    async def until(self, condition: Callable[[], bool], tick: float = 0.0) -> None:
        """Wait for what happens on sockets; the engine's clock moves by `tick` at each look."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            await self.lab.clock.advance(tick)
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        for channel in self.channels:
            await channel.close()
        await self.lab.close()
        await self.server.stop(0)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    await served.server.start()
    yield served
    await served.close()


async def test_values_arrive_and_a_cancelled_call_stops_the_polls(served: Served) -> None:
    lab = served.lab
    name = lab.cloud.add("i-1")
    call = served.call(served.channel())
    reader = Reader(call)
    await served.until(lambda: "synced" in reader.kinds)
    await lab.clock.advance(60)
    await served.until(lambda: len(reader.points) == 4)
    assert reader.values()[CPU, name] == lab.cloud.value(CPU, "i-1", lab.clock.time())
    call.cancel()
    await reader.stop()
    await served.until(lambda: not lab.telemetry.open_streams)
    calls = lab.cloud.calls.copy()
    await lab.clock.advance(3600)
    assert lab.cloud.calls == calls


async def test_fifty_calls_on_two_connections_see_the_same(served: Served) -> None:
    served.lab.cloud.add("i-1")
    channels = [served.channel(), served.channel()]
    readers = [Reader(served.call(channels[n % 2])) for n in range(50)]
    await served.until(lambda: all("synced" in reader.kinds for reader in readers))
    await served.lab.clock.advance(300)
    await served.until(lambda: all(len(reader.points) == 12 for reader in readers))
    assert len({tuple(reader.points) for reader in readers}) == 1
    assert served.lab.cloud.calls["collect"] == 6
    for reader in readers:
        await reader.stop()


async def test_connection_that_breaks_is_resumed_without_loss(served: Served) -> None:
    lab = served.lab
    lab.cloud.add("i-1")
    channel = served.channel()
    reader = Reader(served.call(channel, metrics=[CPU]))
    await served.until(lambda: "synced" in reader.kinds)
    await lab.clock.advance(120)
    await served.until(lambda: len(reader.points) == 3)
    await channel.close()
    await reader.stop()
    await served.until(lambda: not lab.telemetry.open_streams)
    await lab.clock.advance(70)
    back = Reader(served.call(served.channel(), metrics=[CPU], resume_after=reader.position))
    await served.until(lambda: "synced" in back.kinds and len(back.points) == 1)
    assert back.controls("opened")[0].control.opened.resumed
    await lab.clock.advance(60)
    await served.until(lambda: len(back.points) == 2)
    times = [point.time for point in reader.points + back.points]
    assert times == [times[0] + n * 60 for n in range(5)]
    await back.stop()


async def test_reader_that_does_not_read_is_told_exactly_what_it_missed(served: Served) -> None:
    lab = served.lab
    for n in range(200):
        lab.cloud.add(f"i-{n}")
    quick = Reader(served.call(served.channel()))
    # A small window, so that the test need not fill the usual 4 MiB.
    slow = Reader(served.call(served.channel(("grpc.http2.lookahead_bytes", 64 * 1024), ("grpc.http2.bdp_probe", 0))))
    await served.until(lambda: "synced" in slow.kinds and "synced" in quick.kinds)
    slow.pause()
    ticks = 150
    for _ in range(ticks):
        await lab.clock.advance(60)
        await asyncio.sleep(0)
    end = lab.clock.time()
    await served.until(lambda: max(point.time for point in quick.points[-1:]) == end)
    slow.resume()
    await served.until(lambda: slow.position == quick.position)
    batches = [event.batch for event in slow.events if event.HasField("batch") and event.sequence]
    gaps = [event.control.gap for event in slow.controls("gap")]
    assert gaps
    assert len(batches) + sum(gap.dropped_events for gap in gaps) == ticks
    assert sum(len(b.values) for b in batches) + sum(gap.dropped_items for gap in gaps) == ticks * 400
    assert slow.values() == quick.values()
    assert not quick.controls("gap")
    for reader in (slow, quick):
        await reader.stop()


async def test_shutdown_ends_calls_with_the_reason(served: Served) -> None:
    served.lab.cloud.add("i-1")
    call = served.call(served.channel())
    received: list[bytes] = []

    async def read() -> None:
        async for data in call:
            received.append(data)  # noqa: PERF401  # what came before the end counts too

    task = asyncio.create_task(read())
    await served.until(lambda: len(received) >= 4)
    await served.lab.telemetry.close()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await task
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    [event] = metrics_service_pb2.StreamMetricsResponse.FromString(received[-1]).events
    assert event.control.closing.HasField("reconnect_after")
