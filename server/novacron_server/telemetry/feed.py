"""The way of a reader that has all there is: what comes goes from the log straight to where the reader is."""

import asyncio
from collections.abc import Collection
from itertools import islice
from typing import TYPE_CHECKING

from novacron_server.streams import Writer

if TYPE_CHECKING:
    from novacron_server.telemetry.ring import Mark, Ring

# Readers who are sent what came before the event loop has another turn: some milliseconds.
TURN = 250


class Feed:
    """Sends a reader what comes after a place in a log, until there is something else to say.

    To wake a task for each reader and tick, and once more when gRPC has taken the bytes, costs as much as to send them.

    Attributes:
        mark: The place after what the reader was sent.
        has_moved: Whether it was sent anything.
    """

    __slots__ = ("_ring", "_turn", "_writer", "has_moved", "mark")

    def __init__(self, ring: "Ring", mark: "Mark") -> None:
        self._ring, self.mark, self.has_moved = ring, mark, False
        self._writer: Writer | None = None
        self._turn: asyncio.Future[None] | None = None

    async def into(self, writer: Writer | None) -> None:
        """Send until `stop`, or until something came that the writer cannot take yet; without a writer nothing."""
        if self.mark is not self._ring.head:
            return
        self._writer, self._turn = writer, asyncio.get_running_loop().create_future()
        self._ring.feeds[self] = None
        try:
            await self._turn
        finally:
            self._ring.feeds.pop(self, None)

    def stop(self) -> None:
        """Let the reader look again."""
        if self._turn and not self._turn.done():
            self._turn.set_result(None)

    def advance(self) -> None:
        """Send what came."""
        if self._turn and not self._turn.done():
            taken = self._ring.take(self.mark) if self._writer else None
            if taken and taken[1] is self.mark:
                return
            if not (taken and self._writer and self._writer.offer(taken[0])):
                self.stop()
                return
            self.mark, self.has_moved = taken[1], True
            if self.mark is not self._ring.head:
                self.stop()


def advance(feeds: Collection[Feed]) -> None:
    """Send readers what came; the event loop has a turn after some of them."""
    for feed in islice(feeds, TURN):
        feed.advance()
    if len(feeds) > TURN:
        asyncio.get_running_loop().call_soon(advance, [*islice(feeds, TURN, None)])
