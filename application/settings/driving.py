"""What drives a calendar stays in production while a period of it has begun, and none begins while it is written."""

from collections.abc import Iterable
from typing import Any

from application.periods.places import calendar_of, period_code, years_of
from application.ports.periods import EntityBooks
from application.ports.store import Transaction
from application.settings.plan import Plan
from domain.environments import Environment
from domain.periods import Status
from domain.settings import CalendarBegun, Definition


async def check_driven(tx: Transaction, plan: Plan) -> None:
    """CalendarBegun with the key, and the first period that has begun."""
    if plan.house.environment is Environment.PRODUCTION:
        await check_rest(
            tx, [plan.house.definitions[key] for key in sorted(plan.keys) if key in plan.house.definitions]
        )


async def check_rest(tx: Transaction, definitions: Iterable[Definition]) -> None:
    """As `check_driven`, of all values of these keys at once."""
    driving = {each.drives_calendar: each.key for each in definitions if each.drives_calendar is not None}
    for books in await tx.books.all() if driving else ():
        code = (await calendar_of(tx, books)).code
        if code in driving and (begun := await _begun(tx, books)):
            raise CalendarBegun(key=driving[code], calendar=code, **begun)


async def _begun(tx: Transaction, books: EntityBooks) -> dict[str, Any] | None:
    """Whoever opens the first period of these books waits for them."""
    await tx.books.get(books.entity, lock=True)
    for year in await years_of(tx, books.calendar):
        gates = {each.key.period: each for each in await tx.periods.gates(books.entity, year.periods)}
        for period, id_ in zip(year.year.periods, year.periods, strict=True):
            if id_ in gates and gates[id_].status is not Status.PENDING:
                return {"entity": books.entity, "period": period_code(year.year, period)}
    return None
