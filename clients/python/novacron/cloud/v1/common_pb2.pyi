from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResourceType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESOURCE_TYPE_UNSPECIFIED: _ClassVar[ResourceType]
    RESOURCE_TYPE_PROVIDER: _ClassVar[ResourceType]
    RESOURCE_TYPE_INSTANCE: _ClassVar[ResourceType]
    RESOURCE_TYPE_IMAGE: _ClassVar[ResourceType]
    RESOURCE_TYPE_STORAGE_VOLUME: _ClassVar[ResourceType]
    RESOURCE_TYPE_SNAPSHOT: _ClassVar[ResourceType]
    RESOURCE_TYPE_NETWORK: _ClassVar[ResourceType]

class ResourceState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESOURCE_STATE_UNSPECIFIED: _ClassVar[ResourceState]
    RESOURCE_STATE_CREATING: _ClassVar[ResourceState]
    RESOURCE_STATE_AVAILABLE: _ClassVar[ResourceState]
    RESOURCE_STATE_UPDATING: _ClassVar[ResourceState]
    RESOURCE_STATE_DELETING: _ClassVar[ResourceState]
    RESOURCE_STATE_DELETED: _ClassVar[ResourceState]
    RESOURCE_STATE_ERROR: _ClassVar[ResourceState]
RESOURCE_TYPE_UNSPECIFIED: ResourceType
RESOURCE_TYPE_PROVIDER: ResourceType
RESOURCE_TYPE_INSTANCE: ResourceType
RESOURCE_TYPE_IMAGE: ResourceType
RESOURCE_TYPE_STORAGE_VOLUME: ResourceType
RESOURCE_TYPE_SNAPSHOT: ResourceType
RESOURCE_TYPE_NETWORK: ResourceType
RESOURCE_STATE_UNSPECIFIED: ResourceState
RESOURCE_STATE_CREATING: ResourceState
RESOURCE_STATE_AVAILABLE: ResourceState
RESOURCE_STATE_UPDATING: ResourceState
RESOURCE_STATE_DELETING: ResourceState
RESOURCE_STATE_DELETED: ResourceState
RESOURCE_STATE_ERROR: ResourceState

class ResourceRef(_message.Message):
    __slots__ = ("name", "native_id", "display_name", "type", "region")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NATIVE_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    name: str
    native_id: str
    display_name: str
    type: ResourceType
    region: str
    def __init__(self, name: _Optional[str] = ..., native_id: _Optional[str] = ..., display_name: _Optional[str] = ..., type: _Optional[_Union[ResourceType, str]] = ..., region: _Optional[str] = ...) -> None: ...

class Unreachable(_message.Message):
    __slots__ = ("name", "status")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    name: str
    status: _status_pb2.Status
    def __init__(self, name: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class Money(_message.Message):
    __slots__ = ("currency_code", "units", "nanos")
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    NANOS_FIELD_NUMBER: _ClassVar[int]
    currency_code: str
    units: int
    nanos: int
    def __init__(self, currency_code: _Optional[str] = ..., units: _Optional[int] = ..., nanos: _Optional[int] = ...) -> None: ...
