"""A bulk operation is carried out in transactions of a few hundred: commands, items, entries and events together."""

from dataclasses import replace
from uuid import uuid5

from application.bulks.stand import BulkStand, BulkStep, locked, moved, stand_of
from application.commands.acts import ACTIONS
from application.commands.following import followed
from application.ports.store import Store, Transaction
from application.recording import event_of
from domain.approvals import Standing
from domain.commands import CommandRecord, CommandState, name_of
from domain.commands.bulk import Bulk, BulkItem, BulkState, ItemOutcome, StageEnd
from domain.commands.bulk_gate import judged
from domain.commands.operations import Act, Decision, Operation

NOT_PARKED, CHANGED = "not-parked", "changed"


class Carrying:
    """Every step may be asked for again: what was touched is not touched a second time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def look(self, step: BulkStep) -> BulkStand:
        async with self._store.transaction(step.tenant) as tx:
            return await stand_of(tx, await locked(tx, step.bulk))

    async def answered(self, step: BulkStep) -> BulkStand:
        """Others have said whether it may be; while they have not it stays as it is."""
        async with self._store.transaction(step.tenant) as tx:
            bulk = await locked(tx, step.bulk)
            if bulk.state is BulkState.AWAITING_APPROVAL and bulk.approval is not None:
                approval = await tx.approvals.get(bulk.approval)
                standing = approval.standing if approval is not None else Standing.WITHDRAWN
                if standing.passes:
                    bulk = await moved(tx, bulk, bulk.approved())
                elif standing is not Standing.PENDING:
                    bulk = await moved(tx, bulk, bulk.moved(BulkState.REFUSED, standing.value.lower()))
            return await stand_of(tx, bulk)

    async def act(self, step: BulkStep) -> BulkStand:
        """The next batch of the stage, and how long to wait before the one after it."""
        async with self._store.transaction(step.tenant) as tx:
            bulk = await locked(tx, step.bulk)
            rest = 0.0
            if bulk.to_act:
                before = bulk
                bulk, acted = await _decided(tx, bulk)
                rest = acted / before.pace.per_second
            return await stand_of(tx, bulk, rest)

    async def settle(self, step: BulkStep) -> BulkStand:
        """What has come somewhere is told; once the whole stage has, its gate says whether the next one begins."""
        async with self._store.transaction(step.tenant) as tx:
            bulk = await locked(tx, step.bulk)
            if bulk.settling:
                await tx.commands.bulks.settle(bulk.id)
                bulk = await moved(tx, bulk, await _settled(tx, bulk))
            return await stand_of(tx, bulk)


async def _decided(tx: Transaction, bulk: Bulk) -> tuple[Bulk, int]:
    """Whoever has moved since it was frozen is left alone."""
    taken = await tx.commands.bulks.take(bulk.id, bulk.to_act)
    why = {item.place: _skipped(item, record) for item, record in taken}
    still = [(item, record) for item, record in taken if not why[item.place]]
    saved = await tx.commands.save([_after(tx, bulk, record) for _, record in still])
    await followed(tx, saved, {"reason": bulk.reason})
    after = {each.key: each for each in saved}
    outcome = ItemOutcome.RETRIED if bulk.act is Act.RETRY else ItemOutcome.DONE
    await tx.commands.bulks.touch(
        bulk.id,
        [
            replace(item, outcome=ItemOutcome.SKIPPED, stage=bulk.stage, why=why[item.place])
            if why[item.place]
            else replace(item, outcome=outcome, stage=bulk.stage, epoch=after[item.key].epoch)
            for item, _ in taken
        ],
    )
    await _told(tx, bulk, [(record, after[item.key]) for item, record in still])
    nothing_left = len(taken) < bulk.to_act
    return await moved(tx, bulk, bulk.begun(len(still), tx.now, nothing_left=nothing_left)), len(still)


def _skipped(item: BulkItem, record: CommandRecord) -> str:
    if record.state is not CommandState.PARKED:
        return NOT_PARKED
    return item.why if record.version == item.version else CHANGED


def _after(tx: Transaction, bulk: Bulk, record: CommandRecord) -> CommandRecord:
    return record.retried(tx.now) if bulk.act is Act.RETRY else record.canceled(tx.now)


async def _told(tx: Transaction, bulk: Bulk, moves: list[tuple[CommandRecord, CommandRecord]]) -> None:
    """An entry and an event for each command, as if each had been decided about alone."""
    await tx.commands.parked.add_operations([_entry(bulk, before, after, tx) for before, after in moves])
    person = await tx.people.actor(bulk.requester)
    await tx.audit.append(
        *(
            event_of(
                tx, ACTIONS[bulk.act], ("command", name_of(after.key)), actor=person or bulk.requester,
                reason=bulk.reason, change=after.command.options.change,
                before={"state": before.state.value, "epoch": before.epoch,
                        "cause": before.error.fingerprint if before.error else None},
                after={"bulk": str(bulk.id), "stage": bulk.stage + 1, "state": after.state.value, "epoch": after.epoch},
            )
            for before, after in moves
        )
    )  # fmt: skip


def _entry(bulk: Bulk, before: CommandRecord, after: CommandRecord, tx: Transaction) -> Operation:
    cause = before.error.fingerprint if before.error else None
    digest = Decision(bulk.act, bulk.reason).digest(bulk.requester, after.key)
    return Operation(
        uuid5(bulk.id, name_of(after.key)), after.key, bulk.act, bulk.requester, bulk.reason, digest, after.state,
        after.epoch, after.version, tx.now, cause, approval=bulk.approval,
    )  # fmt: skip


async def _settled(tx: Transaction, bulk: Bulk) -> Bulk:
    late = bulk.settles_until is not None and tx.now >= bulk.settles_until
    if bulk.state is BulkState.ABORTING:
        count = await tx.commands.bulks.count(bulk.id)
        return bulk.aborted() if late or not count.going + count.again else bulk
    count = await tx.commands.bulks.count(bulk.id, bulk.stage)
    nothing_left = not (await tx.commands.bulks.outcomes(bulk.id)).get(ItemOutcome.WAITING)
    if not late and (count.going or (nothing_left and count.again)):
        return bulk
    if count.going:
        return bulk.unsettled()
    verdict = judged(count, bulk.pace.most_failed)
    end = StageEnd(bulk.stage + 1, count.retried, count.failed, verdict, tx.now)
    return bulk.judged(end, nothing_left=nothing_left)
