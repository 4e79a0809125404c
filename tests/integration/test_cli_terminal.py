"""What people see in a terminal: tables, bars, a table that moves; the same without escape codes elsewhere."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.message import Message
from novacron.cloud.v1.common_pb2 import RESOURCE_TYPE_PROVIDER, ResourceRef
from novacron.cloud.v1.compute_pb2 import Instance
from novacron.cloud.v1.metrics_service_pb2 import MetricEvent, QueryMetricsRequest, StreamMetricsRequest
from novacron.cloud.v1.operations_pb2 import Operation, OperationEvent, OperationState
from novacron.cloud.v1.operations_service_pb2 import WatchOperationRequest
from novacron.cloud.v1.provider_pb2 import Provider, ProviderHealth
from novacron.cloud.v1.provider_service_pb2 import (
    CreateInstanceRequest,
    CreateInstanceResponse,
    ListInstancesRequest,
    ListInstancesResponse,
    ResourceEvent,
    WatchResourcesRequest,
    WatchResourcesResponse,
)
from novacron.cloud.v1.streams_pb2 import StreamControl, StreamGap

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


def screen(text: str, rows: int = 40) -> list[str]:
    """What a terminal shows after the text: lines that were put in their places."""
    shown = [""] * rows
    for row, line in re.findall(r"\x1b\[(\d+);1H(.*?)\x1b\[K", text):
        shown[int(row) - 1] = plain(line)
    return shown


async def run(
    address: str, *arguments: str, keys: Sequence[tuple[str, str]] = (), status: int = 0, **environment: str
) -> str:
    """Run a command in a terminal; returns all that it drew.

    Each key is pressed once the screen shows what its pattern says. The command must end with `status`.
    """
    process = await asyncio.create_subprocess_exec(
        *IN_TERMINAL,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | TERMINAL | {"NOVACRON_SERVER": address} | environment,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    drawn, waiting = b"", [*keys]
    try:
        async with asyncio.timeout(50):
            while data := await process.stdout.read(1 << 16):
                drawn += data
                if waiting and re.search(waiting[0][0], "\n".join(screen(drawn.decode(errors="ignore")))):
                    process.stdin.write(waiting.pop(0)[1].encode())
            ended = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    out = drawn.decode()
    assert (ended, waiting) == (status, []), out
    return out


async def listed(_: Any, __: Any) -> Message:
    # No terminal that is narrow, and no name that it would take for a command, may spoil a list.
    rude = Instance(name="providers/aws/instances/us-east-1~i-2", display_name="日本\x1b[31m", instance_type="m5.large")
    return ListInstancesResponse(instances=[WEB, rude])


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


async def healthy(_: Any, __: Any) -> AsyncIterator[Message]:
    yield WatchResourcesResponse(
        events=[
            ResourceEvent(control=script.opened("e")),
            ResourceEvent(provider=Provider(name="providers/aws", state="PROVIDER_STATE_ACTIVE")),
            ResourceEvent(sequence=1, control=script.synced()),
        ]
    )
    await asyncio.Event().wait()


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
    streams: dict[type[Message], script.Stream] = {
        WatchOperationRequest: watched,
        StreamMetricsRequest: streamed,
        WatchResourcesRequest: healthy,
    }
    async with script.serve(answers, streams) as address:
        shown, made, moved, plainer = await asyncio.gather(
            run(address, "instances", "list"),
            run(address, "instances", "create", "--image", "ami-1", "--name", "web"),
            run(address, "metrics", "watch", keys=[(r"▁[▂-▇]*█ ", "q")]),
            run(address, "metrics", "watch", keys=[(r"▁ ", "q")], NO_COLOR="1"),
        )
    assert re.search(r"INSTANCE +NAME +STATE +TYPE +ZONE +ADDRESS +CREATED", plain(shown))
    assert re.search(rf"{WEB.name} +web +running +us-east-1", plain(shown))
    # Two cells for each of the wide letters.
    _, web, rude = shown.splitlines()
    assert "~i-2  日本?[31m  unknown  m5.large" in rude
    assert web.index("running") == rude.index("unknown") + 2
    assert "\x1b" not in shown

    assert re.search(r"web [━╸╺]+ +50 % 0:00:0\d Launch", plain(made))
    assert re.search(r"web ━+ 100 % 0:00:0\d succeeded", plain(made))
    assert plain(made).rstrip().endswith(f"{WEB.name} running")

    assert "22:13:20 UTC  1 row  by name" in plain(moved)
    assert re.search(r"PROVIDER  REGION  +INSTANCE  +CPU +CPU", plain(moved))
    assert re.search(r"aws +us-east-1  us-east-1~i-1  ▁ +25\.0 %", plain(moved))
    assert re.search(r"us-east-1~i-1  ▁[▂-▇]*█ +25\.[1-9] %", plain(moved))
    assert ("\x1b[32m" in moved, "\x1b[32m" in plainer) == (True, False)


async def many(_: Any, __: Any) -> AsyncIterator[Message]:
    names = [f"providers/aws/instances/us-east-1~i-{n:04}" for n in range(1000)]
    yield script.metrics(opened("e"), table(0, *((CPU, name) for name in names)), synced(1))
    for second in range(100):
        yield script.metrics(batch(1_700_000_000 + second, 0, [n / 1000 for n in range(1000)], sequence=2 + second))
        await asyncio.sleep(0.1)


async def test_a_thousand_rows_are_a_page_that_scrolls_and_only_what_changes_is_written() -> None:
    async with script.serve({}, {StreamMetricsRequest: many, WatchResourcesRequest: healthy}) as address:
        out, sorted_ = await asyncio.gather(
            run(address, "metrics", "watch", keys=[("1000 rows  by name", "s"), ("▼", "\x1b[6~"), ("37 more", "q")]),
            run(address, "metrics", "watch", "--sort", "cpu.utilization", keys=[("22:13:[3-5]", "q")]),
        )
    shown = screen(out)
    assert "1000 rows  by CPU" in shown[0]
    assert "CPU▼" in shown[1]
    assert re.search(r"~i-0962 .* 96\.2 %", shown[2])
    assert shown[39] == "37 more above, 926 more below"
    assert re.search(r"~i-0999 .* 99\.9 %", screen(sorted_)[2])
    # What does not change is not written again: the head, under another clock.
    assert sorted_.count(" UTC  ") > 3
    assert sorted_.count("PROVIDER") <= 3
    assert out.count("\x1b[2J") <= 3
    # The terminal is left as it was.
    assert "\x1b[?25h\x1b[?1049l" in out


async def test_a_column_that_is_not_there_is_refused_when_that_is_known() -> None:
    async with script.serve({}, {StreamMetricsRequest: streamed, WatchResourcesRequest: healthy}) as address:
        out = await run(address, "metrics", "watch", "--sort", "colour", status=2)
    # The terminal is left before the error is told.
    told = plain(out.rpartition("\x1b[?1049l")[2])
    assert "--sort" in told
    assert re.search(rf"no column 'colour'; there are: name,\s*{CPU}", told.replace("│", ""))


async def inventory(request: Any, _: Any) -> AsyncIterator[Message]:
    def instance(native_id: str, state: str) -> ResourceEvent:
        name = f"providers/aws/instances/us-east-1~{native_id}"
        made = Instance(name=name, native_id=native_id, display_name=f"web {native_id}\x1b[31m", state=state)
        return ResourceEvent(instance=made)

    health = ProviderHealth(error=script.status(grpc.StatusCode.UNAVAILABLE, message="us-east-1 is slow"))
    provider = ResourceEvent(provider=Provider(name="providers/aws", state="PROVIDER_STATE_DEGRADED", health=health))
    both = [instance("a", "INSTANCE_STATE_RUNNING"), instance("b", "INSTANCE_STATE_RUNNING")]
    start = [ResourceEvent(control=script.opened("e")), *both]
    yield WatchResourcesResponse(events=[*start, ResourceEvent(sequence=1, control=script.synced())])
    await asyncio.sleep(0.5)
    gone = ResourceEvent(removed=ResourceRef(name="providers/aws/instances/us-east-1~b"))
    yield WatchResourcesResponse(events=[provider, instance("a", "INSTANCE_STATE_STOPPED"), gone])
    await asyncio.Event().wait()


async def test_instances_are_a_table_that_shows_what_changes() -> None:
    async with script.serve({}, {WatchResourcesRequest: inventory}) as address:
        out = await run(address, "instances", "watch", keys=[("2 running", "x"), ("1 stopped", "q")])
    assert "2 instances: 2 running" in plain(out)
    # What a name would do to the terminal is not done.
    assert "web b?[31m  " in out
    shown = screen(out)
    assert "1 instance: 1 stopped" in shown[0]
    assert shown[1] == "providers/aws degraded: us-east-1 is slow"
    assert re.search(r"INSTANCE▲ +NAME +STATE +TYPE +ZONE +ADDRESS +CREATED", shown[2])
    assert re.search(r"us-east-1~a +web a\?\[31m +stopped", shown[3])
    assert not any(shown[4:])


async def test_what_is_not_whole_or_not_fresh_is_told() -> None:
    connections = 0

    async def broken(_: Any, context: script.Context) -> AsyncIterator[Message]:
        nonlocal connections
        connections += 1
        if connections == 1:
            gap = MetricEvent(control=StreamControl(gap=StreamGap(dropped_items=4)))
            first = [table(0, (CPU, WEB.name)), batch(1_700_000_000, 0, [0.25]), synced(1)]
            yield script.metrics(opened("e"), *first, gap, batch(1_700_000_060, 0, [0.5]), synced(5))
            await asyncio.sleep(0.5)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        await asyncio.Event().wait()

    async def degraded(request: Any, _: Any) -> AsyncIterator[Message]:
        assert [*request.types] == [RESOURCE_TYPE_PROVIDER]
        health = ProviderHealth(error=script.status(grpc.StatusCode.UNAVAILABLE, message="us-east-1 is slow"))
        provider = Provider(name="providers/aws", state="PROVIDER_STATE_DEGRADED", health=health)
        yield WatchResourcesResponse(
            events=[ResourceEvent(control=script.opened("e")), ResourceEvent(provider=provider)]
        )
        await asyncio.Event().wait()

    async def forgotten(_: Any, context: script.Context) -> Message:
        await script.abort(context, script.status(grpc.StatusCode.NOT_FOUND, "RESOURCE_NOT_FOUND", "no such past"))
        raise AssertionError

    streams: dict[type[Message], script.Stream] = {StreamMetricsRequest: broken, WatchResourcesRequest: degraded}
    async with script.serve({QueryMetricsRequest: forgotten}, streams) as address:
        out = await run(address, "metrics", "watch", keys=[("is lost", "q")])
    shown = screen(out)
    assert "1 row  by name" in shown[0]
    assert shown[1] == f"the connection to {address} is lost, and tried again: what is shown is old"
    assert shown[2] == "providers/aws degraded: us-east-1 is slow"
    assert re.fullmatch(r"missing: values from before [\d:]+ could not all be read: no such past", shown[3])
    assert re.search(r"us-east-1~i-1 +▁█ +50\.0 %", shown[5])
