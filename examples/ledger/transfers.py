"""The general ledger takes over what a sub-ledger has posted: once, by day and operation, account by account."""

from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from examples.ledger import journals
from examples.ledger.entries import Draft, Module, Posted
from examples.ledger.sessions import Desk

_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:whose AS text), 0))")
_DAYS = text(
    """
    SELECT j.operation, j.posting_date, j.period, array_agg(j.id ORDER BY j.posting_no) AS entries
      FROM ledger.journal j
     WHERE j.tenant_id = :tenant AND j.module = :module AND j.entity = :entity AND j.posted AND j.posting_date <= :until
       AND NOT EXISTS (SELECT FROM ledger.transfer t
                        WHERE t.tenant_id = j.tenant_id AND t.module = j.module AND t.entry = j.id)
     GROUP BY j.operation, j.posting_date, j.period ORDER BY j.posting_date, j.period NULLS FIRST, j.operation
    """
)
_SUMS = text(
    """
    INSERT INTO ledger.line (tenant_id, module, entry, number, entity, account, currency, debit, credit)
    SELECT CAST(:tenant AS uuid), 'GL', CAST(:into AS uuid),
           row_number() OVER (ORDER BY s.account, s.currency, s.credit), CAST(:entity AS text), s.*
      FROM (SELECT l.account, l.currency, sum(l.debit) AS debit, sum(l.credit) AS credit
              FROM ledger.line l
             WHERE l.tenant_id = :tenant AND l.module = :module AND l.entry = ANY (CAST(:entries AS uuid[]))
             GROUP BY l.account, l.currency, l.debit > 0) AS s
    """
)
_HANDED_OVER = text(
    """
    INSERT INTO ledger.transfer (tenant_id, module, entry, into_entry)
    SELECT CAST(:tenant AS uuid), CAST(:module AS text), e, CAST(:into AS uuid)
      FROM unnest(CAST(:entries AS uuid[])) AS e
    """
)


async def transfer(at: AsyncConnection, desk: Desk, module: Module, until: date) -> list[Posted]:
    """What has been transferred is left alone: asked again, there is nothing left."""
    await at.execute(_TAKE_TURNS, {"whose": f"ledger.transfer {desk.tenant} {desk.entity}"})
    of = {"tenant": desk.tenant, "module": module, "entity": desk.entity}
    made = []
    for day in list(await at.execute(_DAYS, {**of, "until": until})):
        sums = Draft(
            Module.GL, day.posting_date, f"Taken over from {module}", operation=day.operation, period=day.period
        )
        into = await journals.write(at, desk, sums)
        handed = {**of, "into": into.id, "entries": day.entries}
        await at.execute(_SUMS, handed)
        await at.execute(_HANDED_OVER, {name: handed[name] for name in ("tenant", "module", "into", "entries")})
        made.append(await journals.post(at, desk, into))
    return made
