import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import field_info_pb2 as _field_info_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from novacron.cloud.v1 import annotations_pb2 as _annotations_pb2
from novacron.cloud.v1 import common_pb2 as _common_pb2
from novacron.cloud.v1 import metrics_pb2 as _metrics_pb2
from novacron.cloud.v1 import streams_pb2 as _streams_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DetailLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DETAIL_LEVEL_UNSPECIFIED: _ClassVar[DetailLevel]
    DETAIL_LEVEL_BASIC: _ClassVar[DetailLevel]
    DETAIL_LEVEL_STANDARD: _ClassVar[DetailLevel]
    DETAIL_LEVEL_DETAILED: _ClassVar[DetailLevel]
DETAIL_LEVEL_UNSPECIFIED: DetailLevel
DETAIL_LEVEL_BASIC: DetailLevel
DETAIL_LEVEL_STANDARD: DetailLevel
DETAIL_LEVEL_DETAILED: DetailLevel

class RejectedPoint(_message.Message):
    __slots__ = ("index", "status")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    index: int
    status: _status_pb2.Status
    def __init__(self, index: _Optional[int] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class MetricEvent(_message.Message):
    __slots__ = ("sequence", "control", "table", "batch", "collection")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    control: _streams_pb2.StreamControl
    table: _metrics_pb2.MetricTable
    batch: _metrics_pb2.MetricBatch
    collection: _metrics_pb2.MetricCollection
    def __init__(self, sequence: _Optional[int] = ..., control: _Optional[_Union[_streams_pb2.StreamControl, _Mapping]] = ..., table: _Optional[_Union[_metrics_pb2.MetricTable, _Mapping]] = ..., batch: _Optional[_Union[_metrics_pb2.MetricBatch, _Mapping]] = ..., collection: _Optional[_Union[_metrics_pb2.MetricCollection, _Mapping]] = ...) -> None: ...

class ListMetricDescriptorsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "filter", "return_partial_success", "max_staleness")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    RETURN_PARTIAL_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    MAX_STALENESS_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    filter: str
    return_partial_success: bool
    max_staleness: _duration_pb2.Duration
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., return_partial_success: _Optional[bool] = ..., max_staleness: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ListMetricDescriptorsResponse(_message.Message):
    __slots__ = ("metric_descriptors", "next_page_token", "unreachable", "observe_time")
    METRIC_DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    UNREACHABLE_FIELD_NUMBER: _ClassVar[int]
    OBSERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    metric_descriptors: _containers.RepeatedCompositeFieldContainer[_metrics_pb2.MetricDescriptor]
    next_page_token: str
    unreachable: _containers.RepeatedCompositeFieldContainer[_common_pb2.Unreachable]
    observe_time: _timestamp_pb2.Timestamp
    def __init__(self, metric_descriptors: _Optional[_Iterable[_Union[_metrics_pb2.MetricDescriptor, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., unreachable: _Optional[_Iterable[_Union[_common_pb2.Unreachable, _Mapping]]] = ..., observe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class QueryMetricsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "return_partial_success", "max_staleness", "selector", "start_time", "end_time", "period", "statistic")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RETURN_PARTIAL_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    MAX_STALENESS_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    STATISTIC_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    return_partial_success: bool
    max_staleness: _duration_pb2.Duration
    selector: _metrics_pb2.MetricSelector
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    period: _duration_pb2.Duration
    statistic: _metrics_pb2.Statistic
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., return_partial_success: _Optional[bool] = ..., max_staleness: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., selector: _Optional[_Union[_metrics_pb2.MetricSelector, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., statistic: _Optional[_Union[_metrics_pb2.Statistic, str]] = ...) -> None: ...

class QueryMetricsResponse(_message.Message):
    __slots__ = ("series", "next_page_token", "unreachable", "observe_time", "start_time", "period")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    UNREACHABLE_FIELD_NUMBER: _ClassVar[int]
    OBSERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    series: _containers.RepeatedCompositeFieldContainer[_metrics_pb2.TimeSeries]
    next_page_token: str
    unreachable: _containers.RepeatedCompositeFieldContainer[_common_pb2.Unreachable]
    observe_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    period: _duration_pb2.Duration
    def __init__(self, series: _Optional[_Iterable[_Union[_metrics_pb2.TimeSeries, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., unreachable: _Optional[_Iterable[_Union[_common_pb2.Unreachable, _Mapping]]] = ..., observe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GetLatestMetricsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "return_partial_success", "max_staleness", "selector")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RETURN_PARTIAL_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    MAX_STALENESS_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    return_partial_success: bool
    max_staleness: _duration_pb2.Duration
    selector: _metrics_pb2.MetricSelector
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., return_partial_success: _Optional[bool] = ..., max_staleness: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., selector: _Optional[_Union[_metrics_pb2.MetricSelector, _Mapping]] = ...) -> None: ...

class GetLatestMetricsResponse(_message.Message):
    __slots__ = ("points", "next_page_token", "unreachable", "observe_time")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    UNREACHABLE_FIELD_NUMBER: _ClassVar[int]
    OBSERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[_metrics_pb2.MetricPoint]
    next_page_token: str
    unreachable: _containers.RepeatedCompositeFieldContainer[_common_pb2.Unreachable]
    observe_time: _timestamp_pb2.Timestamp
    def __init__(self, points: _Optional[_Iterable[_Union[_metrics_pb2.MetricPoint, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., unreachable: _Optional[_Iterable[_Union[_common_pb2.Unreachable, _Mapping]]] = ..., observe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StreamMetricsRequest(_message.Message):
    __slots__ = ("parent", "resume_after", "heartbeat_interval", "skip_snapshot", "selector", "interval", "changes_only", "refresh_interval")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    SKIP_SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    CHANGES_ONLY_FIELD_NUMBER: _ClassVar[int]
    REFRESH_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    parent: str
    resume_after: _streams_pb2.StreamPosition
    heartbeat_interval: _duration_pb2.Duration
    skip_snapshot: bool
    selector: _metrics_pb2.MetricSelector
    interval: _duration_pb2.Duration
    changes_only: bool
    refresh_interval: _duration_pb2.Duration
    def __init__(self, parent: _Optional[str] = ..., resume_after: _Optional[_Union[_streams_pb2.StreamPosition, _Mapping]] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., skip_snapshot: _Optional[bool] = ..., selector: _Optional[_Union[_metrics_pb2.MetricSelector, _Mapping]] = ..., interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., changes_only: _Optional[bool] = ..., refresh_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StreamMetricsResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[MetricEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[MetricEvent, _Mapping]]] = ...) -> None: ...

class GetInstanceStatsRequest(_message.Message):
    __slots__ = ("name", "max_staleness", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MAX_STALENESS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    max_staleness: _duration_pb2.Duration
    detail: DetailLevel
    def __init__(self, name: _Optional[str] = ..., max_staleness: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., detail: _Optional[_Union[DetailLevel, str]] = ...) -> None: ...

class GetInstanceStatsResponse(_message.Message):
    __slots__ = ("stats",)
    STATS_FIELD_NUMBER: _ClassVar[int]
    stats: _metrics_pb2.InstanceStats
    def __init__(self, stats: _Optional[_Union[_metrics_pb2.InstanceStats, _Mapping]] = ...) -> None: ...

class ListInstanceStatsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "filter", "regions", "return_partial_success", "max_staleness", "detail", "instances")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    RETURN_PARTIAL_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    MAX_STALENESS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    filter: str
    regions: _containers.RepeatedScalarFieldContainer[str]
    return_partial_success: bool
    max_staleness: _duration_pb2.Duration
    detail: DetailLevel
    instances: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ..., regions: _Optional[_Iterable[str]] = ..., return_partial_success: _Optional[bool] = ..., max_staleness: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., detail: _Optional[_Union[DetailLevel, str]] = ..., instances: _Optional[_Iterable[str]] = ...) -> None: ...

class ListInstanceStatsResponse(_message.Message):
    __slots__ = ("stats", "next_page_token", "unreachable", "observe_time")
    STATS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    UNREACHABLE_FIELD_NUMBER: _ClassVar[int]
    OBSERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    stats: _containers.RepeatedCompositeFieldContainer[_metrics_pb2.InstanceStats]
    next_page_token: str
    unreachable: _containers.RepeatedCompositeFieldContainer[_common_pb2.Unreachable]
    observe_time: _timestamp_pb2.Timestamp
    def __init__(self, stats: _Optional[_Iterable[_Union[_metrics_pb2.InstanceStats, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., unreachable: _Optional[_Iterable[_Union[_common_pb2.Unreachable, _Mapping]]] = ..., observe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WriteMetricsRequest(_message.Message):
    __slots__ = ("parent", "points", "validate_only", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    points: _containers.RepeatedCompositeFieldContainer[_metrics_pb2.MetricPoint]
    validate_only: bool
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., points: _Optional[_Iterable[_Union[_metrics_pb2.MetricPoint, _Mapping]]] = ..., validate_only: _Optional[bool] = ..., request_id: _Optional[str] = ...) -> None: ...

class WriteMetricsResponse(_message.Message):
    __slots__ = ("written", "rejected")
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    written: int
    rejected: _containers.RepeatedCompositeFieldContainer[RejectedPoint]
    def __init__(self, written: _Optional[int] = ..., rejected: _Optional[_Iterable[_Union[RejectedPoint, _Mapping]]] = ...) -> None: ...
