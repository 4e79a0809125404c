import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from novacron.cloud.v1 import common_pb2 as _common_pb2
from novacron.cloud.v1 import compute_pb2 as _compute_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MetricKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_KIND_UNSPECIFIED: _ClassVar[MetricKind]
    METRIC_KIND_GAUGE: _ClassVar[MetricKind]
    METRIC_KIND_DELTA: _ClassVar[MetricKind]
    METRIC_KIND_CUMULATIVE: _ClassVar[MetricKind]

class Statistic(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATISTIC_UNSPECIFIED: _ClassVar[Statistic]
    STATISTIC_AVERAGE: _ClassVar[Statistic]
    STATISTIC_SUM: _ClassVar[Statistic]
    STATISTIC_MINIMUM: _ClassVar[Statistic]
    STATISTIC_MAXIMUM: _ClassVar[Statistic]
    STATISTIC_COUNT: _ClassVar[Statistic]
METRIC_KIND_UNSPECIFIED: MetricKind
METRIC_KIND_GAUGE: MetricKind
METRIC_KIND_DELTA: MetricKind
METRIC_KIND_CUMULATIVE: MetricKind
STATISTIC_UNSPECIFIED: Statistic
STATISTIC_AVERAGE: Statistic
STATISTIC_SUM: Statistic
STATISTIC_MINIMUM: Statistic
STATISTIC_MAXIMUM: Statistic
STATISTIC_COUNT: Statistic

class NativeMetric(_message.Message):
    __slots__ = ("namespace", "metric", "unit", "scale", "per_second")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    metric: str
    unit: str
    scale: float
    per_second: bool
    def __init__(self, namespace: _Optional[str] = ..., metric: _Optional[str] = ..., unit: _Optional[str] = ..., scale: _Optional[float] = ..., per_second: _Optional[bool] = ...) -> None: ...

class MetricDescriptor(_message.Message):
    __slots__ = ("name", "type", "display_name", "description", "unit", "kind", "resource_type", "attribute_keys", "min_period", "publish_delay", "native", "billable")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_KEYS_FIELD_NUMBER: _ClassVar[int]
    MIN_PERIOD_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_DELAY_FIELD_NUMBER: _ClassVar[int]
    NATIVE_FIELD_NUMBER: _ClassVar[int]
    BILLABLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    display_name: str
    description: str
    unit: str
    kind: MetricKind
    resource_type: _common_pb2.ResourceType
    attribute_keys: _containers.RepeatedScalarFieldContainer[str]
    min_period: _duration_pb2.Duration
    publish_delay: _duration_pb2.Duration
    native: NativeMetric
    billable: bool
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., unit: _Optional[str] = ..., kind: _Optional[_Union[MetricKind, str]] = ..., resource_type: _Optional[_Union[_common_pb2.ResourceType, str]] = ..., attribute_keys: _Optional[_Iterable[str]] = ..., min_period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., publish_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., native: _Optional[_Union[NativeMetric, _Mapping]] = ..., billable: _Optional[bool] = ...) -> None: ...

class MetricSelector(_message.Message):
    __slots__ = ("metrics", "resources", "filter")
    METRICS_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    metrics: _containers.RepeatedScalarFieldContainer[str]
    resources: _containers.RepeatedScalarFieldContainer[str]
    filter: str
    def __init__(self, metrics: _Optional[_Iterable[str]] = ..., resources: _Optional[_Iterable[str]] = ..., filter: _Optional[str] = ...) -> None: ...

