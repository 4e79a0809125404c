"""The Op of validate_only: the method runs up to its first step that changes something."""

from collections.abc import Awaitable, Callable, Mapping

from novacron.cloud.v1 import common_pb2
from novacron_providers.contract.call import Call

from novacron_server.operations.op import token


class CheckPassed(BaseException):
    """The first step that would change something was reached; no adapter is meant to catch it."""


class CheckingOp:
    """Runs the steps that only check, and ends the run at any other."""

    def __init__(self, operation: str, call: Call) -> None:
        self._id, self._call = operation, call

    @property
    def id(self) -> str:
        return self._id

    @property
    def call(self) -> Call:
        return self._call

    def plan(self, titles: Mapping[str, str]) -> None:
        pass

    async def step(
        self,
        name: str,
        send: Callable[[str], Awaitable[str]],
        *,
        title: str = "",
        resource: common_pb2.ResourceRef | None = None,
        find: Callable[[], Awaitable[str | None]] | None = None,
        was: str = "",
        cleanup: bool = False,
        checks: bool = False,
    ) -> str:
        if not checks:
            raise CheckPassed
        return await send(token(self._id, name))

    async def until(
        self,
        name: str,
        probe: Callable[[], Awaitable[float]],
        *,
        title: str = "",
        resource: common_pb2.ResourceRef | None = None,
        cleanup: bool = False,
        interval: float = 1.0,
        timeout: float = 600.0,
    ) -> None:
        raise CheckPassed

    def target(self, ref: common_pb2.ResourceRef) -> None:
        pass

    def gone(self, name: str) -> None:
        pass

    def log(self, text: str) -> None:
        pass

    def progress(self, done: int, total: int, unit: str) -> None:
        pass
