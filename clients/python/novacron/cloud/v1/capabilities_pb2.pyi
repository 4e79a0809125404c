from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Capability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAPABILITY_UNSPECIFIED: _ClassVar[Capability]
    CAPABILITY_INSTANCES: _ClassVar[Capability]
    CAPABILITY_INSTANCE_RESIZE: _ClassVar[Capability]
    CAPABILITY_INSTANCE_RESIZE_ONLINE: _ClassVar[Capability]
    CAPABILITY_INSTANCE_CUSTOM_SHAPE: _ClassVar[Capability]
    CAPABILITY_INSTANCE_SUSPEND: _ClassVar[Capability]
    CAPABILITY_INSTANCE_SPOT: _ClassVar[Capability]
    CAPABILITY_INSTANCE_GPU: _ClassVar[Capability]
    CAPABILITY_INSTANCE_LIVE_MIGRATION: _ClassVar[Capability]
    CAPABILITY_INSTANCE_KEEP_HOST: _ClassVar[Capability]
    CAPABILITY_IMAGES: _ClassVar[Capability]
    CAPABILITY_STORAGE_VOLUMES: _ClassVar[Capability]
    CAPABILITY_SNAPSHOTS: _ClassVar[Capability]
    CAPABILITY_INSTANCE_SNAPSHOTS: _ClassVar[Capability]
    CAPABILITY_NETWORKS: _ClassVar[Capability]
    CAPABILITY_METRICS: _ClassVar[Capability]
    CAPABILITY_CUSTOM_METRICS: _ClassVar[Capability]
    CAPABILITY_PRICES: _ClassVar[Capability]
    CAPABILITY_AUTO_SCALING: _ClassVar[Capability]
    CAPABILITY_LOAD_BALANCERS: _ClassVar[Capability]
    CAPABILITY_OBJECT_STORAGE: _ClassVar[Capability]
    CAPABILITY_MANAGED_DATABASES: _ClassVar[Capability]
    CAPABILITY_KUBERNETES: _ClassVar[Capability]
    CAPABILITY_SERVERLESS: _ClassVar[Capability]

class SupportLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUPPORT_LEVEL_UNSPECIFIED: _ClassVar[SupportLevel]
    SUPPORT_LEVEL_NONE: _ClassVar[SupportLevel]
    SUPPORT_LEVEL_EMULATED: _ClassVar[SupportLevel]
    SUPPORT_LEVEL_NATIVE: _ClassVar[SupportLevel]
CAPABILITY_UNSPECIFIED: Capability
CAPABILITY_INSTANCES: Capability
CAPABILITY_INSTANCE_RESIZE: Capability
CAPABILITY_INSTANCE_RESIZE_ONLINE: Capability
CAPABILITY_INSTANCE_CUSTOM_SHAPE: Capability
CAPABILITY_INSTANCE_SUSPEND: Capability
CAPABILITY_INSTANCE_SPOT: Capability
CAPABILITY_INSTANCE_GPU: Capability
CAPABILITY_INSTANCE_LIVE_MIGRATION: Capability
CAPABILITY_INSTANCE_KEEP_HOST: Capability
CAPABILITY_IMAGES: Capability
CAPABILITY_STORAGE_VOLUMES: Capability
CAPABILITY_SNAPSHOTS: Capability
CAPABILITY_INSTANCE_SNAPSHOTS: Capability
CAPABILITY_NETWORKS: Capability
CAPABILITY_METRICS: Capability
CAPABILITY_CUSTOM_METRICS: Capability
CAPABILITY_PRICES: Capability
CAPABILITY_AUTO_SCALING: Capability
CAPABILITY_LOAD_BALANCERS: Capability
CAPABILITY_OBJECT_STORAGE: Capability
CAPABILITY_MANAGED_DATABASES: Capability
CAPABILITY_KUBERNETES: Capability
CAPABILITY_SERVERLESS: Capability
SUPPORT_LEVEL_UNSPECIFIED: SupportLevel
SUPPORT_LEVEL_NONE: SupportLevel
SUPPORT_LEVEL_EMULATED: SupportLevel
SUPPORT_LEVEL_NATIVE: SupportLevel

class CapabilityStatus(_message.Message):
    __slots__ = ("capability", "level", "limits", "regions", "missing_permissions")
    CAPABILITY_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    MISSING_PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    capability: Capability
    level: SupportLevel
    limits: str
    regions: _containers.RepeatedScalarFieldContainer[str]
    missing_permissions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, capability: _Optional[_Union[Capability, str]] = ..., level: _Optional[_Union[SupportLevel, str]] = ..., limits: _Optional[str] = ..., regions: _Optional[_Iterable[str]] = ..., missing_permissions: _Optional[_Iterable[str]] = ...) -> None: ...
