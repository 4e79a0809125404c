"""An event loop that grpc.aio wakes once where it would wake it a thousand times."""

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVarTuple

# Wake-ups that are taken at once at most.
MOST = 4096

_Values = TypeVarTuple("_Values")


class _File(Protocol):
    def fileno(self) -> int: ...


class Loop(asyncio.SelectorEventLoop):
    """The usual loop, which takes all wake-ups of grpc.aio that have come at once.

    A thread of grpc.aio writes a byte to a socket for each operation that has ended. Its reader handles all that have
    ended by then, but takes only one byte. So after a thousand messages sent in one turn, the loop turns a thousand
    times more for nothing: a tenth of the CPU of a fan-out to 1,000 subscribers. It is made for one loop
    in a process: several that run at once would share that socket.
    """

    def add_reader(self, fd: int | _File, callback: Callable[[*_Values], Any], *args: *_Values) -> None:
        """Call back when a file can be read."""
        owner = getattr(getattr(callback, "func", None), "__self__", None)
        if isinstance(fd, socket.socket) and type(owner).__name__ == "PollerCompletionQueue":
            super().add_reader(fd, partial(_woken, fd, callback, *args))
        else:
            super().add_reader(fd, callback, *args)


def _woken(wakeups: socket.socket, handle: Callable[[*_Values], Any], *args: *_Values) -> None:
    """Take all wake-ups but the one that `handle` takes."""
    # An operation is in the queue before its byte is written, so `handle` finds those whose bytes are taken here.
    if (extra := len(wakeups.recv(MOST, socket.MSG_PEEK)) - 1) > 0:
        wakeups.recv(extra)
    handle(*args)
