"""One path for every RPC, whatever door it came through.

    door -> validate -> locate the provider -> authorise -> capability -> read | write | operation | stream -> method

An RPC is a method of the same name in snake_case: on a service of the server (what the sidecar does) or on an area of
the provider's connection (what a cloud does). Its descriptor says the rest; there is no servicer to write.
"""

import asyncio
import hashlib
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Protocol
from weakref import WeakValueDictionary

import structlog
from google.protobuf.message import DecodeError, Message
from google.rpc import status_pb2
from novacron.cloud.v1 import capabilities_pb2, common_pb2, provider_service_pb2
from novacron_providers.contract.call import Call
from novacron_providers.contract.compute import Compute
from novacron_providers.contract.custom import CustomMetrics
from novacron_providers.contract.errors import CloudError, DeadlineExceeded, InvalidArgument, Unsupported, to_status
from novacron_providers.contract.metrics import Metrics
from novacron_providers.contract.names import WILDCARD, provider_of
from novacron_providers.contract.paging import decode_token, encode_token, page_size
from novacron_providers.contract.provider import Area

from novacron_server.inventory.providers import Providers
from novacron_server.inventory.reads import Asked, Reads
from novacron_server.observability import Metadata, Observed
from novacron_server.operations import Operations
from novacron_server.rpc import Kind, Rpc, contract
from novacron_server.security.public import without_secrets
from novacron_server.state.errors import StoreUnavailable
from novacron_server.state.records import Mutation, close_record, open_record
from novacron_server.state.requests import recall, remember
from novacron_server.state.store import Store
from novacron_server.streams import Feed
from novacron_server.validation import validate

_log: structlog.stdlib.BoundLogger = structlog.get_logger("novacron.dispatch")

AREAS: tuple[type[Area], ...] = (Compute, Metrics, CustomMetrics)
# Seconds for a read without a deadline.
READ_LIMIT = 30.0
# Reads that are known again by their bytes, at most, and the bytes of one, at most.
KNOWN, KNOWN_BYTES = 1_000, 512
# Of the time left, how much a fan-out keeps for putting the answer together: at least this share and these seconds.
MARGIN_SHARE, MARGIN = 0.1, 0.2

Method = Callable[[Any, Any], Any]


class UnservedError(Exception):
    """The contract has an RPC that nothing implements, or that is implemented wrongly; the server does not start."""


class Late(Protocol):
    """An object of the server that is made beside the first calls.

    Attributes:
        answers: Its methods that are RPCs; reads and streams, since these wait for it.
    """

    answers: Collection[str]

    async def made(self) -> object:
        """The object itself, as soon as it is there."""


