"""An entry whose period no longer takes it is refused, or stands on the next day that does, as its books say."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from changegate import Conflict
from sqlalchemy import text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from examples.ledger import journals
from examples.ledger.entries import Entry, Posted
from examples.ledger.sessions import Desk

LATE: Final = frozenset({"period-closed", "period-locked", "adjustments-only", "not-adjustable"})
SWEEP: Final = "sweep"

_ADVICE = text(
    """
    SELECT mode, next_open
      FROM fiscal.late_entry_v1(CAST(:tenant AS uuid), CAST(:entity AS text), CAST(:scope AS text),
                                CAST(:operation AS text), CAST(:on AS date))
    """
)
_SWEEP = text(
    """
    UPDATE ledger.journal SET original_date = posting_date, posting_date = :on
     WHERE tenant_id = :tenant AND module = :module AND id = :id
    """
)
_REMEMBER = text(
    """
    INSERT INTO ledger.late_entry (tenant_id, module, entry, original_date, posted_on, refusal, swept_by)
    VALUES (:tenant, :module, :id, :original, :on, :refusal, :person)
    """
)


@dataclass(frozen=True)
class _Advice:
    mode: str
    next_open: date | None


async def post_late(at: AsyncConnection, desk: Desk, entry: Entry) -> Posted:
    """The guard has let in already what a live exception allows: where that is the books' way, its refusal stands.

    Raises Conflict with `next_open_date`, as text, when some later day is open.
    """
    try:
        async with at.begin_nested():
            return await journals.post(at, desk, entry)
    except Conflict as refused:
        if refused.kind not in LATE:
            raise
        found = await journals.find(at, desk, entry)
        advice = await _advice(at, desk, found)
        if advice.next_open is None or found.period is not None:
            raise
        if advice.mode != SWEEP:
            facts = {**refused.facts, "next_open_date": advice.next_open.isoformat()}
            raise Conflict(refused.status, refused.kind, refused.title, facts) from refused
        why = refused.kind
    return await _swept(at, desk, entry, found, advice.next_open, why)


async def _swept(at: AsyncConnection, desk: Desk, entry: Entry, found: Row[Any], on: date, why: str) -> Posted:
    named = {"tenant": desk.tenant, "module": entry.module, "id": entry.id, "on": on}
    await at.execute(_SWEEP, named)
    await at.execute(_REMEMBER, {**named, "original": found.posting_date, "refusal": why, "person": desk.person})
    return await journals.post(at, desk, entry)


async def _advice(at: AsyncConnection, desk: Desk, found: Row[Any]) -> _Advice:
    asked = {"tenant": desk.tenant, "entity": desk.entity, "scope": found.module}
    row = (await at.execute(_ADVICE, {**asked, "operation": found.operation, "on": found.posting_date})).one()
    return _Advice(row.mode, row.next_open)
