"""Books and scopes as they are set up, in memory."""

from uuid import uuid4

import pytest

from application.calendars.configuring import CalendarWish
from application.calendars.entities import EntityWish
from application.calendars.making import YearWish
from application.calendars.places import Held, Place
from application.periods.books import BooksView, BooksWish
from application.periods.moves import GateVerb
from domain.errors import Invalid, Missing, Stale
from domain.people import PermissionMissing
from domain.periods import BooksInUse, BooksMissing, LateEntries, Scope
from tests.unit.application.periods.offices import WHY, Office, again
from tests.world import World

MONTHS = {"kind": "gregorian"}


@pytest.fixture
async def office(world: World) -> Office:
    return await Office.furnished(world)


class TestBooks:
    async def test_go_by_the_nearest_calendar_of_a_code(self, office: Office, world: World) -> None:
        await office.calendars.entities.put(world.root, "de", EntityWish("DE", "UTC", "acme"), expected=0, reason=WHY)
        own = await office.calendars.configuring.put(
            world.root, Place("books", "acme"), CalendarWish(MONTHS), expected=0, reason=WHY
        )
        view = await office.cases.books.put(
            world.root, "de", BooksWish("books", LateEntries.SWEEP, 2), expected=0, reason=WHY
        )
        assert isinstance(own, Held)
        assert isinstance(view, BooksView)
        assert (view.calendar.id, view.books.late_entries) == (own.calendar.id, LateEntries.SWEEP)
        assert await office.cases.books.get(world.eve, "de") == view

    async def test_are_written_over_the_version_that_was_seen_and_once_by_a_request(
        self, office: Office, world: World
    ) -> None:
        root = again(world.root, uuid4())
        wish = BooksWish("books", most_open=2)
        first = await office.cases.books.put(root, "acme", wish, expected=1, reason=WHY)
        assert await office.cases.books.put(root, "acme", wish, expected=1, reason=WHY) == first
        with pytest.raises(Stale):
            await office.cases.books.put(world.root, "acme", wish, expected=1, reason=WHY)
        _, newest = await world.events("period:books:changed")
        assert (newest.event["before"]["most_open"], newest.event["after"]["most_open"]) == (None, 2)

    async def test_stay_with_their_calendar_once_a_period_was_opened(self, office: Office, world: World) -> None:
        place = Place("other")
        await office.calendars.configuring.put(world.root, place, CalendarWish(MONTHS), expected=0, reason=WHY)
        await office.calendars.making.make(world.root, place, 2026, YearWish(), WHY)
        await office.cases.books.put(world.root, "acme", BooksWish("other"), expected=1, reason=WHY)
        await office.move(GateVerb.OPEN, "2026-01")
        with pytest.raises(BooksInUse):
            await office.cases.books.put(world.root, "acme", BooksWish("books"), expected=2, reason=WHY)
        await office.cases.books.put(world.root, "acme", BooksWish("other", most_open=1), expected=2, reason=WHY)

    async def test_are_missing_until_somebody_sets_them(self, office: Office, world: World) -> None:
        await office.calendars.entities.put(world.root, "de", EntityWish("DE", "UTC"), expected=0, reason=WHY)
        for asked in (office.cases.books.get(world.eve, "de"), office.cases.looking.year(world.eve, "de", None)):
            with pytest.raises(BooksMissing):
                await asked
        for code, calendar in (("nobody", "books"), ("de", "nowhere")):
            with pytest.raises(Missing):
                await office.cases.books.put(world.root, code, BooksWish(calendar), expected=0, reason=WHY)

    async def test_and_scopes_are_set_by_who_manages_periods(self, office: Office, world: World) -> None:
        with pytest.raises(PermissionMissing):
            await office.cases.books.put(world.eve, "acme", BooksWish("books"), expected=1, reason=WHY)
        with pytest.raises(PermissionMissing):
            await office.cases.scopes.put(world.eve, Scope("TAX", "Tax"), expected=0, reason=WHY)


class TestScopes:
    async def test_are_listed_by_code_and_renamed(self, office: Office, world: World) -> None:
        assert [scope.code for scope in await office.cases.scopes.all(world.eve)] == ["AP", "AR", "GL"]
        root = again(world.root, uuid4())
        for _ in range(2):
            named = await office.cases.scopes.put(root, Scope("AP", "Payables"), expected=1, reason=WHY)
        assert named == await office.cases.scopes.get(world.eve, "AP") == Scope("AP", "Payables", version=2)
        assert await office.cases.scopes.put(world.root, Scope("AP", "Payables"), expected=1, reason=WHY) == named
        for other, expected in ((Scope("AP", "Bills"), 1), (Scope("AP", "Payables"), 0)):
            with pytest.raises(Stale):
                await office.cases.scopes.put(world.root, other, expected=expected, reason=WHY)
        with pytest.raises(Missing):
            await office.cases.scopes.get(world.eve, "XX")

    async def test_stay_ledgers_or_sub_ledgers(self, office: Office, world: World) -> None:
        with pytest.raises(Invalid):
            await office.cases.scopes.put(world.root, Scope("AP", "AP", ledger=True), expected=1, reason=WHY)
