"""A bounded pool of threads for SDKs that block."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Threads:
    """Runs blocking functions off the event loop, at most `size` at once; further ones queue.

    A function sees the context of its caller, so that what an SDK logs or traces belongs to the call it is part of.
    """

    def __init__(self, size: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(size, name)

    async def run(self, function: Callable[[], T]) -> T:
        """Return what `function` returns. Cancelling gives up waiting; a function that runs goes on to its end."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, function)

    def close(self) -> None:
        """Take no more; drop what is queued, and let what runs end by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
