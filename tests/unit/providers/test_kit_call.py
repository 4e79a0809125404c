"""The one function through which every call to a cloud goes."""

import asyncio
import json
import os
import subprocess
import sys
import time

import pytest
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import (
    CloudError,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    Throttled,
    Unavailable,
)
from novacron_providers.kit import call as call_module
from novacron_providers.kit.call import Callers
from novacron_providers.kit.rates import Rate

from tests.clock import ManualClock
from tests.unit.providers.skipping_clock import SkippingClock

CALL = Call()


class Cloud:
    """Answers with what it is told to, one after the other; at the end with "done"."""

    def __init__(self, *answers: CloudError) -> None:
        self.answers = list(answers)
        self.timeouts: list[float] = []

    async def __call__(self, timeout: float) -> str:
        self.timeouts.append(timeout)
        if self.answers:
            raise self.answers.pop(0)
        return "done"

    @property
    def attempts(self) -> int:
        return len(self.timeouts)


@pytest.fixture
def clock() -> SkippingClock:
    return SkippingClock()


@pytest.fixture
def callers(clock: SkippingClock) -> Callers:
    """Without jitter, each wait is as long as it may be; what the cloud grants is never used up."""
    rates = dict.fromkeys(("a", "ec2.DescribeInstances"), Rate(1000, 1000))
    return Callers("aws", "aws-main", rates=rates, clock=clock, jitter=lambda: 1.0)


def down(count: int, **more: object) -> list[CloudError]:
    return [Unavailable("down", **more) for _ in range(count)]  # type: ignore[arg-type]  # any argument of an error


async def test_a_transient_error_is_repeated_with_growing_waits(callers: Callers, clock: SkippingClock) -> None:
    cloud = Cloud(*down(4))
    assert await callers.of("us-east-1").call("ec2.DescribeInstances", cloud, CALL) == "done"
    assert cloud.attempts == 5
    assert clock.slept == [0.1, 0.2, 0.4, 0.8]


async def test_after_a_throttle_the_waits_are_longer(callers: Callers, clock: SkippingClock) -> None:
    cloud = Cloud(*[Throttled("slow down")] * 4)
    assert await callers.of("us-east-1").call("ec2.DescribeInstances", cloud, CALL) == "done"
    assert clock.slept == [1.0, 2.0, 4.0, 5.0]


async def test_waits_are_random_up_to_five_seconds(clock: SkippingClock) -> None:
    jitter = iter([0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0])
    callers = Callers("aws", "aws-main", clock=clock, attempts=8, jitter=lambda: next(jitter))
    assert await callers.of("").call("a", Cloud(*down(7)), CALL) == "done"
    assert clock.slept == [0.0, 0.1, 0.4, 0.8, 1.6, 3.2, 5.0]


async def test_after_five_attempts_the_last_error_is_raised_with_a_delay(callers: Callers) -> None:
    cloud = Cloud(*down(9))
    with pytest.raises(Unavailable) as caught:
        await callers.of("us-east-1").call("ec2.DescribeInstances", cloud, CALL)
    assert cloud.attempts == 5
    assert caught.value.retry_after == 5.0
    assert caught.value.facts == {"provider": "aws-main", "region": "us-east-1", "call": "ec2.DescribeInstances"}


async def test_the_account_is_in_errors_once_it_is_known(callers: Callers) -> None:
    callers.account = "123456789012"
    with pytest.raises(NotFound) as caught:
        await callers.of("us-east-1").call("a", Cloud(NotFound("gone")), CALL)
    assert caught.value.facts["account"] == "123456789012"


@pytest.mark.parametrize("error", [NotFound("gone"), InvalidArgument("bad"), DeadlineExceeded("late")])
async def test_any_other_error_is_raised_at_once(callers: Callers, clock: SkippingClock, error: CloudError) -> None:
    cloud = Cloud(error)
    with pytest.raises(type(error)):
        await callers.of("").call("a", cloud, CALL)
    assert (cloud.attempts, clock.slept) == (1, [])


async def test_a_fault_of_ours_is_neither_repeated_nor_hidden(callers: Callers) -> None:
    async def faulty(timeout: float) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await callers.of("").call("a", faulty, CALL)


async def test_the_number_of_attempts_is_configured(clock: SkippingClock) -> None:
    cloud = Cloud(*down(1))
    with pytest.raises(Unavailable):
        await Callers("aws", "aws-main", clock=clock, attempts=1).of("").call("a", cloud, CALL)
    assert cloud.attempts == 1


