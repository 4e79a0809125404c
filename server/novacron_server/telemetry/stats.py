"""Statistics of instances in NovaCron's shape, from the newest values of their series."""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from novacron.cloud.v1 import common_pb2, compute_pb2, metrics_pb2, metrics_service_pb2
from novacron_providers.contract.errors import NotFound, PageTokenInvalid, to_status
from novacron_providers.contract.paging import decode_token, encode_token, page_size

from novacron_server.telemetry.audience import Audience
from novacron_server.telemetry.selector import Selector

# What clouds give for all disks or cards together is of this one.
ALL = "all"
_BASIC = ("cloud.instance.cpu.*", "cloud.instance.memory.*")
# Types that are read, by detail.
METRICS: Mapping[int, tuple[str, ...]] = {
    metrics_service_pb2.DETAIL_LEVEL_UNSPECIFIED: _BASIC,
    metrics_service_pb2.DETAIL_LEVEL_BASIC: _BASIC,
    metrics_service_pb2.DETAIL_LEVEL_STANDARD: ("cloud.instance.*",),
    metrics_service_pb2.DETAIL_LEVEL_DETAILED: ("*",),
}


class Reading(NamedTuple):
    """A newest value: of the period that ends at `time`, seconds since 1970, and is `period` seconds long."""

    value: float
    time: float
    period: float


def selector(
    parent: str, detail: int, *, instances: Iterable[str] = (), filter_: str = "", regions: Iterable[str] = ()
) -> Selector:
    """The series that statistics are made of; raises InvalidArgument, naming the field."""
    message = metrics_pb2.MetricSelector(metrics=METRICS[detail], resources=instances, filter=filter_)
    return Selector.parse(parent, message, regions=regions, fields=("instances", "filter"))


def of_one(audience: Audience, name: str) -> metrics_pb2.InstanceStats:
    """Statistics of one instance; raises NotFound, or why it cannot be read."""
    instance = _instances(audience).get(name)
    if instance is None:
        for _, error in audience.unreadable():
            # It may be where nobody can look now.
            raise error.with_traceback(None)
        raise NotFound(f"there is no instance {name!r}", resource=name)
    return _stats(instance, _readings(audience).get(name, {}))


def of_many(
    audience: Audience, request: metrics_service_pb2.ListInstanceStatsRequest
) -> metrics_service_pb2.ListInstanceStatsResponse:
    """A page of statistics, by name of the instance.

    Raises PageTokenInvalid, and the error of what cannot be read unless return_partial_success.
    """
    response = metrics_service_pb2.ListInstanceStatsResponse()
    for name, error in audience.unreadable():
        if not request.return_partial_success:
            raise error.with_traceback(None)
        response.unreachable.append(common_pb2.Unreachable(name=name, status=to_status(error)))
    after = decode_token(request)
    if not (after is None or isinstance(after, str)):
        raise PageTokenInvalid("page_token is malformed; list anew", field="page_token")
    size, there, readings = page_size(request), _instances(audience), _readings(audience)
    names = heapq.nsmallest(size + 1, (name for name in there if after is None or name > after))
    response.stats.extend(_stats(there[name], readings.get(name, {})) for name in names[:size])
    if len(names) > size:
        response.next_page_token = encode_token(request, names[size - 1])
    read = min((lease.region.read_time for lease in audience.leases.values()), default=-math.inf)
    if not math.isinf(read):
        response.observe_time.FromMicroseconds(round(read * 1e6))
    return response


def _instances(audience: Audience) -> dict[str, compute_pb2.Instance]:
    """The instances that are selected, by name."""
    leases = audience.leases.values()
    return {name: lease.region.instances[name] for lease in leases for name in lease.resources}


def _readings(audience: Audience) -> dict[str, dict[str, Reading]]:
    """Newest values by instance and type."""
    found: dict[str, dict[str, Reading]] = {}
    for key, reading in _values(audience):
        found.setdefault(key[0], {})[key[1]] = reading
    return found


def _values(audience: Audience) -> Iterator[tuple[tuple[str, str], Reading]]:
    newest, series = audience.view.newest, audience.view.roster.series
    for slot, value in enumerate(newest.values[: len(series)].tolist()):
        if value == value and not audience.view.roster.has_ended(slot):
            key = series[slot].key
            yield (key.resource, key.metric), Reading(value, newest.times[slot], newest.periods[slot])


def _stats(instance: compute_pb2.Instance, readings: Mapping[str, Reading]) -> metrics_pb2.InstanceStats:
    values = {metric.removeprefix("cloud.instance."): reading.value for metric, reading in readings.items()}
    stats = metrics_pb2.InstanceStats(
        instance=instance.name,
        state=instance.state,
        cpu=metrics_pb2.CpuStats(
            utilization=values.get("cpu.utilization"),
            vcpus=instance.vcpus if instance.HasField("vcpus") else None,
        ),
        memory=metrics_pb2.MemoryStats(
            total_bytes=instance.memory_bytes if instance.HasField("memory_bytes") else None,
            utilization=values.get("memory.utilization"),
        ),
        native_metrics={
            metric: reading.value for metric, reading in readings.items() if not metric.startswith("cloud.")
        },
    )
    disk = metrics_pb2.DiskStats(
        read_ops_per_second=values.get("disk.read_operations"),
        write_ops_per_second=values.get("disk.write_operations"),
        read_bytes_per_second=values.get("disk.read_bytes"),
        write_bytes_per_second=values.get("disk.write_bytes"),
    )
    if disk.ByteSize():
        stats.disks.add(disk=ALL).MergeFrom(disk)
    network = metrics_pb2.NetworkStats(
        receive_bytes_per_second=values.get("network.receive_bytes"),
        transmit_bytes_per_second=values.get("network.transmit_bytes"),
        receive_packets_per_second=values.get("network.receive_packets"),
        transmit_packets_per_second=values.get("network.transmit_packets"),
    )
    if network.ByteSize():
        stats.networks.add(interface_id=ALL).MergeFrom(network)
    if newest := max(readings.values(), key=lambda reading: reading.time, default=None):
        stats.time.FromMicroseconds(round(newest.time * 1e6))
        stats.period.FromMicroseconds(round(newest.period * 1e6))
    return stats
