"""Commands for changes under way."""

import asyncio
import sys
from contextlib import aclosing, suppress
from typing import Annotated

import typer
from novacron.cloud.v1.operations_service_pb2 import GetOperationRequest, ListOperationsRequest
from novacron_client import OperationFailed

from novacron_cli.arguments import FilterOption, LimitOption, ProviderOption, provider_name
from novacron_cli.connection import connection_told
from novacron_cli.durations import duration
from novacron_cli.failure import tell
from novacron_cli.output import Column, when, word, write, write_json
from novacron_cli.progress import Progress, percent_of, step_of
from novacron_cli.session import Session, command

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="providers/{provider}/operations/{id}")]
WatchArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="providers/{provider}/operations/{id}; without it, all are followed.")
]


@command(app, "list")
async def list_operations(
    session: Session, *, provider: ProviderOption = "-", filter: FilterOption = "", limit: LimitOption = 0
) -> None:
    """List operations, newest first."""
    columns = [
        Column("OPERATION", lambda o: o.name),
        Column("METHOD", lambda o: o.method.rpartition("/")[2]),
        Column("STATE", lambda o: word(o, "state")),
        Column("DONE", lambda o: "" if percent_of(o) is None else f"{percent_of(o)} %"),
        Column("STEP", step_of),
        Column("TARGET", lambda o: " ".join(target.native_id or target.name for target in o.targets)),
        Column("CREATED", lambda o: when(o.create_time)),
    ]
    request = ListOperationsRequest(parent=provider_name(provider), filter=filter, page_size=min(limit, 1000))
    await session.show_list(session.client.list(request, timeout=session.timeout), "operations", columns, limit)


@command(app, "get")
async def get_operation(session: Session, name: NameArgument) -> None:
    """Show an operation with its steps and what it made."""
    answer = await session.client.call(GetOperationRequest(name=name), timeout=session.timeout)
    session.show(answer.operation)


@command(app, "watch")
async def watch_operation(
    session: Session,
    name: WatchArgument = "",
    *,
    provider: ProviderOption = "-",
    filter: FilterOption = "",
    seconds: Annotated[
        float | None, typer.Option("--for", parser=duration, metavar="DURATION", help="End by itself after that.")
    ] = None,
) -> None:
    """Follow an operation until it is done. The exit code says how it ended; json is a line for each change.

    Without a name: a line for each change of any, until interrupted.
    """
    if not name:
        if sys.stderr.isatty():
            tell("a line for each change; Ctrl-C ends it")
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _watch_all(session, provider_name(provider), filter)
        return
    operation = session.client.operation(name)
    with Progress() as progress:
        async with aclosing(operation.watch()) as changes:
            async for change in changes:
                if session.json:
                    write_json(change, indent=None)
                else:
                    progress.update(name, change)
    if operation.latest.WhichOneof("result") == "error":
        raise OperationFailed(operation.latest)
    if not session.json:
        write(f"{name} {word(operation.latest, 'state')}")


async def _watch_all(session: Session, parent: str, filter: str) -> None:
    changes = session.client.watch_operations(parent, filter=filter)
    async with changes, connection_told(changes, session.client.address):
        async for change in changes:
            if session.json:
                write_json(change, indent=None)
                continue
            percent = percent_of(change)
            told = [
                change.name,
                change.method.rpartition("/")[2],
                word(change, "state"),
                "" if percent is None else f"{percent} %",
                change.error.message if change.HasField("error") else step_of(change),
            ]
            write("  ".join(part for part in told if part))


@command(app, "cancel")
async def cancel_operation(session: Session, name: NameArgument) -> None:
    """Ask an operation to stop between two steps; it may still succeed."""
    operation = await session.client.operation(name).cancel()
    if session.json:
        write_json(operation)
    else:
        write(f"{name} {word(operation, 'state')}")
