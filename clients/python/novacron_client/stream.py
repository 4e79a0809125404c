"""What every stream of the client can do."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from novacron_client.follow import Follower

U = TypeVar("U")


class Stream(ABC, Generic[U]):
    """An endless stream of updates; reconnects and resumes by itself.

        async with client.watch_resources() as stream:
            async for update in stream: ...

    The call starts with the first update that is asked for. Leaving the stream ends it.
    """

    def __init__(self, follower: Follower[Any]) -> None:
        self._follower = follower
        self._updates = self._follow()

    @property
    def connections(self) -> int:
        """How often the server has opened the stream: more than 1 after reconnects."""
        return self._follower.connections

    @property
    def connected(self) -> bool:
        """Whether the server is heard at the moment; if not, what was told may be old until the stream is resumed."""
        return self._follower.connected

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> U:
        """The next update. Raises CloudError for what no new connection mends."""
        return await anext(self._updates)

    async def aclose(self) -> None:
        """End the stream and release its call."""
        await self._updates.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @abstractmethod
    def _follow(self) -> AsyncGenerator[U, None]: ...
