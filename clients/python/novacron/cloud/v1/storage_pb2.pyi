from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StorageVolumeSpec(_message.Message):
    __slots__ = ("display_name", "region", "zone", "tags", "provider_options", "size_bytes", "volume_type", "iops", "throughput_bytes_per_second", "snapshot")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    VOLUME_TYPE_FIELD_NUMBER: _ClassVar[int]
    IOPS_FIELD_NUMBER: _ClassVar[int]
    THROUGHPUT_BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    region: str
    zone: str
    tags: _containers.ScalarMap[str, str]
    provider_options: _struct_pb2.Struct
    size_bytes: int
    volume_type: str
    iops: int
    throughput_bytes_per_second: int
    snapshot: str
    def __init__(self, display_name: _Optional[str] = ..., region: _Optional[str] = ..., zone: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., provider_options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., size_bytes: _Optional[int] = ..., volume_type: _Optional[str] = ..., iops: _Optional[int] = ..., throughput_bytes_per_second: _Optional[int] = ..., snapshot: _Optional[str] = ...) -> None: ...