class MetricTableSeries(_message.Message):
    __slots__ = ("metric", "resource", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    METRIC_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    metric: int
    resource: int
    attributes: _containers.ScalarMap[str, str]
    def __init__(self, metric: _Optional[int] = ..., resource: _Optional[int] = ..., attributes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class MetricTable(_message.Message):
    __slots__ = ("first_slot", "series", "metrics", "resources", "removed_slots")
    FIRST_SLOT_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_SLOTS_FIELD_NUMBER: _ClassVar[int]
    first_slot: int
    series: _containers.RepeatedCompositeFieldContainer[MetricTableSeries]
    metrics: _containers.RepeatedCompositeFieldContainer[MetricDescriptor]
    resources: _containers.RepeatedCompositeFieldContainer[_common_pb2.ResourceRef]
    removed_slots: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, first_slot: _Optional[int] = ..., series: _Optional[_Iterable[_Union[MetricTableSeries, _Mapping]]] = ..., metrics: _Optional[_Iterable[_Union[MetricDescriptor, _Mapping]]] = ..., resources: _Optional[_Iterable[_Union[_common_pb2.ResourceRef, _Mapping]]] = ..., removed_slots: _Optional[_Iterable[int]] = ...) -> None: ...

class MetricBatch(_message.Message):
    __slots__ = ("time", "period", "first_slot", "slot_steps", "values")
    TIME_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    FIRST_SLOT_FIELD_NUMBER: _ClassVar[int]
    SLOT_STEPS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    period: _duration_pb2.Duration
    first_slot: int
    slot_steps: _containers.RepeatedScalarFieldContainer[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., first_slot: _Optional[int] = ..., slot_steps: _Optional[_Iterable[int]] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class MetricCollection(_message.Message):
    __slots__ = ("scope", "interval", "reset_time")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    RESET_TIME_FIELD_NUMBER: _ClassVar[int]
    scope: str
    interval: _duration_pb2.Duration
    reset_time: _timestamp_pb2.Timestamp
    def __init__(self, scope: _Optional[str] = ..., interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reset_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MetricPoint(_message.Message):
    __slots__ = ("metric", "resource", "attributes", "unit", "time", "period", "value")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    METRIC_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    metric: str
    resource: str
    attributes: _containers.ScalarMap[str, str]
    unit: str
    time: _timestamp_pb2.Timestamp
    period: _duration_pb2.Duration
    value: float
    def __init__(self, metric: _Optional[str] = ..., resource: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., unit: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., value: _Optional[float] = ...) -> None: ...

class TimeSeries(_message.Message):
    __slots__ = ("metric", "resource", "attributes", "unit", "values")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    METRIC_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    metric: str
    resource: str
    attributes: _containers.ScalarMap[str, str]
    unit: str
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, metric: _Optional[str] = ..., resource: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., unit: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class CpuStats(_message.Message):
    __slots__ = ("utilization", "core_utilization", "vcpus", "steal", "ready", "system", "user", "io_wait")
    UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    CORE_UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    VCPUS_FIELD_NUMBER: _ClassVar[int]
    STEAL_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    IO_WAIT_FIELD_NUMBER: _ClassVar[int]
    utilization: float
    core_utilization: _containers.RepeatedScalarFieldContainer[float]
    vcpus: int
    steal: float
    ready: float
    system: float
    user: float
    io_wait: float
    def __init__(self, utilization: _Optional[float] = ..., core_utilization: _Optional[_Iterable[float]] = ..., vcpus: _Optional[int] = ..., steal: _Optional[float] = ..., ready: _Optional[float] = ..., system: _Optional[float] = ..., user: _Optional[float] = ..., io_wait: _Optional[float] = ...) -> None: ...

class MemoryStats(_message.Message):
    __slots__ = ("total_bytes", "used_bytes", "utilization", "free_bytes", "swap_used_bytes", "swap_total_bytes", "page_faults_per_second", "major_page_faults_per_second", "balloon_target_bytes", "balloon_current_bytes")
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SWAP_USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    SWAP_TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAGE_FAULTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MAJOR_PAGE_FAULTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    BALLOON_TARGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    BALLOON_CURRENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    total_bytes: int
    used_bytes: int
    utilization: float
    free_bytes: int
    swap_used_bytes: int
    swap_total_bytes: int
    page_faults_per_second: float
    major_page_faults_per_second: float
    balloon_target_bytes: int
    balloon_current_bytes: int
    def __init__(self, total_bytes: _Optional[int] = ..., used_bytes: _Optional[int] = ..., utilization: _Optional[float] = ..., free_bytes: _Optional[int] = ..., swap_used_bytes: _Optional[int] = ..., swap_total_bytes: _Optional[int] = ..., page_faults_per_second: _Optional[float] = ..., major_page_faults_per_second: _Optional[float] = ..., balloon_target_bytes: _Optional[int] = ..., balloon_current_bytes: _Optional[int] = ...) -> None: ...

class DiskStats(_message.Message):
    __slots__ = ("disk", "path", "volume_type", "size_bytes", "used_bytes", "utilization", "read_ops_per_second", "write_ops_per_second", "read_bytes_per_second", "write_bytes_per_second", "read_latency_seconds", "write_latency_seconds")
    DISK_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    VOLUME_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    USED_BYTES_FIELD_NUMBER: _ClassVar[int]
    UTILIZATION_FIELD_NUMBER: _ClassVar[int]
    READ_OPS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    WRITE_OPS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    READ_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    WRITE_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    READ_LATENCY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WRITE_LATENCY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    disk: str
    path: str
    volume_type: str
    size_bytes: int
    used_bytes: int
    utilization: float
    read_ops_per_second: float
    write_ops_per_second: float
    read_bytes_per_second: float
    write_bytes_per_second: float
    read_latency_seconds: float
    write_latency_seconds: float
    def __init__(self, disk: _Optional[str] = ..., path: _Optional[str] = ..., volume_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., used_bytes: _Optional[int] = ..., utilization: _Optional[float] = ..., read_ops_per_second: _Optional[float] = ..., write_ops_per_second: _Optional[float] = ..., read_bytes_per_second: _Optional[float] = ..., write_bytes_per_second: _Optional[float] = ..., read_latency_seconds: _Optional[float] = ..., write_latency_seconds: _Optional[float] = ...) -> None: ...

class NetworkStats(_message.Message):
    __slots__ = ("interface_id", "display_name", "receive_bytes_per_second", "transmit_bytes_per_second", "receive_packets_per_second", "transmit_packets_per_second", "receive_dropped_per_second", "transmit_dropped_per_second", "receive_errors_per_second", "transmit_errors_per_second")
    INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    TRANSMIT_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_PACKETS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    TRANSMIT_PACKETS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_DROPPED_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    TRANSMIT_DROPPED_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_ERRORS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    TRANSMIT_ERRORS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    interface_id: str
    display_name: str
    receive_bytes_per_second: float
    transmit_bytes_per_second: float
    receive_packets_per_second: float
    transmit_packets_per_second: float
    receive_dropped_per_second: float
    transmit_dropped_per_second: float
    receive_errors_per_second: float
    transmit_errors_per_second: float
    def __init__(self, interface_id: _Optional[str] = ..., display_name: _Optional[str] = ..., receive_bytes_per_second: _Optional[float] = ..., transmit_bytes_per_second: _Optional[float] = ..., receive_packets_per_second: _Optional[float] = ..., transmit_packets_per_second: _Optional[float] = ..., receive_dropped_per_second: _Optional[float] = ..., transmit_dropped_per_second: _Optional[float] = ..., receive_errors_per_second: _Optional[float] = ..., transmit_errors_per_second: _Optional[float] = ...) -> None: ...

class InstanceStats(_message.Message):
    __slots__ = ("instance", "time", "period", "state", "cpu", "memory", "disks", "networks", "native_metrics")
    class NativeMetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    DISKS_FIELD_NUMBER: _ClassVar[int]
    NETWORKS_FIELD_NUMBER: _ClassVar[int]
    NATIVE_METRICS_FIELD_NUMBER: _ClassVar[int]
    instance: str
    time: _timestamp_pb2.Timestamp
    period: _duration_pb2.Duration
    state: _compute_pb2.InstanceState
    cpu: CpuStats
    memory: MemoryStats
    disks: _containers.RepeatedCompositeFieldContainer[DiskStats]
    networks: _containers.RepeatedCompositeFieldContainer[NetworkStats]
    native_metrics: _containers.ScalarMap[str, float]
    def __init__(self, instance: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., state: _Optional[_Union[_compute_pb2.InstanceState, str]] = ..., cpu: _Optional[_Union[CpuStats, _Mapping]] = ..., memory: _Optional[_Union[MemoryStats, _Mapping]] = ..., disks: _Optional[_Iterable[_Union[DiskStats, _Mapping]]] = ..., networks: _Optional[_Iterable[_Union[NetworkStats, _Mapping]]] = ..., native_metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...
