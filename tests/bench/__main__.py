"""`make bench`: the ratios that the design promises, each against its peer in the same run.

ARGS names some of the benches: `make bench ARGS=fanout`. Absolute numbers are this machine's; trust the ratios.
"""

import asyncio
import os
import sys

from tests.bench import clouds, fanout

BENCHES = {"fanout": fanout.run, "clouds": clouds.run}


def main() -> int:
    names = sys.argv[1:] or [*BENCHES]
    if unknown := [name for name in names if name not in BENCHES]:
        print(f"there is no bench {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    # Connections that end with their server are no news here.
    os.environ["GRPC_VERBOSITY"] = "NONE"
    kept = [asyncio.run(BENCHES[name]()) for name in names]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
