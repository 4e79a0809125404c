"""What a proof has the server do: reads and changes at a bounded rate, each with its own fate."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import grpc
from google.protobuf.message import Message
from novacron.cloud.v1 import operations_pb2
from novacron.cloud.v1 import operations_service_pb2 as operations
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_client import Client, CloudError
from novacron_client.errors import from_rpc_error

from tests.faults.history import SETTLED_WITHIN, History, Outcome

# Reasons of an operation that say nothing about whether the change was made.
_UNKNOWN = ("OUTCOME_UNKNOWN",)


def request_ids(seed: int, what: str, count: int) -> list[str]:
    """Ids of requests that follow from a seed."""
    return [str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{what}/{number}")) for number in range(count)]


@dataclass
class Calls:
    """What became of many calls. Seconds are those of each call that had this end."""

    good: list[float] = field(default_factory=list)
    bad: list[tuple[float, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0

    @property
    def count(self) -> int:
        return len(self.good) + len(self.bad)

    @property
    def share(self) -> float:
        """Of all calls, those that succeeded, in percent."""
        return 100.0 * len(self.good) / max(1, self.count)

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.count / max(1e-9, self.ended - self.began)

    def quantile(self, share: float) -> float:
        """Seconds within which this share of the good calls was answered."""
        ordered = sorted(self.good)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    def reasons(self) -> dict[str, int]:
        """How many failed for which reason."""
        return dict(Counter(reason for _, reason in self.bad))


async def read(client: Client, name: str, calls: Calls, *, deadline: float) -> None:
    """One GetInstance, without repeats of the client's own."""
    began = time.monotonic()
    try:
        await client.providers.GetInstance(pb.GetInstanceRequest(name=name), timeout=deadline)
    except grpc.aio.AioRpcError as error:
        reason = refused(error).reason or error.code().name
        calls.bad.append((time.monotonic() - began, reason))
    else:
        calls.good.append(time.monotonic() - began)


async def read_all(client: Client, names: Sequence[str], count: int, *, workers: int, deadline: float = 30.0) -> Calls:
    """So many reads, as fast as they are answered; reads of one name come one after the other."""
    calls = Calls()

    async def work(number: int) -> None:
        own = names[number::workers]
        for turn in range(count // workers + (number < count % workers)):
            await read(client, own[turn % len(own)], calls, deadline=deadline)

    await asyncio.gather(*(work(number) for number in range(min(workers, len(names)))))
    calls.ended = time.monotonic()
    return calls


async def offer(
    send: Callable[[int], Awaitable[None]], *, per_second: float, seconds: float, begin: int = 0
) -> AsyncIterator[int]:
    """Begin calls at a steady rate, whatever becomes of them; gives the number of each, and ends when all have."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    start, number = loop.time(), begin
    try:
        while (due := start + (number - begin) / per_second) < start + seconds:
            await asyncio.sleep(max(0.0, due - loop.time()))
            task = asyncio.ensure_future(send(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            yield number
            number += 1
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def names_of(client: Client, cloud: str) -> list[str]:
    """Names of a provider's instances."""
    request = pb.ListInstancesRequest(parent=f"providers/{cloud}")
    return sorted([instance.name async for instance in client.list(request)])


async def change(client: Client, request: Message, history: History | None = None) -> operations_pb2.Operation | None:
    """Have a change made and follow it to its end, as a careful client does over a server that dies and comes back.

    The same request_id is sent until there is an answer; then it is waited for. Returns the operation as it ended, or
    None when the call itself was refused.
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
            else:
                wait = operations.WaitOperationRequest(name=operation.name)
                operation = (await client.operations.WaitOperation(wait, timeout=40)).operation
        except grpc.aio.AioRpcError as error:
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                history.end(key, Outcome.ERROR, refused(error).reason or error.code().name)
                return None
            history.doubt(key)
            entry = history.entries[key]
            if time.monotonic() - (entry.doubted or entry.began) > SETTLED_WITHIN:
                return operation
            await asyncio.sleep(0.05)
            continue
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
