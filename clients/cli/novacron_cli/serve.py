"""`novacron-cloud serve`: run the server."""

import argparse
import gc
from collections.abc import Sequence
from pathlib import Path

from novacron_cli.durations import seconds
from novacron_cli.settings import ended, load, not_installed

# Settings that are also flags: what the value is called in the help, and what it is.
_FLAGS = {
    "listen": ("ADDRESS", "HOST:PORT (0: a free port) or unix:PATH; loopback only."),
    "database": ("URL", "sqlite:///PATH or postgresql+psycopg://..."),
    "key-file": ("PATH", "File with the key that seals credentials."),
    "replica": ("NAME", "Name among processes that share a database."),
    "log-level": ("LEVEL", "debug, info, warning or error."),
    "log-format": ("FORMAT", "json or console."),
    "otlp-endpoint": ("URL", "Where spans and metrics go: http://host:4317"),
    "shutdown-grace": ("DURATION", "What calls get at a stop; at most 30s."),
    "max-concurrent-rpcs": ("NUMBER", "Calls and streams at once."),
    "ready-file": ("PATH", "Where to write the address once calls are served."),
}


def serve(arguments: Sequence[str]) -> None:
    """Run the server until SIGTERM or Ctrl-C, as the arguments of the command say."""
    # What is imported stays: looking for garbage in it takes a fifteenth of the start.
    gc.disable()
    parser = _parser()
    flags = vars(parser.parse_args(arguments))
    file, until_stdin_closes = flags.pop("config", None), flags.pop("until_stdin_closes")
    if "shutdown_grace" in flags:
        try:
            flags["shutdown_grace"] = seconds(flags["shutdown_grace"])
        except ValueError as error:
            parser.error(f"argument --shutdown-grace: {error}")
    loaded = load(file, flags)
    try:
        from novacron_server.app import run
        from novacron_server.security.seal import KeyFileError
        from novacron_server.state.errors import StoreError
    except ModuleNotFoundError as error:
        raise not_installed(error) from None
    # Else the first collection would look through all of it after all.
    gc.freeze()
    gc.enable()
    if until_stdin_closes:
        _stop_with_stdin()
    try:
        run(loaded)
    except (OSError, KeyFileError, StoreError) as error:
        raise ended(str(error), 1) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="novacron-cloud serve",
        description="Run the server until SIGTERM or Ctrl-C.",
        epilog="Flags win over environment (NOVACRON_LISTEN, ...) and file.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--config", "-c", metavar="PATH", type=Path, help="TOML file with settings.")
    for name, (value, text) in _FLAGS.items():
        parser.add_argument(f"--{name}", metavar=value, help=text)
    parser.add_argument(
        "--until-stdin-closes", action="store_true", default=False, help="Also stop when standard input is closed."
    )
    return parser


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
