"""Calendars as their people use them, in memory."""

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from adapters.holidays.listed import ListedHolidays
from application.calendars.cases import CalendarCases
from application.calendars.configuring import CalendarWish
from application.calendars.entities import EntityWish
from application.calendars.making import Made, YearWish
from application.calendars.places import MOST_LEVELS, Held, Place
from domain.calendars import ShortPeriods
from domain.calendars.given import Span
from domain.calendars.keeping import CalendarUsed, PeriodsOverlap, YearExists, YearsApart, YearUsed
from domain.errors import Invalid, Missing, Stale
from domain.people import PermissionMissing, Role
from tests.world import World

BOOKS = Place("books")
MONTHS = {"kind": "gregorian"}
FROM_JULY = {"kind": "gregorian", "start_month": 7}
WHY = "because of the test"
BERLIN = EntityWish("Acme GmbH", "Europe/Berlin")


@pytest.fixture
def cases(world: World) -> CalendarCases:
    return CalendarCases.over(world.store, ListedHolidays())


async def ruled(cases: CalendarCases, world: World, rule: Any = MONTHS, expected: int = 0, **wish: Any) -> None:
    await cases.configuring.put(world.root, BOOKS, CalendarWish(rule, **wish), expected=expected, reason=WHY)


async def made(cases: CalendarCases, world: World, number: int, **wish: Any) -> Made:
    return await cases.making.make(world.root, BOOKS, number, YearWish(**wish), WHY)


def days(found: Made) -> list[tuple[str, str, str]]:
    return [(each.year.code, str(each.year.begins), str(each.year.ends)) for each in found.years]


class TestPermissions:
    async def test_whoever_may_look_may_not_write(self, cases: CalendarCases, world: World) -> None:
        eve, wish = world.eve, CalendarWish(MONTHS)
        for refused in (
            cases.configuring.put(eve, BOOKS, wish, expected=0, reason=WHY),
            cases.entities.put(eve, "de", BERLIN, expected=0, reason=WHY),
            cases.making.make(eve, BOOKS, 2024, YearWish(), WHY),
            cases.making.remove(eve, BOOKS, "2024", WHY),
        ):
            with pytest.raises(PermissionMissing):
                await refused

    async def test_a_finance_controller_writes(self, cases: CalendarCases, world: World) -> None:
        fin = replace(world.eve, roles=frozenset({Role.FINANCE_CONTROLLER}))
        await cases.configuring.put(fin, BOOKS, CalendarWish(MONTHS), expected=0, reason=WHY)
        made_now = await cases.making.make(fin, BOOKS, 2024, YearWish(), WHY)
        assert made_now.years[0].made_by == fin.id

    async def test_what_is_not_there_is_missing(self, cases: CalendarCases, world: World) -> None:
        for refused in (
            cases.configuring.get(world.eve, BOOKS),
            cases.configuring.get(world.eve, Place("books", "nobody")),
            cases.entities.get(world.eve, "nobody"),
            cases.making.get(world.eve, BOOKS, "2024"),
            made(cases, world, 2024),
        ):
            with pytest.raises(Missing):
                await refused


