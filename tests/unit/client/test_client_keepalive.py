"""A server that is frozen or gone is noticed, also when its kernel has taken all that was sent to it."""

import asyncio

import grpc
import pytest
from novacron_client import channel

# How much sooner than in earnest.
SOONER = 40
# SETTINGS without any, and those of the other side acknowledged.
BEGIN = b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0"


async def test_a_server_that_answers_no_ping_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms")
    soon = tuple((name, value // SOONER if name in waits else value) for name, value in channel._OPTIONS)
    monkeypatch.setattr(channel, "_OPTIONS", soon)
    gone = asyncio.Event()

    async def frozen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(BEGIN)
        # Its kernel takes all, and nobody answers.
        while await reader.read(65536):
            pass
        gone.set()
        writer.close()

    async with await asyncio.start_server(frozen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with channel.open_channel(f"127.0.0.1:{port}") as opened:
            stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = opened.unary_stream("/test.Frozen/Watch")
            # 40 s in earnest; gRPC's own limit for a ping is a minute.
            async with asyncio.timeout(10):
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await stream(b"").read()
                await gone.wait()
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
