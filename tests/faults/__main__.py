"""`make faults`: every promise about faults, in full, as one table; ARGS names some: `make faults ARGS="outage"`.

`--quick` is the form that `make test` runs, `--seed N` gives other faults, `--kills N` another number of kills. The
rows are kept in build/faults.json.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.faults import histories, kills, matrix, metrics, model, outage, overload, replicas, shutdown, throttle
from tests.faults.proof import FULL, QUICK, Proof, Row, broken, save, table

PROOFS: dict[str, Proof] = {
    "matrix": matrix.run,
    "metrics": metrics.run,
    "outage": outage.run,
    "throttle": throttle.run,
    "overload": overload.run,
    "kills": kills.run,
    "replicas": replicas.run,
    "shutdown": shutdown.run,
    "history": histories.run,
    "model": model.run,
}
RESULT = Path("build/faults.json")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description="Prove what is promised about faults.")
    parser.add_argument("proofs", nargs="*", metavar="PROOF", help=f"some of {', '.join(PROOFS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="the form that the tests run")
    parser.add_argument("--seed", type=int, help="of all that is thrown with dice")
    parser.add_argument("--kills", type=int, help="how often the server is killed")
    options = parser.parse_args()
    if unknown := [name for name in options.proofs if name not in PROOFS]:
        parser.error(f"there is no proof {', '.join(unknown)}; there are: {', '.join(PROOFS)}")
    form = QUICK if options.quick else FULL
    given = {"seed": options.seed, "kills": options.kills}
    form = form._replace(**{key: value for key, value in given.items() if value is not None})
    # Connections that end with their server are no news here.
    os.environ["GRPC_VERBOSITY"] = "NONE"
    rows: list[Row] = []
    for name in options.proofs or PROOFS:
        with tempfile.TemporaryDirectory(prefix=f"novacron-{name}-") as folder:
            rows += asyncio.run(PROOFS[name](form, Path(folder)))
        # What one proof has found is kept, whatever becomes of the next.
        save(rows, RESULT)
    print(f"\n{table(rows)}\n\nseed {form.seed}, {form.name} form")
    return 1 if broken(rows, with_times=True) else 0


if __name__ == "__main__":
    sys.exit(main())
