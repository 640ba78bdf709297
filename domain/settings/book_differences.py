"""Bookkeeping only grows: a rule is followed by another, a year is added, and what was used stays as it is."""

from collections.abc import Collection, Iterator, Mapping

from domain.bookkeeping import Bookkeeping, KeptCalendar, KeptYear
from domain.canonical import Json, canonical_bytes
from domain.settings.ops import Op

BookThing = tuple[str, str]
"""What it is (`entity`, `scope`, `calendar`, `year` or `books`), and what it is called."""
ENTITY, SCOPE, CALENDAR, YEAR, BOOKS = "entity", "scope", "calendar", "year", "books"


def year_name(calendar: KeptCalendar, kept: KeptYear) -> str:
    return f"{calendar.name}/{kept.year.code}"


def missing_years(calendar: KeptCalendar, things: Collection[BookThing]) -> list[KeptYear]:
    """Those that are among the things to write."""
    return [kept for kept in calendar.years if (YEAR, year_name(calendar, kept)) in things]


def compared_books(wanted: Bookkeeping, stored: Bookkeeping, *, overwrite: bool) -> Iterator[tuple[BookThing, Op]]:
    """What only the stored has stays. A calendar that has gone on since is kept."""
    different = Op.CHANGED if overwrite else Op.KEPT
    plain = ((ENTITY, wanted.entities, stored.entities), (SCOPE, wanted.scopes, stored.scopes))
    for kind, new, old in (*plain, (BOOKS, wanted.books, stored.books)):
        yield from (((kind, name), _op(said, old.get(name), different)) for name, said in sorted(new.items()))
    for name, calendar in sorted(wanted.calendars.items()):
        there = stored.calendars.get(name)
        yield (CALENDAR, name), _rules(calendar, there, different)
        yield from (((YEAR, year_name(calendar, kept)), _made(kept, there, overwrite)) for kept in calendar.years)


def clashing_books(wanted: Bookkeeping, stored: Bookkeeping) -> list[str]:
    """What can never be as the bundle says: another past of a rule, another year, another place in the group."""
    return sorted({f"{kind} {name}" for kind, name in _clashes(wanted, stored)})


def _clashes(wanted: Bookkeeping, stored: Bookkeeping) -> Iterator[BookThing]:
    for kind, field, new, old in (
        (ENTITY, "parent", wanted.entities, stored.entities), (SCOPE, "ledger", wanted.scopes, stored.scopes)
    ):  # fmt: skip
        yield from ((kind, name) for name in new.keys() & old.keys() if new[name][field] != old[name][field])
    for name in wanted.calendars.keys() & stored.calendars.keys():
        calendar, there = wanted.calendars[name], stored.calendars[name]
        if not _begins_alike(calendar, there):
            yield CALENDAR, name
        years = {each.year.code: each.year for each in there.years}
        yield from (
            (YEAR, year_name(calendar, kept))
            for kept in calendar.years
            if years.get(kept.year.code, kept.year) != kept.year
        )


def _op(said: Json, there: Json | None, different: Op) -> Op:
    if there is None:
        return Op.ADDED
    return Op.EQUAL if canonical_bytes(said) == canonical_bytes(there) else different


def _rules(calendar: KeptCalendar, there: KeptCalendar | None, different: Op) -> Op:
    if there is None:
        return Op.ADDED
    ahead = len(calendar.versions) - len(there.versions)
    if ahead == 0:
        return Op.EQUAL
    return different if ahead > 0 else Op.KEPT


def _made(kept: KeptYear, there: KeptCalendar | None, overwrite: bool) -> Op:  # noqa: FBT001  # named by the only caller
    """A year of a rule that does not come in stays away with it."""
    if there is None:
        return Op.ADDED
    if kept.year.code in {each.year.code for each in there.years}:
        return Op.EQUAL
    return Op.ADDED if overwrite or kept.version <= len(there.versions) else Op.KEPT


def _begins_alike(one: KeptCalendar, other: KeptCalendar) -> bool:
    shared = min(len(one.versions), len(other.versions))
    return canonical_bytes(list(one.versions[:shared])) == canonical_bytes(list(other.versions[:shared]))


def books_having(ops: Mapping[BookThing, Op], *wanted: Op) -> list[BookThing]:
    return [thing for thing, op in ops.items() if op in wanted]
