from google.protobuf import descriptor_pb2 as _descriptor_pb2
from novacron.cloud.v1 import capabilities_pb2 as _capabilities_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTION_UNSPECIFIED: _ClassVar[Action]
    ACTION_READ: _ClassVar[Action]
    ACTION_MUTATE: _ClassVar[Action]
    ACTION_DESTROY: _ClassVar[Action]
    ACTION_SECRET: _ClassVar[Action]
    ACTION_ADMIN: _ClassVar[Action]
ACTION_UNSPECIFIED: Action
ACTION_READ: Action
ACTION_MUTATE: Action
ACTION_DESTROY: Action
ACTION_SECRET: Action
ACTION_ADMIN: Action
OPERATION_INFO_FIELD_NUMBER: _ClassVar[int]
operation_info: _descriptor.FieldDescriptor
CAPABILITY_FIELD_NUMBER: _ClassVar[int]
capability: _descriptor.FieldDescriptor
ACTION_FIELD_NUMBER: _ClassVar[int]
action: _descriptor.FieldDescriptor

class OperationInfo(_message.Message):
    __slots__ = ("response_type",)
    RESPONSE_TYPE_FIELD_NUMBER: _ClassVar[int]
    response_type: str
    def __init__(self, response_type: _Optional[str] = ...) -> None: ...
