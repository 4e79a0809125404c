"""`python -m novacron_sandbox`: run the sandbox, say on one line of JSON where it is, end when asked to."""

import argparse
import contextlib
import json
import os
import signal
import sys
import threading

from novacron_sandbox import aws
from novacron_sandbox.clock import Clock
from novacron_sandbox.server import Server


def main() -> int:
    """Serve until SIGTERM, SIGINT or, with --stdin, until stdin is closed; returns 1 if the port cannot be had."""
    options = _options()
    try:
        server = Server(options.port)
    except OSError as refusal:
        sys.stderr.write(f"port {options.port} of 127.0.0.1 cannot be had: {refusal.strerror}\n")
        return 1
    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
        del os.environ[name]
    os.environ.update(aws.ENVIRONMENT)
    # Importing moto reads the environment, so it has to come after.
    from novacron_sandbox.aws.cloud import Cloud

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if options.stdin:
        threading.Thread(target=_wait_for_end_of_input, args=(ended,), name="stdin", daemon=True).start()

    clock = Clock(options.origin, options.rate)
    cloud = Cloud(
        clock,
        boot_seconds=options.boot_seconds,
        metrics_period=options.metrics_period,
        metrics_lag=options.metrics_lag,
    )
    server.start(cloud)
    ready = {"aws": {"endpoint": server.endpoint, **cloud.access}, "pid": os.getpid()}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    # The ready line is all that goes to stdout: nobody reads further, and moto prints.
    with contextlib.redirect_stdout(sys.stderr):
        ended.wait()
    server.stop()
    # Tearing down what moto made takes a second, and nothing is left to save.
    os._exit(0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m novacron_sandbox", description="Clouds on loopback.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--origin", type=float, help="time (seconds since 1970) from which the clock runs at --rate")
    parser.add_argument("--rate", type=float, default=1.0, help="seconds of the sandbox in one second (default 1)")
    parser.add_argument("--metrics-period", type=int, default=300, help="seconds between metrics (default 300)")
    parser.add_argument("--metrics-lag", type=float, default=300.0, help="seconds until they arrive (default 300)")
    parser.add_argument("--boot-seconds", type=float, default=2.0, help="seconds to start, stop or end (default 2)")
    parser.add_argument("--stdin", action="store_true", help="end when stdin is closed")
    options = parser.parse_args()
    if options.rate <= 0:
        parser.error("--rate: time has to pass, give a number above 0")
    if options.origin is None:
        if options.rate != 1.0:
            parser.error("--rate needs --origin: without it nobody else knows the time of the sandbox")
        options.origin = 0.0
    if options.metrics_period < 1 or options.metrics_lag < 0 or options.boot_seconds < 0:
        parser.error("--metrics-period is 1 or more, --metrics-lag and --boot-seconds are 0 or more")
    return options


def _wait_for_end_of_input(ended: threading.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    ended.set()


if __name__ == "__main__":
    sys.exit(main())
