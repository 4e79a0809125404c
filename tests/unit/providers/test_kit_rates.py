"""The pace of calls: as published, cut by throttles, grown back, what matters most first."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest
from novacron_providers.contract.call import Call, Turn
from novacron_providers.contract.errors import CloudError, Throttled, Unavailable
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
            assert await pace.turn(3600.0, Turn.READ)
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
            assert await pace.turn(0.0, Turn.READ)
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
        assert await pace.turn(0.0, Turn.READ)


async def test_what_the_cloud_says_is_left_holds_back_the_next(clock: ManualClock) -> None:
    pace = Pace(Rate(250, 25.0), clock)
    pace.left(2)
    assert [await pace.turn(0.0, Turn.READ) for _ in range(4)] == [True, True, False, False]
    # It never adds to what is published.
    await clock.advance(60.0)
    pace.left(11999)
    assert sum([await pace.turn(0.0, Turn.READ) for _ in range(300)]) == 250


async def test_doubts_go_before_changes_and_these_before_reads(clock: ManualClock) -> None:
    pace, order = Pace(Rate(1, 1.0), clock), list[str]()

    async def ask(name: str, turn: Turn) -> None:
        assert await pace.turn(60.0, turn)
        order.append(name)

    tasks = [asyncio.create_task(ask(f"read {number}", Turn.READ)) for number in range(4)]
    await clock.settle()
    tasks += [asyncio.create_task(ask(f"change {number}", Turn.CHANGE)) for number in range(2)]
    await clock.settle()
    tasks += [asyncio.create_task(ask("doubt", Turn.DOUBT))]
    await clock.advance(7.0)
    await asyncio.gather(*tasks)
    assert order == ["read 0", "doubt", "change 0", "change 1", "read 1", "read 2", "read 3"]


async def test_how_far_a_turn_is_counts_who_goes_before(clock: ManualClock) -> None:
    pace = Pace(Rate(1, 1.0), clock)
    assert await pace.turn(0.0, Turn.READ)
    waiting = [asyncio.create_task(pace.turn(60.0, Turn.READ)) for _ in range(5)]
    await clock.settle()
    assert not await pace.turn(5.5, Turn.READ)
    change = asyncio.create_task(pace.turn(1.5, Turn.CHANGE))
    await clock.advance(1.0)
    assert change.done() and not any(task.done() for task in waiting)
    await clock.advance(5.0)
    assert all(task.result() for task in waiting)


async def test_whose_turn_will_come_too_late_is_told_at_once(clock: ManualClock) -> None:
    pace = Pace(Rate(1, 10.0), clock)
    assert await pace.turn(0.0, Turn.READ)
    waiting = [asyncio.create_task(pace.turn(1.05, Turn.READ)) for _ in range(10)]
    await clock.settle()
    assert not any(task.done() for task in waiting)
    change = asyncio.create_task(pace.turn(60.0, Turn.CHANGE))
    await clock.settle()
    # The last one was overtaken.
    assert [task.done() for task in waiting] == [False] * 9 + [True]
    pace.throttled()
    await clock.settle()
    # 7 a second are left: the change and six others are in time.
    assert [task.done() for task in waiting] == [False] * 6 + [True] * 4
    await clock.advance(1.05)
    assert [task.result() for task in waiting] == [True] * 6 + [False] * 4
    assert change.result()


async def test_turns_of_who_left_go_to_the_next(clock: ManualClock) -> None:
    pace = Pace(Rate(1, 1.0), clock)
    assert await pace.turn(0.0, Turn.READ)
    leaving = [asyncio.create_task(pace.turn(60.0, Turn.READ)) for _ in range(3)]
    staying = asyncio.create_task(pace.turn(60.0, Turn.READ))
    await clock.settle()
    for task in leaving:
        task.cancel()
    await clock.advance(1.0)
    assert staying.result()


@pytest.mark.parametrize("moment", range(95, 110))
async def test_a_turn_that_comes_while_its_owner_leaves_is_not_lost(clock: ManualClock, moment: int) -> None:
    pace = Pace(Rate(1, 1.0), clock)
    assert await pace.turn(0.0, Turn.READ)
    leaving = asyncio.create_task(pace.turn(60.0, Turn.READ))
    await clock.settle()
    moving = asyncio.create_task(clock.advance(1.0))
    # Somewhere around the round of the loop in which the turn comes.
    for _ in range(moment):
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(moving, leaving, return_exceptions=True)
    assert await pace.turn(0.0, Turn.READ) == leaving.cancelled()


def cloud(callers: Callers) -> Callable[..., Awaitable[str]]:
    """Calls through `callers`, answered at once."""

    async def answer(timeout: float) -> str:
        return "done"

    async def ask(call: Call | None = None, **more: bool) -> str:
        return await callers.of("").call("a", answer, call or Call(), family="describe", **more)

    return ask


async def test_what_may_have_had_an_effect_is_repeated_before_new_changes(clock: ManualClock) -> None:
    callers = Callers("aws", "aws-main", clock=clock, rates={"run": Rate(1, 1.0)}, jitter=lambda: 1.0)
    sent: list[str] = []

    async def change(name: str, error: CloudError | None = None) -> str:
        async def send(timeout: float) -> str:
            sent.append(name)
            if error and sent.count(name) == 1:
                raise error
            return "done"

        return await callers.of("").call("a", send, Call(), family="run", mutates=True)

    first = asyncio.ensure_future(change("lost", Unavailable("cut off", sent=True)))
    await clock.settle()
    # They stand in line before it does: it waits before it repeats.
    rest = [asyncio.ensure_future(change(f"new {number}")) for number in range(3)]
    await clock.advance(5.0)
    await asyncio.gather(first, *rest)
    assert sent == ["lost", "lost", "new 0", "new 1", "new 2"]


@pytest.mark.parametrize("way", ["a change", "a read of a change", "a read in doubt"])
async def test_changes_do_not_wait_behind_reads_of_the_same_family(clock: ManualClock, way: str) -> None:
    ask = cloud(Callers("aws", "aws-main", clock=clock, rates={"describe": Rate(1, 1.0)}))
    assert await ask() == "done"
    reads = [asyncio.ensure_future(ask()) for _ in range(10)]
    await clock.settle()
    turn = {"a change": Turn.READ, "a read of a change": Turn.CHANGE, "a read in doubt": Turn.DOUBT}[way]
    change = asyncio.ensure_future(ask(Call(turn=turn), mutates=way == "a change"))
    await clock.advance(1.0)
    assert change.done() and not any(read.done() for read in reads)
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
