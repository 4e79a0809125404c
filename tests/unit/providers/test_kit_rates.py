"""The pace of calls: as published, cut by throttles, grown back, the urgent first."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import Throttled
from novacron_providers.kit.call import Callers
from novacron_providers.kit.rates import Pace, Rate

from tests.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def rate_of(pace: Pace, clock: ManualClock, seconds: float) -> int:
    """Turns that somebody gets who always asks for more, over so many seconds."""
    count = 0

    async def ask() -> None:
        nonlocal count
        while True:
            assert await pace.turn(3600.0, urgent=False)
            count += 1

    asking = asyncio.create_task(ask())
    await clock.advance(seconds)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return count


async def test_a_throttle_cuts_the_rate_once_a_second_and_it_grows_back(clock: ManualClock) -> None:
    pace = Pace(Rate(100, 20.0), clock)
    pace.throttled()
    assert pace.per_second == pytest.approx(14.0)
    pace.throttled()
    assert pace.per_second == pytest.approx(14.0)
    await clock.advance(1.0)
    pace.throttled()
    assert pace.per_second == pytest.approx(14.8 * 0.7)
    # What is saved up is gone, and little is saved as long as the rate is low: 10.36 + 0.8 / 2 in the first second.
    assert await rate_of(pace, clock, 1.0) == 10
    await clock.advance(60.0)
    assert await rate_of(pace, clock, 1.0) == pytest.approx(120, abs=1)
    assert pace.per_second == 20.0


async def test_the_rate_has_a_floor(clock: ManualClock) -> None:
    fast, slow = Pace(Rate(5, 1.2), clock), Pace(Rate(1, 0.1), clock)
    for pace in (fast, slow):
        pace.throttled()
    assert (fast.per_second, slow.per_second) == (1.0, 0.1)


async def test_where_nothing_is_published_the_first_throttle_sets_the_rate(clock: ManualClock) -> None:
    pace = Pace(None, clock)
    for _ in range(50):
        for _ in range(2):
            assert await pace.turn(0.0, urgent=False)
        await clock.advance(0.02)
    pace.throttled()
    # It took 99 of the last 100.
    assert pace.per_second == pytest.approx(69.3)
    assert await rate_of(pace, clock, 1.0) == pytest.approx(70, abs=1)
    # From 70.1 to 198 at 0.8 a second.
    await clock.advance(158.0)
    pace.left(0)
    assert pace.per_second < 198.0
    await clock.advance(3.0)
    for _ in range(1000):
        assert await pace.turn(0.0, urgent=False)


async def test_what_the_cloud_says_is_left_holds_back_the_next(clock: ManualClock) -> None:
    pace = Pace(Rate(250, 25.0), clock)
    pace.left(2)
    assert [await pace.turn(0.0, urgent=False) for _ in range(4)] == [True, True, False, False]
    # It never adds to what is published.
    await clock.advance(60.0)
    pace.left(11999)
    assert sum([await pace.turn(0.0, urgent=False) for _ in range(300)]) == 250


async def test_what_is_urgent_goes_before_all_that_waits(clock: ManualClock) -> None:
    pace, order = Pace(Rate(1, 1.0), clock), list[str]()

    async def ask(name: str, urgent: bool) -> None:
        assert await pace.turn(60.0, urgent=urgent)
        order.append(name)

    tasks = [asyncio.create_task(ask(f"read {number}", False)) for number in range(4)]
    await clock.settle()
    tasks += [asyncio.create_task(ask(f"change {number}", True)) for number in range(2)]
    await clock.advance(6.0)
    await asyncio.gather(*tasks)
    assert order == ["read 0", "change 0", "change 1", "read 1", "read 2", "read 3"]


async def test_how_far_a_turn_is_counts_who_goes_before(clock: ManualClock) -> None:
    pace = Pace(Rate(1, 1.0), clock)
    assert await pace.turn(0.0, urgent=False)
    waiting = [asyncio.create_task(pace.turn(60.0, urgent=False)) for _ in range(5)]
    await clock.settle()
    assert not await pace.turn(5.5, urgent=False)
    urgent = asyncio.create_task(pace.turn(1.5, urgent=True))
    await clock.advance(1.0)
    assert urgent.done() and not any(task.done() for task in waiting)
    await clock.advance(5.0)
    assert all(task.result() for task in waiting)


async def test_whose_turn_will_come_too_late_is_told_at_once(clock: ManualClock) -> None:
    pace = Pace(Rate(1, 10.0), clock)
    assert await pace.turn(0.0, urgent=False)
    waiting = [asyncio.create_task(pace.turn(1.05, urgent=False)) for _ in range(10)]
    await clock.settle()
    assert not any(task.done() for task in waiting)
    urgent = asyncio.create_task(pace.turn(60.0, urgent=True))
    await clock.settle()
    # The last one was overtaken.
    assert [task.done() for task in waiting] == [False] * 9 + [True]
    pace.throttled()
    await clock.settle()
    # 7 a second are left: the urgent one and six others are in time.
    assert [task.done() for task in waiting] == [False] * 6 + [True] * 4
    await clock.advance(1.05)
    assert [task.result() for task in waiting] == [True] * 6 + [False] * 4
    assert urgent.result()


async def test_turns_of_who_left_go_to_the_next(clock: ManualClock) -> None:
    pace = Pace(Rate(1, 1.0), clock)
    assert await pace.turn(0.0, urgent=False)
    leaving = [asyncio.create_task(pace.turn(60.0, urgent=False)) for _ in range(3)]
    staying = asyncio.create_task(pace.turn(60.0, urgent=False))
    await clock.settle()
    for task in leaving:
        task.cancel()
    await clock.advance(1.0)
    assert staying.result()


@pytest.mark.parametrize("moment", range(95, 110))
async def test_a_turn_that_comes_while_its_owner_leaves_is_not_lost(clock: ManualClock, moment: int) -> None:
    pace = Pace(Rate(1, 1.0), clock)
    assert await pace.turn(0.0, urgent=False)
    leaving = asyncio.create_task(pace.turn(60.0, urgent=False))
    await clock.settle()
    moving = asyncio.create_task(clock.advance(1.0))
    # Somewhere around the round of the loop in which the turn comes.
    for _ in range(moment):
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(moving, leaving, return_exceptions=True)
    assert await pace.turn(0.0, urgent=False) == leaving.cancelled()


def cloud(callers: Callers) -> Callable[..., Awaitable[str]]:
    """Calls through `callers`, answered at once."""

    async def answer(timeout: float) -> str:
        return "done"

    async def ask(call: Call | None = None, **more: bool) -> str:
        return await callers.of("").call("a", answer, call or Call(), family="describe", **more)

    return ask


@pytest.mark.parametrize("way", ["a change", "a read of a change"])
async def test_changes_do_not_wait_behind_reads_of_the_same_family(clock: ManualClock, way: str) -> None:
    ask = cloud(Callers("aws", "aws-main", clock=clock, rates={"describe": Rate(1, 1.0)}))
    assert await ask() == "done"
    reads = [asyncio.ensure_future(ask()) for _ in range(10)]
    await clock.settle()
    more = ask(mutates=True) if way == "a change" else ask(Call(urgent=True))
    urgent = asyncio.ensure_future(more)
    await clock.advance(1.0)
    assert urgent.done() and not any(read.done() for read in reads)
    await clock.advance(10.0)
    await asyncio.gather(*reads)


async def test_a_limit_far_below_the_published_rate_is_found_within_seconds() -> None:
    """Sixteen who never rest, at a cloud that takes fifteen a second where it publishes sixty."""
    clock, random = ManualClock(), Random(4)
    rates = {"describe": Rate(60, 60.0)}
    callers = Callers("aws", "aws-main", clock=clock, rates=rates, jitter=random.random)
    tokens, at, refused = 15.0, clock.monotonic(), 0
    seconds: list[float] = []

    async def answer(timeout: float) -> str:
        nonlocal tokens, at, refused
        await clock.sleep(0.02)
        now = clock.monotonic()
        tokens, at = min(15.0, tokens + 15.0 * (now - at)), now
        if tokens < 1.0:
            refused += 1
            raise Throttled("slow down")
        tokens -= 1.0
        return "done"

    async def work() -> None:
        while True:
            began = clock.monotonic()
            await callers.of("").call("a", answer, Call(), family="describe")
            seconds.append(clock.monotonic() - began)

    workers = [asyncio.create_task(work()) for _ in range(16)]
    for _ in range(60):
        await clock.advance(1.0)
    assert not any(worker.done() for worker in workers)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert len(seconds) > 0.85 * 60 * 15
    assert (len(seconds) + refused) / len(seconds) < 1.05
    assert sorted(seconds)[int(0.99 * len(seconds))] < 3.0
