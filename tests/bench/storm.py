"""Many streams at once, and many one after another."""

from collections.abc import AsyncIterator

from tests.bench.load import readers, until
from tests.bench.processes import ours
from tests.bench.table import Row

AT_ONCE = 3000
# Streams that are cancelled, so many at a time; memory is compared from when the first were.
CANCELLED, BATCH = 10_000, 1000


async def rows() -> AsyncIterator[Row]:
    async with ours(100, 1.0) as server:
        async with readers(server, AT_ONCE, connections=30) as load:
            counts = await until(load, lambda counts: counts.opened + counts.failed >= AT_ONCE)
        failures = AT_ONCE - counts.opened + counts.failed
        what = f"failures of {AT_ONCE:,} subscriptions at once"
        yield Row("storm", what, failures, 0, unit="failures", detail=f"{counts.opened} opened")
    async with ours(100, 0.5) as server:
        sizes = []
        async with readers(server, BATCH) as load:
            for _ in range(CANCELLED // BATCH):
                await until(load, lambda counts: counts.least > 0)
                await load.renew()
                # With as many open as ever, all of which have begun to receive.
                await until(load, lambda counts: counts.least > 0)
                sizes.append(server.memory)
    grown = (sizes[-1] / sizes[0] - 1) * 100
    told = ", ".join(f"{mib:.1f}" for mib in sizes)
    what = f"growth of memory over {CANCELLED:,} cancelled streams, after the first {BATCH:,}"
    yield Row("soak", what, grown, 5, unit="%", detail=f"MiB after each {BATCH:,}: {told}")
