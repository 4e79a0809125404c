import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProviderState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROVIDER_STATE_UNSPECIFIED: _ClassVar[ProviderState]
    PROVIDER_STATE_CONNECTING: _ClassVar[ProviderState]
    PROVIDER_STATE_ACTIVE: _ClassVar[ProviderState]
    PROVIDER_STATE_DEGRADED: _ClassVar[ProviderState]
    PROVIDER_STATE_UNAVAILABLE: _ClassVar[ProviderState]
PROVIDER_STATE_UNSPECIFIED: ProviderState
PROVIDER_STATE_CONNECTING: ProviderState
PROVIDER_STATE_ACTIVE: ProviderState
PROVIDER_STATE_DEGRADED: ProviderState
PROVIDER_STATE_UNAVAILABLE: ProviderState

class ProviderConfig(_message.Message):
    __slots__ = ("auth", "default_region", "default_zone", "project", "timeout", "max_retries", "endpoint", "regions", "max_staleness", "metrics_interval", "metrics_daily_budget", "options")
    class AuthEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    AUTH_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_REGION_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_ZONE_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    MAX_RETRIES_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_STALENESS_FIELD_NUMBER: _ClassVar[int]
    METRICS_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    METRICS_DAILY_BUDGET_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    auth: _containers.ScalarMap[str, str]
    default_region: str
    default_zone: str
    project: str
    timeout: _duration_pb2.Duration
    max_retries: int
    endpoint: str
    regions: _containers.RepeatedScalarFieldContainer[str]
    max_staleness: _duration_pb2.Duration
    metrics_interval: _duration_pb2.Duration
    metrics_daily_budget: int
    options: _struct_pb2.Struct
    def __init__(self, auth: _Optional[_Mapping[str, str]] = ..., default_region: _Optional[str] = ..., default_zone: _Optional[str] = ..., project: _Optional[str] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_retries: _Optional[int] = ..., endpoint: _Optional[str] = ..., regions: _Optional[_Iterable[str]] = ..., max_staleness: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., metrics_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., metrics_daily_budget: _Optional[int] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class RegionHealth(_message.Message):
    __slots__ = ("region", "latency", "error")
    REGION_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    region: str
    latency: _duration_pb2.Duration
    error: _status_pb2.Status
    def __init__(self, region: _Optional[str] = ..., latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class OpenCircuit(_message.Message):
    __slots__ = ("region", "retry_time", "error")
    REGION_FIELD_NUMBER: _ClassVar[int]
    RETRY_TIME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    region: str
    retry_time: _timestamp_pb2.Timestamp
    error: _status_pb2.Status
    def __init__(self, region: _Optional[str] = ..., retry_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ProviderHealth(_message.Message):
    __slots__ = ("error", "regions", "throttled_calls", "credentials_expire_time", "open_circuits", "metric_spend")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    THROTTLED_CALLS_FIELD_NUMBER: _ClassVar[int]
    CREDENTIALS_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    OPEN_CIRCUITS_FIELD_NUMBER: _ClassVar[int]
    METRIC_SPEND_FIELD_NUMBER: _ClassVar[int]
    error: _status_pb2.Status
    regions: _containers.RepeatedCompositeFieldContainer[RegionHealth]
    throttled_calls: int
    credentials_expire_time: _timestamp_pb2.Timestamp
    open_circuits: _containers.RepeatedCompositeFieldContainer[OpenCircuit]
    metric_spend: MetricSpend
    def __init__(self, error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., regions: _Optional[_Iterable[_Union[RegionHealth, _Mapping]]] = ..., throttled_calls: _Optional[int] = ..., credentials_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., open_circuits: _Optional[_Iterable[_Union[OpenCircuit, _Mapping]]] = ..., metric_spend: _Optional[_Union[MetricSpend, _Mapping]] = ...) -> None: ...

class MetricSpend(_message.Message):
    __slots__ = ("billed", "budget", "widened_interval", "reset_time")
    BILLED_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    WIDENED_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    RESET_TIME_FIELD_NUMBER: _ClassVar[int]
    billed: int
    budget: int
    widened_interval: _duration_pb2.Duration
    reset_time: _timestamp_pb2.Timestamp
    def __init__(self, billed: _Optional[int] = ..., budget: _Optional[int] = ..., widened_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reset_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Provider(_message.Message):
    __slots__ = ("name", "native_id", "display_name", "state", "create_time", "observe_time", "kind", "config", "is_default", "health", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NATIVE_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    OBSERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    native_id: str
    display_name: str
    state: ProviderState
    create_time: _timestamp_pb2.Timestamp
    observe_time: _timestamp_pb2.Timestamp
    kind: str
    config: ProviderConfig
    is_default: bool
    health: ProviderHealth
    etag: str
    def __init__(self, name: _Optional[str] = ..., native_id: _Optional[str] = ..., display_name: _Optional[str] = ..., state: _Optional[_Union[ProviderState, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., observe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[str] = ..., config: _Optional[_Union[ProviderConfig, _Mapping]] = ..., is_default: _Optional[bool] = ..., health: _Optional[_Union[ProviderHealth, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class Region(_message.Message):
    __slots__ = ("name", "native_id", "display_name", "observe_time", "provider_data", "zones", "available", "location")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NATIVE_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    OBSERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_DATA_FIELD_NUMBER: _ClassVar[int]
    ZONES_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    native_id: str
    display_name: str
    observe_time: _timestamp_pb2.Timestamp
    provider_data: _struct_pb2.Struct
    zones: _containers.RepeatedScalarFieldContainer[str]
    available: bool
    location: str
    def __init__(self, name: _Optional[str] = ..., native_id: _Optional[str] = ..., display_name: _Optional[str] = ..., observe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., provider_data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., zones: _Optional[_Iterable[str]] = ..., available: _Optional[bool] = ..., location: _Optional[str] = ...) -> None: ...
