"""Polls: what a tick of the metrics of a fleet asks a cloud for, with one subscriber and with a hundred."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc
from novacron.cloud.v1 import metrics_service_pb2
from novacron_sandbox import Sandbox

from tests.bench.load import METHOD
from tests.bench.table import Row

SUBSCRIBERS = 100
METRICS = (
    "cloud.instance.cpu.utilization",
    "cloud.instance.network.receive_bytes",
    "cloud.instance.network.transmit_bytes",
)
# Seconds between two ticks, and until a cloud has its values: a reading takes the sandbox up to 20 s, and must end
# before the next one begins.
PERIOD, LAG = 30, 1
# Seconds to wait for a tick, with the list and the first reading before it.
PATIENCE = 120.0
# What the sandbox calls a read of metrics.
ACTIONS = {"aws": "GetMetricData", "azure": "MetricsBatch_Batch", "gcp": "timeSeries.list"}


def fewest(kind: str, fleet: int) -> int:
    """Calls for one tick of so many instances in one region, by the limits of the cloud."""
    match kind:
        case "aws":
            # 500 queries a call, each of one metric of one instance.
            return math.ceil(fleet * len(METRICS) / 500)
        case "azure":
            # 50 machines a call, with up to 20 metrics.
            return math.ceil(fleet / 50)
        case _:
            # One metric a call; a page has 100,000 points, and a tick reads three of each machine.
            return len(METRICS) * math.ceil(fleet * 3 / 100_000)


class _Subscriber:
    """One stream of the metrics.

    Attributes:
        values: How many came of each period, by its end.
    """

    def __init__(self, channel: grpc.aio.Channel, parent: str, news: asyncio.Event) -> None:
        self._news = news
        self.values: Counter[int] = Counter()
        request = metrics_service_pb2.StreamMetricsRequest(parent=parent)
        request.selector.metrics.extend(METRICS)
        method: Any = channel.unary_stream(METHOD)
        self._stream = method(request.SerializeToString())
        self._task = asyncio.create_task(self._read())

    async def close(self) -> None:
        """Cancel."""
        self._stream.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def has(self, period: int, values: int) -> bool:
        """Whether all values of a period have come; raises what ended the stream."""
        if self._task.done():
            self._task.result()
            raise AssertionError("the stream ended")
        return self.values[period] >= values

    async def _read(self) -> None:
        try:
            async for data in self._stream:
                for event in metrics_service_pb2.StreamMetricsResponse.FromString(data).events:
                    if event.HasField("batch"):
                        self.values[event.batch.time.seconds] += len(event.batch.values)
                        self._news.set()
        finally:
            self._news.set()


async def rows(kind: str, sandbox: Sandbox, address: str, fleet: int) -> AsyncIterator[Row]:
    """Count the calls of a tick with one subscriber, then of one with all."""

    def calls() -> int:
        return int(sandbox.state(cloud=kind)["calls"].get(ACTIONS[kind], 0))

    async with AsyncExitStack() as stack:
        options = [("grpc.max_receive_message_length", -1)]
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address, options))
        subscribers: list[_Subscriber] = []
        news = asyncio.Event()

        def subscribe() -> None:
            one = _Subscriber(channel, f"providers/{kind}", news)
            stack.push_async_callback(one.close)
            subscribers.append(one)

        def came(period: int) -> Callable[[], bool]:
            return lambda: all(one.has(period, fleet * len(METRICS)) for one in subscribers)

        async def tick(after: int) -> tuple[int, int]:
            """Calls from the tick that ended with a period to the next one's end, and the period of that."""
            before = await asyncio.to_thread(calls)
            await _until(came(after + PERIOD), news)
            return await asyncio.to_thread(calls) - before, after + PERIOD

        subscribe()
        first = subscribers[0].values
        await _until(lambda: any(came(period)() for period in [*first]), news)
        alone, _ = await tick(max(first))
        for _ in range(SUBSCRIBERS - 1):
            subscribe()
        # The names of all series, a hundred times, keep this process busy for longer than a tick; the next one counts.
        await _until(lambda: all(one.values for one in subscribers), news)
        _, period = await tick(max(first))
        together, _ = await tick(period)
    least = fewest(kind, fleet)
    what = f"calls to {kind} for a tick of {len(METRICS)} metrics of {fleet:,} instances, {SUBSCRIBERS} subscribers"
    detail = f"{together} against {least}"
    yield Row(f"polls-{kind}", f"{what}, against the fewest", together / least, 1.0, detail=detail)
    detail = f"{together} against {alone}"
    yield Row(f"polls-{kind}-readers", f"{what}, against 1", together / alone, 1.0, detail=detail)


async def _until(there: Callable[[], bool], news: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE):
        while not there():
            news.clear()
            await news.wait()
