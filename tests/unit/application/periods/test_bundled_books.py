"""Calendars, years, books and scopes leave in a bundle and come into another tenant as they were."""

from collections import Counter
from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest

from application.calendars.configuring import CalendarWish
from application.calendars.making import YearWish
from application.calendars.places import Place
from application.periods.moves import GateVerb
from application.settings.arriving_books import BookkeepingDiffers, CalendarsGoverned
from application.settings.transfer import Intake
from domain.approvals import ApprovalPolicy, Level
from domain.calendars.keeping import CalendarUsed, PeriodsOverlap
from domain.canonical import Json
from domain.changes import Kind
from domain.people import PermissionMissing
from domain.periods import BooksInUse, Scope
from domain.settings import Op
from tests.unit.application.periods.bundling import JULY, brought, changed, elsewhere, exported, grouped, year_before
from tests.unit.application.periods.offices import WHY, Office
from tests.wishing import DEV
from tests.world import PRODUCTION, World


@pytest.fixture
async def office(world: World) -> Office:
    return await grouped(world)


@pytest.fixture
async def other(world: World) -> World:
    return await elsewhere(world)


def books_of(raw: Json) -> Json:
    return {name: raw[name] for name in ("legal_entities", "fiscal_calendars", "entity_books", "posting_scopes")}


@pytest.mark.req("FR-SM-030", "FR-SM-031")
class TestBookkeeping:
    async def test_is_the_same_where_it_came_from_and_where_it_goes(
        self, office: Office, world: World, other: World
    ) -> None:
        raw = await exported(world)
        assert [each["code"] for each in raw["legal_entities"]] == ["acme", "de"]
        assert [(each["code"], each["entity"]) for each in raw["fiscal_calendars"]] == [
            ("weeks", "acme"),
            ("books", None),
        ]
        assert [each["code"] for each in raw["posting_scopes"]] == ["AP", "AR", "GL"]
        await brought(other, raw)
        assert books_of(await exported(other)) == books_of(raw)

    async def test_is_told_before_and_written_once(self, office: Office, world: World, other: World) -> None:
        raw = await exported(world)
        planned = await brought(other, raw, dry_run=True)
        assert (planned.outcome, Counter(kind for kind, _ in planned.difference.books)) == (
            "planned", {"entity": 2, "scope": 3, "calendar": 2, "year": 5, "books": 2},
        )  # fmt: skip
        assert set(planned.difference.books.values()) == {Op.ADDED}
        assert (await exported(other))["fiscal_calendars"] == []
        assert (await brought(other, raw)).outcome == "applied"
        again = await brought(other, raw)
        assert (again.outcome, set(again.difference.books.values())) == ("no_changes", {Op.EQUAL})
        assert len(await other.events("calendar:year:made")) == 5
        assert len(await other.events("calendar:rule:changed")) == 3

    async def test_is_of_the_tenant_and_so_in_every_environment(self, office: Office, world: World) -> None:
        assert books_of(await exported(world, PRODUCTION)) == books_of(await exported(world))
        assert (await brought(world, await exported(world))).outcome == "no_changes"

    async def test_works_where_it_arrived(self, office: Office, world: World, other: World) -> None:
        await brought(other, await exported(world))
        there = Office(other, office.calendars, office.cases)
        await there.move(GateVerb.OPEN, "2026-01")
        assert await there.posted(other.eve, "AP", "2026-01-31") == ""

    async def test_goes_on_where_the_other_has_stopped(self, office: Office, world: World, other: World) -> None:
        await brought(other, await exported(world))
        await office.calendars.making.make(world.root, Place("books"), 2024, YearWish(), WHY)
        await office.calendars.making.make(world.root, Place("books"), 2023, YearWish(), WHY)
        wish = CalendarWish({"kind": "gregorian", "adjusting_periods": 4})
        await office.calendars.configuring.put(world.root, Place("weeks", "acme"), wish, expected=1, reason=WHY)
        raw = await exported(world)
        done = await brought(other, raw)
        assert done.difference.books_having(Op.ADDED, Op.CHANGED) == [
            ("calendar", "acme/weeks"), ("year", "books/2023"), ("year", "books/2024")
        ]  # fmt: skip
        assert books_of(await exported(other)) == books_of(raw)

    async def test_of_before_takes_nothing_back(self, office: Office, world: World) -> None:
        raw = await exported(world)
        await office.calendars.configuring.put(world.root, Place("books"), JULY, expected=2, reason=WHY)
        done = await brought(world, raw, prune=True)
        assert (done.outcome, done.difference.books["calendar", "books"]) == ("no_changes", Op.KEPT)

    async def test_that_differs_stays_without_overwrite(self, office: Office, world: World) -> None:
        raw = changed(await exported(world), "entity_books", 0, most_open=1)
        kept = await brought(world, raw, overwrite=False)
        assert (kept.outcome, kept.difference.books["books", "acme"]) == ("no_changes", Op.KEPT)
        assert (await brought(world, raw)).outcome == "applied"
        assert (await office.cases.books.get(world.eve, "acme")).books.most_open == 1

    async def test_brings_no_year_of_a_rule_that_does_not_come(
        self, office: Office, world: World, other: World
    ) -> None:
        raw = await exported(world)
        (weeks, books) = raw["fiscal_calendars"]
        early = {**books, "versions": books["versions"][:1], "years": books["years"][:1]}
        await brought(other, changed(raw, "fiscal_calendars", 1, **early))
        done = await brought(other, raw, overwrite=False)
        assert {thing: op for thing, op in done.difference.books.items() if op is not Op.EQUAL} == {
            ("calendar", "books"): Op.KEPT, ("year", "books/2026"): Op.ADDED,
            ("year", "books/2028T"): Op.KEPT, ("year", "books/2028"): Op.KEPT,
        }  # fmt: skip
        assert (await brought(other, raw)).outcome == "applied"
        assert (await exported(other))["fiscal_calendars"] == [weeks, books]


