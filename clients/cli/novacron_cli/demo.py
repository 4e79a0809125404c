"""`novacron-cloud demo`: everything at work, without an account, on this machine alone."""

from typing import Annotated

import typer

from novacron_cli.durations import duration


def demo(
    seconds: Annotated[
        float | None,
        typer.Option("--for", parser=duration, metavar="DURATION", help="Show live metrics that long, then end."),
    ] = None,
    instances: Annotated[int, typer.Option(min=1, max=20, help="Instances to create in each cloud.")] = 2,
) -> None:
    """Show it all at work. Three sandbox clouds, the server, instances that start, live metrics; Ctrl-C ends it."""
    import asyncio
    import tempfile
    from pathlib import Path

    from novacron_cli.output import write

    # Before the imports that take a second.
    write("NovaCron Cloud demo: starting AWS, Azure and Google Cloud on loopback, and the server; a few seconds ...")

    from novacron_cli.failure import USAGE, fail, told

    try:
        from novacron_sandbox import SandboxError

        from novacron_cli.server_process import ServerError
        from novacron_cli.showcase import Showcase
    except ModuleNotFoundError as error:
        raise fail(f"the demo needs all parts (no {error.name}): pip install 'novacron-cloud[all]'", USAGE) from None

    with told(), tempfile.TemporaryDirectory(prefix="novacron-demo-") as folder:
        try:
            asyncio.run(Showcase(Path(folder), instances=instances, seconds=seconds).run())
        except (SandboxError, ServerError) as error:
            raise fail(str(error)) from None
        except (KeyboardInterrupt, asyncio.CancelledError):
            # The way to end it that it names itself.
            pass
        write("The demo has ended: the server and the sandbox are stopped, and its instances are gone with them.")
