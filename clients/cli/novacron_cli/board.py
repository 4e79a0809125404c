"""Metrics as a table of instances, or of groups of them: its rows, their order, and the page of it that is shown."""

import math
import sys
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from novacron.cloud.v1.common_pb2 import ResourceRef
from novacron.cloud.v1.compute_pb2 import Instance
from novacron_client import MetricUpdate, SeriesKey

from novacron_cli.output import clock, quantity
from novacron_cli.terminal import BOLD, GREEN, PLAIN, RED, fitted, status_line

# Values of which a sparkline is drawn.
HISTORY = 16
BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-:=+*#"
NAME = "name"
TITLES = {
    "cloud.instance.cpu.utilization": "CPU",
    "cloud.instance.memory.utilization": "MEMORY",
    "cloud.instance.network.receive_bytes": "NET IN",
    "cloud.instance.network.transmit_bytes": "NET OUT",
    "cloud.instance.disk.read_bytes": "READ",
    "cloud.instance.disk.write_bytes": "WRITE",
    "cloud.instance.network.receive_packets": "PKT IN",
    "cloud.instance.network.transmit_packets": "PKT OUT",
    "cloud.instance.disk.read_operations": "READS",
    "cloud.instance.disk.write_operations": "WRITES",
}
_ORDER = {metric: number for number, metric in enumerate(TITLES)}
_WIDTH = 11


def blocks() -> str:
    """What sparklines are made of where standard output goes."""
    return BLOCKS if "utf" in (sys.stdout.encoding or "").lower() else ASCII_BLOCKS


def sparkline(values: Iterable[float], blocks: str = BLOCKS) -> str:
    """Values as a line of blocks, from the least to the greatest of them."""
    found = [value for value in values if not math.isnan(value)]
    low, high = min(found, default=0.0), max(found, default=0.0)
    scale = (len(blocks) - 1) / (high - low) if high > low else 0.0
    return "".join(blocks[round((value - low) * scale)] for value in found)


def title_of(metric: str) -> str:
    """The title of a metric's column: "CPU"; the end of its name where it has no title of its own."""
    return TITLES.get(metric) or metric.rpartition(".")[2].upper()[: _WIDTH - 1]


@dataclass(slots=True)
class _Series:
    """The last values of a series, oldest first; NaN where there was none."""

    time: float = -math.inf
    values: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY))

    def put(self, time: float, value: float) -> None:
        if time == self.time and self.values:
            self.values[-1] = value
        elif time >= self.time:
            self.time = time
            self.values.append(value)


class _Subject(NamedTuple):
    """What a row is about: a resource with attributes, or a group."""

    resource: str
    attributes: tuple[tuple[str, str], ...] = ()


class Row(NamedTuple):
    """A row: its cells of text, and its series by metric."""

    cells: tuple[str, ...]
    series: Mapping[str, _Series]

    def value(self, metric: str) -> float:
        """The newest value; NaN when there is none."""
        series = self.series.get(metric)
        return series.values[-1] if series and series.values else math.nan


