"""What people decided about a command, and what it carried in each of its epochs."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from application.commands.showing import masked
from application.ports.store import Store, Transaction
from domain.canonical import Json, digest_of
from domain.commands import CommandRecord, Key, name_of
from domain.commands.operations import Act, Operation
from domain.commands.repairs import Edit, Repair
from domain.errors import Missing
from domain.people import Actor, Permission


@dataclass(frozen=True)
class OperationView:
    """A decision with what it would put in place, as this person may see it."""

    operation: Operation
    patch: Json = None
    result: Json = None


@dataclass(frozen=True)
class Epoch:
    """What was executed from here on: a payload of this digest, as it was sent or as it was edited in `edited_in`.

    `begun_by` is the decision that began it; the first was begun by its sender.
    """

    number: int
    begun_at: datetime | None
    begun_by: Operation | None
    payload: str
    edited_in: int | None = None
    edit: Edit | None = None


@dataclass(frozen=True)
class Lineage:
    record: CommandRecord
    epochs: tuple[Epoch, ...]


class Lineages:
    """Each raises PermissionMissing or Missing where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def operation(self, actor: Actor, id_: UUID) -> OperationView:
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            made, asked = await tx.commands.parked.operation(id_), await tx.commands.repairs.get(id_)
            key = made.key if made else asked.key if asked else None
            there = await tx.commands.get(key) if key else None
            if there is None:
                raise Missing(kind_of_thing="command operation", id=str(id_))
            return next(each for each in await _operations(tx, actor, there) if each.operation.id == id_)

    async def operations(self, actor: Actor, key: Key) -> list[OperationView]:
        """Of a command, in the order in which they were asked for."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await _operations(tx, actor, await _there(tx, key))

    async def lineage(self, actor: Actor, key: Key) -> Lineage:
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            there = await _there(tx, key)
            edits = [_shown(each, actor, there) for each in await tx.commands.repairs.edits(key)]
            return Lineage(there, tuple(_epochs(there, await tx.commands.parked.operations(key), edits)))


def _epochs(there: CommandRecord, operations: Iterable[Operation], edits: Iterable[Edit]) -> Iterable[Epoch]:
    began = {each.epoch: each for each in operations if each.act in {Act.RETRY, Act.EDIT}}
    edited = {each.epoch: each for each in edits}
    payload, since = digest_of(there.command.payload), None
    for number in range(1, there.epoch + 1):
        edit, by = edited.get(number), began.get(number)
        if edit is not None:
            payload, since = edit.after, number
        at = there.sent_at if number == 1 else by.at if by else None
        yield Epoch(number, at, by, payload, since, edit)


async def _operations(tx: Transaction, actor: Actor, there: CommandRecord) -> list[OperationView]:
    made = {each.id: each for each in await tx.commands.parked.operations(there.key)}
    repairs = await tx.commands.repairs.of(there.key)
    patches = {each.operation: each.patch for each in await tx.commands.repairs.edits(there.key)}
    asked = [_asked(each, there, made.get(each.id)) for each in repairs]
    plain = [OperationView(each, patches.get(id_)) for id_, each in made.items() if id_ not in {r.id for r in repairs}]
    sees = _sees(actor, there)
    views = [each if sees else _masked(each) for each in (*asked, *plain)]
    return sorted(views, key=lambda each: (each.operation.at, each.operation.version))


def _asked(repair: Repair, there: CommandRecord, made: Operation | None) -> OperationView:
    decision = repair.decision
    return OperationView(made or repair.as_operation(there), decision.patch, decision.result)


async def _there(tx: Transaction, key: Key) -> CommandRecord:
    found = await tx.commands.get(key)
    if found is None:
        raise Missing(kind_of_thing="command", command=name_of(key))
    return found


def _sees(actor: Actor, record: CommandRecord) -> bool:
    return Permission.COMMANDS_OPERATE in actor.permissions or record.sender == actor.id


def _shown(edit: Edit, actor: Actor, record: CommandRecord) -> Edit:
    return edit if _sees(actor, record) else replace(edit, patch=_hidden(edit.patch), payload=masked(edit.payload))


def _masked(view: OperationView) -> OperationView:
    return replace(view, patch=_hidden(view.patch), result=masked(view.result))


def _hidden(patch: Json) -> Json:
    """Where it changes something, and not to what."""
    if patch is None:
        return None
    return [{**each, **({"value": masked(each["value"])} if "value" in each else {})} for each in patch]
