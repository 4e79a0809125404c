import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from novacron.cloud.v1 import storage_pb2 as _storage_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InstanceState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INSTANCE_STATE_UNSPECIFIED: _ClassVar[InstanceState]
    INSTANCE_STATE_STARTING: _ClassVar[InstanceState]
    INSTANCE_STATE_RUNNING: _ClassVar[InstanceState]
    INSTANCE_STATE_STOPPING: _ClassVar[InstanceState]
    INSTANCE_STATE_STOPPED: _ClassVar[InstanceState]
    INSTANCE_STATE_DEALLOCATED: _ClassVar[InstanceState]
    INSTANCE_STATE_SUSPENDED: _ClassVar[InstanceState]
    INSTANCE_STATE_DELETING: _ClassVar[InstanceState]
    INSTANCE_STATE_DELETED: _ClassVar[InstanceState]
    INSTANCE_STATE_ERROR: _ClassVar[InstanceState]

class Architecture(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ARCHITECTURE_UNSPECIFIED: _ClassVar[Architecture]
    ARCHITECTURE_X86_64: _ClassVar[Architecture]
    ARCHITECTURE_ARM64: _ClassVar[Architecture]
INSTANCE_STATE_UNSPECIFIED: InstanceState
INSTANCE_STATE_STARTING: InstanceState
INSTANCE_STATE_RUNNING: InstanceState
INSTANCE_STATE_STOPPING: InstanceState
INSTANCE_STATE_STOPPED: InstanceState
INSTANCE_STATE_DEALLOCATED: InstanceState
INSTANCE_STATE_SUSPENDED: InstanceState
INSTANCE_STATE_DELETING: InstanceState
INSTANCE_STATE_DELETED: InstanceState
INSTANCE_STATE_ERROR: InstanceState
ARCHITECTURE_UNSPECIFIED: Architecture
ARCHITECTURE_X86_64: Architecture
ARCHITECTURE_ARM64: Architecture

class InstanceNetworkInterface(_message.Message):
    __slots__ = ("network", "subnet", "private_ips", "public_ips", "mac_address")
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    SUBNET_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IPS_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_IPS_FIELD_NUMBER: _ClassVar[int]
    MAC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    network: str
    subnet: str
    private_ips: _containers.RepeatedScalarFieldContainer[str]
    public_ips: _containers.RepeatedScalarFieldContainer[str]
    mac_address: str
    def __init__(self, network: _Optional[str] = ..., subnet: _Optional[str] = ..., private_ips: _Optional[_Iterable[str]] = ..., public_ips: _Optional[_Iterable[str]] = ..., mac_address: _Optional[str] = ...) -> None: ...

class Instance(_message.Message):
    __slots__ = ("name", "native_id", "display_name", "state", "native_state", "region", "zone", "tags", "create_time", "delete_time", "observe_time", "provider_data", "state_reason", "instance_type", "vcpus", "memory_bytes", "boot_disk_bytes", "network_bits_per_second", "architecture", "image", "public_ips", "private_ips", "network_interfaces", "storage_volumes", "security_groups", "spot", "metadata", "start_time")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    NATIVE_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    NATIVE_STATE_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DELETE_TIME_FIELD_NUMBER: _ClassVar[int]
    OBSERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_DATA_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    VCPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    BOOT_DISK_BYTES_FIELD_NUMBER: _ClassVar[int]
    NETWORK_BITS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_IPS_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IPS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACES_FIELD_NUMBER: _ClassVar[int]
    STORAGE_VOLUMES_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUPS_FIELD_NUMBER: _ClassVar[int]
    SPOT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    native_id: str
    display_name: str
    state: InstanceState
    native_state: str
    region: str
    zone: str
    tags: _containers.ScalarMap[str, str]
    create_time: _timestamp_pb2.Timestamp
    delete_time: _timestamp_pb2.Timestamp
    observe_time: _timestamp_pb2.Timestamp
    provider_data: _struct_pb2.Struct
    state_reason: str
    instance_type: str
    vcpus: int
    memory_bytes: int
    boot_disk_bytes: int
    network_bits_per_second: int
    architecture: Architecture
    image: str
    public_ips: _containers.RepeatedScalarFieldContainer[str]
    private_ips: _containers.RepeatedScalarFieldContainer[str]
    network_interfaces: _containers.RepeatedCompositeFieldContainer[InstanceNetworkInterface]
    storage_volumes: _containers.RepeatedScalarFieldContainer[str]
    security_groups: _containers.RepeatedScalarFieldContainer[str]
    spot: bool
    metadata: _containers.ScalarMap[str, str]
    start_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., native_id: _Optional[str] = ..., display_name: _Optional[str] = ..., state: _Optional[_Union[InstanceState, str]] = ..., native_state: _Optional[str] = ..., region: _Optional[str] = ..., zone: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., observe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., provider_data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., state_reason: _Optional[str] = ..., instance_type: _Optional[str] = ..., vcpus: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., boot_disk_bytes: _Optional[int] = ..., network_bits_per_second: _Optional[int] = ..., architecture: _Optional[_Union[Architecture, str]] = ..., image: _Optional[str] = ..., public_ips: _Optional[_Iterable[str]] = ..., private_ips: _Optional[_Iterable[str]] = ..., network_interfaces: _Optional[_Iterable[_Union[InstanceNetworkInterface, _Mapping]]] = ..., storage_volumes: _Optional[_Iterable[str]] = ..., security_groups: _Optional[_Iterable[str]] = ..., spot: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BootDiskSpec(_message.Message):
    __slots__ = ("size_bytes", "volume_type", "keep_on_delete")
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    VOLUME_TYPE_FIELD_NUMBER: _ClassVar[int]
    KEEP_ON_DELETE_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    volume_type: str
    keep_on_delete: bool
    def __init__(self, size_bytes: _Optional[int] = ..., volume_type: _Optional[str] = ..., keep_on_delete: _Optional[bool] = ...) -> None: ...

class NetworkInterfaceSpec(_message.Message):
    __slots__ = ("network", "subnet", "security_groups", "assign_public_ip")
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    SUBNET_FIELD_NUMBER: _ClassVar[int]
    SECURITY_GROUPS_FIELD_NUMBER: _ClassVar[int]
    ASSIGN_PUBLIC_IP_FIELD_NUMBER: _ClassVar[int]
    network: str
    subnet: str
    security_groups: _containers.RepeatedScalarFieldContainer[str]
    assign_public_ip: bool
    def __init__(self, network: _Optional[str] = ..., subnet: _Optional[str] = ..., security_groups: _Optional[_Iterable[str]] = ..., assign_public_ip: _Optional[bool] = ...) -> None: ...

class InstanceSpec(_message.Message):
    __slots__ = ("display_name", "region", "zone", "tags", "provider_options", "instance_type", "vcpus", "memory_bytes", "image", "boot_disk", "data_disks", "network_interfaces", "user_data", "ssh_public_key", "spot", "metadata")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class MetadataEntry(_message.Message):
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
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    VCPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    BOOT_DISK_FIELD_NUMBER: _ClassVar[int]
    DATA_DISKS_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACES_FIELD_NUMBER: _ClassVar[int]
    USER_DATA_FIELD_NUMBER: _ClassVar[int]
    SSH_PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    SPOT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    region: str
    zone: str
    tags: _containers.ScalarMap[str, str]
    provider_options: _struct_pb2.Struct
    instance_type: str
    vcpus: int
    memory_bytes: int
    image: str
    boot_disk: BootDiskSpec
    data_disks: _containers.RepeatedCompositeFieldContainer[_storage_pb2.StorageVolumeSpec]
    network_interfaces: _containers.RepeatedCompositeFieldContainer[NetworkInterfaceSpec]
    user_data: bytes
    ssh_public_key: str
    spot: bool
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, display_name: _Optional[str] = ..., region: _Optional[str] = ..., zone: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., provider_options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., instance_type: _Optional[str] = ..., vcpus: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., image: _Optional[str] = ..., boot_disk: _Optional[_Union[BootDiskSpec, _Mapping]] = ..., data_disks: _Optional[_Iterable[_Union[_storage_pb2.StorageVolumeSpec, _Mapping]]] = ..., network_interfaces: _Optional[_Iterable[_Union[NetworkInterfaceSpec, _Mapping]]] = ..., user_data: _Optional[bytes] = ..., ssh_public_key: _Optional[str] = ..., spot: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class InstanceType(_message.Message):
    __slots__ = ("name", "native_id", "display_name", "region", "observe_time", "provider_data", "zones", "vcpus", "memory_bytes", "local_disk_bytes", "network_bits_per_second", "architecture", "gpu_count", "gpu_model")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NATIVE_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    OBSERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_DATA_FIELD_NUMBER: _ClassVar[int]
    ZONES_FIELD_NUMBER: _ClassVar[int]
    VCPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOCAL_DISK_BYTES_FIELD_NUMBER: _ClassVar[int]
    NETWORK_BITS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    GPU_COUNT_FIELD_NUMBER: _ClassVar[int]
    GPU_MODEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    native_id: str
    display_name: str
    region: str
    observe_time: _timestamp_pb2.Timestamp
    provider_data: _struct_pb2.Struct
    zones: _containers.RepeatedScalarFieldContainer[str]
    vcpus: int
    memory_bytes: int
    local_disk_bytes: int
    network_bits_per_second: int
    architecture: Architecture
    gpu_count: int
    gpu_model: str
    def __init__(self, name: _Optional[str] = ..., native_id: _Optional[str] = ..., display_name: _Optional[str] = ..., region: _Optional[str] = ..., observe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., provider_data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., zones: _Optional[_Iterable[str]] = ..., vcpus: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., local_disk_bytes: _Optional[int] = ..., network_bits_per_second: _Optional[int] = ..., architecture: _Optional[_Union[Architecture, str]] = ..., gpu_count: _Optional[int] = ..., gpu_model: _Optional[str] = ...) -> None: ...
