"""`novacron-cloud serve`: run the server."""

import gc
from pathlib import Path
from typing import Annotated, Any

import typer

from novacron_cli.durations import duration


def serve(
    listen: Annotated[str | None, typer.Option(help="HOST:PORT (0: a free port) or unix:PATH; loopback only.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="TOML file with settings.")] = None,
    database: Annotated[str | None, typer.Option(help="sqlite:///PATH or postgresql+psycopg://...")] = None,
    key_file: Annotated[Path | None, typer.Option(help="File with the key that seals credentials.")] = None,
    replica: Annotated[str | None, typer.Option(help="Name among processes that share a database.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="json or console.")] = None,
    otlp_endpoint: Annotated[str | None, typer.Option(help="Where spans and metrics go: http://host:4317")] = None,
    shutdown_grace: Annotated[
        float | None, typer.Option(parser=duration, metavar="DURATION", help="What calls get at a stop; at most 30s.")
    ] = None,
    max_concurrent_rpcs: Annotated[int | None, typer.Option(help="Calls and streams at once.")] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Where to write the address once calls are served.")] = None,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="Also stop when standard input is closed.")
    ] = False,
) -> None:
    """Run the server until SIGTERM or Ctrl-C. Flags win over environment (NOVACRON_LISTEN, ...) and file."""
    flags: dict[str, Any] = {
        "listen": listen,
        "database": database,
        "key_file": key_file,
        "replica": replica,
        "log_level": log_level,
        "log_format": log_format,
        "otlp_endpoint": otlp_endpoint,
        "shutdown_grace": shutdown_grace,
        "max_concurrent_rpcs": max_concurrent_rpcs,
        "ready_file": ready_file,
    }
    # What is imported stays: looking for garbage in it takes a fifteenth of the start.
    gc.disable()
    from novacron_cli.config import load
    from novacron_cli.failure import fail

    loaded = load(config, {name: value for name, value in flags.items() if value is not None})
    # After `load`, which tells when the server is not installed.
    from novacron_server import app
    from novacron_server.security.seal import KeyFileError
    from novacron_server.state.errors import StoreError

    gc.enable()
    if until_stdin_closes:
        _stop_with_stdin()
    try:
        app.run(loaded)
    except (OSError, KeyFileError, StoreError) as error:
        raise fail(str(error)) from None


def _stop_with_stdin() -> None:
    """Stop this process as SIGTERM does when its parent, which holds the other end of standard input, is gone."""
    import os
    import signal
    import threading

    def wait() -> None:
        # Not through sys.stdin: its lock, held by a thread that waits, breaks the end of the interpreter.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="stdin", daemon=True).start()
