"""`python serve.py ORIGIN RATE`: the server on a clock that runs RATE times as fast, in step with a sandbox's."""

import asyncio
import sys

from novacron_providers.contract.clock import ScaledClock
from novacron_server import app, observability
from novacron_server.config import load


def main(origin: float, rate: float) -> None:
    config = load(None, {})
    end = observability.setup_logs(config.log_level, config.log_format)
    try:
        asyncio.run(app.serve(config, clock=ScaledClock(origin, rate)))
    finally:
        end()


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
