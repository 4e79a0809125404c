"""The log that readers share."""

import asyncio

import pytest
from novacron_server.telemetry import ring
from novacron_server.telemetry.ring import Ring


def filled(count: int, *, size: int = 3) -> Ring:
    """A ring after that many ticks of two events each, of 10 and 20 samples."""
    log = Ring()
    for n in range(count):
        log.append([(bytes([n]) * size, 10), (bytes([n]) * size, 20)], 1000.0 + n)
    return log


def test_reader_takes_all_that_is_pending_at_once() -> None:
    log = filled(3)
    start = log.find(1)
    assert start is not None
    taken = log.take(start)
    assert taken is not None
    data, mark = taken
    assert data == bytes([0] * 6 + [1] * 6 + [2] * 6)
    assert mark is log.head
    assert log.take(mark) == (b"", mark)


def test_single_event_is_handed_on_as_the_same_bytes() -> None:
    log = Ring()
    data = b"x" * 100
    before = log.head
    log.append([(data, 1)], 1.0)
    taken = log.take(before)
    assert taken is not None
    assert taken[0] is data


def test_readers_at_one_place_share_what_is_joined_until_there_is_more() -> None:
    log = filled(3)
    start = log.find(1)
    assert start is not None
    first, second = log.take(start), log.take(start)
    assert first is not None
    assert second is not None
    assert first[0] is second[0]
    log.append([(b"more", 1)], 1003.0)
    third = log.take(start)
    assert third is not None
    assert third[0] == first[0] + b"more"


def test_joined_message_stays_within_a_mebibyte() -> None:
    log = filled(20, size=100_000)
    mark, sizes = log.find(1), []
    assert mark is not None
    while True:
        taken = log.take(mark)
        assert taken is not None
        data, mark = taken
        if not data:
            break
        sizes.append(len(data))
    assert sum(sizes) == 40 * 100_000
    assert max(sizes) <= ring.JOINED
    assert len(sizes) == 4


def test_event_larger_than_a_mebibyte_still_goes_out() -> None:
    log = Ring()
    before = log.head
    log.append([(b"x" * 2_000_000, 1), (b"y", 1)], 1.0)
    taken = log.take(before)
    assert taken is not None
    assert len(taken[0]) == 2_000_000


def test_sixty_four_ticks_are_held() -> None:
    log = filled(100)
    assert log.find(1 + 2 * 36) is not None
    assert log.find(2 * 36) is None
    assert log.find(log.head.sequence + 1) is None


def test_ticks_of_the_last_seconds_are_held_however_many() -> None:
    log = Ring()
    start = log.head
    for n in range(1000):
        log.append([(b"tick", 1)], 1000.0 + n * 0.005)
    taken = log.take(start)
    assert taken is not None
    assert taken[1] is log.head
    log.append([(b"tick", 1)], 1000.0 + ring.SECONDS)
    assert log.take(start) is None


def test_big_ticks_are_held_up_to_a_limit_but_always_one() -> None:
    log = Ring()
    for n in range(10):
        log.append([(b"x" * 8_000_000, 1)], float(n))
    assert log.find(log.head.sequence - 4) is not None
    assert log.find(log.head.sequence - 5) is None
    log.append([(b"x" * 40_000_000, 1)], 11.0)
    assert log.find(log.head.sequence - 1) is not None
    assert log.find(log.head.sequence - 2) is None


def test_mark_of_a_reader_that_fell_behind_tells_what_it_missed() -> None:
    log = Ring()
    log.append([(b"a", 5)], 1.0)
    mark = log.head
    for n in range(100):
        log.append([(b"b", 7)], 2.0 + n)
    assert log.take(mark) is None
    assert log.head.sequence - mark.sequence == 100
    assert log.head.items - mark.items == 700
    assert mark.next_time == 2.0


def test_place_before_the_oldest_event_can_still_be_resumed() -> None:
    log = filled(100)
    oldest = log.find(1 + 2 * 36)
    assert oldest is not None
    taken = log.take(oldest)
    assert taken is not None
    assert len(taken[0]) == 64 * 6


async def test_append_wakes_every_waiter_and_a_cancelled_one_no_other() -> None:
    log = Ring()
    waiters = [asyncio.create_task(log.wait()) for _ in range(10)]
    await asyncio.sleep(0)
    waiters[3].cancel()
    await asyncio.sleep(0)
    log.append([(b"a", 1)], 1.0)
    done = await asyncio.gather(*waiters, return_exceptions=True)
    assert [n for n, result in enumerate(done) if isinstance(result, asyncio.CancelledError)] == [3]


async def test_wait_is_for_the_next_event() -> None:
    log = filled(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await log.wait()
