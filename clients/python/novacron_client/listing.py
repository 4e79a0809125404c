"""Lists, page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message
from novacron.cloud.v1 import common_pb2

from novacron_client.rpcs import Rpc

T = TypeVar("T")


class Listing(Generic[T]):
    """The elements of a list; reads a page when the one before is used up, and each time anew.

        async for instance in client.list(ListInstancesRequest(parent="providers/-")): ...

    Attributes:
        unreachable: Parts of the world that are missing so far; only with return_partial_success.
    """

    def __init__(self, rpc: Rpc, request: Message, fetch: Callable[[Message], Awaitable[Message]]) -> None:
        self._rpc, self._request, self._fetch = rpc, request, fetch
        self.unreachable: list[common_pb2.Unreachable] = []

    async def pages(self) -> AsyncIterator[Any]:
        """The responses, one for each page. Raises CloudError."""
        request: Any = self._rpc.request()
        request.CopyFrom(self._request)
        self.unreachable = []
        while True:
            page: Any = await self._fetch(request)
            self.unreachable.extend(getattr(page, "unreachable", ()))
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for element in getattr(page, self._rpc.elements):
                yield element