class TestYears:
    @pytest.mark.req("FP20", "FP24")
    async def test_asked_for_again_are_the_same(self, cases: CalendarCases, world: World) -> None:
        await ruled(cases, world)
        first, second = await made(cases, world, 2024), await made(cases, world, 2024)
        assert (first.fresh, second.fresh, first.years) == (True, False, second.years)
        assert await cases.making.preview(world.eve, BOOKS, 2024, YearWish()) == (first.years[0].year,)
        assert len(await world.events("calendar:year:made")) == 1

    @pytest.mark.parametrize(
        ("wish", "path"),
        [
            ({"begins": date(2024, 3, 15), "ends": date(2024, 9, 15)}, "/begins"),
            ({"begins": date(2023, 3, 15)}, "/begins"),
            ({"ends": date(2025, 3, 15)}, "/ends"),
            ({"long": True}, "/begins"),
            ({"periods": (Span(date(2024, 2, 1), date(2024, 1, 1)),)}, "/periods/0/ends"),
        ],
    )
    async def test_are_wished_in_one_way(
        self, cases: CalendarCases, world: World, wish: dict[str, Any], path: str
    ) -> None:
        await ruled(cases, world)
        with pytest.raises(Invalid) as refused:
            await made(cases, world, 2024, **wish)
        assert refused.value.faults[0].path == path

    async def test_of_a_business_that_ends_are_short(self, cases: CalendarCases, world: World) -> None:
        await ruled(cases, world)
        await made(cases, world, 2024)
        assert days(await made(cases, world, 2025, ends=date(2025, 8, 31))) == [("2025", "2025-01-01", "2025-08-31")]
        with pytest.raises(YearExists):
            await made(cases, world, 2025, ends=date(2025, 9, 30))

    async def test_before_the_first_that_a_calendar_makes_are_refused(
        self, cases: CalendarCases, world: World
    ) -> None:  # fmt: skip
        await ruled(cases, world, from_year=2024)
        with pytest.raises(Invalid):
            await made(cases, world, 2023)

    async def test_come_and_go_at_either_end(self, cases: CalendarCases, world: World) -> None:
        await ruled(cases, world)
        years = {number: (await made(cases, world, number)).years[0] for number in (2024, 2025, 2023)}
        with pytest.raises(YearsApart):
            await cases.making.remove(world.root, BOOKS, "2024", WHY)
        async with world.store.transaction(world.tenant.id) as tx:
            await tx.calendars.use(years[2025].id)
        with pytest.raises(YearUsed):
            await cases.making.remove(world.root, BOOKS, "2025", WHY)
        root = replace(world.root, request=uuid4())
        assert await cases.making.remove(root, BOOKS, "2023", WHY) == years[2023]
        assert await cases.making.remove(root, BOOKS, "2023", WHY) is None
        left = await cases.making.page(world.eve, BOOKS, date.min, 9)
        assert [each.id for each in left] == [years[2024].id, years[2025].id]
        (event,) = await world.events("calendar:year:removed")
        assert (event.event["reason"], event.event["before"]["code"]) == (WHY, "2023")


class TestRules:
    @pytest.mark.req("FP25")
    async def test_of_years_that_were_made_do_not_change(self, cases: CalendarCases, world: World) -> None:
        await ruled(cases, world)
        await made(cases, world, 2024)
        with pytest.raises(CalendarUsed):
            await ruled(cases, world, FROM_JULY, 1, from_year=2024)
        await ruled(cases, world, FROM_JULY, 1, from_year=2026)
        assert days(await made(cases, world, 2025)) == [("2025", "2025-01-01", "2025-12-31")]
        assert days(await made(cases, world, 2027)) == [
            ("2027T", "2026-01-01", "2026-06-30"),
            ("2027", "2026-07-01", "2027-06-30"),
        ]

    @pytest.mark.req("FP25")
    async def test_that_changed_make_no_year_over_the_old_ones(self, cases: CalendarCases, world: World) -> None:
        await ruled(cases, world)
        await made(cases, world, 2024)
        await ruled(cases, world, FROM_JULY, 1, short_periods=ShortPeriods.IRS)
        with pytest.raises(PeriodsOverlap):
            await made(cases, world, 2025)

    async def test_may_change_at_will_while_no_year_was_made(self, cases: CalendarCases, world: World) -> None:
        await ruled(cases, world)
        await ruled(cases, world, FROM_JULY, 1)
        assert days(await made(cases, world, 2025)) == [("2025", "2024-07-01", "2025-06-30")]

    async def test_are_written_over_the_version_that_was_seen_and_once_by_a_request(
        self, cases: CalendarCases, world: World
    ) -> None:
        asked, wish = replace(world.root, request=uuid4()), CalendarWish(MONTHS)
        first = await cases.configuring.put(asked, BOOKS, wish, expected=0, reason=WHY)
        assert isinstance(first, Held)
        assert await cases.configuring.put(asked, BOOKS, wish, expected=0, reason=WHY) == first
        with pytest.raises(Stale):
            await ruled(cases, world)
        (event,) = await world.events("calendar:rule:changed")
        assert event.event["after"]["rule"] == first.calendar.rule


