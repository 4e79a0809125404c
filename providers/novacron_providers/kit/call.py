"""Every call to a cloud goes through Caller.call: the one place with a retry, a wait, a limit or a timeout."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import Any, TypeVar

from opentelemetry import metrics, trace

from novacron_providers.contract.call import Call, Turn
from novacron_providers.contract.clock import Clock, SystemClock
from novacron_providers.contract.errors import CloudError, CredentialsInvalid, DeadlineExceeded, Throttled, Unavailable
from novacron_providers.contract.provider import OpenCircuit
from novacron_providers.kit.breaker import Breaker, Lock
from novacron_providers.kit.rates import Pace, Rate

T = TypeVar("T")

# Seconds for a whole call, retries included, when the caller set no deadline. They begin when the first attempt may go.
READ_LIMIT, MUTATION_LIMIT = 30.0, 60.0
# Seconds of a deadline that are kept back, so that the answer still reaches the caller.
RESERVE = 0.2
# Of the time left, how much may be spent on waiting for a turn: the rest is for the call, and for those that follow it
# in the same read. Who waits until the last moment takes a turn, and has no time to use it.
WAITING = 0.5
# A deadline that ends an attempt after this part of the time that one may take at most tells as much of the region as
# no answer in all of it.
SILENCE = 0.4
# Full jitter: a random wait up to FIRST_WAIT, doubled at each retry up to LONGEST_WAIT, in seconds. After a throttle it
# begins with more, so that the attempts last until the rate has come down.
FIRST_WAIT, FIRST_WAIT_THROTTLED, LONGEST_WAIT = 0.1, 1.0, 5.0
# Retries that a region may owe in an outage; each call earns a part of one, each retry that helps earns itself back.
# So faults of 30 % are hidden, and an outage costs 1.2 requests a call instead of 5.
BUDGET, EARNED_BY_CALL, EARNED_BY_SUCCESS = 50.0, 0.2, 1.0

_tracer = trace.get_tracer("novacron.cloud")
_meter = metrics.get_meter("novacron.cloud")
_calls = _meter.create_counter("novacron.cloud.calls", "{call}", "Calls to a cloud, retries not counted.")
_attempts = _meter.create_counter("novacron.cloud.attempts", "{attempt}", "Requests to a cloud, retries included.")
_throttles = _meter.create_counter("novacron.cloud.throttles", "{attempt}", "Requests that a cloud throttled.")
_duration = _meter.create_histogram("novacron.cloud.duration", "s", "Time of a call, waits and retries included.")


class Callers:
    """The callers of one account, one for each region, and what they share.

    Args:
        kind: Kind of cloud; begins the names of spans.
        provider: Id of the provider; in every error, span and metric.
        timeout: Upper bound on one attempt, in seconds.
        attempts: Most attempts of one call.
        rates: What the cloud grants each family of calls; the others are paced once the cloud throttles them.
        clock: For waits and for the last hour. Deadlines and timeouts are on the machine's clock.
    """

    def __init__(
        self,
        kind: str,
        provider: str,
        *,
        timeout: float = 10.0,
        attempts: int = 5,
        rates: Mapping[str, Rate] | None = None,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.kind, self.provider = kind, provider
        self.timeout, self.attempts = timeout, attempts
        self.rates = rates or {}
        self.clock = clock or SystemClock()
        self.jitter = jitter
        # Account, once it is known.
        self.account = ""
        self._throttled: deque[float] = deque()
        self._of: dict[str, Caller] = {}
        self._unsettled: set[asyncio.Future[Any]] = set()

    def of(self, region: str) -> "Caller":
        """The caller of a region; empty for what is global."""
        if region not in self._of:
            self._of[region] = Caller(self, region)
        return self._of[region]

    def throttled(self) -> None:
        """Count a throttled attempt."""
        self._throttled.append(self.clock.monotonic())

    def throttled_last_hour(self) -> int:
        """Attempts that the cloud throttled in the last hour."""
        while self._throttled and self._throttled[0] <= self.clock.monotonic() - 3600.0:
            self._throttled.popleft()
        return len(self._throttled)

    def circuits(self) -> Sequence[OpenCircuit]:
        """Regions whose calls fail at once for now, and why."""
        return [circuit for caller in self._of.values() for circuit in caller.circuits()]

    def keep(self, sent: asyncio.Future[Any]) -> None:
        """Hold on to a change that was sent until it has ended, though nobody may wait for it any longer."""
        self._unsettled.add(sent)
        sent.add_done_callback(self._settled)

    def _settled(self, sent: asyncio.Future[Any]) -> None:
        self._unsettled.discard(sent)
        if not sent.cancelled():
            # Nobody else may look at it, and asyncio would complain.
            sent.exception()

    async def close(self) -> None:
        """Wait for the changes that were sent and not yet answered; each ends within its timeout."""
        if self._unsettled:
            await asyncio.wait(self._unsettled)


class Caller:
    """Calls one account in one region."""

    def __init__(self, callers: Callers, region: str) -> None:
        self._callers, self._region = callers, region
        self._budget = BUDGET
        self._paces: dict[str, Pace] = {}
        self._breaker, self._lock = Breaker(callers.clock), Lock(callers.clock)

    async def call(
        self,
        action: str,
        send: Callable[[float], Awaitable[T]],
        call: Call,
        *,
        mutates: bool = False,
        once: bool = False,
        family: str = "",
    ) -> T:
        """Send until it works or cannot; return what `send` returned.

        Args:
            action: The cloud's name of the call, "ec2.RunInstances"; names the span and is in errors as "call".
            send: Sends once, within the seconds that it is given; raises CloudError. It is called again after a
                transient error: a change carries an idempotency token or has the same effect twice.
            call: Whose deadline holds. Without one the limit is 30 s, or 60 s for a change.
            mutates: It changes something. Once sent it is not cancelled with its caller, and the error that is raised
                in the end says in `sent` whether any attempt may have had an effect.
            once: It takes no token and cannot be repeated: after an attempt that may have had an effect there is none.
            family: Calls that share a rate limit of the cloud; by itself when empty.

        Raises what `send` raised last; DeadlineExceeded when the caller's time is up; Throttled when the account's turn
        at the family comes after the deadline; Unavailable or CredentialsInvalid, at once and with nothing sent, while
        the region does not answer or refuses the credentials.
        """
        began = self._callers.clock.monotonic()
        labels = {"provider": self._callers.provider, "region": self._region, "action": action}
        with _tracer.start_as_current_span(
            f"{self._callers.kind}.{action}",
            kind=trace.SpanKind.CLIENT,
            attributes={
                "cloud.provider": self._callers.kind,
                "cloud.account.id": self._callers.account,
                "cloud.region": self._region,
                "novacron.provider": self._callers.provider,
            },
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            run = _Run(self._callers, self._region, action, call, mutates, once)
            outcome = "INTERNAL"
            try:
                answer = await self._guarded(run, send, family or action)
                outcome = "OK"
                return answer
            except CloudError as error:
                outcome = error.reason or type(error).__name__
                span.set_attribute("error.type", outcome)
                span.set_status(trace.StatusCode.ERROR, error.message)
                raise
            except asyncio.CancelledError:
                outcome = "CANCELLED"
                raise
            finally:
                span.set_attribute("novacron.attempts", run.attempts)
                _calls.add(1, {**labels, "outcome": outcome})
                _duration.record(self._callers.clock.monotonic() - began, {**labels, "outcome": outcome})

    def left(self, family: str, calls: float) -> None:
        """Hear from the cloud how many calls of a family are left; the next ones are paced by it."""
        if family in self._paces:
            self._paces[family].left(calls)

    def circuits(self) -> list[OpenCircuit]:
        """What keeps calls from this region for now."""
        found = []
        for circuit, error in ((self._breaker, self._silent), (self._lock, self._refused)):
            if (seconds := circuit.open_for()) is not None:
                found.append(OpenCircuit(self._region, self._callers.clock.time() + seconds, error(seconds)))
        return found

    async def _guarded(self, run: "_Run", send: Callable[[float], Awaitable[T]], family: str) -> T:
        """Call if the region is not shut off, and learn from what comes of it."""
        trial = self._lock.open_for() is not None
        for circuit, error in ((self._breaker, self._silent), (self._lock, self._refused)):
            if (seconds := circuit.admit()) is not None:
                refusal = error(seconds)
                run.conclude(refusal)
                raise refusal
        try:
            answer = await self._until_it_works(run, send, family)
        except DeadlineExceeded:
            # After a short wait it is not known whose fault it was.
            if run.waited >= SILENCE * self._callers.timeout:
                self._breaker.failed(may_open=True)
            raise
        except Unavailable:
            self._breaker.failed(may_open=self._budget < 1.0 or self._callers.attempts == 1)
            raise
        except CredentialsInvalid:
            self._breaker.answered()
            self._lock.refused(trial=trial)
            raise
        except CloudError as error:
            if run.attempts:
                self._breaker.answered()
            if run.attempts and not isinstance(error, Throttled):
                self._lock.accepted()
            raise
        self._breaker.answered()
        self._lock.accepted()
        return answer

    def _silent(self, seconds: float) -> CloudError:
        return Unavailable(
            f"{self._region or self._callers.kind} has not been answering, so calls fail at once; the next try is in "
            f"{seconds:.0f} s",
            retry_after=seconds,
        )

    def _refused(self, seconds: float) -> CloudError:
        return CredentialsInvalid(
            f"{self._region or self._callers.kind} has refused the credentials again and again; the next try is in "
            f"{seconds:.0f} s; renew them with UpdateProvider",
            retry_after=seconds,
        )

    async def _until_it_works(self, run: "_Run", send: Callable[[float], Awaitable[T]], family: str) -> T:
        self._budget = min(BUDGET, self._budget + EARNED_BY_CALL)
        pace = self._paces.get(family)
        if pace is None:
            pace = self._paces[family] = Pace(self._callers.rates.get(family), self._callers.clock)
        while True:
            await _turn(run, pace)
            try:
                answer = await run.attempt(send)
            except CloudError as error:
                if isinstance(error, Throttled):
                    pace.throttled()
                wait = run.wait_after(error)
                if wait is None or self._budget < 1.0:
                    run.conclude(error)
                    raise
                self._budget -= 1.0
                await self._callers.clock.sleep(wait)
            else:
                if run.attempts > 1:
                    self._budget = min(BUDGET, self._budget + EARNED_BY_SUCCESS)
                return answer


async def _turn(run: "_Run", pace: Pace) -> None:
    """Wait until the cloud's rate allows one more call."""
    left = run.remaining()
    if left <= 0:
        # Not a throttle: no turn, however soon, would be soon enough.
        over = run.too_late(sent=False)
        run.conclude(over)
        raise over
    in_time = False
    with suppress(TimeoutError):
        # Those that go before, and a throttle, can put off a turn that was in time.
        async with asyncio.timeout(None if left == inf else left):
            in_time = await pace.turn(WAITING * left, run.turn)
    if not in_time:
        late = Throttled(
            f"{run.action}: the cloud takes {pace.per_second:.3g} calls a second now and others wait before this one; "
            "repeat later"
        )
        run.conclude(late)
        raise late


