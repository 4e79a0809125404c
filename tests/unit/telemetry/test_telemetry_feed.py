"""Readers at the end of a log: they are sent what comes, until there is something else to say."""

import asyncio

from novacron_server.telemetry import feed as feeds
from novacron_server.telemetry.feed import Feed
from novacron_server.telemetry.ring import JOINED, Ring


class Taker:
    """Takes messages while it is willing to."""

    def __init__(self, *, willing: bool = True) -> None:
        self.willing = willing
        self.taken: list[bytes] = []

    def offer(self, data: bytes) -> bool:
        if self.willing:
            self.taken.append(data)
        return self.willing


async def opened(log: Ring, taker: Taker | None) -> tuple[Feed, asyncio.Task[None]]:
    """A feed at the end of a log."""
    feed = Feed(log, log.head)
    task = asyncio.create_task(feed.into(taker))
    await asyncio.sleep(0)
    return feed, task


async def test_each_tick_is_sent_as_the_same_bytes_without_waking_the_reader() -> None:
    log, taker = Ring(), Taker()
    feed, task = await opened(log, taker)
    ticks = [b"a" * 100, b"b" * 100]
    for n, data in enumerate(ticks):
        log.append([(data, 1)], float(n))
        await asyncio.sleep(0)
    assert all(sent is tick for sent, tick in zip(taker.taken, ticks, strict=True))
    assert not task.done()
    assert feed.mark is log.head
    assert feed.has_moved
    feed.stop()
    await task
    assert not log.feeds


async def test_writer_that_is_busy_lets_the_reader_look_again_where_it_was() -> None:
    log, taker = Ring(), Taker(willing=False)
    feed, task = await opened(log, taker)
    before = log.head
    log.append([(b"tick", 1)], 1.0)
    await task
    assert feed.mark is before
    assert not feed.has_moved
    taken = log.take(feed.mark)
    assert taken is not None
    assert taken[0] == b"tick"


async def test_without_a_writer_an_event_only_ends_the_wait() -> None:
    log = Ring()
    feed, task = await opened(log, None)
    log.append([(b"tick", 1)], 1.0)
    await task
    assert not feed.has_moved


async def test_reader_that_is_behind_is_not_held() -> None:
    log, taker = Ring(), Taker()
    feed = Feed(log, log.head)
    log.append([(b"tick", 1)], 1.0)
    await feed.into(taker)
    assert not taker.taken


async def test_tick_that_is_too_large_for_a_message_is_sent_in_part() -> None:
    log, taker = Ring(), Taker()
    feed, task = await opened(log, taker)
    log.append([(b"x" * JOINED, 1), (b"rest", 1)], 1.0)
    await task
    assert [len(data) for data in taker.taken] == [JOINED]
    taken = log.take(feed.mark)
    assert taken is not None
    assert taken[0] == b"rest"


async def test_others_have_a_turn_between_many_readers_and_ticks_may_overtake() -> None:
    log = Ring()
    takers = [Taker() for _ in range(2 * feeds.TURN + 1)]
    opening = [await opened(log, taker) for taker in takers]
    log.append([(b"1", 1)], 1.0)
    assert [len(taker.taken) for taker in takers] == [1] * feeds.TURN + [0] * (feeds.TURN + 1)
    # Readers whose turn is yet to come get both ticks as one message.
    log.append([(b"2", 1)], 2.0)
    for _ in range(4):
        await asyncio.sleep(0)
    assert {b"".join(taker.taken) for taker in takers} == {b"12"}
    assert takers[-1].taken == [b"12"]
    log.wake()
    await asyncio.gather(*(task for _, task in opening))
    assert not log.feeds


async def test_reader_that_is_cancelled_takes_no_other_along() -> None:
    log, taker = Ring(), Taker()
    _, gone = await opened(log, Taker())
    _, stays = await opened(log, taker)
    gone.cancel()
    await asyncio.wait([gone])
    log.append([(b"tick", 1)], 1.0)
    assert taker.taken == [b"tick"]
    assert not stays.done()
    log.wake()
    await stays
