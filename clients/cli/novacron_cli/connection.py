"""What a command whose answer is lines tells of its connection: the lines alone would only stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from novacron_client.stream import Stream

from novacron_cli.failure import tell

# Seconds between two looks. A connection that is back sooner was none to tell of.
LOOK = 0.5


@asynccontextmanager
async def connection_told(stream: Stream[Any], address: str) -> AsyncIterator[None]:
    """Meanwhile, say on standard error when the connection of a stream is lost, and when it is back.

    The stream itself goes on connecting for a minute before it raises an error.
    """
    task = asyncio.create_task(_follow(stream, address))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _follow(stream: Stream[Any], address: str) -> None:
    was_lost = False
    while True:
        await asyncio.sleep(LOOK)
        is_lost = bool(stream.connections) and not stream.connected
        if is_lost != was_lost:
            told = "is lost, and tried again" if is_lost else "is back"
            tell(f"the connection to {address} {told}")
        was_lost = is_lost
