"""A real gate of a tenant's general ledger, and journals: one that the guard keeps, and one that it does not."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

from application.ports.calendars import WHOLE, LegalEntity, StoredCalendar, StoredYear
from application.ports.periods import EntityBooks
from application.ports.store import Store
from domain.calendars import fiscal_year, parse_rule
from domain.periods import GateKey, LateEntries, PeriodGate, Scope

ENTITY, SCOPE, DAY = "acme-de", "GL", date(2025, 3, 14)
RULE = parse_rule({"kind": "gregorian"})
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ASKED = "SELECT period_id, epoch FROM fiscal.assert_postable_v1($1, $2, $3, 'transaction', $4, $5)"
ENTERED = ("INSERT INTO cut_off.{} (tenant_id, entity, day, operation, amount, period_id, epoch) "
           "VALUES ($1, $2, $3, 'transaction', $4, $5, $6)")  # fmt: skip

JOURNALS = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cut_off_owner') THEN CREATE ROLE cut_off_owner NOLOGIN; END IF;
END $$;
GRANT changegate_module, changegate_poster TO cut_off_owner;
CREATE SCHEMA cut_off AUTHORIZATION cut_off_owner;
GRANT USAGE ON SCHEMA cut_off TO changegate_app;
SET ROLE cut_off_owner;
CREATE TABLE cut_off.guarded (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id uuid NOT NULL, entity text NOT NULL, day date NOT NULL,
  operation text NOT NULL, posted boolean NOT NULL DEFAULT true, amount numeric(20, 4) NOT NULL,
  period_id uuid, epoch bigint);
CREATE INDEX guarded_epochs ON cut_off.guarded (tenant_id, epoch);
CREATE TABLE cut_off.unguarded (LIKE cut_off.guarded INCLUDING ALL);
CREATE TABLE cut_off.counted (journal text, tenant_id uuid, epoch bigint, entries bigint, amount numeric);
CREATE FUNCTION cut_off.control(uuid, text, uuid) RETURNS jsonb LANGUAGE sql STABLE AS
  $$ SELECT jsonb_build_object('entries', count(*), 'high_water', max(id)::text, 'totals', '[]'::jsonb, 'digest', '')
       FROM cut_off.guarded WHERE tenant_id = $1 AND entity = $2 AND period_id = $3 $$;
CREATE FUNCTION cut_off.unposted(uuid, text, uuid) RETURNS jsonb LANGUAGE sql STABLE AS
  $$ SELECT '[]'::jsonb $$;
CREATE FUNCTION cut_off.balances(uuid, text, uuid)
  RETURNS TABLE (account text, kind text, currency text, balance numeric) LANGUAGE sql STABLE AS
  $$ SELECT '', '', '', 0::numeric WHERE false $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA cut_off TO changegate_app;
SELECT fiscal.register_journal_v1('cut-off', 'GL', 'cut_off.guarded',
  '{"tenant": "tenant_id", "entity": "entity", "date": "day", "operation": "operation", "posted": "posted",
    "period_id": "period_id", "epoch": "epoch"}',
  '{"control": "cut_off.control", "unposted": "cut_off.unposted", "balances": "cut_off.balances"}');
RESET ROLE;
"""
GONE = "DELETE FROM fiscal.journal WHERE module = 'cut-off'; DROP SCHEMA cut_off CASCADE"


async def opened(store: Store, tenant: UUID, person: UUID) -> PeriodGate:
    """March of 2025 of the general ledger, which lets everything in."""
    calendar = StoredCalendar(uuid4(), WHOLE, "books", 1, 1900, RULE.to_json(), "separate", person, LONG_AGO, "because")
    year = fiscal_year(RULE, 2025)
    made = StoredYear(uuid4(), calendar.id, 1, year, tuple(uuid4() for _ in year.periods), person, LONG_AGO, "because")
    key = GateKey(ENTITY, made.periods[2], SCOPE)
    async with store.transaction(tenant) as tx:
        await tx.entities.put(LegalEntity(ENTITY, "Acme GmbH", "Europe/Berlin", None, 1))
        await tx.calendars.put(calendar)
        await tx.calendars.add([made])
        await tx.books.put_scope(Scope(SCOPE, "General ledger", ledger=True, sequential=True))
        await tx.books.put(EntityBooks(ENTITY, calendar.id, LateEntries.REJECT, None, version=1))
    async with store.transaction(tenant) as tx:
        gate = (await tx.periods.hold([key]))[key].opened(person, tx.now, "because")
        await tx.periods.move([gate])
    return gate
