"""`make bench`: the ratios that the design promises, each against its rival in the same run, and build/bench.json.

ARGS names some of the benches: `make bench ARGS="fanout bulk"`. Absolute numbers are this machine's; trust the ratios.
A row that misses its aim, or cannot be measured here, says so; only a bench that is broken fails the run.

A bench is a module here with `async def rows() -> AsyncIterator[Row]`, each row taking less than a minute.
"""

import asyncio
import os
import pathlib
import sys
import time
import traceback

from tests.bench import bulk, clouds, fanout, filters, fleet, growth, overload, slow, storm, unary, wire
from tests.bench.table import Row, line, write

MODULES = (fanout, bulk, wire, overload, slow, storm, filters, growth, unary, clouds, fleet)
BENCHES = {module.__name__.rpartition(".")[2]: module for module in MODULES}
RESULT = pathlib.Path("build/bench.json")


async def run(names: list[str]) -> bool:
    """Run benches, print and write what they find; False when one is broken."""
    found: list[Row] = []
    broken = []
    for name in names:
        begin = time.monotonic()
        print(f"{name} ...", flush=True)
        try:
            async for row in BENCHES[name].rows():
                found.append(row)
                print(line(row), flush=True)
        except Exception:  # noqa: BLE001  # the others are still worth their run; this one fails it at the end
            traceback.print_exc()
            broken.append(name)
        print(f"{'':8}{time.monotonic() - begin:.0f} s", flush=True)
    await asyncio.to_thread(write, found, RESULT)
    kept, missed = ([row.id for row in found if row.verdict == verdict] for verdict in ("met", "MISSED"))
    print(f"{len(kept)} met, {len(missed)} missed{': ' if missed else ''}{', '.join(missed)}; {RESULT}")
    if broken:
        print(f"broken: {', '.join(broken)}", file=sys.stderr)
    return not broken


def main() -> int:
    names = sys.argv[1:] or [*BENCHES]
    if unknown := [name for name in names if name not in BENCHES]:
        print(f"there is no bench {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    # Connections that end with their server are no news here.
    os.environ["GRPC_VERBOSITY"] = "NONE"
    return 0 if asyncio.run(run(names)) else 1


if __name__ == "__main__":
    sys.exit(main())
