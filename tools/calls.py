"""Generate the typed calls of the Python client from the contract; with --check, only tell whether they are up to date.

Each request type belongs to one RPC, so that `client.call(request)` has one answer type for each: an overload, written
here so that an RPC is declared once, in the proto. Run by `make proto` and `make check`.
"""

import pathlib
import re
import subprocess
import sys
from collections.abc import Callable

from google.protobuf.message import Message
from novacron_client.rpcs import RPCS, Rpc

TARGET = pathlib.Path(__file__).resolve().parents[1] / "clients" / "python" / "novacron_client" / "calls.py"

HEAD = '''"""The typed calls of the client. Generated from the contract by tools/calls.py: do not edit."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, overload

from google.protobuf.message import Message

if TYPE_CHECKING:
    from google.protobuf import empty_pb2
    from novacron.cloud.v1 import {modules}

    from novacron_client.listing import Listing
    from novacron_client.operation import Operation


class Calls(ABC):
    """Every unary RPC of the contract, found by the type of its request."""

    @abstractmethod
    async def _call(self, request: Message, timeout: float) -> Any: ...

    @abstractmethod
    async def _start(self, request: Message, timeout: float) -> "Operation[Any]": ...

    @abstractmethod
    def _list(self, request: Message, timeout: float) -> "Listing[Any]": ...
'''

CALL = '''
    async def call(self, request: Message, *, timeout: float = 30.0) -> Message:
        """Call the RPC that takes this request, and return its response.

        A request that can be repeated safely (a read, or one with a request_id, which is filled in where it is empty)
        is sent again while the server is unavailable, with growing waits, as long as the server allows it and the
        timeout lasts.

        Args:
            request: "XRequest" of any RPC X of the contract.
            timeout: Seconds for all tries together.

        Raises CloudError (Unreachable when no server answers), TypeError for a message that is no request.
        """
        answer: Message = await self._call(request, timeout)
        return answer
'''

START = '''
    async def start(self, request: Message, *, timeout: float = 30.0) -> "Operation[Any]":
        """Start a change and return a handle on its operation, once the server has written it down.

        Safe to repeat with the same request_id: within 24 hours it gives the same operation.

        Args:
            request: Request of an RPC that answers with an operation.
            timeout: Seconds for the start, not for the operation.

        Raises CloudError when it was not started, TypeError for another RPC, ValueError for validate_only.
        """
        return await self._start(request, timeout)
'''

LIST = '''
    def list(self, request: Message, *, timeout: float = 30.0) -> "Listing[Any]":
        """List what the request asks for, over all pages; nothing is sent before the first element is asked for.

        Args:
            request: Request of an RPC that lists.
            timeout: Seconds for each page.

        Raises TypeError for another RPC.
        """
        return self._list(request, timeout)
'''


def _name(kind: type[Message]) -> str:
    return f"{kind.DESCRIPTOR.file.name.rpartition('/')[2].removesuffix('.proto')}_pb2.{kind.DESCRIPTOR.name}"


def _element(rpc: Rpc) -> str:
    descriptor = rpc.response.DESCRIPTOR.fields_by_name[rpc.elements].message_type
    assert descriptor is not None
    return f"{descriptor.file.name.rpartition('/')[2].removesuffix('.proto')}_pb2.{descriptor.name}"


def _overloads(head: str, rpcs: list[Rpc], answer: Callable[[Rpc], str]) -> str:
    return "".join(
        f'\n    @overload\n    {head}(self, request: "{_name(rpc.request)}", *, timeout: float = ...)'
        f' -> "{answer(rpc)}": ...\n'
        for rpc in rpcs
    )


def text() -> str:
    """The module as it should be."""
    unary = [rpc for rpc in RPCS.values() if not rpc.streaming]
    operations = [rpc for rpc in unary if rpc.result is not None]
    lists = [rpc for rpc in unary if rpc.elements]
    body = (
        _overloads("async def call", unary, lambda rpc: _name(rpc.response))
        + CALL
        + _overloads("async def start", operations, lambda rpc: f"Operation[{_name(rpc.result or Message)}]")
        + START
        + _overloads("def list", lists, lambda rpc: f"Listing[{_element(rpc)}]")
        + LIST
    )
    used = sorted(set(re.findall(r"\b\w+_pb2\b", body)) - {"empty_pb2"})
    raw = HEAD.format(modules=", ".join(used)) + body
    command = [str(pathlib.Path(sys.executable).parent / "ruff"), "format", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(command, input=raw, capture_output=True, text=True, check=True).stdout


def main() -> None:
    if "--check" in sys.argv:
        if TARGET.read_text() != text():
            raise SystemExit("clients/python/novacron_client/calls.py is not up to date, run `make proto`")
        print("typed calls are up to date")
        return
    TARGET.write_text(text())


if __name__ == "__main__":
    main()
