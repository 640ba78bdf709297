"""What an answer of Temporal means for a message: it is there, it never will be, or it is to be tried again."""

from enum import StrEnum
from typing import Final

from google.protobuf.any_pb2 import Any as AnyProto
from temporalio.api.common.v1 import GrpcStatus
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

_Code = RPCStatusCode
_NEVER: Final = {_Code.INVALID_ARGUMENT, _Code.NOT_FOUND, _Code.FAILED_PRECONDITION, _Code.OUT_OF_RANGE}
_NOT_NOW: Final = {_Code.UNAVAILABLE, _Code.CANCELLED, _Code.UNAUTHENTICATED}


class Verdict(StrEnum):
    """`THERE` already; `NEVER` by anybody; `AWAY` for every message, `LATER` for this one."""

    THERE = "there"
    NEVER = "never"
    AWAY = "away"
    LATER = "later"


def judged(error: Exception) -> Verdict:
    """A namespace or a credential that is not there is nothing that a message could help."""
    if isinstance(error, WorkflowAlreadyStartedError):
        return Verdict.THERE
    if isinstance(error, RPCError):
        if error.status in _NOT_NOW or (error.status is _Code.NOT_FOUND and _names_namespace(error)):
            return Verdict.AWAY
        return Verdict.NEVER if error.status in _NEVER else Verdict.LATER
    if isinstance(error, OSError | TimeoutError):
        return Verdict.AWAY
    return Verdict.LATER if isinstance(error, RuntimeError) else Verdict.NEVER


def _names_namespace(error: RPCError) -> bool:
    status = GrpcStatus.FromString(error.raw_grpc_status) if error.raw_grpc_status else GrpcStatus()
    details: list[AnyProto] = list(status.details)
    return any(each.Is(NamespaceNotFoundFailure.DESCRIPTOR) for each in details)
