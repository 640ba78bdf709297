"""January of an entity with five journals in this database and other modules elsewhere, ready to be closed."""

from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from adapters.holidays.listed import ListedHolidays
from application.calendars.cases import CalendarCases
from application.calendars.configuring import CalendarWish
from application.calendars.entities import EntityWish
from application.calendars.making import YearWish
from application.calendars.places import Place
from application.closures.templates import Templates
from application.fences.cases import FenceCases
from application.fences.modules import ModuleWish
from application.periods.books import BooksWish
from application.periods.cases import PeriodCases
from application.periods.moves import GateVerb
from application.periods.moving import GateWish
from application.tenants import Tenants
from benchmarks.house import House
from domain.people import Actor, PrincipalKind, Role
from domain.periods import Scope

SCOPES = ("AP", "AR", "GL", "INV", "PAY")
"""The ledger and four sub-ledgers, each with one journal here."""
ENTITY, PERIOD, DAY, TEMPLATE = "acme", "2025-01", date(2025, 1, 14), "monthly"
WHY = "to be measured"

_GROUND = """
CREATE ROLE bench_books NOLOGIN;
GRANT changegate_module, changegate_poster TO bench_books;
CREATE SCHEMA bench AUTHORIZATION bench_books;
GRANT USAGE ON SCHEMA bench TO changegate_app;
SET ROLE bench_books;
"""
_JOURNAL = """
CREATE TABLE bench.{0} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id uuid NOT NULL, entity text NOT NULL, day date NOT NULL,
  operation text NOT NULL, posted boolean NOT NULL DEFAULT true, amount numeric(20, 4) NOT NULL,
  period_id uuid, epoch bigint);
CREATE INDEX ON bench.{0} (tenant_id, entity, period_id);
CREATE FUNCTION bench.{0}_control(uuid, text, uuid) RETURNS jsonb LANGUAGE sql STABLE AS
  $$ SELECT jsonb_build_object('entries', count(*), 'high_water', max(id)::text,
       'totals', jsonb_build_array(jsonb_build_object('currency', 'EUR',
          'debit', coalesce(sum(amount) FILTER (WHERE amount > 0), 0)::text,
          'credit', coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)::text)),
       'digest', 'sha256:' || encode(sha256(convert_to(coalesce(
          string_agg(concat_ws('|', id, day, amount), ';' ORDER BY id), ''), 'UTF8')), 'hex'))
       FROM bench.{0} WHERE posted AND tenant_id = $1 AND entity = $2 AND period_id = $3 $$;
CREATE FUNCTION bench.{0}_unposted(uuid, text, uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT '[]'::jsonb $$;
CREATE FUNCTION bench.{0}_balances(uuid, text, uuid)
  RETURNS TABLE (account text, kind text, currency text, balance numeric) LANGUAGE sql STABLE AS
  $$ SELECT CASE WHEN amount > 0 THEN '1000' ELSE '2000' END, 'balance-sheet', 'EUR', sum(amount)
       FROM bench.{0} WHERE posted AND tenant_id = $1 AND entity = $2 AND period_id = $3 GROUP BY amount > 0 $$;
GRANT SELECT, INSERT ON bench.{0} TO changegate_app;
SELECT fiscal.register_journal_v1('{0}', '{1}', 'bench.{0}',
  '{{"tenant": "tenant_id", "entity": "entity", "date": "day", "operation": "operation", "posted": "posted",
    "period_id": "period_id", "epoch": "epoch"}}',
  '{{"control": "bench.{0}_control", "unposted": "bench.{0}_unposted", "balances": "bench.{0}_balances"}}');
"""
_ENTERED = ("INSERT INTO bench.{} (tenant_id, entity, day, operation, amount) "
            "SELECT $1, $2, $3, 'transaction', CASE WHEN n % 2 = 0 THEN 100 ELSE -100 END "
            "FROM generate_series(1, $4) AS n")  # fmt: skip


async def furnished(home: House, entries: int) -> Actor:
    """Books whose January is open, with so many entries in each journal; who keeps them."""
    by = await person(home, "fin")
    calendars, periods = CalendarCases.over(home.store, ListedHolidays()), PeriodCases.over(home.store)
    await calendars.entities.put(by, ENTITY, EntityWish("Acme", "Europe/Berlin"), expected=0, reason=WHY)
    rule = CalendarWish({"kind": "gregorian"})
    await calendars.configuring.put(by, Place("books", ""), rule, expected=0, reason=WHY)
    await calendars.making.make(by, Place("books", ""), DAY.year, YearWish(), WHY)
    for code in SCOPES:
        ledger = code == "GL"
        await periods.scopes.put(by, Scope(code, code, ledger=ledger, sequential=ledger), expected=0, reason=WHY)
    await periods.books.put(by, ENTITY, BooksWish("books"), expected=0, reason=WHY)
    await periods.gating.period(by, GateVerb.OPEN, (ENTITY, PERIOD), GateWish(WHY, SCOPES))
    await _journals(home, by.id, entries)
    return by


async def _journals(home: House, person: UUID, entries: int) -> None:
    owner = await asyncpg.connect(home.stack.endpoints.database_superuser_url)
    journals = {f"journal_{scope.lower()}": scope for scope in SCOPES}
    await owner.execute(_GROUND + "".join(_JOURNAL.format(*each) for each in journals.items()) + "RESET ROLE;")
    async with owner.transaction():
        await owner.execute("SELECT set_config('fiscal.actor', $1, true)", str(person))
        for journal in journals:
            await owner.execute(_ENTERED.format(journal), home.tenant.id, ENTITY, DAY, entries)
    await owner.close()


async def elsewhere(home: House, by: Actor, count: int) -> dict[str, str]:
    """The handle of who speaks for each module, by the module's code; the scopes share them."""
    modules = FenceCases.over(home.store).modules
    found = {}
    for number in range(count):
        code, handle = f"M-{number:02}", f"speaker-{number:02}"
        await Tenants(home.store).admit_principal(
            home.tenant, handle, frozenset({Role.VIEWER}), issuer=home.issuer.config().issuer,
            kind=PrincipalKind.SERVICE,
        )  # fmt: skip
        wish = ModuleWish(code, SCOPES[number % len(SCOPES)], handle, (ENTITY,))
        await modules.put(by, code, wish, expected=0, reason=WHY)
        found[code] = handle
    return found


async def tasks_of(home: House, by: Actor, owner: Actor, count: int) -> list[str]:
    """The keys of so many tasks by hand in an order in which they may be done: each waits for the tenth before it."""
    tasks: list[dict[str, Any]] = [
        {"key": f"task-{number:03}", "name": f"Task {number}", "owner": str(owner.id),
         "after": [f"task-{number - 10:03}"] if number >= 10 else []}
        for number in range(count)
    ]  # fmt: skip
    await Templates(home.store).put(by, TEMPLATE, {"tasks": tasks}, expected=0, reason=WHY)
    return [task["key"] for task in tasks]


async def person(home: House, handle: str) -> Actor:
    """Who may keep books and close them."""
    roles, issuer = frozenset({Role.FINANCE_CONTROLLER}), home.issuer.config().issuer
    return (await Tenants(home.store).admit_principal(home.tenant, handle, roles, issuer=issuer)).actor