async def test_the_cloud_says_how_long_to_wait(callers: Callers, clock: SkippingClock) -> None:
    cloud = Cloud(Throttled("slow down", retry_after=3.0), Throttled("slow down", retry_after=0.05))
    assert await callers.of("").call("a", cloud, CALL) == "done"
    assert clock.slept == [3.0, 2.0]


@pytest.mark.parametrize(
    ("mutates", "wait", "waits"), [(False, 29.0, 1), (False, 31.0, 0), (True, 31.0, 1), (True, 61.0, 0)]
)
async def test_without_a_deadline_a_read_has_30_seconds_and_a_change_60(
    callers: Callers, clock: SkippingClock, mutates: bool, wait: float, waits: int
) -> None:
    cloud = Cloud(Throttled("slow down", retry_after=wait))
    try:
        await callers.of("").call("a", cloud, CALL, mutates=mutates)
    except Throttled as error:
        assert error.retry_after == wait
    assert (cloud.attempts, len(clock.slept)) == (1 + waits, waits)


async def test_no_wait_goes_past_the_deadline(callers: Callers, clock: SkippingClock) -> None:
    cloud = Cloud(Unavailable("down", retry_after=2.0))
    with pytest.raises(Unavailable):
        await callers.of("").call("a", cloud, Call(deadline=time.monotonic() + 1.5))
    assert (cloud.attempts, clock.slept) == (1, [])


async def test_a_deadline_that_has_passed_sends_nothing(callers: Callers) -> None:
    cloud = Cloud()
    with pytest.raises(DeadlineExceeded) as caught:
        await callers.of("").call("a", cloud, Call(deadline=time.monotonic() + 0.1))
    assert cloud.attempts == 0
    assert not caught.value.sent


async def test_an_attempt_gets_what_is_left_less_a_reserve_and_at_most_the_timeout(callers: Callers) -> None:
    cloud = Cloud()
    await callers.of("").call("a", cloud, Call(deadline=time.monotonic() + 4.0))
    await callers.of("").call("a", cloud, CALL)
    short, full = cloud.timeouts
    assert 3.5 < short <= 3.8
    assert full == 10.0


async def hang(timeout: float) -> str:
    await asyncio.Event().wait()
    raise AssertionError


async def test_an_attempt_without_an_answer_is_ended_and_repeated(clock: SkippingClock) -> None:
    callers = Callers("aws", "aws-main", clock=clock, timeout=0.05, attempts=2)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"no answer within 0\.05 s"):
        await callers.of("").call("a", hang, CALL)
    assert len(clock.slept) == 1
    assert time.monotonic() - began < 2.0


async def test_the_deadline_ends_an_attempt(callers: Callers) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await callers.of("").call("a", hang, Call(deadline=began + 0.4))
    assert time.monotonic() - began < 0.5


async def test_the_time_of_one_call_ends_an_attempt(callers: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_module, "MUTATION_LIMIT", 0.4)
    with pytest.raises(Unavailable, match="within the time of one call") as caught:
        await callers.of("").call("a", hang, CALL, mutates=True)
    assert caught.value.sent and caught.value.retry_after


async def test_an_outage_costs_little_more_than_one_request_a_call(callers: Callers, clock: SkippingClock) -> None:
    caller = callers.of("us-east-1")
    sent = 0
    for _ in range(1000):
        # Too few within ten seconds for the breaker to spare them.
        clock.now += 1.0
        cloud = Cloud(*down(9))
        with pytest.raises(Unavailable):
            await caller.call("a", cloud, CALL)
        sent += cloud.attempts
    # 50 of reserve, and a fifth of a retry for each call.
    assert 1200 <= sent <= 1260


async def test_retries_that_help_are_earned_back(callers: Callers) -> None:
    caller = callers.of("us-east-1")
    for _ in range(500):
        assert await caller.call("a", Cloud(*down(1)), CALL) == "done"


async def test_an_outage_of_one_region_leaves_the_others_their_retries(callers: Callers) -> None:
    for _ in range(100):
        with pytest.raises(Unavailable):
            await callers.of("us-east-1").call("a", Cloud(*down(9)), CALL)
    assert await callers.of("eu-west-1").call("a", Cloud(*down(4)), CALL) == "done"


async def test_whether_a_change_may_have_had_an_effect_is_remembered_over_all_attempts(callers: Callers) -> None:
    answers = [Unavailable("reset", sent=True), Throttled("refused"), *down(9)]
    with pytest.raises(Unavailable) as caught:
        await callers.of("").call("a", Cloud(*answers), CALL, mutates=True)
    assert caught.value.sent
    with pytest.raises(Unavailable) as caught:
        await callers.of("").call("a", Cloud(*down(9)), CALL, mutates=True)
    assert not caught.value.sent


