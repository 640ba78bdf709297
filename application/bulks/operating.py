"""People pause, resume and abort a bulk operation: it is written first, and its process is told after."""

from contextlib import suppress
from uuid import UUID

from application.bulks.asking import carried_on
from application.bulks.looking import BulkView, view_of
from application.bulks.stand import locked, moved
from application.closures.compensating import call_off
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from domain.approvals import Standing
from domain.canonical import digest_of
from domain.commands.bulk import Bulk, BulkAct, BulkActEntry
from domain.commands.operations import LEAST_REASON, MOST_REASON, OperationConflict
from domain.errors import Fault, Invalid, Stale, Unavailable
from domain.people import Actor, Permission


class Operating:
    """Over the version that was read, under an id that is the asker's own: asked again it is the same act."""

    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes

    async def act(self, actor: Actor, bulk_id: UUID, seen: int, entry: tuple[UUID, BulkAct, str]) -> BulkView:
        """`entry` is the id of the act, the act and its reason.

        PermissionMissing, Invalid, Missing, WrongBulkState, Stale or OperationConflict where it applies.
        """
        actor.require(Permission.COMMANDS_OPERATE)
        operation, act, reason = entry
        if not LEAST_REASON <= len(reason.strip()) <= MOST_REASON:
            raise Invalid([Fault("/reason", f"{LEAST_REASON} to {MOST_REASON} characters that say why")])
        digest = digest_of({"act": act.value, "reason": reason, "actor": str(actor.id), "bulk": str(bulk_id)})
        async with self._store.transaction(actor.tenant) as tx:
            bulk = await locked(tx, bulk_id)
            made = await tx.commands.bulks.act(operation)
            if made is not None and made.digest != digest:
                raise OperationConflict(operation=str(operation), act=made.act.value)
            if made is None:
                after = await _after(tx, bulk, seen, act)
                bulk = await moved(tx, bulk, after, actor=actor, reason=reason)
                kept = BulkActEntry(operation, bulk.id, act, actor.id, reason, digest, bulk.state, bulk.version, tx.now)
                if not await tx.commands.bulks.add_act(kept):
                    raise OperationConflict(operation=str(operation))
                await tx.commands.bulks.mark_started(bulk.id, started=False)
            view = await view_of(tx, bulk)
        if bulk.approval is not None and act is BulkAct.ABORT:
            with suppress(Unavailable):  # it sees for itself when it next looks
                await self._processes.closed(bulk.approval)
        await carried_on(self._store, self._processes, view.bulk, actor.handle)
        return view


async def _after(tx: Transaction, bulk: Bulk, seen: int, act: BulkAct) -> Bulk:
    await tx.commands.bulks.settle(bulk.id)
    count = await tx.commands.bulks.count(bulk.id)
    after = bulk.acted_on(act, tx.now, going=bool(count.going + count.again))
    if bulk.version != seen:
        raise Stale(kind_of_thing="bulk operation", version=bulk.version)
    if act is BulkAct.ABORT:
        await call_off(tx, bulk.approval, Standing.WITHDRAWN)
    return after
