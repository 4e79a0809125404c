"""Instances as they are now: the page of `instances watch`, and its lines where there is no terminal."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from novacron.cloud.v1.compute_pb2 import Instance
from novacron.cloud.v1.provider_pb2 import Provider, ProviderState
from novacron_client import MetricStream, ResourceStream, ResourceUpdate

from novacron_cli.output import Column, clock, when, word
from novacron_cli.terminal import BOLD, GREEN, PLAIN, RED, fitted, status_line

# Seconds for which a row that changed stands out.
FRESH = 10.0
_WELL = (ProviderState.PROVIDER_STATE_ACTIVE, ProviderState.PROVIDER_STATE_CONNECTING)


def address_of(instance: Instance) -> str:
    """The address at which an instance is reached, a public one first; empty when it has none."""
    return next(iter([*instance.public_ips, *instance.private_ips]), "")


COLUMNS = (
    Column("INSTANCE", lambda i: i.name),
    Column("NAME", lambda i: i.display_name),
    Column("STATE", lambda i: word(i, "state")),
    Column("TYPE", lambda i: i.instance_type),
    Column("ZONE", lambda i: i.zone or i.region),
    Column("ADDRESS", address_of),
    Column("CREATED", lambda i: when(i.create_time)),
)


def line(update: ResourceUpdate) -> str:
    """What an update tells, as one line of text; empty when that is nothing for people."""
    if update.removed:
        parts = [update.removed.name, update.removed.display_name, "removed"]
    elif isinstance(update.resource, Instance):
        parts = [column.text(update.resource) for column in COLUMNS[:-1]]
    elif isinstance(update.resource, Provider):
        parts = [_trouble_of(update.resource).removesuffix(": ")]
    else:
        return ""
    return "  ".join([clock(time.time()), *filter(None, parts)])


def troubles(stream: MetricStream | ResourceStream, address: str) -> list[str]:
    """Why what a stream told may be old, or not all there is; a line each."""
    if not stream.connections:
        return [f"connecting to {address}"]
    if not stream.connected:
        return [f"the connection to {address} is lost, and tried again: what is shown is old"]
    return [] if stream.synced else ["not all is read yet"]


def troubles_of(resources: Iterable[object]) -> list[str]:
    """What ails the providers among these; a line each."""
    return [_trouble_of(one) for one in resources if isinstance(one, Provider) and one.state not in _WELL]


class Inventory:
    """Instances as rows that can be sorted and scrolled.

    Args:
        stream: What tells of them; whoever made this reads it.
        address: Where it comes from.

    Attributes:
        offset: Rows above the page.
    """

    def __init__(self, stream: ResourceStream, address: str) -> None:
        self.offset = 0
        self._stream, self._address = stream, address
        self._sort, self._is_reversed = 0, False
        self._changed: dict[str, float] = {}
        self._is_whole = False
        self._page_rows = 1

    def take(self, update: ResourceUpdate) -> None:
        """Note what changed."""
        self._is_whole = self._is_whole or update.synced
        if self._is_whole and update.resource is not None:
            self._changed[update.resource.name] = time.monotonic()
        if update.removed:
            self._changed.pop(update.removed.name, None)

    def press(self, key: str) -> None:
        """Sort otherwise, or show another part."""
        if key == "s":
            self._sort = (self._sort + 1) % len(COLUMNS)
        elif key == "r":
            self._is_reversed = not self._is_reversed
        moves = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -self._page_rows, "page down": self._page_rows}
        self.offset = max(0, self.offset + moves.get(key, 0)) if key != "home" else 0

    def page(self, width: int, height: int) -> list[str]:
        """The lines of a terminal of that size."""
        latest = self._stream.latest.values()
        instances = [resource for resource in latest if isinstance(resource, Instance)]
        ailing = [*troubles(self._stream, self._address), *troubles_of(latest)]
        room = self._page_rows = max(1, height - 3 - len(ailing))
        self.offset = max(0, min(self.offset, len(instances) - room))
        key = COLUMNS[self._sort].text
        instances.sort(key=lambda instance: (key(instance), instance.name), reverse=self._is_reversed)
        shown = instances[self.offset : self.offset + room]
        cells = [[column.text(instance) for column in COLUMNS] for instance in shown]
        widths = [max([len(column.title) + 1, *(len(row[n]) for row in cells)]) + 2 for n, column in enumerate(COLUMNS)]
        fresh = time.monotonic() - FRESH
        heads = [column.title + self._arrow(n) for n, column in enumerate(COLUMNS)]
        lines = [status_line([self._status(instances)], width)]
        lines += [f"{RED}{fitted(trouble, width).rstrip()}{PLAIN}" for trouble in ailing]
        lines.append(f"{BOLD}{_joined(heads, widths, width)}{PLAIN}")
        for instance, row in zip(shown, cells, strict=True):
            text = _joined(row, widths, width)
            lines.append(f"{GREEN}{text}{PLAIN}" if self._changed.get(instance.name, 0.0) > fresh else text)
        if below := len(instances) - self.offset - len(shown):
            lines.append(f"{below} more below")
        return lines

    def _status(self, instances: Sequence[Instance]) -> str:
        states = Counter(word(instance, "state") for instance in instances)
        counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
        number = f"{len(instances)} instance{'' if len(instances) == 1 else 's'}"
        return f"{number}: {counts}" if counts else number

    def _arrow(self, column: int) -> str:
        return "" if column != self._sort else "▼" if self._is_reversed else "▲"


def _trouble_of(provider: Provider) -> str:
    return f"{provider.name} {word(provider, 'state')}: {provider.health.error.message}"


def _joined(cells: Sequence[str], widths: Sequence[int], width: int) -> str:
    text = "".join(fitted(cell, size) for cell, size in zip(cells, widths, strict=True))
    return fitted(text, width).rstrip()