class _Run:
    """One call under way: its attempts, its deadline, and whether any attempt may have had an effect."""

    def __init__(self, callers: Callers, region: str, action: str, call: Call, mutates: bool, once: bool) -> None:
        self.action = action
        self.attempts = 0
        # Seconds in which attempts had no answer.
        self.waited = 0.0
        self._callers, self._region = callers, region
        self._call, self._mutates, self._once = call, mutates, once
        self._limit: float | None = None
        # When the first attempt was sent that may have had an effect.
        self._unsettled: float | None = None

    @property
    def turn(self) -> Turn:
        """What the next attempt is part of."""
        if self._unsettled is not None:
            return Turn.DOUBT
        # One that was refused has stood in line already, and would wait twice as long as all others.
        return min(self._call.turn, Turn.CHANGE if self._mutates or self.attempts else Turn.READ)

    def remaining(self) -> float:
        """Seconds left for attempts and waits; endless before the first attempt of a call without a deadline."""
        left = self._call.remaining()
        if left is None:
            left = inf if self._limit is None else self._limit - time.monotonic()
        return left - RESERVE

    async def attempt(self, send: Callable[[float], Awaitable[T]]) -> T:
        """Send once; raises CloudError."""
        if self._limit is None:
            self._limit = time.monotonic() + (MUTATION_LIMIT if self._mutates else READ_LIMIT)
        timeout = min(self._callers.timeout, self.remaining())
        if timeout <= 0:
            raise self.too_late(sent=False)
        self.attempts += 1
        began = self._callers.clock.monotonic()
        labels = {"provider": self._callers.provider, "region": self._region, "action": self.action}
        _attempts.add(1, labels)
        sent = asyncio.ensure_future(send(timeout))
        if self._mutates:
            self._callers.keep(sent)
        try:
            # The margin lets the SDK's own timeout, which tells more, come first.
            async with asyncio.timeout(timeout + RESERVE / 2):
                return await (asyncio.shield(sent) if self._mutates else sent)
        except TimeoutError:
            self.waited += timeout
            if timeout < self._callers.timeout:
                error: CloudError = self.too_late(sent=True)
            else:
                error = Unavailable(f"{self.action}: no answer within {timeout:g} s", sent=True)
            self._note(error, began)
            raise error from None
        except CloudError as error:
            if isinstance(error, Throttled):
                _throttles.add(1, labels)
                self._callers.throttled()
            self._note(error, began)
            if isinstance(error, Unavailable) and self.remaining() <= 0:
                # The SDK gave up first, at the same time and for the same reason.
                self.waited += timeout
                raise self.too_late(sent=error.sent).about(**error.facts) from error
            raise

    def wait_after(self, error: CloudError) -> float | None:
        """Seconds to wait before the next attempt; None when there must be none."""
        if not error.transient or self.attempts >= self._callers.attempts or (self._once and error.sent):
            return None
        first = FIRST_WAIT_THROTTLED if isinstance(error, Throttled) else FIRST_WAIT
        upper = min(LONGEST_WAIT, first * 2.0 ** (self.attempts - 1))
        wait = max(upper * self._callers.jitter(), error.retry_after or 0.0)
        return wait if wait < self.remaining() else None

    def conclude(self, error: CloudError) -> None:
        """Complete the error that the caller gets in the end."""
        error.sent, error.sent_at = self._unsettled is not None, self._unsettled
        if error.transient and error.retry_after is None:
            error.retry_after = LONGEST_WAIT
        error.about(
            provider=self._callers.provider, account=self._callers.account, region=self._region, call=self.action
        )

    def too_late(self, *, sent: bool) -> CloudError:
        """The error of a call that has run out of time: its caller's, else what such a call may take."""
        if self._call.deadline is not None:
            return DeadlineExceeded(f"{self.action}: the deadline came before an answer; allow more time", sent=sent)
        return Unavailable(f"{self.action}: no answer within the time of one call", sent=sent)

    def _note(self, error: CloudError, began: float) -> None:
        # A read has no effect, whatever became of it.
        if self._mutates and error.sent and self._unsettled is None:
            self._unsettled = began
