"""Calls that fail at once, because too many before them failed."""

import asyncio
import time

import pytest
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import (
    CloudError,
    CredentialsInvalid,
    DeadlineExceeded,
    NotFound,
    Throttled,
    Unavailable,
)
from novacron_providers.kit.call import RESERVE, Callers

from tests.unit.providers.skipping_clock import SkippingClock

REGION = "us-east-1"


class Region:
    """A region that answers with `state`, an error or nothing to complain of."""

    def __init__(self, clock: SkippingClock, attempts: int = 5) -> None:
        self.clock = clock
        self.callers = Callers("aws", "aws-main", clock=clock, attempts=attempts, jitter=lambda: 0.0)
        self.state: CloudError | None = None
        self.requests = 0

    async def ask(self, region: str = REGION) -> CloudError | None:
        """What a call ends with."""

        async def send(timeout: float) -> None:
            self.requests += 1
            if self.state:
                raise type(self.state)(self.state.message)

        try:
            await self.callers.of(region).call("ec2.DescribeInstances", send, Call())
        except CloudError as error:
            return error
        return None

    async def sent(self, calls: int = 1) -> int:
        """Requests that so many calls cost."""
        before = self.requests
        for _ in range(calls):
            await self.ask()
        return self.requests - before


@pytest.fixture
def region() -> Region:
    return Region(SkippingClock())


async def test_a_region_that_does_not_answer_is_left_alone_but_for_a_probe_every_five_seconds(region: Region) -> None:
    region.state = Unavailable("down")
    await region.sent(20)
    before = region.requests
    error = await region.ask()
    assert region.requests == before
    assert isinstance(error, Unavailable) and not error.sent
    assert error.retry_after == pytest.approx(5.0)
    assert error.facts == {"provider": "aws-main", "region": REGION, "call": "ec2.DescribeInstances"}
    region.clock.now += 4.9
    assert await region.sent(10) == 0
    probes = []
    for _ in range(12):
        region.clock.now += 5.0
        probes.append(await region.sent(10))
    # A probe earns a fifth of a retry as any other call.
    assert min(probes) == 1 and sum(probes) <= 1.2 * 12 + 1


async def test_an_answer_to_a_probe_closes_it(region: Region) -> None:
    region.state = Unavailable("down")
    await region.sent(30)
    region.clock.now += 5.0
    region.state = None
    assert await region.ask() is None
    assert await region.sent(100) == 100


async def test_an_error_that_the_cloud_gives_is_an_answer(region: Region) -> None:
    region.state = Unavailable("down")
    await region.sent(30)
    region.clock.now += 5.0
    region.state = NotFound("gone")
    assert await region.sent(10) == 10


@pytest.mark.parametrize("state", [NotFound("gone"), Throttled("slow down")])
async def test_answers_open_nothing(region: Region, state: CloudError) -> None:
    region.state = state
    await region.sent(200)
    region.state = None
    assert await region.sent(10) == 10


async def test_it_stays_closed_while_retries_are_left() -> None:
    region = Region(SkippingClock(), attempts=2)
    region.state = Unavailable("down")
    # Each costs a retry and earns a fifth of one.
    assert await region.sent(60) == 120
    assert await region.sent(60) < 10


async def test_without_retries_nothing_has_to_be_used_up() -> None:
    region = Region(SkippingClock(), attempts=1)
    region.state = Unavailable("down")
    assert await region.sent(100) == 20


async def test_it_takes_half_of_twenty_calls_within_ten_seconds() -> None:
    region = Region(SkippingClock(), attempts=1)
    region.state = Unavailable("down")
    for _ in range(60):
        region.clock.now += 0.6
        assert await region.sent() == 1
    # As many that work keep it closed.
    region.clock.now += 10.0
    region.state = None
    await region.sent(50)
    region.state = Unavailable("down")
    assert await region.sent(80) == 50


async def test_once_closed_it_does_not_remember_the_outage(region: Region) -> None:
    region.state = Unavailable("down")
    await region.sent(30)
    region.clock.now += 5.0
    region.state = None
    await region.ask()
    region.state = Unavailable("down")
    assert await region.sent(18) >= 18
    region.state = None
    assert await region.sent() == 1


async def test_another_region_of_the_account_is_not_shut_off(region: Region) -> None:
    region.state = Unavailable("down")
    await region.sent(30)
    region.state = None
    assert await region.ask("eu-west-1") is None


