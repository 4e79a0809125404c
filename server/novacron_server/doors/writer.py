"""Sends the messages of one stream through grpc.aio, and waits for gRPC only where it must."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import grpc


class Gone(asyncio.CancelledError):
    """gRPC sends no more of this call, as a rule because the caller is gone; so the call is over."""


class Writer:
    """One message is under way at most: it is begun here, and finished when the next one comes.

    Nobody waits for it to be sent, so no task is woken when it is. For this a coroutine of grpc.aio is driven by hand:
    it stops once, at the future that gRPC fulfils.
    """

    def __init__(self, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        self._write = context.write
        self._writing: Coroutine[asyncio.Future[None], None, None] | None = None
        self._written: asyncio.Future[None] | None = None
        # Why gRPC sends no more.
        self._error: Exception | None = None

    def offer(self, data: bytes) -> bool:
        """Begin to send a message, if the one before it is sent; returns whether that was so."""
        if self._written and not self._written.done():
            return False
        self._finish()
        if not self._error:
            self._begin(data)
        return not self._error

    async def send(self, data: bytes) -> None:
        """Begin to send a message as soon as the one before it is sent. Raises Gone."""
        await self.sent()
        self._begin(data)
        self._check()

    async def sent(self) -> None:
        """Return when all is sent. Raises Gone."""
        if self._written and not self._written.done():
            # Not awaited itself: it would be cancelled with us, and gRPC is not done with it.
            await asyncio.wait([self._written])
        self._finish()
        self._check()

    def close(self) -> None:
        """Send no more; what is under way is finished when gRPC is done with it."""
        if self._written and not self._written.done():
            self._written.add_done_callback(lambda _: self._finish())
        else:
            self._finish()

    def _check(self) -> None:
        if self._error:
            raise Gone from self._error

    def _begin(self, data: bytes) -> None:
        writing = self._write(data)
        try:
            self._written = writing.send(None)
            self._writing = writing
        except Exception as error:  # noqa: BLE001  # whatever it is, the stream raises it at its next step
            self._error = error

    def _finish(self) -> None:
        if writing := self._writing:
            self._writing = self._written = None
            try:
                writing.send(None)
            except StopIteration:
                return
            except Exception as error:  # noqa: BLE001  # as above
                self._error = error