class TestEntities:
    async def test_are_written_once_by_a_request(self, cases: CalendarCases, world: World) -> None:
        root = replace(world.root, request=uuid4())
        first = await cases.entities.put(root, "de", BERLIN, expected=0, reason=WHY)
        assert await cases.entities.put(root, "de", BERLIN, expected=0, reason=WHY) == first
        with pytest.raises(Stale):
            await cases.entities.put(world.root, "de", BERLIN, expected=0, reason=WHY)
        assert len(await world.events("entity:record:changed")) == 1

    async def test_stand_in_a_group_that_is_not_too_deep(self, cases: CalendarCases, world: World) -> None:
        await cases.entities.put(world.root, "e0", BERLIN, expected=0, reason=WHY)
        for level in range(1, MOST_LEVELS + 1):
            put = cases.entities.put(
                world.root, f"e{level}", replace(BERLIN, parent=f"e{level - 1}"), expected=0, reason=WHY
            )
            if level < MOST_LEVELS:
                await put
                continue
            with pytest.raises(Invalid):
                await put

    async def test_do_not_move(self, cases: CalendarCases, world: World) -> None:
        await cases.entities.put(world.root, "de", BERLIN, expected=0, reason=WHY)
        for parent in ("de", "nobody"):
            with pytest.raises(Invalid):
                await cases.entities.put(world.root, "de", replace(BERLIN, parent=parent), expected=1, reason=WHY)


class TestLookingUp:
    async def test_goes_by_the_nearest_calendar_and_the_clocks_of_who_asks(
        self, cases: CalendarCases, world: World
    ) -> None:
        await ruled(cases, world)
        await made(cases, world, 2024)
        await cases.entities.put(world.root, "de", BERLIN, expected=0, reason=WHY)
        below = replace(BERLIN, time_zone="America/New_York", parent="de")
        await cases.entities.put(world.root, "us", below, expected=0, reason=WHY)
        for entity, month in (("de", 4), ("us", 3)):
            found = await cases.looking_up.period(world.eve, Place("books", entity), "2024-04-01T03:30:00Z")
            assert (found.period.number, found.held.calendar.entity) == (month, "")
            assert found.id == found.year.periods[month - 1]

    async def test_compares_at_most_three_years(self, cases: CalendarCases, world: World) -> None:
        await ruled(cases, world)
        for until in (date(2023, 12, 31), date(2028, 1, 1)):
            with pytest.raises(Invalid):
                await cases.looking_up.comparison(world.eve, BOOKS, BOOKS, date(2024, 1, 1), until)


class TestDueDates:
    async def test_know_the_holidays_of_the_country_if_there_is_one(self, cases: CalendarCases, world: World) -> None:
        """2 January 2025 rests in one part of Switzerland only."""
        swiss = replace(BERLIN, country="CH", subdivision="BE")
        for code, wish in (("nowhere", BERLIN), ("ch", replace(swiss, subdivision=None)), ("be", swiss)):
            await cases.entities.put(world.root, code, wish, expected=0, reason=WHY)
        found = [
            await cases.due_dates.after(world.eve, code, date(2024, 12, 31), 1) for code in ("nowhere", "ch", "be")
        ]
        assert [each.due.isoformat() for each in found] == ["2025-01-01", "2025-01-02", "2025-01-03"]
        assert found[2].skipped == (date(2025, 1, 1), date(2025, 1, 2))

    @pytest.mark.parametrize(
        ("place", "path"),
        [
            ({"country": "ZZ"}, "/country"),
            ({"subdivision": "BE"}, "/country"),
            ({"country": "CH", "subdivision": "QQ"}, "/subdivision"),
        ],
    )
    async def test_are_of_a_country_whose_holidays_are_known(
        self, cases: CalendarCases, world: World, place: dict[str, str], path: str
    ) -> None:
        with pytest.raises(Invalid) as refused:
            await cases.entities.put(world.root, "de", replace(BERLIN, **place), expected=0, reason=WHY)
        assert refused.value.faults[0].path == path