@pytest.mark.req("FR-SM-031")
class TestWhatStays:
    async def test_years_that_another_rule_would_make(self, office: Office, world: World, other: World) -> None:
        raw = await exported(world)
        books = raw["fiscal_calendars"][1]
        early = {**books, "versions": books["versions"][:1], "years": books["years"][:2]}
        await brought(other, changed(raw, "fiscal_calendars", 1, **early))
        await office.calendars.making.make(other.root, Place("books"), 2027, YearWish(), WHY)
        for dry_run in (True, False):
            with pytest.raises(CalendarUsed):
                await brought(other, raw, dry_run=dry_run)

    async def test_days_that_belong_to_another_year(self, office: Office, world: World, other: World) -> None:
        raw = await exported(world)
        books = raw["fiscal_calendars"][1]
        early = {**books, "versions": books["versions"][:1], "years": []}
        await brought(other, changed(raw, "fiscal_calendars", 1, **early))
        short = YearWish(begins=date(2024, 3, 15), long=True)
        await office.calendars.making.make(other.root, Place("books"), 2025, short, WHY)
        stored = (await exported(other))["fiscal_calendars"][1]
        assert [each["number"] for each in stored["years"]] == [2025]
        again = changed(raw, "fiscal_calendars", 1, **{**early, "years": [year_before(books["years"][0])]})
        with pytest.raises(PeriodsOverlap):
            await brought(other, again, dry_run=True)

    async def test_a_rule_or_a_year_that_was_made(self, office: Office, world: World) -> None:
        raw = await exported(world)
        books = raw["fiscal_calendars"][1]
        first = {**books["versions"][0], "rule": {"kind": "gregorian", "start_month": 2}}
        rules = changed(raw, "fiscal_calendars", 1, versions=[first, *books["versions"][1:]])
        year = {**books["years"][0], "label": "another"}
        years = changed(raw, "fiscal_calendars", 1, years=[year, *books["years"][1:]])
        for bundle, thing in ((rules, "calendar books"), (years, "year books/2025")):
            with pytest.raises(BookkeepingDiffers) as refusal:
                await brought(world, bundle)
            assert refusal.value.facts == {"things": [thing]}

    @pytest.mark.parametrize(
        ("section", "place", "fields", "thing"),
        [("legal_entities", 1, {"parent": None}, "entity de"), ("posting_scopes", 0, {"ledger": True}, "scope AP")],
    )
    async def test_where_an_entity_stands_and_what_a_scope_is(
        self, office: Office, world: World, section: str, place: int, fields: Json, thing: str
    ) -> None:
        with pytest.raises(BookkeepingDiffers) as refusal:
            await brought(world, changed(await exported(world), section, place, **fields))
        assert refusal.value.facts == {"things": [thing]}

    async def test_books_whose_periods_were_opened(self, office: Office, world: World) -> None:
        await office.move(GateVerb.OPEN, "2026-01")
        other = {"code": "weeks", "entity": "acme"}
        with pytest.raises(BooksInUse):
            await brought(world, changed(await exported(world), "entity_books", 0, calendar=other))
        assert (await office.cases.books.get(world.eve, "acme")).books.version == 1


@pytest.mark.req("FR-SM-031")
class TestWhoMay:
    async def test_is_who_manages_periods_once_it_differs(self, office: Office, world: World, other: World) -> None:
        raw = await exported(world)
        assert (await world.setting.transfer.import_(world.ada, Intake(DEV, raw, WHY))).outcome == "no_changes"
        with pytest.raises(PermissionMissing):
            await other.setting.transfer.import_(other.ada, Intake(DEV, raw, WHY, from_tenant=raw["tenant"]))

    @pytest.mark.req("FP71")
    async def test_asks_nobody_only_where_nobody_has_to_be_asked(
        self, office: Office, world: World, other: World
    ) -> None:
        async with other.store.transaction(other.tenant.id) as tx:
            await tx.policies.put(PRODUCTION, Kind.FISCAL_CALENDAR, ApprovalPolicy((Level(),)))
        with pytest.raises(CalendarsGoverned):
            await brought(other, await exported(world))
        assert (await exported(other))["legal_entities"] == []


@pytest.mark.req("FR-SM-031")
async def test_an_import_that_is_sent_again_is_carried_out_once(office: Office, world: World, other: World) -> None:
    raw = await exported(world)
    asked = replace(other.root, request=uuid4())
    intake = Intake(DEV, raw, WHY, from_tenant=raw["tenant"])
    first, again = [await other.setting.transfer.import_(asked, intake) for _ in range(2)]
    assert (first.outcome, again.outcome) == ("applied", "no_changes")
    assert len(await other.events("setting:bundle:imported")) == 1
    assert await office.cases.scopes.get(other.eve, "AP") == Scope("AP", "AP")
