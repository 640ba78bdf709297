"""A command as it stands: each move is from where it may be made, and what is over moves no more."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from domain.canonical import Json
from domain.commands.command import Command, Key, name_of
from domain.commands.refusals import WrongCommandState
from domain.commands.states import ALLOWED, LEASED, OVER, CommandState, ParkedKind

MOST_CRASHES: Final = 3
SUPERSEDED: Final = "superseded"
HEAD_START: Final = timedelta(minutes=1)
"""How much earlier it counts as due for each step of its priority: so nothing waits for ever behind what is urgent."""


@dataclass(frozen=True)
class CommandError:
    """`code` is the handler's word for it; errors of one `fingerprint` have one cause."""

    kind: str
    code: str
    message: str
    details: Json = None
    fingerprint: str | None = None


@dataclass(frozen=True)
class CommandRecord:
    """`attempt` counts executions since people last retried it, which `epoch` counts; `crashes` those of its workers.

    Its command has a correlation, its own where it was sent with none. `ended_at` is when it was over. `batch` is the
    id of what it was sent in, `edited` what people made of its payload. Of one that was `purged` only its end is known.
    `dependency` is the receiver that it goes to, where its type tells them apart: the store says so.
    """

    command: Command
    tenant: UUID
    fingerprint: str
    sender: UUID | None
    sent_at: datetime
    due_at: datetime
    state: CommandState = CommandState.PENDING
    parked: ParkedKind | None = None
    epoch: int = 1
    attempt: int = 0
    crashes: int = 0
    lease: UUID | None = None
    result: Json = None
    error: CommandError | None = None
    ended_at: datetime | None = None
    version: int = 1
    batch: str | None = None
    edited: Json = None
    purged: bool = False
    dependency: str = ""

    @property
    def key(self) -> Key:
        return self.command.key

    @property
    def payload(self) -> Json:
        """What is executed: what was sent, or what people made of it."""
        return self.command.payload if self.edited is None else self.edited

    @property
    def executed(self) -> Command:
        """As its handler is told it."""
        return self.command if self.edited is None else replace(self.command, payload=self.edited)

    @property
    def workflow_id(self) -> str:
        """Of the workflow that it has where it takes long: one for each epoch, a run for each attempt."""
        return f"command/{self.tenant}/{name_of(self.key)}/{self.epoch}"

    @property
    def alone(self) -> bool:
        """As its sender asked, or as was decided since."""
        return self.command.options.alone

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def begun(self) -> bool:
        """Whether anybody has executed it, or is about to."""
        return self.state is not CommandState.PENDING or self.epoch > 1 or bool(self.attempt or self.crashes)

    @property
    def rank(self) -> datetime:
        """Of those that are due the one with the earliest is first."""
        return self.due_at - self.command.options.priority * HEAD_START

    def leased(self, lease: UUID) -> "CommandRecord":
        return self._moved(CommandState.DISPATCHED, lease=lease)

    def started(self) -> "CommandRecord":
        return self._moved(CommandState.RUNNING, attempt=self.attempt + 1)

    def completed(self, result: Json, at: datetime) -> "CommandRecord":
        return self._moved(CommandState.COMPLETED, result=result, error=None, ended_at=at)

    def failed(self, error: CommandError, at: datetime) -> "CommandRecord":
        """By a rule of its business: to try it again would change nothing."""
        return self._moved(CommandState.FAILED, error=error, ended_at=at)

    def waiting(self, until: datetime, error: CommandError) -> "CommandRecord":
        return self._moved(CommandState.RETRY_WAIT, due_at=until, error=error)

    def promoted(self, alone: bool | None = True) -> "CommandRecord":  # noqa: FBT001, FBT002 -- that is what it says
        """By a workflow of its own from now on, or by none; with nothing said it stays as it is."""
        if alone is None or alone is self.alone:
            return self
        return replace(self, command=replace(self.command, options=replace(self.command.options, alone=alone)))

    def parked_as(self, kind: ParkedKind, error: CommandError) -> "CommandRecord":
        return self._moved(CommandState.PARKED, parked=kind, error=_caused(self, error))

    def lapsed(self, at: datetime) -> "CommandRecord":
        return self._moved(CommandState.EXPIRED, ended_at=at)

    def revoked(self, error: CommandError, at: datetime) -> "CommandRecord":
        """What it was a part of is not to be."""
        return self._moved(CommandState.CANCELED, error=error, ended_at=at)

    def stopped(self, error: CommandError, at: datetime) -> "CommandRecord":
        """By a person, before it was executed or while it was."""
        return self._moved(CommandState.CANCELED, error=error, ended_at=at)

    def superseded(self, by: Key, at: datetime) -> "CommandRecord":
        """By one with its unique key, before anybody executed it."""
        if self.begun:
            raise WrongCommandState(state=self.state.value, wanted=CommandState.CANCELED.value)
        error = CommandError(SUPERSEDED, SUPERSEDED, "another took its place", {"by": name_of(by)})
        return self._moved(CommandState.CANCELED, error=error, ended_at=at)

    def crashed(self, error: CommandError) -> "CommandRecord":
        """Its worker vanished, which is no attempt; who takes worker after worker with it is kept from the next."""
        self._check_leased()
        counts = {"crashes": self.crashes + 1, "attempt": self.attempt - (self.state is CommandState.RUNNING)}
        if counts["crashes"] >= MOST_CRASHES:
            return self._moved(CommandState.PARKED, **counts, parked=ParkedKind.POISON, error=_caused(self, error))
        return self._moved(CommandState.PENDING, **counts, error=error)

    def returned(self) -> "CommandRecord":
        """Nothing came of it and nothing went wrong: it counts as never tried."""
        self._check_leased()
        running = self.state is CommandState.RUNNING
        return self._moved(CommandState.PENDING, attempt=self.attempt - running)

    def retried(self, at: datetime) -> "CommandRecord":
        """By a person, from the beginning; one that took a worker with it is still kept away from others."""
        return self._released(
            CommandState.PENDING, epoch=self.epoch + 1, attempt=0, crashes=min(self.crashes, 1), due_at=at
        )  # fmt: skip

    def canceled(self, at: datetime) -> "CommandRecord":
        return self._released(CommandState.CANCELED, ended_at=at)

    def resolved(self, result: Json, at: datetime) -> "CommandRecord":
        """It was done by other means."""
        return self._released(CommandState.COMPLETED, result=result, error=None, ended_at=at)

    def _released(self, to: CommandState, **facts: Any) -> "CommandRecord":
        if self.state is not CommandState.PARKED:
            raise WrongCommandState(state=self.state.value, wanted=to.value)
        return replace(self, **facts, state=to, parked=None)

    def _check_leased(self) -> None:
        if self.state not in LEASED:
            raise WrongCommandState(state=self.state.value)

    def _moved(self, to: CommandState, **facts: Any) -> "CommandRecord":
        if to not in ALLOWED.get(self.state, ()):
            raise WrongCommandState(state=self.state.value, wanted=to.value)
        lease = self.lease if to in LEASED else None
        return replace(self, **{"lease": lease, **facts}, state=to)


def signature(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _caused(record: CommandRecord, error: CommandError) -> CommandError:
    """People look at what is parked by its causes, so it has one."""
    return error if error.fingerprint else replace(error, fingerprint=signature(record.command.type, error.code))
