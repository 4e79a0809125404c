"""Messages of a stream through real sockets, when the reader takes them, does not, or goes."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from novacron_server.doors.writer import Gone, Writer

METHOD = "/test.Streams/Watch"
# More than gRPC and the kernel take in for a reader who does not read.
BIG = b"x" * 4_000_000

Handler = Callable[[Writer], Awaitable[None]]


@asynccontextmanager
async def reading(handle: Handler) -> AsyncIterator["grpc.aio.UnaryStreamCall[Any, bytes]"]:
    """A call whose answer is what a handler writes."""

    async def answer(request: bytes, context: "grpc.aio.ServicerContext[bytes, Any]") -> None:
        writer = Writer(context)
        try:
            await handle(writer)
        finally:
            writer.close()

    handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_stream_rpc_method_handler(answer, None, None)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Streams", {"Watch": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.http2.lookahead_bytes", 65_536),
        ("grpc.http2.bdp_probe", 0),
    ]
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            method: grpc.aio.UnaryStreamMultiCallable[Any, bytes] = channel.unary_stream(METHOD, None, None)
            yield method(b"")
    finally:
        await server.stop(None)


async def test_messages_come_in_order_and_whole() -> None:
    async def handle(writer: Writer) -> None:
        for n in range(100):
            await writer.send(str(n).encode())
        await writer.sent()

    async with reading(handle) as call:
        assert [data async for data in call] == [str(n).encode() for n in range(100)]


async def test_offer_is_taken_only_when_the_message_before_is_sent() -> None:
    offered: list[bool] = []

    async def handle(writer: Writer) -> None:
        offered.extend(writer.offer(data) for data in (b"first", b"second"))
        await writer.sent()
        offered.append(writer.offer(b"third"))
        await writer.sent()

    async with reading(handle) as call:
        assert [data async for data in call] == [b"first", b"third"]
    assert offered == [True, False, True]


async def test_reader_that_does_not_read_holds_up_sends_but_no_offers() -> None:
    stuck, told = asyncio.Event(), asyncio.Event()

    async def handle(writer: Writer) -> None:
        while True:
            try:
                async with asyncio.timeout(0.2):
                    await writer.send(BIG)
            except TimeoutError:
                break
        assert not writer.offer(b"more")
        stuck.set()
        await told.wait()
        # What was under way was not cancelled with the wait for it.
        await writer.send(b"last")
        await writer.sent()

    async with reading(handle) as call:
        await stuck.wait()
        told.set()
        found = [len(data) async for data in call]
    assert set(found[:-1]) == {len(BIG)}
    assert found[-1] == len(b"last")


async def test_caller_that_goes_ends_the_call_and_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    # What other tests left is none of this one's.
    gc.collect()
    caplog.clear()
    ended: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def handle(writer: Writer) -> None:
        try:
            while True:
                await writer.send(BIG)
        except BaseException as error:
            ended.set_result(error)
            raise

    async with reading(handle) as call:
        await call.read()
        call.cancel()
        error = await asyncio.wait_for(ended, 10)
    assert isinstance(error, asyncio.CancelledError)
    await asyncio.sleep(0)
    gc.collect()
    assert "never" not in caplog.text


async def test_nothing_can_be_sent_after_the_call() -> None:
    kept: list[Writer] = []

    async def handle(writer: Writer) -> None:
        kept.append(writer)
        await writer.send(b"all")
        await writer.sent()

    async with reading(handle) as call:
        assert [data async for data in call] == [b"all"]
        writer = kept[0]
        assert not writer.offer(b"more")
        with pytest.raises(Gone):
            await writer.send(b"more")
