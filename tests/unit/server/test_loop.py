"""Many messages at once wake the loop few times."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from novacron_server.loop import Loop

STREAMS = 200


class Counting(selectors.DefaultSelector):
    """Counts the turns of a loop."""

    turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.turns += 1
        return super().select(timeout)


async def fan_out(turns: Callable[[], int]) -> int:
    """Send a message on each of many streams in one turn; the turns until all have come."""
    go = asyncio.Event()

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"ready"
        await go.wait()
        yield b"gone"

    handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_stream_rpc_method_handler(stream, None, None)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Fan", {"Out": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        method: grpc.aio.UnaryStreamMultiCallable[Any, bytes] = channel.unary_stream("/test.Fan/Out", None, None)
        calls = [method(b"") for _ in range(STREAMS)]
        assert {await call.read() for call in calls} == {b"ready"}
        begin = turns()
        go.set()
        assert await asyncio.gather(*(call.read() for call in calls)) == [b"gone"] * STREAMS
        took = turns() - begin
    await server.stop(None)
    return took


def test_messages_sent_at_once_wake_the_loop_few_times() -> None:
    selector = Counting()
    with asyncio.Runner(loop_factory=lambda: Loop(selector)) as runner:
        # A loop as usual takes one turn for each message sent, and one for each that came.
        assert runner.run(fan_out(lambda: selector.turns)) < STREAMS / 2
