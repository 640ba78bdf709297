from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.ports.calendars import WHOLE, LegalEntity, StoredCalendar, StoredYear
from domain.calendars import FiscalYear, YearKind, closing_year, fiscal_year, parse_rule
from domain.calendars.keeping import PeriodsApart, PeriodsOverlap, YearsApart, YearUsed
from domain.errors import AlreadyExists, Missing, Stale
from tests.contract.homes import LONG_AGO, Home

RULE = parse_rule({"kind": "gregorian", "adjusting_periods": 1})
GERMANY = LegalEntity("de", "Acme GmbH", "Europe/Berlin", None, 1, "DE", "BE")
NEVER = date.min


def calendar(home: Home, **given: Any) -> StoredCalendar:
    made = StoredCalendar(
        uuid4(), WHOLE, "books", 1, 1900, RULE.to_json(), "separate", home.ada.id, LONG_AGO, "because", uuid4()
    )
    return replace(made, **given)


def stored(of: StoredCalendar, year: FiscalYear | int) -> StoredYear:
    whole = fiscal_year(RULE, year) if isinstance(year, int) else year
    return StoredYear(
        uuid4(), of.id, of.version, whole, tuple(uuid4() for _ in whole.periods), of.written_by, LONG_AGO, "because"
    )


async def made(home: Home, *numbers: int) -> tuple[StoredCalendar, list[StoredYear]]:
    books = calendar(home)
    years = [stored(books, number) for number in numbers]
    async with home.transaction() as tx:
        await tx.calendars.put(books)
        await tx.calendars.add(years)
    return books, years


async def add(home: Home, *years: StoredYear) -> None:
    async with home.transaction() as tx:
        await tx.calendars.add(years)


class TestEntities:
    async def test_are_kept_over_the_version_before(self, home: Home) -> None:
        second = replace(GERMANY, version=2, name="Acme SE", time_zone="Europe/Vienna", country=None, subdivision=None)
        below = replace(GERMANY, code="at", parent="de")
        async with home.transaction() as tx:
            assert await tx.entities.get("de") is None
            await tx.entities.put(GERMANY)
            assert await tx.entities.get("de", lock=True) == GERMANY
            await tx.entities.put(second)
            await tx.entities.put(below)
            assert await tx.entities.page("", 9) == [below, second]
            assert await tx.entities.page("at", 9) == [second]
        for stale in (GERMANY, second, replace(GERMANY, version=4)):
            with pytest.raises(Stale):
                async with home.transaction() as tx:
                    await tx.entities.put(stale)

    async def test_stay_where_they_stand(self, home: Home) -> None:
        async with home.transaction() as tx:
            await tx.entities.put(GERMANY)
            await tx.entities.put(replace(GERMANY, code="at"))
            await tx.entities.put(replace(GERMANY, code="at", version=2, parent="de"))
            found = await tx.entities.get("at")
            assert found is not None
            assert found.parent is None


class TestCalendars:
    async def test_are_kept_version_by_version(self, home: Home) -> None:
        first = calendar(home)
        second = replace(first, version=2, from_year=2025, short_periods="irs", request=None)
        async with home.transaction() as tx:
            assert await tx.calendars.find("books", WHOLE) is None
            await tx.calendars.put(first)
            await tx.calendars.put(second)
            assert await tx.calendars.find("books", WHOLE, lock=True) == second
            assert await tx.calendars.versions(first.id, 9, 9) == [second, first]
            assert await tx.calendars.versions(first.id, 2, 9) == [first]
            assert await tx.calendars.version_for(first.id, 2024) == first
            assert await tx.calendars.version_for(first.id, 2025) == second
            assert await tx.calendars.version_for(first.id, 1899) is None
            assert first.request is not None
            assert await tx.calendars.asked(first.request) == first
            assert await tx.calendars.asked(uuid4()) is None
        with pytest.raises(AlreadyExists):
            async with home.transaction() as tx:
                await tx.calendars.put(replace(second, reason="again", request=None))

    async def test_of_one_code_are_one_for_each_entity_and_one_for_the_tenant(self, home: Home) -> None:
        whole, own = calendar(home), calendar(home, entity="de")
        async with home.transaction() as tx:
            await tx.entities.put(GERMANY)
            await tx.calendars.put(whole)
            await tx.calendars.put(own)
            assert await tx.calendars.find("books", "de") == own
            assert await tx.calendars.page(("", ""), 9) == [whole, own]
            assert await tx.calendars.page(("books", ""), 9) == [own]
        for entity in (WHOLE, "de"):
            with pytest.raises(AlreadyExists):
                async with home.transaction() as tx:
                    await tx.calendars.put(calendar(home, entity=entity))


