"""Who wants which series of a region. Nothing is read that nobody wants."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from novacron.cloud.v1 import compute_pb2, metrics_pb2
from novacron_providers.contract.errors import CloudError
from novacron_providers.contract.metrics import SeriesKey

from novacron_server.telemetry.part import Part
from novacron_server.telemetry.selector import Selector
from novacron_server.telemetry.table import Column, Table


class Scope(NamedTuple):
    """What is read together: a region of a provider."""

    provider: str
    region: str

    def __str__(self) -> str:
        return f"providers/{self.provider}/regions/{self.region}"


@dataclass(slots=True)
class Region:
    """What is known of a region.

    Attributes:
        scope: Which.
        table: Its series.
        instances: Its instances, by name.
        names: Names of the instances, by native id.
        descriptors: Its metrics, by type.
        error: Why the last reading failed; None when it did not.
        read_time: When the oldest of its values were read, seconds since 1970; -inf before the first reading.
    """

    scope: Scope
    table: Table = field(default_factory=Table)
    instances: Mapping[str, compute_pb2.Instance] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    descriptors: dict[str, metrics_pb2.MetricDescriptor] = field(default_factory=dict)
    error: CloudError | None = None
    read_time: float = -math.inf


class Reader(Protocol):
    """Who holds a lease."""

    def take(self, lease: "Lease", columns: Sequence[Column]) -> None:
        """Values came, oldest first, or series came or went."""

    def notice(self, scope: Scope, message: metrics_pb2.MetricCollection | None) -> None:
        """How a region is read, where it is not as usual."""

    def settle(self) -> None:
        """A reading ended; leases that it answered are ready."""


@dataclass(slots=True, eq=False)
class Lease:
    """A reader's claim on series of a region.

    Attributes:
        region: Where.
        selector: Which series.
        reader: Whose.
        active: Whether they are read for it; if not, what is known is only kept.
        not_before: They must have been read no earlier than this, seconds since 1970.
        ready: Whether a reading was made for it, well or not.
        metrics: Types that it selects.
        resources: Names of the instances that it selects.
        version: Grows when one of these two changes.
        part: What the reader has of the region.
    """

    region: Region
    selector: Selector
    reader: Reader
    active: bool = True
    not_before: float = -math.inf
    ready: bool = False
    metrics: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    version: int = 0
    part: Part = field(default_factory=Part)

    def refresh(self) -> None:
        """Find anew what is selected of what there is."""
        region, selector = self.region, self.selector
        before = self.metrics, self.resources
        self.metrics = frozenset(t for t in region.descriptors if selector.has_metric(t))
        instances = region.instances
        # Looked up, not searched for: there can be many leases on single instances.
        named = {region.names.get(name, name) for name in selector.resources} or instances
        self.resources = frozenset(n for n in named if n in instances and selector.has_instance(instances[n]))
        self.version += (self.metrics, self.resources) != before

    def selects(self, key: SeriesKey) -> bool:
        """Whether a series is selected."""
        return key.metric in self.metrics and key.resource in self.resources and self.selector.has_attributes(key)


class Wanted(NamedTuple):
    """What several leases select together: all these metrics of all these instances."""

    metrics: frozenset[str]
    resources: frozenset[str]

    @classmethod
    def by(cls, leases: Iterable[Lease]) -> "Wanted":
        """The union of what they select."""
        leases = [*leases]
        return cls(
            frozenset().union(*(lease.metrics for lease in leases)),
            frozenset().union(*(lease.resources for lease in leases)),
        )
