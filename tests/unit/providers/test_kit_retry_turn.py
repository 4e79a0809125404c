"""Who was refused by the cloud does not stand in line again behind those who came later."""

import asyncio

from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import Throttled
from novacron_providers.kit.call import Callers
from novacron_providers.kit.rates import Rate

from tests.clock import ManualClock


async def test_a_repeated_attempt_goes_before_those_that_never_went() -> None:
    clock = ManualClock()
    caller = Callers("aws", "aws-main", rates={"a": Rate(1, 1)}, clock=clock, jitter=lambda: 1.0).of("us-east-1")
    order: list[str] = []

    def asks(name: str) -> asyncio.Task[str]:
        async def send(timeout: float) -> str:
            order.append(name)
            if order == ["first"]:
                raise Throttled("slow down")
            return name

        return asyncio.ensure_future(caller.call("a", send, Call(), family="a"))

    tasks = [asks("first")]
    await clock.settle()
    tasks += [asks(f"later {number}") for number in range(5)]
    await clock.advance(30)
    assert [await task for task in tasks] == ["first", *(f"later {number}" for number in range(5))]
    # The wait before the repetition lets at most two others pass.
    assert order.index("first", 1) <= 3