async def test_a_probe_that_hangs_does_not_put_off_the_next(region: Region) -> None:
    region.state = Unavailable("down")
    await region.sent(30)
    region.clock.now += 5.0

    async def hang(timeout: float) -> None:
        await asyncio.Event().wait()

    probe = asyncio.create_task(region.callers.of(REGION).call("a", hang, Call(deadline=time.monotonic() + 30)))
    await asyncio.sleep(0)
    region.state = None
    assert await region.sent() == 0
    region.clock.now += 5.0
    assert await region.ask() is None
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)


async def test_credentials_that_were_refused_three_times_are_not_tried_for_a_while(region: Region) -> None:
    region.state = CredentialsInvalid("who are you?")
    assert await region.sent(10) == 3
    error = await region.ask()
    assert isinstance(error, CredentialsInvalid) and "UpdateProvider" in error.message
    for pause in (30.0, 60.0, 120.0, 240.0, 300.0, 300.0):
        refused = await region.ask()
        assert refused and refused.retry_after == pytest.approx(pause)
        region.clock.now += pause - 1.0
        assert await region.sent(5) == 0
        region.clock.now += 1.0
        assert await region.sent(5) == 1
    region.clock.now += 300.0
    region.state = None
    assert await region.sent(5) == 5
    region.state = CredentialsInvalid("who are you?")
    assert await region.sent(5) == 3
    again = await region.ask()
    assert again and again.retry_after == pytest.approx(30.0)


async def test_refusals_that_are_not_in_a_row_lock_nothing(region: Region) -> None:
    for state in (None, NotFound("gone")) * 5:
        region.state = CredentialsInvalid("who are you?")
        assert await region.sent(2) == 2
        region.state = state
        assert await region.sent() == 1


async def test_a_throttle_says_nothing_of_the_credentials(region: Region) -> None:
    region.state = CredentialsInvalid("who are you?")
    await region.sent(2)
    region.state = Throttled("slow down")
    await region.ask()
    region.state = CredentialsInvalid("who are you?")
    assert await region.sent(5) == 1


async def test_refusals_of_calls_that_were_under_way_do_not_lengthen_the_lock(region: Region) -> None:
    answers = asyncio.Event()

    async def refuse(timeout: float) -> None:
        await answers.wait()
        raise CredentialsInvalid("who are you?")

    calls = [asyncio.create_task(region.callers.of(REGION).call("a", refuse, Call())) for _ in range(50)]
    await asyncio.sleep(0)
    region.state = CredentialsInvalid("who are you?")
    await region.sent(3)
    region.clock.now += 10.0
    answers.set()
    await asyncio.gather(*calls, return_exceptions=True)
    error = await region.ask()
    assert error and error.retry_after == pytest.approx(20.0)


async def test_open_circuits_are_told_with_the_time_of_the_next_try(region: Region) -> None:
    region.state = Unavailable("down")
    await region.sent(30)
    region.state = CredentialsInvalid("who are you?")
    for _ in range(3):
        await region.ask("eu-west-1")
    found = {circuit.region: circuit for circuit in region.callers.circuits()}
    now = region.clock.time()
    assert found[REGION].retry_time == pytest.approx(now + 5.0) and isinstance(found[REGION].error, Unavailable)
    assert found["eu-west-1"].retry_time == pytest.approx(now + 30.0)
    assert isinstance(found["eu-west-1"].error, CredentialsInvalid)
    region.state = None
    region.clock.now += 30.0
    await region.ask()
    await region.ask("eu-west-1")
    assert not region.callers.circuits()


async def test_a_new_connection_begins_with_everything_closed(region: Region) -> None:
    region.state = CredentialsInvalid("who are you?")
    await region.sent(10)
    other = Region(region.clock)
    assert await other.ask() is None


@pytest.mark.parametrize(("seconds", "requests"), [(0.5, 20), (0.1, 25)])
async def test_deadlines_that_end_long_waits_open_it_and_those_of_hurried_callers_do_not(
    seconds: float, requests: int
) -> None:
    callers = Callers("aws", "aws-main", clock=SkippingClock(), timeout=1.0)
    sent = 0

    async def hang(timeout: float) -> None:
        nonlocal sent
        sent += 1
        await asyncio.Event().wait()

    async def ask() -> None:
        with pytest.raises((DeadlineExceeded, Unavailable)):
            await callers.of(REGION).call("a", hang, Call(deadline=time.monotonic() + RESERVE + seconds))

    await asyncio.gather(*(ask() for _ in range(20)))
    for _ in range(5):
        await ask()
    assert sent == requests
