"""A module that is told by commands is told of a gate by one at a time, and what its handler returns is its word."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from domain.canonical import Json
from domain.commands import WAITING, Command, CommandError, CommandRecord, CommandState, Options, ReplyTo, name_of
from domain.commands.answers import OWN
from domain.commands.record import SUPERSEDED
from domain.errors import Invalid
from domain.fences.fence import Acknowledgement, Fence
from domain.settings.schemas import instance_faults

ANSWERED: Final = f"{OWN}.fence-answered"
"""What the product is told by when such a command is over."""
_NAME: Final = "fence:"
_AMOUNT: Final = {"type": "string", "pattern": r"^-?[0-9]{1,30}(\.[0-9]{1,20})?$"}
WORD: Final[Json] = {
    "type": "object",
    "required": ["epoch", "entries"],
    "additionalProperties": False,
    "properties": {
        "epoch": {"type": "integer", "minimum": 1, "maximum": 2**53 - 1},
        "high_water": {"type": ["string", "null"], "minLength": 1, "maxLength": 200},
        "entries": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
        "totals": {
            "type": "array",
            "maxItems": 200,
            "items": {
                "type": "object",
                "required": ["currency", "debit", "credit"],
                "additionalProperties": False,
                "properties": {
                    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
                    "debit": _AMOUNT,
                    "credit": _AMOUNT,
                },
            },
        },
    },
}
"""What a handler returns: the body of an acknowledgement."""


@dataclass(frozen=True)
class Telling:
    """Where the command of a fence stands, and the `code` of what is in its way."""

    command: str
    state: CommandState
    code: str | None

    @property
    def words(self) -> str:
        return self.state.value if self.code is None else f"{self.state.value}, code {self.code}"


@dataclass(frozen=True)
class Awaited:
    """A fence that a close waits for, and how its module is told, where that is by a command."""

    fence: Fence
    telling: Telling | None

    @property
    def words(self) -> str:
        stands = self.fence.state.value if self.telling is None else self.telling.words
        return f"waiting for {self.fence.module}: {stands}"


def command_for(fence: Fence, type_: str, version: int, token: str) -> Command:
    """It says what the event `ModuleGateSet` says. Gates of one entity and scope arrive at a module in their order.

    `token` sets another telling of the same fence apart from the first.
    """
    key = fence.gate.key
    name = f"{_NAME}{fence.id}" if fence.command is None else f"{_NAME}{fence.id}:{token}"
    line = f"gate:{fence.module}:{key.entity}:{key.scope}"
    given = Options(ordering_key=line, reply_to=ReplyTo.by_command(ANSWERED, "answer:"))
    return Command(type_, name, fence.to_json(), version, given)


def fence_of(command: str) -> UUID | None:
    """By the name of the command that told it."""
    _, _, rest = command.partition(f"/{_NAME}")
    try:
        return UUID(rest.partition(":")[0])
    except ValueError:
        return None


def tells(record: CommandRecord) -> bool:
    """Whether this is a command of a fence: no other asks for this reply, which the product alone may ask for."""
    wanted = record.command.options.reply_to
    return wanted is not None and wanted.type == ANSWERED


def needed(record: CommandRecord, fence: Fence) -> bool:
    """Whether somebody waits for the answer to this command."""
    return fence.outstanding and fence.command == name_of(record.key)


def withdrawn(record: CommandRecord, fence: Fence, at: datetime) -> CommandRecord:
    """Canceled, unless somebody executes it or it is over."""
    about = {"fence": str(fence.id), "fence_state": fence.state.value}
    error = CommandError(SUPERSEDED, SUPERSEDED, "nobody waits for its answer any more", about)
    if record.state is CommandState.PARKED:
        return replace(record.canceled(at), error=error)
    return record.stopped(error, at) if record.state in WAITING else record


def word_of(result: Json) -> Acknowledgement:
    """Invalid, with pointers below /result, where a handler returned no acknowledgement."""
    if faults := instance_faults(WORD, result, "/result"):
        raise Invalid(faults)
    return Acknowledgement.of_json({"high_water": None, "totals": [], **result})


def telling_of(fence: Fence, record: CommandRecord) -> Telling:
    return Telling(name_of(record.key), record.state, _in_the_way(fence, record))


def refused(fence: Fence, result: Json) -> str | None:
    """Why what a handler returned does not settle its fence, in a word."""
    try:
        word = word_of(result)
    except Invalid:
        return "no-acknowledgement"
    if word.epoch == fence.epoch:
        return None
    return "epoch-unknown" if word.epoch > fence.epoch else "epoch-behind"


def _in_the_way(fence: Fence, record: CommandRecord) -> str | None:
    if record.state is CommandState.COMPLETED:
        return refused(fence, record.result) if fence.outstanding else None
    return record.error.code if record.error is not None else None
