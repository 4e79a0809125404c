"""Reads of the clouds: equal ones at once ask once, and an answer serves until it is too old or we change something.

What is kept belongs to a connection: one account, with one version of its configuration and credentials.
"""

import asyncio
import copy
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from functools import cached_property, partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from google.protobuf.message import Message
from msgspec import Struct
from novacron.cloud.v1 import operations_pb2, provider_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import CloudError
from novacron_providers.contract.names import provider_of
from novacron_providers.contract.provider import Connection

from novacron_server.inventory.providers import Providers
from novacron_server.inventory.recent import Recent
from novacron_server.rpc import Rpc

# Age in seconds of an answer where neither request nor configuration names one.
MAX_STALENESS = 30.0
# Most that is kept of one connection: answers, and bytes of them.
ANSWERS, BYTES = 1_000, 32 << 20
# Seconds that a read waits for an equal one that began too early to serve it: what comes meanwhile can share the next.
# Short, because under overload the next may be refused, and a refusal should come at once.
GATHER = 0.03
# A read shares one that is under way if that has at least this part of its time.
ENOUGH = 0.8

# Fields of a response that are not what was asked for.
REST = frozenset(("next_page_token", "observe_time", "unreachable"))

Method = Callable[[Any, Call], Awaitable[Message]]


def max_staleness(request: Any, config: provider_pb2.ProviderConfig) -> float:
    """Greatest age of an answer, in seconds, that a request allows; what it does not say its provider does."""
    for message in (request, config):
        if message.HasField("max_staleness"):
            return float(message.max_staleness.ToNanoseconds() / 1e9)
    return MAX_STALENESS


class Asked:
    """A request that was parsed and found valid. It is shared by all who ask the same: not to be written to.

    Attributes:
        rpc: Whose it is.
        request: The message.
        provider: Id of the provider that it names by name or parent; empty when it names none.
    """

    def __init__(self, rpc: Rpc, request: Any) -> None:
        self.rpc, self.request = rpc, request
        self.provider = provider_of(getattr(request, rpc.locator)) if rpc.locator else ""

    def of(self, provider: str) -> "Asked":
        """The same of another provider."""
        request: Any = type(self.request)()
        request.CopyFrom(self.request)
        name = getattr(request, self.rpc.locator)
        setattr(request, self.rpc.locator, name.replace(f"providers/{self.provider}", f"providers/{provider}", 1))
        return Asked(self.rpc, request)

    @cached_property
    def key(self) -> bytes:
        """Equal for reads that have the same answer."""
        same: Message = type(self.request)()
        same.CopyFrom(self.request)
        same.ClearField("max_staleness")
        return self.rpc.path.encode() + b"\0" + same.SerializeToString(deterministic=True)


class Answer(NamedTuple):
    """An answer, serialised once for all who get it. It is shared: not to be written to.

    Attributes:
        data: The whole message, serialised. The copies of a page of 1,000 cost more than all else about a read.
        size: How much of that, from the beginning, is what was asked for.
        rest: Whatever else there is of a list: page token, observe time, what could not be reached.
        partial: Whether something could not be reached.
    """

    data: bytes
    size: int
    rest: Message
    partial: bool

    @classmethod
    def of(cls, message: Message) -> "Answer":
        """Take a message apart, which is no message of anybody else's."""
        rest = type(message)()
        for field, value in message.ListFields():
            if field.name == "next_page_token":
                setattr(rest, field.name, value)
            elif field.name in REST:
                getattr(rest, field.name).MergeFrom(value)
        for name in REST.intersection(message.DESCRIPTOR.fields_by_name.keys()):
            message.ClearField(name)
        elements = message.SerializeToString()
        data = elements + rest.SerializeToString()
        return cls(data, len(elements), rest, bool(getattr(rest, "unreachable", ())))

    @property
    def elements(self) -> memoryview:
        """The elements of a list, serialised; those of pages joined are those of one page."""
        return memoryview(self.data)[: self.size]


class _Kept(Struct):
    """An answer, when it was asked for, and its size in bytes."""

    answer: Answer
    asked: float
    size: int


