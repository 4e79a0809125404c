"""`python -m novacron_sandbox`: run the sandbox, say on one line of JSON where it is, end when asked to."""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from novacron_sandbox import clouds
from novacron_sandbox.clock import Clock


def main() -> int:
    """Serve until SIGTERM, SIGINT or, with --stdin, until stdin is closed; returns 1 if the port cannot be had."""
    options = _options()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if options.stdin:
        threading.Thread(target=_wait_for_end_of_input, args=(ended,), name="stdin", daemon=True).start()

    ready: dict[str, Any] = {"pid": os.getpid()}
    with tempfile.TemporaryDirectory(prefix="novacron-sandbox-") as files, contextlib.ExitStack() as running:
        port, clock = options.port, Clock(options.origin, options.rate)
        for name in options.clouds:
            folder = Path(files, name)
            folder.mkdir()
            try:
                cloud = clouds.start(
                    name,
                    clouds.Options(
                        clock=clock,
                        folder=folder,
                        port=port,
                        boot_seconds=options.boot_seconds,
                        metrics_period=options.metrics_period,
                        metrics_lag=options.metrics_lag,
                    ),
                )
            except OSError as refusal:
                sys.stderr.write(f"port {port} of 127.0.0.1 cannot be had: {refusal.strerror}\n")
                return 1
            running.callback(cloud.stop)
            ready[name] = cloud.ready
            port = 0
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        # The ready line is all that goes to stdout: nobody reads further, and moto prints.
        with contextlib.redirect_stdout(sys.stderr):
            ended.wait()
    # Tearing down what moto made takes a second, and nothing is left to save.
    os._exit(0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m novacron_sandbox", description="Clouds on loopback.")
    parser.add_argument("--clouds", default=",".join(clouds.CLOUDS), help="which to start (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port of the first cloud (default: a free one)")
    parser.add_argument("--origin", type=float, help="time (seconds since 1970) from which the clock runs at --rate")
    parser.add_argument("--rate", type=float, default=1.0, help="seconds of the sandbox in one second (default 1)")
    parser.add_argument("--metrics-period", type=int, help="seconds between metrics (default: the cloud's own)")
    parser.add_argument("--metrics-lag", type=float, help="seconds until they arrive (default: the cloud's own)")
    parser.add_argument("--boot-seconds", type=float, default=2.0, help="seconds to start, stop or end (default 2)")
    parser.add_argument("--stdin", action="store_true", help="end when stdin is closed")
    options = parser.parse_args()
    options.clouds = options.clouds.split(",")
    if unknown := set(options.clouds) - set(clouds.CLOUDS):
        parser.error(f"--clouds: {', '.join(sorted(unknown))} is none of {', '.join(clouds.CLOUDS)}")
    if options.rate <= 0:
        parser.error("--rate: time has to pass, give a number above 0")
    if options.origin is None:
        if options.rate != 1.0:
            parser.error("--rate needs --origin: without it nobody else knows the time of the sandbox")
        options.origin = 0.0
    period, lag = options.metrics_period, options.metrics_lag
    if (period is not None and period < 1) or (lag is not None and lag < 0) or options.boot_seconds < 0:
        parser.error("--metrics-period is 1 or more, --metrics-lag and --boot-seconds are 0 or more")
    return options


def _wait_for_end_of_input(ended: threading.Event) -> None:
    # Not through sys.stdin: its lock, held by a thread that waits, breaks the end of the interpreter.
    while os.read(0, 4096):
        pass
    ended.set()


if __name__ == "__main__":
    sys.exit(main())