async def test_a_read_has_no_effect_whatever_became_of_it(callers: Callers) -> None:
    with pytest.raises(Unavailable) as caught:
        await callers.of("").call("a", Cloud(*down(9, sent=True)), CALL)
    assert not caught.value.sent


async def test_a_change_that_was_sent_outlives_its_caller(callers: Callers) -> None:
    reached, answer, effects = asyncio.Event(), asyncio.Event(), []

    async def change(timeout: float) -> str:
        reached.set()
        await answer.wait()
        effects.append("made")
        return "done"

    task = asyncio.create_task(callers.of("").call("a", change, CALL, mutates=True))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    closing = asyncio.create_task(callers.close())
    await asyncio.sleep(0)
    assert not closing.done() and effects == []
    answer.set()
    await closing
    assert effects == ["made"]


async def test_a_change_that_fails_after_its_caller_left_is_nobodys_business(callers: Callers) -> None:
    reached, answer = asyncio.Event(), asyncio.Event()
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

    async def change(timeout: float) -> str:
        reached.set()
        await answer.wait()
        raise Unavailable("reset", sent=True)

    task = asyncio.create_task(callers.of("").call("a", change, CALL, mutates=True))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answer.set()
    await callers.close()
    assert complaints == []


async def test_a_read_ends_with_its_caller(callers: Callers) -> None:
    reached, ended = asyncio.Event(), asyncio.Event()

    async def read(timeout: float) -> str:
        reached.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    task = asyncio.create_task(callers.of("").call("a", read, CALL))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_calls_of_a_family_go_at_the_rate_that_the_cloud_publishes() -> None:
    clock = ManualClock()
    caller = Callers("aws", "aws-main", clock=clock, rates={"run": Rate(burst=2, per_second=0.5)}).of("us-east-1")
    cloud, other = Cloud(), Cloud()
    tasks = [asyncio.create_task(caller.call("a", cloud, CALL, family="run")) for _ in range(4)]
    await clock.settle()
    assert cloud.attempts == 2
    await asyncio.create_task(caller.call("b", other, CALL, family="describe"))
    assert other.attempts == 1
    await clock.advance(1.9)
    assert cloud.attempts == 2
    await clock.advance(0.2)
    assert cloud.attempts == 3
    await clock.advance(2.0)
    assert cloud.attempts == 4
    await asyncio.gather(*tasks)
    # What is not used fills up to the burst, no further.
    await clock.advance(3600)
    tasks = [asyncio.create_task(caller.call("a", cloud, CALL, family="run")) for _ in range(3)]
    await clock.settle()
    assert cloud.attempts == 6
    await clock.advance(2.0)
    await asyncio.gather(*tasks)


async def test_a_turn_that_comes_after_the_deadline_is_not_waited_for(clock: SkippingClock) -> None:
    caller = Callers("aws", "aws-main", clock=clock, rates={"run": Rate(1, 0.1)}).of("")
    cloud = Cloud()
    await caller.call("a", cloud, CALL, family="run")
    with pytest.raises(Throttled) as caught:
        await caller.call("a", cloud, Call(deadline=time.monotonic() + 5), family="run")
    assert caught.value.retry_after and not caught.value.sent
    assert (cloud.attempts, clock.slept) == (1, [])
    # Without a deadline a turn is waited for, and its time does not count.
    await caller.call("a", cloud, CALL, family="run")
    assert (cloud.attempts, clock.slept) == (2, [10.0])


async def test_a_turn_that_would_leave_no_time_to_use_it_is_not_waited_for(clock: SkippingClock) -> None:
    caller = Callers("aws", "aws-main", clock=clock, rates={"run": Rate(1, 0.1)}).of("")
    cloud = Cloud()
    await caller.call("a", cloud, CALL, family="run")
    with pytest.raises(Throttled):
        await caller.call("a", cloud, Call(deadline=time.monotonic() + 19), family="run")
    assert (cloud.attempts, clock.slept) == (1, [])
    await caller.call("a", cloud, Call(deadline=time.monotonic() + 21), family="run")
    assert (cloud.attempts, clock.slept) == (2, [10.0])


async def test_a_caller_without_time_is_told_of_the_deadline_and_not_of_a_throttle(clock: SkippingClock) -> None:
    caller = Callers("aws", "aws-main", clock=clock, rates={"run": Rate(5, 1.0)}).of("")
    cloud = Cloud()
    with pytest.raises(DeadlineExceeded) as caught:
        await caller.call("a", cloud, Call(deadline=time.monotonic() + 0.05), family="run")
    assert not caught.value.sent and cloud.attempts == 0


