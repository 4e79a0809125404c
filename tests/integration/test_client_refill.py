"""A stream of metrics over a server that is killed and started anew: its reader sees no hole and no repeat."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import novacron_client
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from novacron.cloud.v1 import metrics_pb2
from novacron.cloud.v1.metrics_service_pb2 import QueryMetricsRequest
from novacron_client import MetricStream, SeriesKey
from novacron_client.follow import duration
from novacron_sandbox import Sandbox

from tests.servers import registration, server_process

WANTED = ["cloud.instance.cpu.utilization", "cloud.instance.network.receive_bytes"]
CLOUDS = ("aws", "gcp")
# Machines of each cloud.
MACHINES = 2


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clouds=CLOUDS, metrics_period=1, metrics_lag=0, boot_seconds=1) as sandbox:
        for cloud in CLOUDS:
            sandbox.seed(MACHINES, cloud=cloud)
        yield sandbox


class Reader:
    """Keeps every value that came, by series, in the order of its coming."""

    def __init__(self, stream: MetricStream) -> None:
        self.stream = stream
        self.values: dict[SeriesKey, list[tuple[float, float | None]]] = {}

    async def read(self, *, beyond: float = 0.0, count: int = 3) -> None:
        """Read until every series has that many values later than `beyond`."""
        async for update in self.stream:
            assert update.missing is None
            for key, time, value in update.rows():
                self.values.setdefault(key, []).append((time, value))
            later = [sum(time > beyond for time, _ in values) for values in self.values.values()]
            if len(later) == len(CLOUDS) * len(WANTED) * MACHINES and min(later) >= count:
                return

    @property
    def newest(self) -> float:
        """The newest time of any series."""
        return max(time for values in self.values.values() for time, _ in values)


@pytest.mark.timeout(150)
async def test_a_killed_server_leaves_no_hole_in_what_a_reader_sees(sandbox: Sandbox, tmp_path: Path) -> None:
    listen = f"unix:{tmp_path / 'socket'}"
    async with (
        asyncio.timeout(120),
        novacron_client.connect(listen) as client,
        client.stream_metrics("providers/-", metrics=WANTED) as stream,
    ):
        reader = Reader(stream)
        async with server_process(tmp_path, listen=listen) as server:
            for cloud in CLOUDS:
                request = registration(sandbox, cloud, cloud)
                request.provider.config.options.update({"metrics.period": 1, "metrics.lag": 0})
                await client.call(request)
            await reader.read()
            broke = reader.newest
            await server.kill()
        # The clouds go on meanwhile.
        await asyncio.sleep(3)
        async with server_process(tmp_path, listen=listen):
            await reader.read(beyond=broke + 6)
            start, end = Timestamp(seconds=int(broke) - 1), Timestamp(seconds=int(broke) + 6)
            history = QueryMetricsRequest(
                parent="providers/-",
                selector=metrics_pb2.MetricSelector(metrics=WANTED),
                start_time=start,
                end_time=end,
                period=duration(1),
            )
            told = {(s.metric, s.resource): list(s.values) async for s in client.list(history)}
    assert stream.connections == 2
    for key, values in reader.values.items():
        times = [time for time, _ in values]
        assert all(after - before == 1 for before, after in pairwise(times)), (key, times)
        during = [value for time, value in values if start.seconds < time <= end.seconds]
        assert during == pytest.approx(told[key.metric, key.resource])
