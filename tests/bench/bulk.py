"""Large messages: server CPU for each sample, against C++, and against rows built for each subscriber."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

from tests.bench.fanout import delivery
from tests.bench.load import Load, readers, until
from tests.bench.processes import Server, built, ours, rival
from tests.bench.table import ROUNDS, Row, alternated, compared

# So many that what it costs to collect a tick, which C++ does not do here, counts for little.
SUBSCRIBERS, SERIES, PERIOD = 1000, 10_000, 1.0
# Rows cost so much that fewer of them, in smaller messages, show it.
FEW, ROWS = 10, 1000
SPAN = 2.5


async def rows() -> AsyncIterator[Row]:
    reason = await built()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ours(SERIES, PERIOD))
        rivals = {"ours": partial(delivery, server, SUBSCRIBERS, SERIES, SPAN)}
        if not reason:
            server = await stack.enter_async_context(rival("cpp", SERIES, PERIOD))
            rivals["cpp"] = partial(delivery, server, SUBSCRIBERS, SERIES, SPAN)
        found = await alternated(rivals)
    async with rival("rows", ROWS, PERIOD) as server, readers(server, FEW) as load:
        naive = [await per_row(server, load) for _ in range(ROUNDS)]
    mine = [cost / SERIES * 1000 for cost in found["ours"]]
    what = f"CPU of a sample, {SERIES:,} in a tick, to one of {SUBSCRIBERS:,} subscribers"
    against = f"{what}, against a C++ callback server"
    if reason:
        yield Row("bulk-cpp", against, None, 4.5, detail=reason)
    else:
        theirs = [cost / SERIES * 1000 for cost in found["cpp"]]
        yield compared("bulk-cpp", against, 4.5, mine, theirs, "ns")
    yield compared("bulk-rows", f"{what}, against rows built for each subscriber", 0.02, mine, naive, "ns")


async def per_row(server: Server, load: Load) -> float:
    """CPU of a sample in a row, in nanoseconds."""
    before, begin = await load.count(), server.cpu
    after = await until(load, lambda counts: counts.messages >= before.messages + 2 * FEW)
    return (server.cpu - begin) / (after.messages - before.messages) / ROWS * 1e9
