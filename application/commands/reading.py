"""Before a command is executed it is looked at: what cannot be executed says why, and takes no attempt."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from application.commands.handling import Handler, Handlers
from domain.commands import MOST_CRASHES, CommandError, CommandRecord, CommandState, ParkedKind
from domain.errors import Invalid


@dataclass(frozen=True)
class Ready:
    """A command that runs, and who executes it with what."""

    record: CommandRecord
    handler: Handler
    payload: Any

    def now(self, record: CommandRecord) -> "Ready":
        return replace(self, record=record)


def looked_at(
    record: CommandRecord, handlers: Handlers, at: datetime, revoked: Collection[UUID] = ()
) -> Ready | CommandRecord:
    """Ready to start, or to go on with; or where it stands instead: canceled with its change, expired, or parked."""
    expires, handler = record.command.options.expires_at, handlers.find(record.command)
    runs = record.state is CommandState.RUNNING
    if expires is not None and expires <= at and not runs:
        return record.lapsed(at)
    if record.command.options.change in revoked and not runs:
        return record.revoked(REVOKED, at)
    if record.crashes >= MOST_CRASHES:
        return record.parked_as(ParkedKind.POISON, record.error or CRASHED)
    if handler is None:
        return record.parked_as(ParkedKind.NO_HANDLER, _handlerless(record))
    if record.attempt >= handler.policy.attempts(record.command.options.max_attempts) and not runs:
        return record.parked_as(ParkedKind.EXHAUSTED, record.error or EXHAUSTED)
    try:
        return Ready(record, handler, handler.read(record.payload))
    except Invalid as refusal:
        faults = [{"path": each.path, "message": each.message} for each in refusal.faults]
        error = CommandError("schema", "payload-invalid", "its handler does not take this payload", {"faults": faults})
        return record.parked_as(ParkedKind.SCHEMA, error)


CRASHED = CommandError("crash", "worker-vanished", "the worker that executed it vanished")
REVOKED = CommandError("revoked", "revoked", "its change was withdrawn, refused or taken back")
EXHAUSTED = CommandError("transient", "no-attempt-left", "it may be tried no more")


def _handlerless(record: CommandRecord) -> CommandError:
    command = record.command
    said = f"no handler takes {command.type} in version {command.schema_version}"
    return CommandError("no-handler", "no-handler", said)
