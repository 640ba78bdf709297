"""The messages of `flagd.sync.v1`, kept apart from those of other packages that bring the same protocol along."""

from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import DESCRIPTOR as STRUCT

SERVICE: Final = "flagd.sync.v1.FlagSyncService"
_PACKAGE: Final = "flagd.sync.v1"
_FIELDS: Final = {
    "SyncFlagsRequest": {"provider_id": 1, "selector": 2},
    "SyncFlagsResponse": {"flag_configuration": 1, "sync_context": 2},
    "FetchAllFlagsRequest": {"provider_id": 1, "selector": 2},
    "FetchAllFlagsResponse": {"flag_configuration": 1},
}
"""Texts by their number, but for the context, which is a Struct."""


def _pool() -> DescriptorPool:
    """Two descriptions of one message cannot stand in the pool that all packages share."""
    pool = DescriptorPool()
    struct = FileDescriptorProto()
    STRUCT.CopyToProto(struct)
    pool.Add(struct)
    file = FileDescriptorProto(
        name="flagd/sync/v1/sync.proto", package=_PACKAGE, syntax="proto3", dependency=[struct.name]
    )
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number in fields.items():
            told = message.field.add(name=field, number=number, type=FieldDescriptorProto.TYPE_STRING)
            if field == "sync_context":
                told.type, told.type_name = FieldDescriptorProto.TYPE_MESSAGE, ".google.protobuf.Struct"
    pool.Add(file)
    return pool


_POOL: Final = _pool()


def _class(name: str) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


SyncFlagsRequest: Final = _class("SyncFlagsRequest")
SyncFlagsResponse: Final = _class("SyncFlagsResponse")
FetchAllFlagsRequest: Final = _class("FetchAllFlagsRequest")
FetchAllFlagsResponse: Final = _class("FetchAllFlagsResponse")
