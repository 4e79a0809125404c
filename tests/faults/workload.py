"""What a proof has the server do: reads and changes at a bounded rate, each with its own fate."""

import asyncio
import itertools
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

import grpc
from google.protobuf.message import Message
from novacron.cloud.v1 import operations_pb2
from novacron.cloud.v1 import operations_service_pb2 as operations
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client, CloudError
from novacron_client.errors import from_rpc_error

from tests.faults.history import SETTLED_WITHIN, History, Outcome

# The server is not there, or went away before it answered.
AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
# Reasons of an operation that say nothing about whether the change was made.
_UNKNOWN = ("OUTCOME_UNKNOWN",)


def request_ids(seed: int, what: str, count: int) -> list[str]:
    """Ids of requests that follow from a seed."""
    return [str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{what}/{number}")) for number in range(count)]


class Call(NamedTuple):
    """One call: when it was sent, how many seconds it took, and why it failed; "" when it did not."""

    began: float
    seconds: float
    reason: str


class Calls:
    """What became of many calls."""

    def __init__(self, calls: Iterable[Call] = ()) -> None:
        self.all = list(calls)

    def __len__(self) -> int:
        return len(self.all)

    def during(self, begin: float, end: float) -> "Calls":
        """Those that were sent then."""
        return Calls(call for call in self.all if begin <= call.began < end)

    @property
    def good(self) -> list[Call]:
        return [call for call in self.all if not call.reason]

    @property
    def share(self) -> float:
        """Of all calls, those that succeeded, in percent; 100 when there were none."""
        return 100.0 * len(self.good) / len(self) if self.all else 100.0

    @property
    def rate(self) -> float:
        """Calls a second, from the first one's begin to the last one's end."""
        if not self.all:
            return 0.0
        ended = max(call.began + call.seconds for call in self.all)
        return len(self) / max(1e-9, ended - min(call.began for call in self.all))

    def within(self, share: float, reason: str = "") -> float:
        """Seconds within which this share of the calls with that end had it; 0 when there were none."""
        ordered = sorted(call.seconds for call in self.all if call.reason == reason)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def reasons(self) -> dict[str, int]:
        """How many failed for which reason."""
        return dict(Counter(call.reason for call in self.all if call.reason))


async def timed(answer: Awaitable[object], calls: Calls) -> None:
    """Wait for a call and note what became of it."""
    began, reason = time.monotonic(), ""
    try:
        await answer
    except grpc.aio.AioRpcError as error:
        reason = refused(error).reason or error.code().name
    calls.all.append(Call(began, time.monotonic() - began, reason))


async def read(client: Client, name: str, calls: Calls, *, deadline: float = 30.0) -> None:
    """One GetInstance, without repeats of the client's own."""
    await timed(client.providers.GetInstance(pb.GetInstanceRequest(name=name), timeout=deadline), calls)


async def read_all(client: Client, names: Sequence[str], count: int, *, workers: int, deadline: float = 30.0) -> Calls:
    """So many reads, as fast as they are answered; reads of one name come one after the other."""
    calls = Calls()

    async def work(number: int) -> None:
        own = names[number::workers]
        for turn in range(count // workers + (number < count % workers)):
            await read(client, own[turn % len(own)], calls, deadline=deadline)

    await asyncio.gather(*(work(number) for number in range(workers)))
    return calls


async def offer(send: Callable[[int], Awaitable[None]], *, per_second: float, until: float) -> None:
    """Begin calls at a steady rate until a time on the machine's clock, and wait for them; `send` gets the number."""
    begun = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number in itertools.count():
            due = begun + number / per_second
            if due >= until:
                return
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            tasks.create_task(_awaited(send(number)))


async def _awaited(answer: Awaitable[None]) -> None:
    await answer


async def names_of(client: Client, cloud: str) -> list[str]:
    """Names of a provider's instances."""
    request = pb.ListInstancesRequest(parent=f"providers/{cloud}")
    return sorted([instance.name async for instance in client.list(request)])


async def change(
    client: Client,
    request: Message,
    history: History | None = None,
    *,
    begun: Callable[[str], None] = lambda name: None,
) -> operations_pb2.Operation | None:
    """Have a change made and follow it to its end, as a careful client does over a server that dies and comes back.

    The same request_id is sent until there is an answer; then `begun` is told the operation's name, and it is waited
    for. Returns the operation as it ended, or None when the call itself was refused.
    """
    key: str = getattr(request, "request_id")  # noqa: B009  # every change has one
    history = history or History()
    history.begin(key)
    send = getattr(client.providers, type(request).__name__.removesuffix("Request"))
    operation: operations_pb2.Operation | None = None
    while True:
        try:
            if operation is None:
                operation = (await send(request, timeout=30)).operation
                begun(operation.name)
            elif history.entries[key].doubted is not None:
                # Where it stands, which a server tells at once; for the end it may have to wait longer than it lives.
                get = operations.GetOperationRequest(name=operation.name)
                operation = (await client.operations.GetOperation(get, timeout=30)).operation
            else:
                wait = operations.WaitOperationRequest(name=operation.name)
                operation = (await client.operations.WaitOperation(wait, timeout=40)).operation
        except grpc.aio.AioRpcError as error:
            if error.code() not in AWAY:
                history.end(key, Outcome.ERROR, refused(error).reason or error.code().name)
                return None
            history.doubt(key)
            entry = history.entries[key]
            if time.monotonic() - (entry.doubted or entry.began) > SETTLED_WITHIN:
                return operation
            await asyncio.sleep(0.05)
            continue
        history.heard(key)
        if operation is not None and operation.done:
            _ended(history, key, operation)
            return operation


def _ended(history: History, key: str, operation: operations_pb2.Operation) -> None:
    if operation.state == operations_pb2.OPERATION_STATE_SUCCEEDED:
        history.end(key, Outcome.OK)
        return
    reason = CloudError(operation.error).reason
    outcome = Outcome.UNKNOWN if reason in _UNKNOWN else Outcome.ERROR
    machines = sum("/instances/" in target.name for target in operation.targets)
    history.end(key, outcome, reason, left=machines)


def refused(error: grpc.aio.AioRpcError) -> CloudError:
    """The error of a call that was made with the stub."""
    return from_rpc_error(error, method="the call", address="the server")