class Board:
    """The newest values of many series as rows that can be grouped, sorted and scrolled.

    Args:
        group: "provider", "region", "type" or "tags.KEY"; empty: a row for each resource.
        sort: A metric, the end of its name or its title, or "name".
        blocks: What sparklines are made of.

    Attributes:
        instances: What groups by type and tag need to know of instances, by name.
        sort: What rows are sorted by.
        is_reversed: Whether the least value, or the last name, comes first.
        offset: Rows above the page.
    """

    def __init__(self, *, group: str = "", sort: str = NAME, blocks: str = BLOCKS) -> None:
        self.instances: Mapping[str, object] = {}
        self.sort, self.is_reversed, self.offset = sort, False, 0
        self._group, self._blocks = group, blocks
        self._rows: dict[_Subject, dict[str, _Series]] = {}
        self._groups: dict[str, dict[str, _Series]] = {}
        self._units: dict[str, str] = {}
        self._refs: dict[str, ResourceRef] = {}
        self._time = 0.0
        self._page_rows = 1

    @property
    def metrics(self) -> list[str]:
        """The columns."""
        return sorted(self._units, key=lambda metric: (_ORDER.get(metric, len(_ORDER)), metric))

    def take(self, update: MetricUpdate) -> None:
        """Take in an update of the stream."""
        table = update.table
        for key in update.removed:
            self._drop(key)
        if update.added:
            self._units.update((key.metric, table.descriptors[key.metric].unit) for key in update.added)
            self._refs.update((key.resource, table.resources[key.resource]) for key in update.added)
        if update.synced:
            there = {*table.keys_by_slot.values()}
            for subject, metrics in [*self._rows.items()]:
                for metric in [*metrics]:
                    if (key := SeriesKey(metric, *subject)) not in there:
                        self._drop(key)
        for key, time, value in update.rows():
            row = self._rows.setdefault(_Subject(key.resource, key.attributes), {})
            row.setdefault(key.metric, _Series()).put(time, math.nan if value is None else value)
            self._time = max(self._time, time)

    def column(self, name: str) -> str | None:
        """The metric that a name of a column means; None when there is none."""
        for metric in self.metrics:
            if name == metric or metric.endswith(f".{name}") or title_of(metric).lower() == name.lower():
                return metric
        return None

    def rows(self) -> list[Row]:
        """All rows, in order."""
        found = self._grouped() if self._group else self._single()
        found.sort(key=lambda row: row.cells)
        if metric := self.column(self.sort):
            # What has no value is last in either order.
            sign = 1 if self.is_reversed else -1
            values = {id(row): row.value(metric) for row in found}
            found.sort(key=lambda row: (math.isnan(values[id(row)]), sign * values[id(row)]))
        elif self.is_reversed:
            found.reverse()
        return found

    def press(self, key: str) -> None:
        """Sort otherwise, or show another part."""
        if key == "s":
            columns = [NAME, *self.metrics]
            now = self.column(self.sort) or NAME
            self.sort = columns[(columns.index(now) + 1) % len(columns)]
        elif key == "r":
            self.is_reversed = not self.is_reversed
        moves = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -self._page_rows, "page down": self._page_rows}
        self.offset = max(0, self.offset + moves.get(key, 0)) if key != "home" else 0

    def page(self, width: int, height: int, troubles: Sequence[str] = ()) -> list[str]:
        """The lines of a terminal of that size; `troubles` are what is not whole or not fresh, a line each."""
        rows = self.rows()
        self._page_rows = room = max(1, height - 3 - len(troubles))
        self.offset = max(0, min(self.offset, len(rows) - room))
        titles = (self._group.upper(), "INSTANCES") if self._group else ("PROVIDER", "REGION", "INSTANCE")
        widths = [max([len(title), *(len(row.cells[n]) for row in rows)]) for n, title in enumerate(titles)]
        widths = [min(size, max(8, width // 4)) for size in widths]
        trend = self.column(self.sort) or next(iter(self.metrics), "")
        left = width - sum(widths) - 2 * len(widths) - HISTORY
        metrics = self.metrics[: max(0, left // _WIDTH)]
        if trend in self.metrics and metrics and trend not in metrics:
            # What it is sorted by is always to be seen.
            metrics[-1] = trend
        lines = [status_line(self._status(len(rows), len(metrics)), width)]
        lines += [f"{RED}{fitted(trouble, width).rstrip()}{PLAIN}" for trouble in troubles]
        heads = [*(fitted(title, size) + "  " for title, size in zip(titles, widths, strict=True))]
        heads.append(fitted(title_of(trend) if trend else "", HISTORY))
        heads += [self._head(metric) for metric in metrics]
        lines.append(BOLD + fitted("".join(heads), width).rstrip() + PLAIN)
        lines += [self._line(row, widths, metrics, trend) for row in rows[self.offset : self.offset + room]]
        if above_and_below := self._rest(len(rows), room):
            lines.append(fitted(above_and_below, width).rstrip())
        return lines

    def _status(self, count: int, shown: int) -> list[str]:
        by = title_of(column) if (column := self.column(self.sort)) else NAME
        kind = "group" if self._group else "row"
        parts = [f"{clock(self._time)} UTC" if self._time else "no values yet", f"{count} {kind}{'s' * (count != 1)}"]
        parts.append(f"by {by}{', reversed' if self.is_reversed else ''}")
        if shown < len(self.metrics):
            parts.append(f"{len(self.metrics) - shown} columns have no room")
        return parts

    def _rest(self, count: int, room: int) -> str:
        above, below = self.offset, max(0, count - self.offset - room)
        return ", ".join([*([f"{above} more above"] if above else []), *([f"{below} more below"] if below else [])])

    def _head(self, metric: str) -> str:
        arrow = ("▲" if self.is_reversed else "▼") if metric == self.column(self.sort) else ""
        return f"{title_of(metric) + arrow:>{_WIDTH}}"

    def _line(self, row: Row, widths: Sequence[int], metrics: Sequence[str], trend: str) -> str:
        parts = [fitted(cell, size) + "  " for cell, size in zip(row.cells, widths, strict=True)]
        history = row.series[trend].values if trend in row.series else ()
        parts.append(f"{GREEN}{sparkline(history, self._blocks):<{HISTORY}}{PLAIN}")
        for metric in metrics:
            value = row.value(metric)
            text = quantity(None if math.isnan(value) else value, self._units[metric])
            # The title has room for what does not fit here.
            parts.append(f"{text if len(text) < _WIDTH else text.split()[0]:>{_WIDTH}}")
        return "".join(parts).rstrip()

    def _single(self) -> list[Row]:
        names = {subject: self._cells(subject) for subject in self._rows}
        twice = {cells for cells, count in Counter(names.values()).items() if count > 1}
        found = []
        for subject, series in self._rows.items():
            cells = names[subject]
            if cells in twice:
                cells = (*cells[:2], f"{cells[2]} {subject.resource.rpartition('/')[2]}")
            found.append(Row(cells, series))
        return found

    def _cells(self, subject: _Subject) -> tuple[str, ...]:
        resource, ref = subject.resource, self._refs.get(subject.resource) or ResourceRef()
        name = ref.display_name or resource.rpartition("/")[2]
        inner = ",".join(f"{key}={value}" for key, value in subject.attributes)
        return (_provider_of(resource), ref.region, f"{name}{{{inner}}}" if inner else name)

    def _grouped(self) -> list[Row]:
        members: dict[str, dict[str, list[float]]] = {}
        resources: dict[str, set[str]] = {}
        for subject, series in self._rows.items():
            group = self._group_of(subject.resource)
            resources.setdefault(group, set()).add(subject.resource)
            values = members.setdefault(group, {})
            for metric, one in series.items():
                if one.values and not math.isnan(one.values[-1]):
                    values.setdefault(metric, []).append(one.values[-1])
        self._groups = {group: self._groups.get(group, {}) for group in members}
        for group, values in members.items():
            for metric in self._units:
                found = values.get(metric)
                # Ratios have a mean, what is counted has a sum.
                total = sum(found) / (len(found) if self._units[metric] == "1" else 1) if found else math.nan
                self._groups[group].setdefault(metric, _Series()).put(self._time, total)
        return [Row((group, str(len(resources[group]))), series) for group, series in self._groups.items()]

    def _group_of(self, resource: str) -> str:
        if self._group == "provider":
            return _provider_of(resource)
        if self._group == "region":
            ref = self._refs.get(resource) or ResourceRef()
            return f"{_provider_of(resource)} {ref.region}"
        instance = self.instances.get(resource)
        if not isinstance(instance, Instance):
            return "-"
        return (instance.instance_type if self._group == "type" else instance.tags.get(self._group[5:], "")) or "-"

    def _drop(self, key: SeriesKey) -> None:
        subject = _Subject(key.resource, key.attributes)
        if row := self._rows.get(subject):
            row.pop(key.metric, None)
            if not row:
                del self._rows[subject]


def _provider_of(resource: str) -> str:
    parts = resource.split("/")
    return parts[1] if len(parts) > 1 else ""
