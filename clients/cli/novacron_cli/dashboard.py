"""Live metrics of instances: a table that moves in a terminal, lines elsewhere."""

from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self

from novacron.cloud.v1.compute_pb2 import Instance
from novacron_client import MetricUpdate, SeriesKey

from novacron_cli.board import blocks, sparkline
from novacron_cli.output import clock, is_terminal, quantity, word, write

CPU = "cloud.instance.cpu.utilization"
COLUMNS = (
    ("CPU", "cpu", CPU),
    ("NET IN", "in", "cloud.instance.network.receive_bytes"),
    ("NET OUT", "out", "cloud.instance.network.transmit_bytes"),
    ("DISK READ", "read", "cloud.instance.disk.read_bytes"),
    ("DISK WRITE", "write", "cloud.instance.disk.write_bytes"),
)
HISTORY = 24
WIDE = 132


class Reading(NamedTuple):
    """An instance and the newest values of its metrics, in the order of COLUMNS; "-" where there is none."""

    instance: Instance
    time: float
    values: tuple[str, ...]


class Fleet:
    """Instances and what their metrics say."""

    def __init__(self, instances: Iterable[Instance]) -> None:
        self.instances: dict[str, Instance] = {}
        self.samples = 0
        self._history: dict[str, deque[float]] = {}
        self._update: MetricUpdate | None = None
        self.set(instances)

    def set(self, instances: Iterable[Instance]) -> None:
        """Replace what is known of the instances themselves."""
        self.instances = {instance.name: instance for instance in instances}

    def take(self, update: MetricUpdate) -> list[str]:
        """Take in an update and return the instances of which it told the CPU."""
        self._update = update
        self.samples += len(update.values)
        told = []
        for row in update.rows():
            if row.key.metric == CPU and row.value is not None:
                self._history.setdefault(row.key.resource, deque(maxlen=HISTORY)).append(row.value)
                told.append(row.key.resource)
        return told

    def history(self, name: str) -> Iterable[float]:
        """The last values of an instance's CPU, oldest first."""
        return self._history.get(name, ())

    def readings(self) -> Iterator[Reading]:
        """All instances, by region and name."""
        known = sorted(self.instances.values(), key=lambda i: (provider_of(i), i.region, i.display_name, i.name))
        return (self.reading(instance.name) for instance in known)

    def reading(self, name: str) -> Reading:
        """The newest values of an instance."""
        table = self._update.table if self._update else {}
        times, values = [0.0], []
        for _, _, metric in COLUMNS:
            sample = table.get(SeriesKey(metric, name))
            times.append(sample.time if sample else 0.0)
            values.append(quantity(sample.value if sample else None, "1" if metric == CPU else "By/s"))
        return Reading(self.instances.get(name) or Instance(name=name), max(times), tuple(values))


def provider_of(instance: Instance) -> str:
    """Id of the provider that an instance is of."""
    return instance.name.split("/")[1]


def title_of(instance: Instance) -> str:
    """What people call an instance: its display name, or the last part of its name."""
    return instance.display_name or instance.name.rpartition("/")[2]


def line(reading: Reading) -> str:
    """A reading as one line of text: "15:02:03 aws us-east-1 web-1 t3.micro running cpu 12.3 % in ..."."""
    instance = reading.instance
    words = [clock(reading.time), provider_of(instance), instance.region, title_of(instance)]
    words += [instance.instance_type, word(instance, "state")]
    words += [f"{short} {value}" for (_, short, _), value in zip(COLUMNS, reading.values, strict=True)]
    return " ".join(filter(None, words))


class Screen:
    """Shows a fleet while it is entered; `show` takes each update of the stream."""

    def __init__(self, fleet: Fleet, address: str) -> None:
        self._fleet, self._address = fleet, address
        self._blocks = blocks()
        self._live: Any = None
        if is_terminal():
            from rich.live import Live

            self._live = Live(auto_refresh=False)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, update: MetricUpdate) -> None:
        """Show what an update changed."""
        told = self._fleet.take(update)
        if self._live:
            if update.values or update.removed:
                self._live.update(self._drawn(update), refresh=True)
            return
        for name in told:
            write(line(self._fleet.reading(name)))

    def _drawn(self, update: MetricUpdate) -> Any:
        from rich.table import Table
        from rich.text import Text

        # What 80 columns have no room for is left out there.
        wide = self._live.console.width >= WIDE
        shown = COLUMNS if wide else COLUMNS[:2]
        title = f"{self._address}   {clock(update.time or 0.0)} UTC   {self._fleet.samples} samples received"
        table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
        for name in ("PROVIDER", "REGION", "INSTANCE", *(("TYPE",) if wide else ()), "STATE"):
            table.add_column(name, no_wrap=True)
        table.add_column("", no_wrap=True, style="green")
        for name, _, _ in shown:
            table.add_column(name, justify="right", no_wrap=True)
        for instance, _, values in self._fleet.readings():
            history = list(self._fleet.history(instance.name))[-HISTORY if wide else -8 :]
            cells = [provider_of(instance), instance.region, title_of(instance)]
            cells += [*((instance.instance_type,) if wide else ()), word(instance, "state")]
            cells.append(sparkline(history, self._blocks))
            table.add_row(*(Text(cell) for cell in (*cells, *values[: len(shown)])))
        return table