class _Flight:
    """One read under way, and those who wait for it. It is cancelled when nobody does any longer."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        # When the cloud was asked, and after how many changes; None before that.
        self.asked: float | None = None
        self.changes = 0
        self._waiting = 0
        self._task: asyncio.Task[Answer] | None = None

    def start(self, run: Coroutine[None, None, Answer]) -> None:
        """Begin; the deadline is that of `run`."""
        self._task = asyncio.create_task(run)

    def serves(self, oldest: float, changes: int, deadline: float) -> bool:
        """Whether who may get an answer that was asked for at `oldest` can share it."""
        assert self._task is not None
        if self._task.done() or self._task.cancelling():
            return False
        now = time.monotonic()
        if self.deadline - now < ENOUGH * (deadline - now):
            return False
        return self.asked is None or (self.asked >= oldest and self.changes == changes)

    async def over(self, seconds: float) -> None:
        """Return when it has ended, or after so many seconds."""
        assert self._task is not None
        await asyncio.wait([self._task], timeout=seconds)

    async def answer(self) -> Answer:
        """What it ends with; an error is a copy, so that nobody writes on that of another."""
        assert self._task is not None
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        except CloudError as error:
            raise copy.copy(error) from None
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._task.cancel()


class _Shelf:
    """What is kept of one connection, the least used first, and what is under way."""

    def __init__(self) -> None:
        self.changes = 0
        self.flights: dict[bytes, _Flight] = {}
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._size = 0

    def get(self, key: bytes, oldest: float) -> Answer | None:
        """An answer that was not asked for before `oldest`."""
        kept = self._kept.get(key)
        if kept is None or kept.asked < oldest:
            return None
        self._kept.move_to_end(key)
        return kept.answer

    def put(self, key: bytes, answer: Answer, asked: float) -> None:
        """Keep an answer; what was used longest ago makes room."""
        self._drop(key)
        kept = self._kept[key] = _Kept(answer, asked, len(key) + len(answer.data))
        self._size += kept.size
        while len(self._kept) > ANSWERS or self._size > BYTES:
            self._drop(next(iter(self._kept)))

    def changed(self) -> None:
        """Nothing that was asked for before now serves any longer."""
        self.changes += 1
        self._kept.clear()
        self._size = 0

    def _drop(self, key: bytes) -> None:
        if kept := self._kept.pop(key, None):
            self._size -= kept.size


class Reads:
    """Asks the connections of the providers.

    Attributes:
        recent: What we did ourselves a moment ago.
    """

    def __init__(self, providers: Providers, clock: Clock) -> None:
        self._providers, self._clock = providers, clock
        self.recent = Recent(clock)
        self._shelves: WeakKeyDictionary[Connection, _Shelf] = WeakKeyDictionary()

    def kept(self, asked: Asked) -> Answer | None:
        """The answer that is kept of a read, if it is at most as old as request or configuration allow.

        Raises NotFound for a provider that is not registered, or why it has no connection.
        """
        shelf, age = self._shelves.get(self._providers.connection(asked.provider)), self._age(asked)
        return shelf.get(asked.key, self._clock.monotonic() - age) if shelf is not None and age > 0 else None

    async def read(self, asked: Asked, call: Call, method: Method) -> Answer:
        """The answer of `method`, an RPC of the connection of the provider that the request names.

        It is at most as old as request or configuration allow. The method gives a message of its own each time. The
        call has a deadline. Raises what the method raises; errors are shared by those who wait, and not kept.
        """
        assert call.deadline is not None, "reads have a limit"
        if (answer := self.kept(asked)) is not None:
            return answer
        key, oldest = asked.key, self._clock.monotonic() - self._age(asked)
        shelf = self._shelves.setdefault(self._providers.connection(asked.provider), _Shelf())
        before = shelf.flights.get(key)
        if before is not None and before.serves(oldest, shelf.changes, call.deadline):
            return await before.answer()
        flight = shelf.flights[key] = _Flight(call.deadline)
        ask = partial(self.recent.answer, asked.rpc, asked.request, call, method)
        flight.start(self._fly(shelf, key, flight, before, ask))
        return await flight.answer()

    def changed(self, provider: str) -> None:
        """Something in a provider's account is about to change, or may have: forget what its cloud said before."""
        for connection in self._providers.of_account(provider):
            if shelf := self._shelves.get(connection):
                shelf.changed()

    def settled(self, operation: operations_pb2.Operation) -> None:
        """An operation has ended."""
        self.recent.settled(operation)
        self.changed(provider_of(operation.name))

    def _age(self, asked: Asked) -> float:
        return max_staleness(asked.request, self._providers.config(asked.provider))

    async def _fly(
        self,
        shelf: _Shelf,
        key: bytes,
        flight: _Flight,
        before: _Flight | None,
        ask: Callable[[], Awaitable[Message]],
    ) -> Answer:
        try:
            if before is not None:
                await before.over(GATHER)
            flight.asked, flight.changes = self._clock.monotonic(), shelf.changes
            answer = Answer.of(await ask())
        finally:
            if shelf.flights.get(key) is flight:
                del shelf.flights[key]
        # An answer to which a region is missing is in part an error.
        if flight.changes == shelf.changes and not answer.partial:
            shelf.put(key, answer, flight.asked)
        return answer