class Dispatch:
    """Serves every RPC of the contract.

    Args:
        services: Objects of the server with methods named after RPCs.
        providers: Where the other methods are.
        reads: Shares the answers of those of them that read.
        operations: Runs what is long.
        store: Remembers the answers of writes with a request_id.
        late: A service that is not there yet.

    Raises UnservedError for an RPC without a method, and for a stream that is no async generator (or the reverse).
    """

    def __init__(
        self,
        services: Sequence[object],
        providers: Providers,
        reads: Reads,
        operations: Operations,
        store: Store,
        late: Late | None = None,
    ) -> None:
        self._providers, self._reads, self._operations, self._store = providers, reads, operations, store
        self.rpcs: dict[str, Rpc] = {rpc.path: rpc for rpc in contract()}
        self._owners: dict[str, object] = {}
        self._late: dict[str, Late] = {}
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._writes: set[asyncio.Task[Message]] = set()
        self._known: dict[tuple[str, bytes], Asked] = {}
        for path, rpc in self.rpcs.items():
            if late and rpc.attribute in late.answers:
                self._owners[path] = self._late[path] = late
                continue
            owner = next((s for s in services if hasattr(s, rpc.attribute)), None)
            implemented: object = owner or next((area for area in AREAS if hasattr(area, rpc.attribute)), None)
            if implemented is None:
                raise UnservedError(f"nothing implements {path}: no service or area has {rpc.attribute}()")
            if inspect.isasyncgenfunction(getattr(implemented, rpc.attribute)) != rpc.is_stream:
                raise UnservedError(f"{path}: {rpc.attribute}() must be an async generator exactly if it is a stream")
            if owner is not None:
                self._owners[path] = owner

    def method(self, rpc: Rpc, request: Message) -> Method:
        """The bound method that answers; the capability is checked here, before any call to a cloud.

        Raises NotFound for a provider that is not registered, Unsupported for what it cannot do.
        """
        if owner := self._owners.get(rpc.path):
            return _bound(owner, rpc)
        name = _located(rpc, request)
        connection = self._providers.connection(name)
        if self._providers.has(name, rpc.capability):
            for area in connection.areas:
                if hasattr(area, rpc.attribute):
                    return _bound(area, rpc)
        capability = capabilities_pb2.Capability.Name(rpc.capability).removeprefix("CAPABILITY_")
        raise Unsupported(
            f"provider {name!r} cannot do {rpc.name}; GetCapabilities tells what it can",
            facts={"provider": name, "capability": capability},
        )

    async def unary(self, rpc: Rpc, data: bytes, call: Call, metadata: Metadata) -> Message | bytes:
        """Answer a read, a write, or the start of an operation; what is serialised already, as bytes."""
        facts: dict[str, str] = {}
        with Observed(rpc, call, metadata, facts):
            asked = self._admit(rpc, data, facts)
            if rpc.is_read:
                answer = self._read(asked, call)
                return answer if isinstance(answer, bytes) else await answer
            request = asked.request
            if rpc.is_repeatable:
                call = replace(call, request_id=request.request_id)
            if rpc.kind is Kind.WRITE:
                return await self._write(rpc, request, call)
            return await self._operate(rpc, request, call)

    @asynccontextmanager
    async def stream(
        self, rpc: Rpc, data: bytes, call: Call, metadata: Metadata
    ) -> AsyncIterator[AsyncIterator[Message | bytes | Feed]]:
        """The messages of a stream, to be entered; those that the method has already serialised are bytes.

        A Feed between them sends by itself for a while.
        """
        facts: dict[str, str] = {}
        # No generator around the method's: each message, and each wait for one, would pass through it.
        with Observed(rpc, call, metadata, facts):
            request = self._admit(rpc, data, facts).request
            if rpc.path in self._late:
                await self._arrival(rpc)
            async with aclosing(self.method(rpc, request)(request, call)) as messages:
                yield messages

    def _admit(self, rpc: Rpc, data: bytes, facts: dict[str, str]) -> Asked:
        """Parse, validate, and put the default provider's id in place of "default"."""
        asked = (self._known.get((rpc.path, data)) if rpc.is_read else None) or self._parse(rpc, data)
        if asked.provider == "default":
            asked = asked.of(self._providers.default())
        provider = asked.provider
        if provider:
            facts["provider"] = provider
        if rpc.locator == "parent" and provider and provider != WILDCARD:
            # Also where the sidecar itself answers: a list of nothing would hide a mistyped name.
            self._providers.get(provider)
        return asked

    def _parse(self, rpc: Rpc, data: bytes) -> Asked:
        """Parse and validate; a read that was found valid is known again by its bytes, since most are repeated."""
        try:
            request = rpc.request.FromString(data)
        except DecodeError:
            raise InvalidArgument(f"the bytes are no {rpc.request.DESCRIPTOR.full_name}") from None
        validate(rpc, request)
        asked = Asked(rpc, request)
        # A change may hold secrets, which are not to be kept.
        if rpc.is_read and len(data) <= KNOWN_BYTES:
            if len(self._known) == KNOWN:
                self._known.clear()
            self._known[rpc.path, data] = asked
        return asked

    async def _arrival(self, rpc: Rpc) -> None:
        """Wait for what answers; from then on it is asked directly."""
        self._owners[rpc.path] = await self._late[rpc.path].made()
        self._late.pop(rpc.path, None)

    def _read(self, asked: Asked, call: Call) -> bytes | Awaitable[Message | bytes]:
        """The answer of a read, or what gives it in time: there is no limit to set where it is at hand."""
        # What the sidecar answers by itself knows its own limits (WaitOperation: up to ten minutes).
        if call.deadline is None and asked.rpc.path not in self._owners:
            call = replace(call, deadline=time.monotonic() + READ_LIMIT)
        answer = self._answer(asked, call)
        if call.deadline is None or isinstance(answer, bytes):
            return answer
        return self._in_time(asked.rpc, answer, call)

    async def _in_time(self, rpc: Rpc, answer: Awaitable[Message | bytes], call: Call) -> Message | bytes:
        try:
            async with asyncio.timeout(call.remaining()):
                return await answer
        except TimeoutError:
            raise DeadlineExceeded(f"{rpc.path} was not done before the deadline") from None

    def _answer(self, asked: Asked, call: Call) -> bytes | Awaitable[Message | bytes]:
        """What answers a read, to be awaited, or its bytes where these are at hand: nothing around them costs less."""
        rpc = asked.rpc
        if rpc.path in self._late:
            return self._late_answer(asked, call)
        if owner := self._owners.get(rpc.path):
            answer: bytes | Awaitable[Message | bytes] = _bound(owner, rpc)(asked.request, call)
            return answer
        if asked.provider == WILDCARD:
            return self._fan_out(rpc, asked.request, call)
        # What is kept was answered by this connection, so the provider has what it takes.
        if (kept := self._reads.kept(asked)) is not None:
            return kept.data
        return self._shared(asked, call)

    async def _late_answer(self, asked: Asked, call: Call) -> Message | bytes:
        await self._arrival(asked.rpc)
        answer = self._answer(asked, call)
        return answer if isinstance(answer, bytes) else await answer

    async def _shared(self, asked: Asked, call: Call) -> bytes:
        return (await self._reads.read(asked, call, self.method(asked.rpc, asked.request))).data

    async def _write(self, rpc: Rpc, request: Any, call: Call) -> Message:
        """Run a change of the sidecar itself, on record; with a request_id, give the first answer again."""
        method = self.method(rpc, request)
        if getattr(request, "validate_only", False):
            answer: Message = await method(request, call)
            return answer
        # Shielded: a caller that leaves must not leave a change made and its answer, or its outcome, forgotten.
        task = asyncio.create_task(self._once(rpc, method, request, call))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)

    async def _once(self, rpc: Rpc, method: Method, request: Any, call: Call) -> Message:
        digest = hashlib.sha256(rpc.path.encode() + b"\0" + request.SerializeToString(deterministic=True)).digest()
        if not call.request_id:
            return await self._recorded(rpc, method, request, call, digest)
        # Equal requests at once: the second waits for the first one's answer.
        async with self._locks.setdefault((call.principal, call.request_id), asyncio.Lock()):
            if (kept := await recall(self._store, call.principal, call.request_id, digest)) is not None:
                return rpc.response.FromString(kept)
            answer = await self._recorded(rpc, method, request, call, digest)
            await remember(self._store, call.principal, call.request_id, digest, answer.SerializeToString())
            return answer

    async def _recorded(self, rpc: Rpc, method: Method, request: Any, call: Call, digest: bytes) -> Message:
        """Run a change that is written down before, and whose outcome is written down after it."""
        mutation = Mutation(
            principal=call.principal,
            peer=call.peer,
            method=rpc.path,
            resource=_resource(rpc, request),
            request_id=call.request_id,
            digest=digest,
            request=without_secrets(request).SerializeToString(),
            began=call.clock.time(),
        )
        record = await self._store.write(partial(open_record, mutation=mutation))
        try:
            answer: Message = await method(request, call)
        except Exception as error:
            await self._close_record(record, call, to_status(error))
            raise
        await self._close_record(record, call, status_pb2.Status())
        return answer

    async def _close_record(self, record: int, call: Call, outcome: status_pb2.Status) -> None:
        close = partial(close_record, id_=record, ended=call.clock.time(), outcome=outcome.SerializeToString())
        try:
            await self._store.write(close)
        except StoreUnavailable as error:
            # The caller must hear what came of it all the same; on record its outcome stays unknown.
            _log.warning("the outcome of a change is not on record", record=record, reason=error.message)

    async def _operate(self, rpc: Rpc, request: Any, call: Call) -> Message:
        # Looked up first, so that an unknown provider or a missing capability is the call's own error.
        self.method(rpc, request)
        if request.validate_only:
            await self._operations.check(rpc, request, call)
            return rpc.response()
        operation = await self._operations.start(rpc, request, call)
        answer: Any = rpc.response()
        answer.operation.CopyFrom(operation)
        assert isinstance(answer, Message)
        return answer

    async def _fan_out(self, rpc: Rpc, request: Any, call: Call) -> bytes:
        """Ask all providers that can for their share of a page, at once; a token holds the token of each.

        What could not be read is in `unreachable` with return_partial_success, else its error is the call's.
        """
        left: dict[str, str] | None = decode_token(request)
        names = (
            [n for n in self._providers.names() if self._providers.has(n, rpc.capability)] if left is None else [*left]
        )
        answer: Any = rpc.response()
        if not names:
            return b""
        share = max(1, page_size(request) // len(names))
        remaining = call.remaining() or READ_LIMIT
        inner = replace(call, deadline=time.monotonic() + remaining - max(MARGIN, remaining * MARGIN_SHARE))

        async def ask(name: str) -> Any:
            part: Any = rpc.request()
            part.CopyFrom(request)
            part.parent, part.page_size, part.page_token = f"providers/{name}", share, (left or {}).get(name, "")
            try:
                async with asyncio.timeout(inner.remaining()):
                    return await self._reads.read(Asked(rpc, part), inner, self.method(rpc, part))
            except TimeoutError:
                return DeadlineExceeded(f"provider {name!r} did not answer in time", facts={"provider": name})
            except CloudError as error:
                return error.about(provider=name)

        parts = await asyncio.gather(*map(ask, names))
        if all(isinstance(part, InvalidArgument) for part in parts):
            # The request is at fault, not the clouds.
            raise parts[0]
        elements: list[memoryview] = []
        rest: dict[str, str] = {}
        oldest: list[int] = []
        for name, part in zip(names, parts, strict=True):
            if isinstance(part, CloudError):
                if not request.return_partial_success:
                    raise part
                answer.unreachable.append(common_pb2.Unreachable(name=f"providers/{name}", status=to_status(part)))
                continue
            elements.append(part.elements)
            if part.rest.next_page_token:
                rest[name] = part.rest.next_page_token
            if part.rest.HasField("observe_time"):
                oldest.append(part.rest.observe_time.ToNanoseconds())
            answer.unreachable.MergeFrom(part.rest.unreachable)
        if rest:
            answer.next_page_token = encode_token(request, rest)
        if oldest:
            answer.observe_time.FromNanoseconds(min(oldest))
        serialised: bytes = answer.SerializeToString()
        return b"".join([*elements, serialised])


def _bound(owner: object, rpc: Rpc) -> Method:
    method: Method = getattr(owner, rpc.attribute)
    return method


def _resource(rpc: Rpc, request: Message) -> str:
    """Name of what a request is about: what it names, else where it makes it."""
    if rpc.locator:
        return str(getattr(request, rpc.locator))
    if isinstance(request, provider_service_pb2.RegisterProviderRequest):
        return f"providers/{request.provider_id}"
    if isinstance(request, provider_service_pb2.UpdateProviderRequest):
        return request.provider.name
    return ""


def _located(rpc: Rpc, request: Message) -> str:
    """Id of the provider that a request names by name or parent; empty when it names none."""
    return provider_of(getattr(request, rpc.locator)) if rpc.locator else ""
