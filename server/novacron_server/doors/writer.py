"""Sends the messages of one stream through grpc.aio, and waits for gRPC only where it must."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import grpc


class Gone(asyncio.CancelledError):
    """gRPC sends no more of this call, as a rule because the caller is gone; so the call is over."""


class Writer:
    """One message is under way at most: it is begun here, and finished when the next one comes.

    Nobody waits for it to be sent, so no task is woken when it is. For this a coroutine of grpc.aio is driven by hand,
    from one future that it waits for to the next; there is one, which gRPC fulfils.
    """

    def __init__(self, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        self._write = context.write
        # The write under way, and what it waits for.
        self._writing: Coroutine[asyncio.Future[None], None, None] | None = None
        self._waits: asyncio.Future[None] | None = None
        # Why gRPC sends no more.
        self._error: Exception | None = None

    def offer(self, data: bytes) -> bool:
        """Begin to send a message, if the one before it is sent; returns whether that was so."""
        self._advance()
        if self._writing or self._error:
            return False
        self._step(self._write(data))
        return not self._error

    async def send(self, data: bytes) -> None:
        """Begin to send a message as soon as the one before it is sent. Raises Gone."""
        await self.sent()
        self._step(self._write(data))
        self._check()

    async def sent(self) -> None:
        """Return when all is sent. Raises Gone."""
        self._advance()
        while self._waits:
            # Not awaited itself: it would be cancelled with us, and gRPC is not done with it.
            await asyncio.wait([self._waits])
            self._advance()
        self._check()

    def close(self) -> None:
        """Send no more; what is under way is finished when gRPC is done with it."""
        self._advance()
        if self._waits:
            self._waits.add_done_callback(lambda _: self.close())

    def _check(self) -> None:
        if self._error:
            raise Gone from self._error

    def _advance(self) -> None:
        """Let the write go on, if it can."""
        while self._writing and self._waits and self._waits.done():
            self._step(self._writing)

    def _step(self, writing: Coroutine[asyncio.Future[None], None, None]) -> None:
        """Run a write until it waits, or ends."""
        self._writing = self._waits = None
        try:
            self._waits = writing.send(None)
            self._writing = writing
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, the stream is told at its next step
            self._error = error
