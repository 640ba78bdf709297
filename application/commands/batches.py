"""A batch is sent whole or not at all, and looked at while its commands are executed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from application.commands.sending import check, send_in
from application.ports.batches import BatchMark
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.commands import Command, name_of, shape_faults
from domain.commands.batches import MOST_COMMANDS, Batch, BatchConflict, BatchWish, CommandNotNew, Progress
from domain.commands.shape import ID
from domain.errors import Fault, Invalid, Missing
from domain.people import Actor, Permission


@dataclass(frozen=True)
class BatchSent:
    """`replayed`: it was sent before, and this is how far it is."""

    progress: Progress
    replayed: bool


class BatchCases:
    """Each raises PermissionMissing, and what sending commands raises, where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def send(self, actor: Actor, wish: BatchWish) -> BatchSent:
        """BatchConflict or CommandNotNew where it applies."""
        actor.require(Permission.COMMANDS_SEND)
        async with self._store.transaction(actor.tenant) as tx:
            return await send_batch(tx, wish, actor)

    async def get(self, actor: Actor, id_: str) -> Progress:
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.commands.batches.get(id_)
        if found is None:
            raise Missing(kind_of_thing="command batch", batch=id_)
        return found

    async def page(self, actor: Actor, before: BatchMark | None, limit: int) -> list[Progress]:
        """Newest first."""
        actor.require(Permission.COMMANDS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.commands.batches.page(before, limit)


async def send_batch(tx: Transaction, wish: BatchWish, actor: Actor | None = None) -> BatchSent:
    """In the caller's transaction, which a conflict does not spoil: then neither the batch is there nor a command."""
    faults = _faults(wish)
    if faults:
        raise Invalid(faults)
    sender = actor.id if actor else None
    batch = Batch(
        wish.id, tx.tenant, wish.fingerprint, wish.on_parked, wish.callback, sender, tx.now, len(wish.commands)
    )
    async with tx.commands.attempt():
        there = await tx.commands.batches.add(batch)
        if there is None:
            await _fill(tx, batch, wish.commands, actor)
    if there is None:
        return BatchSent(Progress(batch, 0), replayed=False)
    if there.fingerprint != batch.fingerprint:
        raise BatchConflict(batch=batch.id)
    return BatchSent(await tx.commands.batches.get(batch.id) or Progress(there, 0), replayed=True)


async def _fill(tx: Transaction, batch: Batch, commands: Sequence[Command], actor: Actor | None) -> None:
    callback = batch.calling_back()
    if callback is not None:
        await check(tx, [callback], ["/callback"])
        if await tx.commands.get(callback.key) is not None:
            raise CommandNotNew(command=name_of(callback.key), at="/callback")
    sent = await send_in(tx, commands, actor, batch=batch.id)
    for place, (each, asked) in enumerate(zip(sent, commands, strict=True)):
        if each.replayed or each.record.key != asked.key:
            raise CommandNotNew(command=name_of(asked.key), at=f"/commands/{place}")
    said = {"total": batch.total, "on_parked": batch.on_parked.value, "fingerprint": batch.fingerprint,
            "callback": name_of(callback.key) if callback else None}  # fmt: skip
    await record(tx, Action.COMMAND_BATCH_SENT, ("command-batch", batch.id), actor=actor, after=said)


def _faults(wish: BatchWish) -> list[Fault]:
    """Of the batch itself; its commands are looked at with those that are sent alone."""
    wrong = (
        []
        if re.fullmatch(ID, wish.id)
        else [Fault("/id", "1 to 200 letters, digits and _.:@~+=-, one of the first two first")]
    )
    if not 1 <= len(wish.commands) <= MOST_COMMANDS:
        wrong.append(Fault("/commands", f"1 to {MOST_COMMANDS}"))
    if wish.callback is None:
        return wrong
    if wish.callback.key in {each.key for each in wish.commands}:
        wrong.append(Fault("/callback/id", "a command that is none of the batch"))
    if wish.callback.unique is not None:
        wrong.append(Fault("/callback/unique_key", "a callback shares its place with nothing"))
    if wish.callback.options.unique_key is not None:
        wrong.append(Fault("/callback/unique_key", "a callback has none: it is sent whatever else is there"))
    return [*wrong, *shape_faults(wish.callback, "/callback")]
