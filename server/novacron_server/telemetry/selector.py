"""Which series a caller means: a MetricSelector in one form, however it was written."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from novacron.cloud.v1 import compute_pb2, metrics_pb2
from novacron_providers.contract.errors import InvalidArgument
from novacron_providers.contract.filters import Condition, Filter, conditions
from novacron_providers.contract.metrics import SeriesKey
from novacron_providers.contract.names import WILDCARD, provider_of

# What an empty list of metrics stands for.
CANONICAL = "cloud.*"


@dataclass(frozen=True, slots=True)
class Selector:
    """A checked selector; equal ones mean the same series.

    Attributes:
        provider: Id of the provider in the parent, or "-".
        metrics: Types, and beginnings of types with a trailing "*"; none is contained in another.
        resources: Names and native ids; none means all.
        of_resource: Conditions on the fields of the resource.
        of_series: Conditions on the attributes of the series.
        regions: Regions to look in; none means all.
    """

    provider: str
    metrics: tuple[str, ...]
    resources: frozenset[str]
    of_resource: frozenset[Condition]
    of_series: frozenset[Condition]
    regions: frozenset[str] = frozenset()

    @classmethod
    def parse(
        cls,
        parent: str,
        message: metrics_pb2.MetricSelector,
        *,
        regions: Iterable[str] = (),
        fields: tuple[str, str] = ("selector.resources", "selector.filter"),
    ) -> "Selector":
        """Check and normalise. Raises InvalidArgument, naming the field; `fields` are those of resources and filter.

        Whether the metrics and the resources exist is not looked at: the first needs the descriptors, the second the
        cloud.
        """
        resources, filter_ = fields
        provider = provider_of(parent)
        if not provider or parent != f"providers/{provider}":
            raise InvalidArgument(f'{parent!r} is not of the form "providers/{{provider}}"', field="parent")
        metrics = set(message.metrics) or {CANONICAL}
        if "" in metrics:
            raise InvalidArgument("a metric is empty; leave it out, or name a type", field="selector.metrics")
        least = sorted(m for m in metrics if not any(other != m and _covers(other, m) for other in metrics))
        for name in message.resources:
            _check_resource(provider, name, resources)
        found = conditions(message.filter, field=filter_)
        series = [c for c in found if c.path.split(".")[0] == "attributes"]
        resource = [c for c in found if c not in series]
        Filter.checked(series, metrics_pb2.MetricTableSeries, field=filter_)
        Filter.checked(resource, compute_pb2.Instance, field=filter_)
        return cls(
            provider,
            tuple(least),
            frozenset(message.resources),
            frozenset(resource),
            frozenset(series),
            frozenset(regions),
        )

    def check_metrics(self, types: Iterable[str]) -> None:
        """Raise InvalidArgument when a metric is named that is not among `types`; name the ones that come close."""
        there = sorted(set(types))
        for metric in self.metrics:
            if not metric.endswith("*") and metric not in there:
                close = difflib.get_close_matches(metric, there, n=3)
                hint = f"did you mean {' or '.join(close)}?" if close else "ListMetricDescriptors tells which there are"
                raise InvalidArgument(f"there is no metric {metric!r}; {hint}", field="selector.metrics")

    def has_metric(self, metric: str) -> bool:
        """Whether a type is selected."""
        return any(_covers(pattern, metric) for pattern in self.metrics)

    def has_instance(self, instance: compute_pb2.Instance) -> bool:
        """Whether an instance is selected."""
        if self.resources and instance.name not in self.resources and instance.native_id not in self.resources:
            return False
        return Filter([*self.of_resource]).matches(instance)

    def has_attributes(self, key: SeriesKey) -> bool:
        """Whether the attributes of a series are selected."""
        if not self.of_series:
            return True
        return Filter([*self.of_series]).matches(metrics_pb2.MetricTableSeries(attributes=dict(key.attributes)))

    def missing(self, instances: Mapping[str, compute_pb2.Instance]) -> list[str]:
        """Resources that are named and are none of these instances, by name, sorted."""
        native = {instance.native_id for instance in instances.values()}
        return sorted(r for r in self.resources if r not in instances and r not in native)

    def narrow(self, provider: str, regions: Sequence[str]) -> list[str]:
        """Those regions in which something of a provider can be selected.

        A condition on region narrows, as do names when each of them has a region as a part of its id; a name that has
        none can be anywhere.
        """
        wanted = [c.value for c in self.of_resource if c.path == "region" and c.operator == "="]
        found = [r for r in regions if (not self.regions or r in self.regions) and all(r == value for value in wanted)]
        names = [r for r in self.resources if not r.startswith("providers/") or provider_of(r) == provider]
        if self.resources:
            told = [{part for part in name.rpartition("/")[2].split("~") if part in regions} for name in names]
            if all(told):
                found = [r for r in found if any(r in parts for parts in told)]
        return found


def _covers(pattern: str, metric: str) -> bool:
    return metric.startswith(pattern[:-1]) if pattern.endswith("*") else metric == pattern


def _check_resource(provider: str, resource: str, field: str) -> None:
    if not resource:
        raise InvalidArgument("a resource is empty; leave it out, or name one", field=field)
    if not resource.startswith("providers/"):
        return
    parts = resource.split("/")
    if len(parts) != 4 or not all(parts):
        raise InvalidArgument(
            f'{resource!r} is not of the form "providers/{{provider}}/{{collection}}/{{id}}"',
            field=field,
        )
    if provider not in (WILDCARD, parts[1]):
        raise InvalidArgument(
            f'{resource!r} is not under the parent; ask "providers/{parts[1]}" or "providers/-" for it',
            field=field,
        )
