"""Commands: what modules are told to do, each once, and where that stands."""

from domain.commands.command import (
    Command,
    CommandType,
    Key,
    OnUnique,
    Options,
    caused,
    differing,
    fingerprint,
    name_of,
)
from domain.commands.record import HEAD_START, MOST_CRASHES, CommandError, CommandRecord
from domain.commands.refusals import CommandConflict, CommandTypeMissing, UniqueKeyTaken, WrongCommandState
from domain.commands.replies import ReplyKind, ReplyTo
from domain.commands.shape import shape_faults
from domain.commands.states import ALLOWED, LEASED, OVER, WAITING, CommandState, ParkedKind

__all__ = [
    "ALLOWED",
    "HEAD_START",
    "LEASED",
    "MOST_CRASHES",
    "OVER",
    "WAITING",
    "Command",
    "CommandConflict",
    "CommandError",
    "CommandRecord",
    "CommandState",
    "CommandType",
    "CommandTypeMissing",
    "Key",
    "OnUnique",
    "Options",
    "ParkedKind",
    "ReplyKind",
    "ReplyTo",
    "UniqueKeyTaken",
    "WrongCommandState",
    "caused",
    "differing",
    "fingerprint",
    "name_of",
    "shape_faults",
]
