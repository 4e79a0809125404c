"""Fan-out: server CPU for each sample to 1,000 subscribers, against what gRPC costs by itself in Python and in C++."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

from tests.bench.load import cost, readers
from tests.bench.processes import Server, built, ours, rival
from tests.bench.table import Row, alternated, compared

SUBSCRIBERS, SERIES, PERIOD = 1000, 1000, 0.1
# Seconds of each run.
SPAN = 1.5


async def delivery(server: Server, subscribers: int, series: int, span: float) -> float:
    """Measure `span` seconds: CPU in microseconds for a tick to a subscriber; collecting it is a part of that."""
    async with readers(server, subscribers) as load:
        spent, before, after = await cost(server, load, 3 * series, span)
    return spent / (after.samples - before.samples) * series * 1e6


async def rows() -> AsyncIterator[Row]:
    reason = await built()
    kinds = ["ring"] if reason else ["ring", "cpp"]
    async with AsyncExitStack() as stack:
        servers = {"ours": await stack.enter_async_context(ours(SERIES, PERIOD))}
        for kind in kinds:
            servers[kind] = await stack.enter_async_context(rival(kind, SERIES, PERIOD))
        found = await alternated(
            {name: partial(delivery, server, SUBSCRIBERS, SERIES, SPAN) for name, server in servers.items()}
        )
    what = f"CPU of a tick of {SERIES:,} samples to one of {SUBSCRIBERS:,} subscribers"
    yield compared("fanout-aio", f"{what}, against a bare grpc.aio ring", 1.25, found["ours"], found["ring"], "us")
    against = f"{what}, against a C++ callback server"
    if reason:
        yield Row("fanout-cpp", against, None, 4, detail=reason)
    else:
        yield compared("fanout-cpp", against, 4, found["ours"], found["cpp"], "us")
