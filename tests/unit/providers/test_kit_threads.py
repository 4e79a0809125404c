"""Threads for SDKs that block, and many reads at once."""

import asyncio
import contextvars
import threading
import time

import pytest
from novacron_providers.kit.concurrent import each
from novacron_providers.kit.threads import Threads

_who: contextvars.ContextVar[str] = contextvars.ContextVar("who")


async def test_a_function_sees_the_context_of_its_caller_and_cannot_change_it() -> None:
    threads = Threads(1, "sdk")

    def look() -> tuple[str, str]:
        seen = _who.get()
        _who.set("the thread")
        return seen, threading.current_thread().name

    _who.set("the caller")
    assert await threads.run(look) == ("the caller", "sdk_0")
    assert _who.get() == "the caller"
    threads.close()


async def test_no_more_than_so_many_run_at_once() -> None:
    threads = Threads(3, "sdk")
    lock, now, most = threading.Lock(), 0, 0

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1

    await asyncio.gather(*(threads.run(work) for _ in range(12)))
    assert most == 3
    threads.close()


async def test_closing_drops_what_is_queued() -> None:
    threads = Threads(1, "sdk")
    release = threading.Event()
    running = asyncio.create_task(threads.run(lambda: release.wait(10)))
    queued = asyncio.create_task(threads.run(lambda: pytest.fail("it ran")))
    await asyncio.sleep(0.01)
    threads.close()
    with pytest.raises(asyncio.CancelledError):
        await queued
    release.set()
    assert await running


async def test_each_answers_in_the_order_of_the_items_and_not_all_at_once() -> None:
    now = most = 0

    async def work(item: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001 * (10 - item))
        now -= 1
        return item * item

    assert await each(range(10), work, at_once=4) == [item * item for item in range(10)]
    assert most == 4
    assert await each([], work) == []


async def test_the_first_error_ends_what_is_under_way() -> None:
    ended: list[int] = []

    async def work(item: int) -> int:
        if item == 1:
            raise ValueError("broken")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(item)
        raise AssertionError

    with pytest.raises(ValueError, match="broken"):
        await each([0, 1, 2], work)
    assert sorted(ended) == [0, 2]
