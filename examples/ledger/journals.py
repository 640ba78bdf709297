"""How entries are written, found and posted, within a transaction that somebody else ends."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from changegate.guard import assert_postable_async
from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from examples.ledger.entries import Draft, Entry, Module, Posted
from examples.ledger.refusals import AlreadyReversed, EntryMissing, NotPosted, PostedStays, refusals
from examples.ledger.sessions import Desk

_WRITE = text(
    """
    INSERT INTO ledger.journal (tenant_id, module, id, entity, operation, posting_date, period, description, reverses)
    VALUES (:tenant, :module, :id, :entity, :operation, :on, :period, :description, :reverses)
    """
)
_WRITE_LINE = text(
    """
    INSERT INTO ledger.line (tenant_id, module, entry, number, entity, account, currency, debit, credit)
    VALUES (:tenant, :module, :entry, :number, :entity, :account, :currency, :debit, :credit)
    """
)
_FIND = text(
    """
    SELECT * FROM ledger.journal
     WHERE tenant_id = :tenant AND entity = :entity AND module = :module AND id = :id FOR UPDATE
    """
)
_REDATE = text(
    """
    UPDATE ledger.journal SET posting_date = :on, period = :period
     WHERE tenant_id = :tenant AND module = :module AND id = :id
    """
)
_ADJUST = text(
    """
    UPDATE ledger.journal SET operation = 'adjustment'
     WHERE tenant_id = :tenant AND module = :module AND id = :id
    """
)
_POST = text(
    """
    UPDATE ledger.journal SET posted = true WHERE tenant_id = :tenant AND module = :module AND id = :id
    RETURNING posting_no, posting_date, period_id, epoch, original_date
    """
)

_REVERSED = text(
    "SELECT EXISTS (SELECT FROM ledger.journal WHERE tenant_id = :tenant AND module = :module AND reverses = :id)"
)
_OTHER_SIDES = text(
    """
    INSERT INTO ledger.line (tenant_id, module, entry, number, entity, account, currency, debit, credit)
    SELECT tenant_id, module, CAST(:reversal AS uuid), number, entity, account, currency, credit, debit
      FROM ledger.line WHERE tenant_id = :tenant AND module = :module AND entry = :id
    """
)


async def write(at: AsyncConnection, desk: Desk, draft: Draft, reverses: UUID | None = None) -> Entry:
    entry = Entry(draft.module, uuid4())
    head = {"operation": draft.operation, "on": draft.on, "period": draft.period, "description": draft.description}
    await at.execute(_WRITE, {**_named(desk, entry), "entity": desk.entity, "reverses": reverses, **head})
    lines = [
        {
            "tenant": desk.tenant,
            "module": draft.module,
            "entry": entry.id,
            "number": number,
            "entity": desk.entity,
            "account": line.account,
            "currency": line.currency,
            "debit": line.debit,
            "credit": line.credit,
        }
        for number, line in enumerate(draft.lines, 1)
    ]
    if lines:
        await at.execute(_WRITE_LINE, lines)
    return entry


async def find(at: AsyncConnection, desk: Desk, entry: Entry) -> Row[Any]:
    """Nobody else changes it until the transaction ends."""
    found = (await at.execute(_FIND, {**_named(desk, entry), "entity": desk.entity})).one_or_none()
    if found is None:
        raise EntryMissing(module=entry.module, id=str(entry.id))
    return found


async def redate(at: AsyncConnection, desk: Desk, entry: Entry, on: date, period: int | None = None) -> None:
    await at.execute(_REDATE, {**_named(desk, entry), "on": on, "period": period})


async def adjust(at: AsyncConnection, desk: Desk, entry: Entry) -> None:
    await at.execute(_ADJUST, _named(desk, entry))


async def post(at: AsyncConnection, desk: Desk, entry: Entry) -> Posted:
    """The guard is asked last: from there on the closing of the period waits for the end of this transaction."""
    found = await find(at, desk, entry)
    if found.posted:
        raise PostedStays
    with refusals():
        await assert_postable_async(
            at,
            tenant=desk.tenant,
            entity=desk.entity,
            scope=found.module,
            operation=found.operation,
            on=found.posting_date,
            actor=desk.person,
            period=found.period,
        )
        row = (await at.execute(_POST, _named(desk, entry))).one()
    return Posted(
        Entry(Module(found.module), entry.id),
        row.posting_no,
        row.posting_date,
        row.period_id,
        row.epoch,
        row.original_date,
    )


async def reverse(at: AsyncConnection, desk: Desk, entry: Entry, reason: str, on: date | None = None) -> Posted:
    """The same lines on their other sides; on the day of the entry, unless another is given."""
    found = await find(at, desk, entry)
    if not found.posted:
        raise NotPosted
    if await at.scalar(_REVERSED, _named(desk, entry)):
        raise AlreadyReversed
    day, period = (on, None) if on else (found.posting_date, found.period)
    back = Draft(entry.module, day, reason, operation=found.operation, period=period)
    reversal = await write(at, desk, back, reverses=entry.id)
    await at.execute(_OTHER_SIDES, {**_named(desk, entry), "reversal": reversal.id})
    return await post(at, desk, reversal)


def _named(desk: Desk, entry: Entry) -> dict[str, object]:
    return {"tenant": desk.tenant, "module": entry.module, "id": entry.id}
