"""How the cost of a tick, and memory, grow with series and with subscribers."""

import statistics
from collections.abc import AsyncIterator, Sequence

import numpy as np

from tests.bench.load import cost, readers
from tests.bench.processes import ours
from tests.bench.table import Row

SERIES, SUBSCRIBERS = (10_000, 20_000, 40_000, 80_000), (100, 200, 500, 1000)
SPAN = 4.0
AIM = 1.05
# kB that a subscriber, and a series of one instance each, may take.
OF_SUBSCRIBER, OF_SERIES = 60, 6


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """The power of the size that the cost grows with, fitted to all points."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def told(sizes: Sequence[int], costs: Sequence[float]) -> str:
    return ", ".join(f"{size:,}: {cost:.3g} ms" for size, cost in zip(sizes, costs, strict=True))


def slope(sizes: Sequence[int], memory: Sequence[float]) -> float:
    """kB for each more, fitted to all points."""
    return float(np.polyfit(sizes, memory, 1)[0]) * 1024


async def rows() -> AsyncIterator[Row]:
    costs, memory = [], []
    for series in SERIES:
        async with ours(series, 1.0) as server, readers(server, 1, connections=1) as load:
            spent, before, after = await cost(server, load, 2 * series, SPAN)
            costs.append(spent / max(1, (after.samples - before.samples) / series) * 1000)
            memory.append(server.memory)
    what = "of cost of a tick with the number of series"
    yield Row(
        "growth-series", f"exponent {what}", exponent(SERIES, costs), AIM, unit="power", detail=told(SERIES, costs)
    )
    detail = f"{memory[0]:.0f} to {memory[-1]:.0f} MiB"
    yield Row("memory-series", "memory of a series", slope(SERIES, memory), OF_SERIES, unit="kB", detail=detail)
    costs, memory = [], []
    async with ours(1000, 0.1) as server:
        for subscribers in SUBSCRIBERS:
            async with readers(server, subscribers) as load:
                spans = []
                for _ in range(3):
                    spent, before, after = await cost(server, load, 3000, 1.0)
                    spans.append(spent / (after.samples - before.samples) * 1000 * subscribers * 1000)
                costs.append(statistics.median(spans))
                memory.append(server.memory)
    what = "exponent of cost of a tick with the number of subscribers"
    yield Row(
        "growth-subscribers", what, exponent(SUBSCRIBERS, costs), AIM, unit="power", detail=told(SUBSCRIBERS, costs)
    )
    detail = f"{memory[0]:.0f} to {memory[-1]:.0f} MiB"
    yield Row("memory-subscriber", "memory of a subscriber", slope(SUBSCRIBERS, memory), OF_SUBSCRIBER, "kB", detail)
