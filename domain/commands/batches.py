"""Many commands that are sent as one: how many of them are over, and what is sent when all are."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from domain.canonical import Json, digest_of
from domain.commands.command import Command, fingerprint, name_of
from domain.commands.states import OVER, CommandState
from domain.errors import Conflict

MOST_COMMANDS: Final = 10_000
COUNTS: Final = "batch"
"""The member of a callback's payload that says how the batch went."""


class BatchConflict(Conflict):
    """A batch with this id was sent before, and it says something else."""

    kind = "batch-conflict"


class CommandNotNew(Conflict):
    """A command of a batch was sent before, and so the batch was not."""

    kind = "command-not-new"


class OnParked(StrEnum):
    """Whether the batch waits for the person for whom a command of it waits."""

    WAIT = "wait"
    COUNT_AS_FAILED = "count_as_failed"


@dataclass(frozen=True)
class BatchWish:
    """`callback` is sent once every command is over, with what came of them in its payload."""

    id: str
    commands: tuple[Command, ...]
    callback: Command | None = None
    on_parked: OnParked = OnParked.WAIT

    @property
    def fingerprint(self) -> str:
        callback = None if self.callback is None else _named(self.callback)
        return digest_of(
            {
                "commands": [_named(each) for each in self.commands],
                "callback": callback,
                "on_parked": self.on_parked.value,
            }
        )


@dataclass(frozen=True)
class Batch:
    """It is over when all of its commands count, and then moves no more."""

    id: str
    tenant: UUID
    fingerprint: str
    on_parked: OnParked
    callback: Command | None
    sender: UUID | None
    created_at: datetime
    total: int
    completed: int = 0
    failed: int = 0
    canceled: int = 0
    expired: int = 0
    called_back: bool = False
    ended_at: datetime | None = None
    version: int = 1

    @property
    def over(self) -> bool:
        return self.completed + self.failed + self.canceled + self.expired == self.total

    @property
    def counts(self) -> dict[str, Json]:
        return {name: getattr(self, name) for name in ("id", "total", *_COUNTERS.values())}

    def counted(self, ended: Iterable[CommandState], at: datetime) -> "Batch":
        """What is parked counts as failed, where it counts at all."""
        more = Counter(_COUNTERS[CommandState.FAILED if each is CommandState.PARKED else each] for each in ended)
        after = replace(self, **{name: getattr(self, name) + many for name, many in more.items()})
        return replace(after, ended_at=at) if after.over else after

    def called(self, *, back: bool) -> "Batch":
        return replace(self, called_back=back)

    def calling_back(self) -> Command | None:
        """With its counts beside what the sender gave."""
        if self.callback is None:
            return None
        return replace(self.callback, payload={**self.callback.payload, COUNTS: self.counts})


_COUNTERS: Final = {state: state.value for state in sorted(OVER)}


@dataclass(frozen=True)
class Progress:
    """`parked` of its commands wait for a person now, whether or not the batch waits with them."""

    batch: Batch
    parked: int


def _named(command: Command) -> Json:
    return [name_of(command.key), fingerprint(command)]
