"""A person decides about a parked command: what comes of it, the decision and its event are written together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import structlog

from application.commands.asking import Question, ask_another, chosen
from application.commands.editing import Draft, drafted, moves_money, type_of
from application.commands.following import followed
from application.commands.sending import PERIOD_OPEN, storable_faults
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import Json, digest_of
from domain.commands import CommandRecord, CommandState, Key, WrongCommandState, name_of
from domain.commands.operations import Act, Decision, Operation, OperationConflict, Parked
from domain.commands.repairs import CommandHeld, Edit, Repair, asks_another
from domain.errors import Fault, Invalid, Missing, Stale, Unavailable
from domain.people import Actor, Permission

ACTIONS: Final = {
    Act.RETRY: Action.PARKED_RETRIED,
    Act.CANCEL: Action.PARKED_CANCELED,
    Act.COMPLETE: Action.PARKED_COMPLETED,
    Act.SNOOZE: Action.PARKED_SNOOZED,
    Act.ASSIGN: Action.PARKED_ASSIGNED,
    Act.EDIT: Action.PARKED_EDITED,
}

log = structlog.get_logger()


@dataclass(frozen=True)
class Wish:
    """A decision of one person under an id of their own; `approval` is by which others said yes to it."""

    id: UUID
    decision: Decision
    digest: str
    approval: UUID | None = None


class Acts:
    """Over the version that was read, under an id that is the asker's own: asked again it is the same decision."""

    def __init__(self, store: Store, processes: Processes | None = None) -> None:
        """Without processes, what asks another person is begun by whoever looks for such decisions."""
        self._store = store
        self._processes = processes

    async def decide(self, actor: Actor, key: Key, seen: int, operation: UUID, decision: Decision) -> Operation:
        """As it was made, now or before; or as it waits for another person, and then it holds the command.

        PermissionMissing, Invalid, Missing, WrongCommandState, CommandHeld, Stale, CommandTypeMissing or
        OperationConflict where it applies.
        """
        actor.require(Permission.COMMANDS_OPERATE)
        _refuse(storable_faults(decision.result, "/result"))
        wish = Wish(operation, decision, decision.digest(actor.id, key))
        async with self._store.transaction(actor.tenant) as tx:
            there = await tx.commands.get(key, lock=True)
            known = await _known(tx, wish, there)
            if known is not None:
                return known
            _refuse(decision.faults(tx.now))
            parked = await open_one(tx, there, key, seen)
            draft = await checked(tx, parked, decision)
            repair = await _asked(tx, actor, parked, wish, draft)
            if repair is None:
                return await made(tx, actor, parked, wish, draft)
        await self._begin(repair, actor)
        return repair.as_operation(parked.record)

    async def preview(self, actor: Actor, key: Key, seen: int, patch: Json) -> Draft:
        """What an edit would make of it; nothing is written. Raises as `decide` does, but for faults of the payload."""
        actor.require(Permission.COMMANDS_OPERATE)
        async with self._store.transaction(actor.tenant) as tx:
            parked = await open_one(tx, await tx.commands.get(key), key, seen)
            return await drafted(tx, parked.record, patch)

    async def _begin(self, repair: Repair, actor: Actor) -> None:
        if self._processes is not None:
            try:
                await self._processes.start_command_repair(repair, actor.handle)
            except Unavailable:
                log.warning("command_repair.start_delayed", operation=str(repair.id))


async def made(tx: Transaction, actor: Actor, parked: Parked, wish: Wish, draft: Draft | None) -> Operation:
    """The command moves, and the decision and its event stand beside it. OperationConflict, Stale, Invalid."""
    decision = wish.decision
    after = await _done(tx, parked, decision)
    entry = Operation(
        wish.id, parked.record.key, decision.act, actor.id, decision.reason, wish.digest, after.state, after.epoch,
        after.version, tx.now, _cause(parked), decision.evidence, wish.approval,
    )  # fmt: skip
    if not await tx.commands.parked.add_operation(entry):
        raise OperationConflict(operation=str(wish.id))
    if draft is not None:
        before = parked.record.epoch
        edit = Edit(
            wish.id, entry.key, after.epoch, before, decision.patch, draft.before, draft.after, draft.payload, tx.now
        )  # fmt: skip
        await tx.commands.repairs.edit(edit)
    await _tell(tx, actor, entry, parked, decision, draft)
    return entry


async def checked(tx: Transaction, parked: Parked, decision: Decision) -> Draft | None:
    """Of an edit what comes of it; raises CommandTypeMissing or Invalid, also where what posts would go alone."""
    if decision.alone and (
        (known := await type_of(tx, parked.record)) is None or known.policy.get("posts") is not None
    ):
        raise Invalid([Fault("/alone", PERIOD_OPEN)])
    if decision.act is not Act.EDIT:
        return None
    draft = await drafted(tx, parked.record, decision.patch)
    _refuse(draft.faults)
    return draft


