"""Streams for tests that have no door: feeds send into a place for one message, as grpc.aio has one for each call."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from novacron_server.streams import Feed


class Outlet:
    """Takes a message when the one before it was taken away.

    Attributes:
        held: The message that nobody has taken yet.
        filled: Set while there is one.
    """

    def __init__(self) -> None:
        self.held = b""
        self.filled = asyncio.Event()

    def offer(self, data: bytes) -> bool:
        if self.filled.is_set():
            return False
        self.held = data
        self.filled.set()
        return True


async def _sent(feed: Feed) -> AsyncIterator[bytes]:
    """What a feed sends until it ends."""
    outlet = Outlet()
    sending, coming = asyncio.ensure_future(feed.into(outlet)), asyncio.ensure_future(outlet.filled.wait())
    try:
        while not sending.done() or outlet.filled.is_set():
            await asyncio.wait([sending, coming], return_when=asyncio.FIRST_COMPLETED)
            if outlet.filled.is_set():
                # Until the reader comes back for more, this one is not taken.
                yield outlet.held
                outlet.filled.clear()
                coming = asyncio.ensure_future(outlet.filled.wait())
        await sending
    finally:
        sending.cancel()
        coming.cancel()


async def flat(messages: AsyncGenerator[bytes | Feed, None]) -> AsyncGenerator[bytes, None]:
    """A stream whose feeds are the messages that they send."""
    async with aclosing(messages):
        async for message in messages:
            if isinstance(message, bytes):
                yield message
            else:
                async for data in _sent(message):
                    yield data
