"""What we made or deleted ourselves a moment ago, where a cloud's lists do not show it yet."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from google.protobuf.message import Message
from msgspec import Struct
from novacron.cloud.v1 import common_pb2, compute_pb2, operations_pb2
from novacron.cloud.v1 import provider_service_pb2 as pb
from novacron_providers.contract.call import Call
from novacron_providers.contract.clock import Clock
from novacron_providers.contract.errors import NotFound, PageTokenInvalid
from novacron_providers.contract.filters import Filter
from novacron_providers.contract.names import provider_of
from novacron_providers.contract.paging import decode_token, encode_token, page_size

from novacron_server.rpc import Rpc

# Seconds that what we did counts more than what the cloud lists.
REMEMBERED = 60.0

_CREATE, _DELETE = "ProviderService/CreateInstance", "ProviderService/DeleteInstance"
_DELETED = compute_pb2.INSTANCE_STATE_DELETED

Method = Callable[[Any, Call], Awaitable[Any]]


class _Done(Struct):
    """What we did to an instance.

    Attributes:
        instance: As it was last, if we made it; None if we deleted it.
        ended: When the operation ended, in nanoseconds since 1970.
        until: Until when it counts, on the clock's monotonic().
    """

    instance: compute_pb2.Instance | None
    ended: int
    until: float


class _Place(NamedTuple):
    """Where a page begins: the adapter's token, and the names of ours that no page before it had."""

    token: str
    missing: list[str]


class Recent:
    """Instances made and deleted by operations that ended in this process; a restart forgets them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._done: dict[str, dict[str, _Done]] = {}

    def settled(self, operation: operations_pb2.Operation) -> None:
        """Take in an operation that has ended."""
        if operation.state != operations_pb2.OPERATION_STATE_SUCCEEDED:
            return
        done = self._done.setdefault(provider_of(operation.name), {})
        until, ended = self._clock.monotonic() + REMEMBERED, operation.end_time.ToNanoseconds()
        if operation.method == _DELETE:
            for ref in operation.targets:
                if ref.type == common_pb2.RESOURCE_TYPE_INSTANCE:
                    done[ref.name] = _Done(None, ended, until)
            return
        instance = compute_pb2.Instance()
        if operation.response.Unpack(instance):
            if operation.method == _CREATE:
                done[instance.name] = _Done(instance, ended, until)
            elif (made := done.get(instance.name)) and made.instance:
                # Stopped or started since.
                made.instance = instance

    async def answer(self, rpc: Rpc, request: Any, call: Call, method: Method) -> Message:
        """The answer of a connection's method, with what we know better."""
        match rpc.attribute:
            case "list_instances":
                return await self.list_instances(request, call, method)
            case "get_instance":
                return await self._get(request, call, method)
            case _:
                answer: Message = await method(request, call)
                return answer

    async def _get(self, request: pb.GetInstanceRequest, call: Call, method: Method) -> pb.GetInstanceResponse:
        answer: pb.GetInstanceResponse
        try:
            answer = await method(request, call)
        except NotFound:
            done = self._of(provider_of(request.name)).get(request.name)
            if done is None or done.instance is None:
                raise
            return pb.GetInstanceResponse(instance=done.instance)
        if _is_gone(answer.instance, self._of(provider_of(request.name))):
            return pb.GetInstanceResponse(instance=_deleted(answer.instance))
        return answer

    async def list_instances(
        self, request: pb.ListInstancesRequest, call: Call, method: Method
    ) -> pb.ListInstancesResponse:
        """A page of the cloud's list, without what we deleted; what we made and no page had comes at the end."""
        place = self._place(request)
        page = pb.ListInstancesResponse()
        if place.token or not request.page_token:
            inner = pb.ListInstancesRequest()
            inner.CopyFrom(request)
            inner.page_token = place.token
            page = await method(inner, call)
        # Looked up after the answer: an operation may have ended meanwhile.
        done = self._of(provider_of(request.parent))
        if not done and not place.missing:
            return page
        query = Filter.parse(request.filter, compute_pb2.Instance)
        answer = pb.ListInstancesResponse(unreachable=page.unreachable, next_page_token=page.next_page_token)
        if page.HasField("observe_time"):
            answer.observe_time.CopyFrom(page.observe_time)
        for instance in page.instances:
            if not _is_gone(instance, done):
                answer.instances.append(instance)
            elif request.show_deleted and query.matches(marked := _deleted(instance)):
                answer.instances.append(marked)
        there = {instance.name for instance in page.instances}
        missing = [name for name in place.missing if name not in there]
        if not page.next_page_token:
            missing = self._add(answer, missing, done, page_size(request))
        if missing:
            answer.next_page_token = encode_token(request, {"token": page.next_page_token, "missing": missing})
        return answer

    def _place(self, request: pb.ListInstancesRequest) -> _Place:
        if not request.page_token:
            return _Place("", self._wanted(request))
        try:
            state = decode_token(request)
        except PageTokenInvalid:
            # The adapter's own, of whatever form; it tells what is wrong with it.
            state = None
        match state:
            case {"token": str(token), "missing": [*names]}:
                return _Place(token, [str(name) for name in names])
            case _:
                # None of ours were missing when the list began.
                return _Place(request.page_token, [])

    def _wanted(self, request: pb.ListInstancesRequest) -> list[str]:
        """Names of those we made that a list has to have."""
        made = {n: d.instance for n, d in self._of(provider_of(request.parent)).items() if d.instance is not None}
        if not made or request.provider_options.fields:
            # Whether they meet a cloud's own conditions, only the cloud knows.
            return []
        query = Filter.parse(request.filter, compute_pb2.Instance)
        return [
            name
            for name, instance in made.items()
            if (not request.regions or instance.region in request.regions) and query.matches(instance)
        ]

    def _add(
        self, answer: pb.ListInstancesResponse, missing: list[str], done: Mapping[str, _Done], size: int
    ) -> list[str]:
        """Add those that still count, as many as the page has room for; gives the names of the others."""
        found = [made.instance for name in missing if (made := done.get(name)) and made.instance]
        room = max(0, size - len(answer.instances))
        answer.instances.extend(found[:room])
        if found[:room] and not answer.HasField("observe_time"):
            answer.observe_time.CopyFrom(min(found[:room], key=lambda i: i.observe_time.ToNanoseconds()).observe_time)
        return [instance.name for instance in found[room:]]

    def _of(self, provider: str) -> dict[str, _Done]:
        """What counts of a provider, by name; what no longer does is forgotten."""
        now = self._clock.monotonic()
        done = {name: done for name, done in self._done.get(provider, {}).items() if done.until > now}
        if done:
            self._done[provider] = done
        else:
            self._done.pop(provider, None)
        return done


def _is_gone(instance: compute_pb2.Instance, done: Mapping[str, _Done]) -> bool:
    """Whether we deleted what the cloud still shows as there, and not another that has its name since."""
    known = done.get(instance.name)
    if known is None or known.instance is not None or instance.state == _DELETED:
        return False
    return not instance.HasField("create_time") or instance.create_time.ToNanoseconds() < known.ended


def _deleted(instance: compute_pb2.Instance) -> compute_pb2.Instance:
    marked = compute_pb2.Instance()
    marked.CopyFrom(instance)
    marked.state = _DELETED
    # The cloud's own word would contradict.
    marked.ClearField("native_state")
    return marked