async def open_one(tx: Transaction, there: CommandRecord | None, key: Key, seen: int) -> Parked:
    """It is locked until the transaction ends, so of two who decide at once the second sees what the first did.

    Raises Missing, WrongCommandState, CommandHeld or Stale.
    """
    if there is None:
        raise Missing(kind_of_thing="command", command=name_of(key))
    parked = await tx.commands.parked.get(key)
    if parked is None:
        raise WrongCommandState(state=there.state.value, wanted=CommandState.PARKED.value)
    held = await tx.commands.repairs.held(key)
    if held is not None:
        raise CommandHeld(operation=str(held.id), act=held.decision.act.value, approval=str(held.approval))
    if there.version != seen:
        raise Stale(kind_of_thing="command", version=there.version)
    return parked


async def _known(tx: Transaction, wish: Wish, there: CommandRecord | None) -> Operation | None:
    """What was asked for under this id before; OperationConflict where that was something else."""
    repair = await tx.commands.repairs.get(wish.id)
    there_before = await tx.commands.parked.operation(wish.id)
    if there_before is None and repair is not None:
        record = there if there is not None and there.key == repair.key else await tx.commands.get(repair.key)
        there_before = repair.as_operation(record) if record is not None else None
    if there_before is not None and there_before.digest != wish.digest:
        asked = {"command": name_of(there_before.key), "act": there_before.act.value}
        raise OperationConflict(operation=str(wish.id), **asked)
    return there_before


async def _asked(tx: Transaction, actor: Actor, parked: Parked, wish: Wish, draft: Draft | None) -> Repair | None:
    """What waits for another person from now on; None where nobody is asked."""
    key, act = parked.record.key, wish.decision.act
    money = moves_money(await type_of(tx, parked.record))
    if not asks_another(act, money=money, chosen=money and await chosen(tx)):
        return None
    content = _content(parked, wish, draft)
    words = f"{act.value} of {name_of(key)}"
    approval = await ask_another(tx, actor, Question(name_of(key), words, content, wish.decision.reason, money))
    if approval is None:
        return None
    repair = Repair(
        wish.id, tx.tenant, key, wish.decision, actor.id, wish.digest, parked.record.version, approval, tx.now
    )  # fmt: skip
    if not await tx.commands.repairs.add(repair):
        raise OperationConflict(operation=str(wish.id))
    await record(
        tx, Action.PARKED_ASKED, ("command", name_of(key)), actor=actor, reason=wish.decision.reason,
        change=parked.record.command.options.change, after={**content, "approval": str(approval)},
    )  # fmt: skip
    return repair


def _content(parked: Parked, wish: Wish, draft: Draft | None) -> dict[str, Json]:
    """What the votes are bound to: digests, and no payload."""
    decision, now = wish.decision, parked.record
    said: dict[str, Json] = {
        "operation": str(wish.id), "command": name_of(now.key), "act": decision.act.value, "version": now.version,
        "epoch": now.epoch,
    }  # fmt: skip
    if draft is not None:
        said["payload"] = {"before": draft.before, "after": draft.after}
        said["paths"] = [{"op": each["op"], "path": each["path"]} for each in decision.patch]
    if decision.act is Act.COMPLETE:
        said |= {"result": digest_of(decision.result), "evidence": decision.evidence}
    return said


async def _done(tx: Transaction, parked: Parked, decision: Decision) -> CommandRecord:
    """As it stands afterwards, with its new version."""
    moves: dict[Act, Callable[[], CommandRecord]] = {
        Act.RETRY: lambda: parked.record.retried(tx.now).promoted(decision.alone),
        Act.EDIT: lambda: parked.record.retried(tx.now),
        Act.CANCEL: lambda: parked.record.canceled(tx.now),
        Act.COMPLETE: lambda: parked.record.resolved(decision.result, tx.now),
    }
    if decision.act in moves:
        saved = await tx.commands.save([moves[decision.act]()])
        await followed(tx, saved, {"reason": decision.reason, "evidence": decision.evidence})
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


async def _person(tx: Transaction, handle: str | None) -> UUID | None:
    if handle is None:
        return None
    person = await tx.people.principal(handle)
    if person is None or Permission.COMMANDS_OPERATE not in person.actor.permissions:
        raise Invalid([Fault("/person", "somebody of this tenant who may operate commands")])
    return person.id


async def _tell(
    tx: Transaction, actor: Actor, entry: Operation, parked: Parked, decision: Decision, draft: Draft | None
) -> None:  # fmt: skip
    """Of a result and of a payload their digests: what they say is in the command."""
    before = parked.record
    said: dict[str, Json] = {"operation": str(entry.id), "state": entry.state.value, "epoch": entry.epoch}
    if decision.act is Act.COMPLETE:
        said |= {"result": digest_of(decision.result), "evidence": decision.evidence}
    if draft is not None:
        said["payload"] = {"before": draft.before, "after": draft.after}
    if decision.act is Act.SNOOZE and decision.until is not None:
        said["until"] = decision.until.isoformat()
    if decision.alone is not None:
        said["alone"] = decision.alone
    if decision.act is Act.ASSIGN:
        said["person"] = decision.person
    if entry.approval is not None:
        said["approval"] = str(entry.approval)
    kind = before.parked.value if before.parked else None
    was = {"state": before.state.value, "epoch": before.epoch, "parked": kind, "cause": entry.cause}
    await record(
        tx, ACTIONS[decision.act], ("command", name_of(entry.key)), actor=actor, reason=decision.reason,
        change=before.command.options.change, before=was, after=said,
    )  # fmt: skip