class TestYears:
    async def test_are_found_by_number_day_and_span(self, home: Home) -> None:
        books, (one, two) = await made(home, 2024, 2025)
        async with home.transaction() as tx:
            assert await tx.calendars.years(books.id, NEVER, 9) == [one, two]
            assert await tx.calendars.years(books.id, date(2024, 1, 1), 9) == [two]
            assert await tx.calendars.years(books.id, NEVER, 1) == [one]
            assert await tx.calendars.year(books.id, 2025) == two
            assert await tx.calendars.year(books.id, 2025, transition=True) is None
            assert await tx.calendars.from_number(books.id, 2025, 9) == [two]
            assert await tx.calendars.touching(books.id, date(2024, 12, 31), date(2024, 12, 31)) == [one]
            assert await tx.calendars.touching(books.id, date(2024, 12, 31), date(2025, 1, 1)) == [one, two]
            assert await tx.calendars.near(books.id, date(2025, 12, 31)) == [two]
            assert await tx.calendars.near(books.id, date(2026, 1, 1)) == [two]
            assert await tx.calendars.near(books.id, date(2023, 12, 31)) == [one]
            assert await tx.calendars.near(uuid4(), date(2024, 1, 1)) == []
            assert await tx.calendars.ends_of(books.id) == [one, two]
            assert await tx.calendars.ends_of(uuid4()) == []

    async def test_a_transition_year_has_the_number_of_the_one_after_it(self, home: Home) -> None:
        books, (last,) = await made(home, 2024)
        short = replace(closing_year(RULE, date(2025, 9, 30)), kind=YearKind.TRANSITION, label="FY2025T")
        between = stored(books, short)
        await add(home, between)
        async with home.transaction() as tx:
            assert await tx.calendars.year(books.id, 2025) is None
            assert await tx.calendars.year(books.id, 2025, transition=True) == between
            assert await tx.calendars.ends_of(books.id) == [last, between]

    @pytest.mark.req("FP21")
    async def test_share_no_day(self, home: Home) -> None:
        books, _ = await made(home, 2024)
        ahead = stored(books, closing_year(RULE, date(2024, 6, 30)))
        with pytest.raises(PeriodsOverlap):
            await add(home, replace(ahead, year=replace(ahead.year, number=2023)))
        await made_elsewhere(home, 2024)

    async def test_of_a_number_are_one(self, home: Home) -> None:
        books, _ = await made(home, 2024)
        with pytest.raises(AlreadyExists):
            await add(home, stored(books, replace(fiscal_year(RULE, 2025), number=2024)))

    async def test_leave_no_day_out(self, home: Home) -> None:
        books, _ = await made(home, 2024)
        with pytest.raises(YearsApart):
            await add(home, stored(books, 2026))
        whole = fiscal_year(RULE, 2025)
        holed = replace(whole, periods=(*whole.periods[:4], *whole.periods[5:]))
        with pytest.raises(PeriodsApart) as refused:
            await add(home, stored(books, holed))
        assert refused.value.facts == {"gaps": [{"begins": "2025-05-01", "ends": "2025-05-31"}]}

    async def test_go_while_they_were_not_used(self, home: Home) -> None:
        books, (one, two) = await made(home, 2024, 2025)
        await use(home, two.id)
        await remove(home, one.id)
        with pytest.raises(YearUsed):
            await remove(home, two.id)
        with pytest.raises(Missing):
            await use(home, one.id)
        async with home.transaction() as tx:
            assert await tx.calendars.years(books.id, NEVER, 9) == [replace(two, used=True)]

    async def test_in_the_middle_stay(self, home: Home) -> None:
        books, (_, two, _) = await made(home, 2024, 2025, 2026)
        with pytest.raises(YearsApart):
            await remove(home, two.id)
        async with home.transaction() as tx:
            assert len(await tx.calendars.years(books.id, NEVER, 9)) == 3


async def made_elsewhere(home: Home, number: int) -> None:
    """The same dates in another calendar of the tenant."""
    other = calendar(home, code="other")
    async with home.transaction() as tx:
        await tx.calendars.put(other)
        await tx.calendars.add([stored(other, number)])


async def use(home: Home, year: UUID) -> None:
    async with home.transaction() as tx:
        await tx.calendars.use(year)


async def remove(home: Home, year: UUID) -> None:
    async with home.transaction() as tx:
        await tx.calendars.remove(year)
