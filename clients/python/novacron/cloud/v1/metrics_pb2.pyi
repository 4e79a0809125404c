import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from novacron.cloud.v1 import common_pb2 as _common_pb2
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
METRIC_KIND_UNSPECIFIED: MetricKind
METRIC_KIND_GAUGE: MetricKind
METRIC_KIND_DELTA: MetricKind
METRIC_KIND_CUMULATIVE: MetricKind

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
