"""What every command that calls a server has in common: its options, its connection, the end of it."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, TypeVar

import novacron_client
import typer
from google.protobuf.message import Message
from novacron_client import Client, CloudError, Listing

from novacron_cli.durations import duration
from novacron_cli.failure import FAILED, fail, tell, told
from novacron_cli.output import Column, Format, as_dict, write_fields, write_json, write_table

T = TypeVar("T")
Connect = Callable[[str], Client]

ServerOption = Annotated[
    str, typer.Option("--server", envvar="NOVACRON_SERVER", help="Address of the server: HOST:PORT or unix:PATH.")
]
OutputOption = Annotated[
    Format, typer.Option("--output", "-o", envvar="NOVACRON_OUTPUT", help="Tables for people or JSON for programs.")
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout", parser=duration, metavar="DURATION", show_default="30s", help="How long one call may take."
    ),
]


@dataclass(frozen=True, slots=True)
class Session:
    """A command that runs.

    Attributes:
        client: The connection.
        output: How to print answers.
        timeout: Seconds for each call.
    """

    client: Client
    output: Format
    timeout: float

    @property
    def json(self) -> bool:
        """Whether only JSON may be written to standard output."""
        return self.output is Format.JSON

    def show(self, message: Message) -> None:
        """Print one resource."""
        if self.json:
            write_json(message)
        else:
            write_fields(message)

    async def show_list(self, listing: Listing[Any], field: str, columns: Sequence[Column], limit: int) -> None:
        """Print a list of at most `limit` elements (0: all).

        One that is not complete ends the command with 1; one of which nothing could be read, with that error.
        """
        found: list[Message] = []
        async for element in listing:
            found.append(element)
            if len(found) == limit:
                break
        if listing.unreachable and not found:
            # Nothing at all could be read: that is the error, not a list with a hole.
            raise CloudError(listing.unreachable[0].status)
        if self.json:
            unreachable = [as_dict(part) for part in listing.unreachable]
            answer = {field: [as_dict(element) for element in found]}
            write_json(answer | {"unreachable": unreachable} if unreachable else answer)
        else:
            write_table(columns, found)
        for part in listing.unreachable:
            tell(f"missing: {part.name}: {part.status.message}")
        if listing.unreachable:
            raise fail("the list is not complete", FAILED)


_SHARED = (
    ("server", ServerOption, "127.0.0.1:7443"),
    ("output", OutputOption, Format.TABLE),
    ("timeout", TimeoutOption, 30.0),
)
Command = Callable[Concatenate[Session, ...], Coroutine[Any, Any, None]]


def command(app: typer.Typer, name: str) -> Callable[[Command], Command]:
    """Make a coroutine function a command of `app`: it gets a Session, and the shared options beside its own.

    A test gives `obj=connect` to the command line to connect in its own way.
    """

    def register(run: Command) -> Command:
        own = list(inspect.signature(run).parameters.values())[1:]
        shared = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for option, kind, default in _SHARED
        ]
        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

        def start(context: typer.Context, server: str, output: Format, timeout: float, **options: Any) -> None:
            connect: Connect = context.obj or novacron_client.connect

            async def connected() -> None:
                try:
                    client = connect(server)
                except ValueError as error:
                    raise typer.BadParameter(f"--server: {error}") from None
                async with client:
                    await run(Session(client, output, timeout), **options)

            with told():
                asyncio.run(connected())

        start.__doc__ = run.__doc__
        parameters = [context, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *shared]
        start.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect looks for
        start.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(name)(start)
        return run

    return register
