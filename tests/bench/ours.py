"""The whole server for a bench: `python -m tests.bench.ours FOLDER SERIES PERIOD [CHANGED [KEEPALIVE]]`.

It prints its address and ends when its standard input does; each line that comes there is answered with the number of
streams that are open, and after "hold" nothing more is published, until "go".

The cloud is in memory and does next to nothing: it publishes a value of each of SERIES instances every PERIOD seconds.
Of each CHANGED-th one it is another value than before, of the others the same. So what is counted is ours: collecting,
the stream, the door, dispatch, spans and logs. With KEEPALIVE a client is asked for a sign of life after so many
seconds, and given up after as many more.
"""

import asyncio
import gc
import math
import pathlib
import sys
from collections.abc import Sequence

from novacron.cloud.v1 import capabilities_pb2, compute_pb2
from novacron_providers.contract import Call, Points, Provider, SeriesKey, SystemClock, Window
from novacron_server.app import COLLECTED_AFTER, App
from novacron_server.config import Config, ProviderEntry
from novacron_server.doors import grpc as door
from novacron_server.loop import Loop
from novacron_server.observability import setup_logs

from tests.unit.telemetry.toycloud import CPU, ToyCloud


class QuickCloud(ToyCloud):
    """An account with a fleet of instances of one metric each."""

    def __init__(self, series: int, period: float, changed: int) -> None:
        super().__init__(SystemClock(), period=period)
        self.metrics = [CPU]
        self._changed = changed
        # Whether anything is published.
        self.is_live = True
        self._keys = [SeriesKey(CPU, self.add(f"i-{n:05}")) for n in range(series)]

    async def probe(self, region: str, call: Call) -> None:
        """All is well: GetProvider's answer holds for a while, as with any other cloud."""

    async def collect(
        self,
        region: str,
        instances: Sequence[compute_pb2.Instance],
        metrics: Sequence[str],
        window: Window,
        call: Call,
    ) -> Sequence[Points]:
        if not self.is_live:
            return []
        period = self.period
        first, last = math.floor(window.start / period) + 1, math.floor(window.end / period + 1e-6)
        times = [n * period for n in range(first, last + 1)]
        new, same = [n % 1000 + 0.5 for n in range(first, last + 1)], [0.5] * len(times)
        return [Points(key, times, same if n % self._changed else new) for n, key in enumerate(self._keys)]


async def main(folder: pathlib.Path, series: int, period: float, changed: int) -> None:
    able = capabilities_pb2.CapabilityStatus(
        capability=capabilities_pb2.CAPABILITY_METRICS, level=capabilities_pb2.SUPPORT_LEVEL_NATIVE
    )
    account = QuickCloud(series, period, changed)
    plugin = Provider(
        kind="toy", display_name="Toy", capabilities=[able], check=lambda settings: None, connect=lambda _: account
    )
    config = Config(
        listen="127.0.0.1:0",
        database=f"sqlite:///{folder / 'state.db'}",
        key_file=folder / "sealing.key",
        shutdown_grace=2,
        providers={"toy": ProviderEntry(kind="toy")},
    )
    stop_logs = setup_logs("info", "json")
    try:
        async with App(config, plugins={"toy": plugin}) as app:
            print(app.address, flush=True)
            while line := await asyncio.to_thread(sys.stdin.readline):
                if line.strip() in ("hold", "go"):
                    account.is_live = line.strip() == "go"
                print(app.telemetry.open_streams, flush=True)
    finally:
        stop_logs()


if __name__ == "__main__":
    if len(sys.argv) > 5:
        names = ("grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms")
        wanted = dict.fromkeys(names, round(float(sys.argv[5]) * 1000))
        door.OPTIONS[:] = [(name, wanted.get(name, value)) for name, value in door.OPTIONS]
    # As `novacron-cloud serve` does.
    gc.set_threshold(*COLLECTED_AFTER)
    changed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), changed))