async def test_a_turn_that_is_given_up_goes_to_the_next() -> None:
    clock = ManualClock()
    caller = Callers("aws", "aws-main", clock=clock, rates={"run": Rate(1, 1.0)}).of("")
    cloud = Cloud()
    await caller.call("a", cloud, CALL, family="run")
    leaving = asyncio.create_task(caller.call("a", cloud, CALL, family="run"))
    await clock.settle()
    leaving.cancel()
    await clock.settle()
    staying = asyncio.create_task(caller.call("a", cloud, CALL, family="run"))
    await clock.advance(1.0)
    assert staying.done() and cloud.attempts == 2


async def test_throttled_attempts_of_the_last_hour_are_counted(callers: Callers, clock: SkippingClock) -> None:
    await callers.of("us-east-1").call("a", Cloud(Throttled("1"), Throttled("2")), CALL)
    clock.now += 3000
    await callers.of("eu-west-1").call("a", Cloud(Throttled("3"), *down(1)), CALL)
    assert callers.throttled_last_hour() == 3
    clock.now += 1000
    assert callers.throttled_last_hour() == 1
    clock.now += 3600
    assert callers.throttled_last_hour() == 0


SIGNALS = """
import asyncio, json
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from novacron_providers.contract.call import Call
from novacron_providers.contract.errors import CloudError, NotFound, Throttled
from novacron_providers.kit.call import Callers
from novacron_providers.kit.threads import Threads

spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
tracing = TracerProvider()
tracing.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(tracing)
metrics.set_meter_provider(MeterProvider([reader]))

async def main():
    callers, threads = Callers("aws", "aws-main", jitter=lambda: 0.0), Threads(1, "sdk")
    callers.account = "123456789012"
    answers = [Throttled("slow down"), None, NotFound("gone")]

    def sdk():
        with trace.get_tracer("sdk").start_as_current_span("wire"):
            answer = answers.pop(0)
            if answer:
                raise answer

    with trace.get_tracer("rpc").start_as_current_span("rpc"):
        for action in ("ec2.RunInstances", "ec2.StopInstances"):
            try:
                await callers.of("us-east-1").call(action, lambda timeout: threads.run(sdk), Call())
            except CloudError:
                pass
    threads.close()

asyncio.run(main())
ids = {span.context.span_id: span.name for span in spans.get_finished_spans()}
told = []
for span in spans.get_finished_spans():
    parent = ids[span.parent.span_id] if span.parent else None
    told.append([span.name, parent, dict(span.attributes), span.status.status_code.name])
points = {
    metric.name: [metric.unit, sorted(
        [point.attributes["action"], point.attributes.get("outcome", ""), getattr(point, "value", None) or point.count]
        for point in metric.data.data_points)]
    for scope in reader.get_metrics_data().resource_metrics[0].scope_metrics for metric in scope.metrics
}
print(json.dumps([told, points]))
"""


def test_a_call_is_a_span_of_its_callers_trace_and_is_counted() -> None:
    environment = {**os.environ, "OTEL_SDK_DISABLED": "false"}
    ran = subprocess.run([sys.executable, "-c", SIGNALS], env=environment, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stderr
    spans, points = json.loads(ran.stdout)
    known = {
        "cloud.provider": "aws",
        "cloud.account.id": "123456789012",
        "cloud.region": "us-east-1",
        "novacron.provider": "aws-main",
    }
    assert spans == [
        ["wire", "aws.ec2.RunInstances", {}, "ERROR"],
        ["wire", "aws.ec2.RunInstances", {}, "UNSET"],
        ["aws.ec2.RunInstances", "rpc", {**known, "novacron.attempts": 2}, "UNSET"],
        ["wire", "aws.ec2.StopInstances", {}, "ERROR"],
        [
            "aws.ec2.StopInstances",
            "rpc",
            {**known, "novacron.attempts": 1, "error.type": "RESOURCE_NOT_FOUND"},
            "ERROR",
        ],
        ["rpc", None, {}, "UNSET"],
    ]
    run, stop = "ec2.RunInstances", "ec2.StopInstances"
    assert points == {
        "novacron.cloud.calls": ["{call}", [[run, "OK", 1], [stop, "RESOURCE_NOT_FOUND", 1]]],
        "novacron.cloud.attempts": ["{attempt}", [[run, "", 2], [stop, "", 1]]],
        "novacron.cloud.throttles": ["{attempt}", [[run, "", 1]]],
        "novacron.cloud.duration": ["s", [[run, "OK", 1], [stop, "RESOURCE_NOT_FOUND", 1]]],
    }
