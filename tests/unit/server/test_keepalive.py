"""A peer that is frozen or gone is given up, also when its kernel has taken all that was sent to it."""

import asyncio
import pathlib

import pytest
from novacron_server.app import App
from novacron_server.doors import grpc as door

from tests.servers import configured

# How much sooner than in earnest.
SOONER = 40
# How an HTTP/2 connection begins: the magic words, and SETTINGS without any.
BEGIN = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
# Length, type and flags of a PING.
PING = b"\0\0\x08\x06\0"


async def test_a_connection_ends_on_which_a_ping_is_not_answered(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms")
    soon = [(name, value // SOONER if name in waits else value) for name, value in door.OPTIONS]
    monkeypatch.setattr(door, "OPTIONS", soon)
    async with App(await configured(tmp_path), plugins={}) as app:
        host, _, port = app.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(BEGIN)
        # 30 s in earnest; gRPC's own limit for a ping is a minute.
        async with asyncio.timeout(10):
            received = await reader.read(-1)
        writer.close()
    assert PING in received
