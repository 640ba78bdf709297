"""Many parked commands are decided about by one operation: what it is about is frozen when it is made."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from application.bulks.stand import missing, moved, words_of
from application.commands.asking import Question, ask_another, chosen
from application.ports.bulks import BulkPreview
from application.ports.parked import ParkedFilter
from application.ports.processes import Processes
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import digest_of
from domain.commands.bulk import Bulk, BulkDecision, NothingParked
from domain.commands.operations import OperationConflict
from domain.errors import Invalid, Unavailable
from domain.people import Actor, Permission

LARGE: Final = 50
"""More than these are another person's business, too, where the tenant says whom it asks."""
SAMPLE: Final = 20

log = structlog.get_logger()


@dataclass(frozen=True)
class BulkWish:
    """`id` is the asker's own: asked again under it, it is the same operation."""

    id: UUID
    decision: BulkDecision
    wanted: ParkedFilter


class Asking:
    def __init__(self, store: Store, processes: Processes) -> None:
        self._store = store
        self._processes = processes

    async def preview(self, actor: Actor, wish: BulkWish) -> BulkPreview:
        """What it would be about now; nothing is written. PermissionMissing, Invalid."""
        actor.require(Permission.COMMANDS_OPERATE)
        _check(wish.decision)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.commands.bulks.preview(wish.wanted, SAMPLE)

    async def ask(self, actor: Actor, wish: BulkWish) -> Bulk:
        """As it was made, now or before; its process is started after the commit, or by whoever finds it waiting.

        PermissionMissing, Invalid, NothingParked, TooManyParked or OperationConflict where it applies.
        """
        actor.require(Permission.COMMANDS_OPERATE)
        _check(wish.decision)
        digest = wish.decision.digest(actor.id)
        async with self._store.transaction(actor.tenant) as tx:
            bulk = await tx.commands.bulks.get(wish.id) or await _asked(tx, actor, wish, digest)
            if bulk.digest != digest:
                raise OperationConflict(operation=str(bulk.id), act=bulk.act.value)
        if not bulk.over:
            await carried_on(self._store, self._processes, bulk, actor.handle)
        return bulk


async def carried_on(store: Store, processes: Processes, bulk: Bulk, requester: str) -> None:
    """Its process looks, or begins where none is; one that goes on and cannot be reached is found by the sweeper.

    One that is over is told to its process, too, which ends then.
    """
    try:
        await _carry_on(store, processes, bulk, requester)
    except Unavailable:
        log.warning("command_bulk.delayed", bulk=str(bulk.id))


async def carry_on_waiting_bulk(store: Store, processes: Processes, tenant: UUID, bulk_id: UUID) -> None:
    """What was committed and never reached Temporal, or has lost its process."""
    async with store.transaction(tenant) as tx:
        bulk = await tx.commands.bulks.get(bulk_id)
        requester = await tx.people.actor(bulk.requester) if bulk else None
    if bulk is None:
        raise missing(bulk_id)
    await _carry_on(store, processes, bulk, requester.handle if requester else "")


async def _carry_on(store: Store, processes: Processes, bulk: Bulk, requester: str) -> None:
    await processes.carry_on_bulk(bulk, requester)
    async with store.transaction(bulk.tenant) as tx:
        await tx.commands.bulks.mark_started(bulk.id)


def _check(decision: BulkDecision) -> None:
    faults = decision.faults()
    if faults:
        raise Invalid(faults)


async def _asked(tx: Transaction, actor: Actor, wish: BulkWish, digest: str) -> Bulk:
    said = wish.decision
    bulk = Bulk(
        wish.id, tx.tenant, said.act, actor.id, said.reason, digest, said.wanted, tx.now, said.steps, said.pace
    )  # fmt: skip
    types = (await tx.commands.bulks.preview(wish.wanted, 0)).types
    bulk = await tx.commands.bulks.add(bulk, wish.wanted)
    if not bulk.total:
        raise NothingParked
    told = {"act": bulk.act.value, "total": bulk.total, "wanted": bulk.wanted, "stages": list(bulk.stages),
            "pace": bulk.pace.to_json(), "state": bulk.state.value}  # fmt: skip
    await record(tx, Action.BULK_ASKED, ("command_bulk", bulk.id), actor=actor, reason=bulk.reason, after=told)
    approval = await _put_to_another(tx, actor, bulk, types)
    if approval is None:
        return bulk
    return await moved(tx, bulk, bulk.awaiting(approval), actor=actor, reason=bulk.reason)


async def _put_to_another(tx: Transaction, actor: Actor, bulk: Bulk, types: dict[str, int]) -> UUID | None:
    """Where the tenant has said whom it asks: what is large, and what bears money."""
    bearing = {each.type for each in await tx.commands.types() if each.policy.get("money") or each.policy.get("posts")}
    money = not bearing.isdisjoint(types)
    if not (bulk.total > LARGE or money) or not await chosen(tx):
        return None
    content = {"operation": str(bulk.id), "act": bulk.act.value, "total": bulk.total, "types": types,
               "filter": digest_of(bulk.wanted), "stages": list(bulk.stages)}  # fmt: skip
    return await ask_another(tx, actor, Question(f"bulk/{bulk.id}", words_of(bulk), content, bulk.reason, money))
