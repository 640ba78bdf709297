"""A move of a command and the event that says so are written together."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from application.commands.following import followed
from application.ports.store import Transaction
from application.recording import event_of
from domain.audit import Action, Outcome
from domain.canonical import Json
from domain.commands import CommandRecord, CommandState, name_of
from domain.commands.record import SUPERSEDED
from domain.fences.telling import fence_of, needed, tells, withdrawn
from domain.people import Actor

_S = CommandState
ACTIONS: Final = {
    _S.DISPATCHED: Action.COMMAND_DISPATCHED,
    _S.RUNNING: Action.COMMAND_STARTED,
    _S.PENDING: Action.COMMAND_RETURNED,
    _S.RETRY_WAIT: Action.COMMAND_RETRIED,
    _S.COMPLETED: Action.COMMAND_COMPLETED,
    _S.FAILED: Action.COMMAND_FAILED,
    _S.PARKED: Action.COMMAND_PARKED,
    _S.EXPIRED: Action.COMMAND_EXPIRED,
    _S.CANCELED: Action.COMMAND_CANCELED,
}
"""What the events are called that bring a command there, when no person does."""
_WELL: Final = frozenset({_S.DISPATCHED, _S.RUNNING, _S.PENDING, _S.COMPLETED})


async def told(
    tx: Transaction, records: Sequence[CommandRecord], *, at: datetime | None = None, actor: Actor | None = None
) -> None:
    """What has just been written, without its payload, its result or anybody's words."""
    await tx.audit.append(
        *(
            event_of(
                tx,
                ACTIONS[each.state],
                ("command", name_of(each.key)),
                at=at,
                actor=actor,
                change=each.command.options.change,
                outcome=Outcome.SUCCESS if each.state in _WELL else Outcome.FAILURE,
                after=_stand(each),
            )
            for each in records
        )
    )


async def moved(
    tx: Transaction, records: Sequence[CommandRecord], *, at: datetime | None = None, actor: Actor | None = None
) -> list[CommandRecord]:
    """All of them, with their new versions; Stale, and none, when one was moved by somebody else meanwhile.

    `at` is when, for what is written in a transaction that began long before.
    """
    saved = await tx.commands.save(records) if records else []
    await told(tx, saved, at=at, actor=actor)
    await followed(tx, saved)
    return [await _kept(tx, each) for each in saved]


async def _kept(tx: Transaction, record: CommandRecord) -> CommandRecord:
    """What would tell a module of a gate in vain is not parked: it would hold up what tells it of the gate as it is."""
    if record.state is not _S.PARKED or not tells(record):
        return record
    fence_id = fence_of(name_of(record.key))
    fence = await tx.fences.get(fence_id) if fence_id else None
    if fence is None or needed(record, fence):
        return record
    return (await moved(tx, [withdrawn(record, fence, tx.now)]))[0]


def _stand(record: CommandRecord) -> dict[str, Json]:
    stand: dict[str, Json] = {"state": record.state.value, "epoch": record.epoch, "attempt": record.attempt}
    if record.crashes:
        stand["crashes"] = record.crashes
    if record.parked is not None:
        stand["parked"] = record.parked.value
    if record.error is not None and record.state is not _S.RUNNING:
        stand["code"] = record.error.code
        if record.error.code == SUPERSEDED:
            stand |= record.error.details
    if record.state is _S.RETRY_WAIT:
        stand["due_at"] = record.due_at.isoformat()
        if record.alone:
            stand["alone"] = True
    return stand
