"""An attempt at closing March 2025 of one entity, in either store."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from application.ports.calendars import WHOLE, LegalEntity, StoredCalendar, StoredYear
from domain.calendars import fiscal_year, parse_rule
from domain.closures import (
    ClosureRun,
    Mode,
    RunState,
    TaskKind,
    TaskPlan,
)
from domain.periods import GateKey, PeriodGate, Posting, Status
from tests.contract.homes import LONG_AGO, Home

RULE = parse_rule({"kind": "gregorian"})
LATER = LONG_AGO + timedelta(days=1)
MARCH = 2


async def periods(home: Home) -> tuple[UUID, ...]:
    """Those of 2025 of the entity `de`."""
    year = fiscal_year(RULE, 2025)
    calendar = StoredCalendar(
        uuid4(), WHOLE, "books", 1, 1900, RULE.to_json(), "separate", home.ada.id, LONG_AGO, "because"
    )
    made = StoredYear(
        uuid4(), calendar.id, 1, year, tuple(uuid4() for _ in year.periods), home.ada.id, LONG_AGO, "because"
    )
    async with home.transaction() as tx:
        await tx.entities.put(LegalEntity("de", "Acme GmbH", "Europe/Berlin", None, 1))
        await tx.calendars.put(calendar)
        await tx.calendars.add([made])
    return made.periods


def attempt(home: Home, period: UUID, **given: Any) -> ClosureRun:
    gate = PeriodGate(GateKey("de", period, "GL"), Status.OPEN, Posting.ALL, 4, home.ada.id, LONG_AGO, "because")
    run = ClosureRun(
        uuid4(), home.tenant.id, "de", period, "2025-03", ("AP", "GL"), Mode.HARD, 1, home.ada.id, RunState.INITIATED,
        LONG_AGO, template="month-end/1", due_at=LATER, prior=(gate,),
    )  # fmt: skip
    return replace(run, **given)


async def added(home: Home, **given: Any) -> ClosureRun:
    run = attempt(home, (await periods(home))[MARCH], **given)
    async with home.transaction() as tx:
        await tx.closures.add(run)
    return run


def plan(home: Home, key: str, **given: Any) -> TaskPlan:
    whole = TaskPlan(key, key.title(), TaskKind.RECONCILIATION, home.ada.id, home.bob.id, effort_hours=Decimal("1.5"))
    return replace(whole, **given)
