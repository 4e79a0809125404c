"""A process with nothing but operations and an adapter of the toy cloud; lines of JSON in, lines of JSON out.

{"id": 1, "do": "get_operation", "request": BASE64} is answered by {"id": 1, "answer": BASE64}, a stream by several and
then {"id": 1}. The first line that it writes tells how many operations it goes on with.
"""

import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from google.protobuf.message import Message
from novacron.cloud.v1 import common_pb2, compute_pb2, provider_service_pb2
from novacron_providers.contract.call import Call, Op
from novacron_providers.contract.clock import SystemClock
from novacron_providers.contract.errors import ShuttingDown
from novacron_server.operations import Operations
from novacron_server.rpc import Kind, Rpc, contract
from novacron_server.state.store import Store

RPCS = {rpc.path: rpc for rpc in contract()}


class Toy:
    """The adapter: an instance that boots, and a disk that is attached to it."""

    def __init__(self, port: int, caller: str, version: str) -> None:
        self._port, self._caller, self._version = port, caller, version

    async def create_instance(
        self, request: provider_service_pb2.CreateInstanceRequest, op: Op
    ) -> compute_pb2.Instance:
        attach = "attach" if self._version == "1" else "plug-in"
        was = "attach" if self._version == "3" else ""
        op.plan({"launch": "Launch", "running": "Wait until running", "disk": "Create the disk", attach: "Attach it"})
        if self._version == "2":
            op.log(f"settled on {await op.step('settle', self._settle, title='Settle the details')}")
        native = await op.step("launch", self._change("launch"))
        name = f"providers/toy/instances/here~{native}"
        op.target(common_pb2.ResourceRef(name=name, native_id=native))
        op.log(f"it is named {native}")
        if self._version == "1":
            await op.until("running", lambda: self._state(native), interval=0.05)
        disk = await op.step("disk", self._change("disk"))
        await op.step(attach, self._change("attach"), was=was)
        return compute_pb2.Instance(name=name, native_id=native, tags={"disk": disk})

    async def _settle(self, token: str) -> str:
        return self._version

    def _change(self, action: str) -> Callable[[str], Awaitable[str]]:
        return lambda token: self._ask(f"POST /{action}?token={token}&caller={self._caller}")

    async def _state(self, native: str) -> float:
        return float(await self._ask(f"GET /state?id={native}"))

    async def _ask(self, line: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(f"{line} HTTP/1.0\r\n\r\n".encode())
            return (await reader.read()).decode().rpartition("\r\n\r\n")[2]
        finally:
            writer.close()


class Process:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._call = Call(principal="ann")

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1024 * 1024)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        async with asyncio.TaskGroup() as tasks:
            while line := await reader.readline():
                tasks.create_task(self._answer(json.loads(line)))
            await self._operations.close()

    async def _answer(self, asked: dict[str, Any]) -> None:
        data = base64.b64decode(asked["request"])
        if asked["do"] == "start":
            rpc = RPCS["ProviderService/CreateInstance"]
            self._tell(asked, await self._operations.start(rpc, rpc.request.FromString(data), self._call))
            return
        rpc = next(rpc for rpc in RPCS.values() if rpc.attribute == asked["do"])
        answer = getattr(self._operations, rpc.attribute)(rpc.request.FromString(data), self._call)
        if rpc.kind is Kind.STREAM:
            # A stream that is still open when the process is told to stop ends so.
            with contextlib.suppress(ShuttingDown):
                async for response in answer:
                    self._tell(asked, response)
            print(json.dumps({"id": asked["id"]}), flush=True)
        else:
            self._tell(asked, await answer)

    def _tell(self, asked: dict[str, Any], answer: Message) -> None:
        text = base64.b64encode(answer.SerializeToString()).decode()
        print(json.dumps({"id": asked["id"], "answer": text}), flush=True)


async def main(database: str, port: str, replica: str, lease: str, version: str) -> None:
    store = await Store.open(database)
    operations = Operations(store, clock=SystemClock(), replica=replica, lease=float(lease))
    toy = Toy(int(port), replica or str(os.getpid()), version)

    def resolve(rpc: Rpc, request: Message) -> Callable[[Any, Any], Any]:
        method: Callable[[Any, Any], Any] = getattr(toy, rpc.attribute)
        return method

    print(json.dumps({"recovered": await operations.launch(RPCS, resolve)}), flush=True)
    await Process(operations).serve()
    await store.close()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(*sys.argv[1:]))
