"""A person decides about a parked command: what comes of it, the decision and its event are written together."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from application.commands.following import followed
from application.commands.sending import storable_faults
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import Json, digest_of
from domain.commands import CommandRecord, CommandState, Key, WrongCommandState, name_of
from domain.commands.operations import Act, Decision, Operation, OperationConflict, Parked
from domain.errors import Fault, Invalid, Missing, Stale
from domain.people import Actor, Permission

ACTIONS: Final = {
    Act.RETRY: Action.PARKED_RETRIED,
    Act.CANCEL: Action.PARKED_CANCELED,
    Act.COMPLETE: Action.PARKED_COMPLETED,
    Act.SNOOZE: Action.PARKED_SNOOZED,
    Act.ASSIGN: Action.PARKED_ASSIGNED,
}


class Acts:
    """Over the version that was read, under an id that is the asker's own: asked again it is the same decision."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def decide(self, actor: Actor, key: Key, seen: int, operation: UUID, decision: Decision) -> Operation:
        """As it was made, now or before.

        PermissionMissing, Invalid, Missing, WrongCommandState, Stale or OperationConflict where it applies.
        """
        actor.require(Permission.COMMANDS_OPERATE)
        _refuse(storable_faults(decision.result, "/result"))
        async with self._store.transaction(actor.tenant) as tx:
            digest = decision.digest(actor.id, key)
            there = await tx.commands.get(key, lock=True)
            made = await tx.commands.parked.operation(operation)
            if made is not None:
                return _same(made, digest)
            _refuse(decision.faults(tx.now))
            parked = await _open(tx, there, key, seen)
            after = await self._done(tx, parked, decision)
            entry = Operation(
                operation, key, decision.act, actor.id, decision.reason, digest, after.state, after.epoch,
                after.version, tx.now, _cause(parked), decision.evidence,
            )  # fmt: skip
            if not await tx.commands.parked.add_operation(entry):
                raise OperationConflict(operation=str(operation))
            await _tell(tx, actor, entry, parked, decision)
            return entry

    async def _done(self, tx: Transaction, parked: Parked, decision: Decision) -> CommandRecord:
        """As it stands afterwards, with its new version."""
        moves: dict[Act, Callable[[], CommandRecord]] = {
            Act.RETRY: lambda: parked.record.retried(tx.now),
            Act.CANCEL: lambda: parked.record.canceled(tx.now),
            Act.COMPLETE: lambda: parked.record.resolved(decision.result, tx.now),
        }
        if decision.act in moves:
            saved = await tx.commands.save([moves[decision.act]()])
            await followed(tx, saved)
            return saved[0]
        noted = replace(parked, snoozed_until=decision.until)
        if decision.act is Act.ASSIGN:
            noted = replace(parked, assignee=await _person(tx, decision.person))
        return replace(parked.record, version=await tx.commands.parked.note(noted))


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise Invalid(faults)


def _cause(parked: Parked) -> str | None:
    return parked.record.error.fingerprint if parked.record.error else None


def _same(made: Operation, digest: str) -> Operation:
    if made.digest != digest:
        raise OperationConflict(operation=str(made.id), command=name_of(made.key), act=made.act.value)
    return made


async def _open(tx: Transaction, there: CommandRecord | None, key: Key, seen: int) -> Parked:
    """It is locked until the transaction ends, so of two who decide at once the second sees what the first did."""
    if there is None:
        raise Missing(kind_of_thing="command", command=name_of(key))
    parked = await tx.commands.parked.get(key)
    if parked is None:
        raise WrongCommandState(state=there.state.value, wanted=CommandState.PARKED.value)
    if there.version != seen:
        raise Stale(kind_of_thing="command", version=there.version)
    return parked


async def _person(tx: Transaction, handle: str | None) -> UUID | None:
    if handle is None:
        return None
    person = await tx.people.principal(handle)
    if person is None or Permission.COMMANDS_OPERATE not in person.actor.permissions:
        raise Invalid([Fault("/person", "somebody of this tenant who may operate commands")])
    return person.id


async def _tell(tx: Transaction, actor: Actor, entry: Operation, parked: Parked, decision: Decision) -> None:
    """Of a result its digest: what it says is in the command."""
    before = parked.record
    said: dict[str, Json] = {"operation": str(entry.id), "state": entry.state.value, "epoch": entry.epoch}
    if decision.act is Act.COMPLETE:
        said |= {"result": digest_of(decision.result), "evidence": decision.evidence}
    if decision.act is Act.SNOOZE and decision.until is not None:
        said["until"] = decision.until.isoformat()
    if decision.act is Act.ASSIGN:
        said["person"] = decision.person
    kind = before.parked.value if before.parked else None
    was = {"state": before.state.value, "epoch": before.epoch, "parked": kind, "cause": entry.cause}
    await record(
        tx, ACTIONS[decision.act], ("command", name_of(entry.key)), actor=actor, reason=decision.reason,
        change=before.command.options.change, before=was, after=said,
    )  # fmt: skip
