"""What people see in a terminal: tables, bars, a table that moves; the same without escape codes elsewhere."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.message import Message
from novacron.cloud.v1.compute_pb2 import Instance
from novacron.cloud.v1.metrics_service_pb2 import StreamMetricsRequest
from novacron.cloud.v1.operations_pb2 import Operation, OperationEvent, OperationState
from novacron.cloud.v1.operations_service_pb2 import WatchOperationRequest
from novacron.cloud.v1.provider_service_pb2 import (
    CreateInstanceRequest,
    CreateInstanceResponse,
    ListInstancesRequest,
    ListInstancesResponse,
)

from tests.unit.client import scripted_server as script
from tests.unit.client.test_client_metrics import CPU, batch, opened, synced, table

# Runs what follows in a terminal of its own, and ends as that ends.
IN_TERMINAL = [
    sys.executable,
    "-c",
    "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))",
    sys.executable,
    "-m",
    "novacron_cli",
]
TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "140", "LINES": "40"}
WEB = Instance(
    name="providers/aws/instances/us-east-1~i-1", display_name="web", state="INSTANCE_STATE_RUNNING", region="us-east-1"
)


def plain(text: str) -> str:
    """The text without what moves the cursor and colours it."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


async def run(address: str, *arguments: str) -> str:
    """Run a command in a terminal; returns all that it drew."""
    process = await asyncio.create_subprocess_exec(
        *IN_TERMINAL,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | TERMINAL | {"NOVACRON_SERVER": address},
    )
    assert process.stdout is not None
    out = (await process.stdout.read()).decode()
    assert await process.wait() == 0, out
    return out


async def listed(_: Any, __: Any) -> Message:
    return ListInstancesResponse(instances=[WEB])


async def created(_: Any, __: Any) -> Message:
    return CreateInstanceResponse(
        operation=Operation(name="providers/aws/operations/1", state="OPERATION_STATE_PENDING")
    )


async def watched(_: Any, __: Any) -> AsyncIterator[Message]:
    running = Operation(revision=2, state="OPERATION_STATE_RUNNING", progress_percent=50)
    running.steps.add(id="run", title="Launch", state=OperationState.OPERATION_STATE_RUNNING)
    packed = PackedMessage()
    packed.Pack(WEB)
    done = Operation(revision=3, state="OPERATION_STATE_SUCCEEDED", done=True, response=packed)
    yield script.operations(OperationEvent(control=script.opened("e")), OperationEvent(operation=running))
    await asyncio.sleep(0.3)
    yield script.operations(OperationEvent(operation=done))


async def streamed(_: Any, __: Any) -> AsyncIterator[Message]:
    yield script.metrics(opened("e"), table(0, (CPU, WEB.name)), batch(1_700_000_000, 0, [0.25]), synced(1))
    for second in range(1, 100):
        await asyncio.sleep(0.3)
        yield script.metrics(batch(1_700_000_000 + second, 0, [0.25 + second / 1000], sequence=1 + second))


async def test_ctrl_c_leaves_the_operation_and_says_how_to_follow_it() -> None:
    watching = asyncio.Event()

    async def hang(_: Any, __: Any) -> AsyncIterator[Message]:
        yield script.operations(OperationEvent(control=script.opened("e")))
        watching.set()
        await asyncio.Event().wait()

    answers: dict[type[Message], script.Answer] = {CreateInstanceRequest: created}
    async with script.serve(answers, {WatchOperationRequest: hang}) as address:
        process = await asyncio.create_subprocess_exec(
            *IN_TERMINAL[3:],
            *("instances", "create", "--image", "ami-1", "--server", address),
            stderr=asyncio.subprocess.PIPE,
        )
        await watching.wait()
        process.send_signal(signal.SIGINT)
        _, told = await process.communicate()
    assert process.returncode == 130
    assert told.decode().splitlines()[-2:] == [
        "it goes on; follow it with: novacron-cloud operations watch providers/aws/operations/1",
        "interrupted",
    ]


async def test_a_terminal_gets_tables_bars_and_a_table_that_moves() -> None:
    answers: dict[type[Message], script.Answer] = {ListInstancesRequest: listed, CreateInstanceRequest: created}
    streams: dict[type[Message], script.Stream] = {WatchOperationRequest: watched, StreamMetricsRequest: streamed}
    async with script.serve(answers, streams) as address:
        shown, made, moved = await asyncio.gather(
            run(address, "instances", "list"),
            run(address, "instances", "create", "--image", "ami-1", "--name", "web"),
            run(address, "metrics", "watch", "--for", "1500ms"),
        )
    assert re.search(r"INSTANCE +NAME +STATE +TYPE +ZONE +ADDRESS +CREATED", plain(shown))
    assert re.search(rf"{WEB.name} +web +running +us-east-1", plain(shown))
    assert "─" in shown

    assert re.search(r"web [━╸╺]+ +50 % 0:00:0\d Launch", plain(made))
    assert re.search(r"web ━+ 100 % 0:00:0\d succeeded", plain(made))
    assert plain(made).rstrip().endswith(f"{WEB.name} running")

    assert re.search(rf"{WEB.name} +{CPU} +25\.0 % +22:13:20", plain(moved))
    assert re.search(rf"{WEB.name} +{CPU} +25\.[1-9] % +22:13:2[1-9]", plain(moved))
