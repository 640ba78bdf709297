"""Which gates nobody opened yet, in periods that have begun somewhere on earth."""

from datetime import datetime, timedelta

from adapters.memory.rows import Rows
from domain.calendars import PeriodKind
from domain.periods import GateKey

_WEST, _EAST = timedelta(hours=12), timedelta(hours=14)


def openings_of(rows: Rows, now: datetime) -> list[tuple[str, str]]:
    """Entity and scope, of the books that open by themselves."""
    first, last = (now - _WEST).date(), (now + _EAST).date()
    found = [
        (books.entity, scope)
        for books in rows.books.values()
        for year in rows.fiscal_years.values()
        for id_, period in zip(year.periods, year.year.periods, strict=True)
        for scope in rows.scopes
        if books.opens_itself
        and year.calendar == books.calendar
        and period.kind is PeriodKind.STANDARD
        and period.begins <= last
        and first <= period.ends
        and GateKey(books.entity, id_, scope) not in rows.gates
    ]
    return sorted(set(found))
