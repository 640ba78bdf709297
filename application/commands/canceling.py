"""A person cancels a command that is not over: at once where nobody executes it, else its handler hears of it."""

from typing import Final
from uuid import UUID

from application.commands.acts import Acts
from application.commands.following import followed
from application.commands.lasting import CANCELED
from application.ports.store import Store, Transaction
from application.recording import record as recorded
from domain.audit import Action
from domain.canonical import Json
from domain.commands import LEASED, WAITING, CommandRecord, CommandState, Key, WrongCommandState, name_of
from domain.commands.operations import Act, Decision, Operation, OperationConflict
from domain.commands.refusals import CancelAsked
from domain.errors import Invalid, Missing, Stale
from domain.people import Actor, Permission

ALONE: Final = "workflow"
"""The lane of what is executed for so long that it can be told to stop."""


class Canceling:
    """Over the version that was read, under an id that is the asker's own: asked again it is the same decision."""

    def __init__(self, store: Store, acts: Acts) -> None:
        self._store = store
        self._acts = acts

    async def cancel(self, actor: Actor, key: Key, seen: int, operation: UUID, reason: str) -> Operation:
        """As it was made, now or before; its `state` says whether the command is over, or is still executed.

        What is parked is canceled as `Acts` does. PermissionMissing, Invalid, Missing, WrongCommandState, CancelAsked,
        Stale or OperationConflict where it applies.
        """
        actor.require(Permission.COMMANDS_OPERATE)
        decision = Decision(Act.CANCEL, reason)
        digest = decision.digest(actor.id, key)
        async with self._store.transaction(actor.tenant) as tx:
            there = await tx.commands.get(key, lock=True)
            made = await tx.commands.parked.operation(operation)
            if made is not None:
                return _same(made, digest)
            if there is None:
                raise Missing(kind_of_thing="command", command=name_of(key))
            if there.state is not CommandState.PARKED:
                if faults := decision.faults(tx.now):
                    raise Invalid(faults)
                after = await _ended(tx, there, seen, reason)
                entry = Operation(
                    operation,
                    key,
                    Act.CANCEL,
                    actor.id,
                    reason,
                    digest,
                    after.state,
                    after.epoch,
                    after.version,
                    tx.now,
                )
                if not await tx.commands.parked.add_operation(entry):
                    raise OperationConflict(operation=str(operation))
                await _tell(tx, actor, there, entry)
                return entry
        return await self._acts.decide(actor, key, seen, operation, decision)


async def _ended(tx: Transaction, there: CommandRecord, seen: int, reason: str) -> CommandRecord:
    """As it stands now: over, or executed until its handler has heard of it."""
    leased = there.state in LEASED and await _alone(tx, there)
    if there.state not in WAITING and not leased:
        raise WrongCommandState(state=there.state.value, wanted=CommandState.CANCELED.value)
    if there.version != seen:
        raise Stale(kind_of_thing="command", version=there.version)
    if not leased:
        saved = await tx.commands.save([there.stopped(CANCELED, tx.now)])
        await followed(tx, saved, {"reason": reason})
        return saved[0]
    asked = await tx.commands.long.cancel_asked(there.key, there.epoch)
    if asked is not None:
        raise CancelAsked(command=name_of(there.key), operation=str(asked.id))
    return there


async def _alone(tx: Transaction, record: CommandRecord) -> bool:
    """Others are over in a moment, and their handlers are not told."""
    if record.alone:
        return True
    types = await tx.commands.types(record.command.domain)
    return any(each.type == record.command.type and each.policy.get("lane") == ALONE for each in types)


def _same(made: Operation, digest: str) -> Operation:
    if made.digest != digest:
        raise OperationConflict(operation=str(made.id), command=name_of(made.key), act=made.act.value)
    return made


async def _tell(tx: Transaction, actor: Actor, before: CommandRecord, entry: Operation) -> None:
    over = entry.state is CommandState.CANCELED
    said: dict[str, Json] = {"operation": str(entry.id), "state": entry.state.value, "epoch": entry.epoch}
    await recorded(
        tx, Action.COMMAND_CANCELED if over else Action.COMMAND_CANCEL_ASKED, ("command", name_of(entry.key)),
        actor=actor, reason=entry.reason, change=before.command.options.change,
        before={"state": before.state.value, "epoch": before.epoch}, after=said,
    )  # fmt: skip
