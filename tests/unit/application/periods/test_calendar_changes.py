"""Rules of calendars and books go the way of every change once somebody has said who is asked about them."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from application.calendars.configuring import CalendarWish
from application.calendars.governing import CalendarChanges
from application.calendars.making import YearWish
from application.calendars.places import Held, Place
from application.periods.books import BooksView, BooksWish
from application.periods.moves import GateVerb
from application.submission import Submitted
from domain.approvals import Answer, ApprovalPolicy, Level, SelfApproval
from domain.calendars.keeping import CalendarUsed
from domain.changes import Kind, NothingChanges, NothingLeft
from domain.errors import Stale
from domain.people import PermissionMissing, Role
from domain.periods import BooksInUse, LateEntries
from domain.rollouts import State
from tests.unit.application.periods.offices import WHY, Office
from tests.unit.application.reverts import completed, revert, taken
from tests.world import PRODUCTION, World

BOOKS = Place("books")
JULY = CalendarWish({"kind": "gregorian", "start_month": 7})
ONE = ApprovalPolicy((Level(),))


@pytest.fixture
async def office(world: World) -> Office:
    """Whose calendar was written before anybody had to be asked."""
    office = await Office.furnished(world)
    async with world.store.transaction(world.tenant.id) as tx:
        await tx.policies.put(PRODUCTION, Kind.FISCAL_CALENDAR, ONE)
    return office


def changes(world: World) -> CalendarChanges:
    return CalendarChanges(world.store, world.submission)


async def ruled(world: World, wish: CalendarWish = JULY, place: Place = BOOKS, expected: int = 1) -> Submitted:
    done = await changes(world).rule(world.root, place, wish, expected=expected, reason=WHY)
    assert isinstance(done, Submitted)
    return done


async def booked(world: World, expected: int = 1, **wish: Any) -> Submitted:
    done = await changes(world).books(world.root, "acme", BooksWish(**wish), expected=expected, reason=WHY)
    assert isinstance(done, Submitted)
    return done


async def approved(world: World, submitted: Submitted) -> UUID:
    await world.vote("bob", submitted.approval.id)
    return submitted.rollout.id


async def succeeded(world: World, submitted: Submitted) -> UUID:
    rollout = await approved(world, submitted)
    assert (await world.admit(rollout)).state is State.RUNNING
    return await completed(world, rollout)


@pytest.mark.req("FP71")
class TestRules:
    async def test_of_which_nobody_is_asked_hold_at_once(self, world: World) -> None:
        done = await changes(world).rule(world.root, BOOKS, JULY, expected=0, reason=WHY)
        assert isinstance(done, Held)
        assert done.calendar.version == 1

    async def test_hold_with_the_last_yes(self, office: Office, world: World) -> None:
        submitted = await ruled(world)
        assert (submitted.change.target.kind, submitted.rollout.key) == (Kind.FISCAL_CALENDAR, "books")
        assert (await office.calendars.configuring.get(world.eve, BOOKS)).calendar.version == 1
        told = await world.changes.diff(world.eve, submitted.change.id)
        assert {line["path"] for line in told["changes"]} >= {"/rule/start_month", "/from_year"}
        await succeeded(world, submitted)
        found = (await office.calendars.configuring.get(world.eve, BOOKS)).calendar
        assert (found.version, found.rule["start_month"], found.from_year) == (2, 7, 2027)
        assert (found.written_by, found.reason) == (world.root.id, WHY)
        _, event = await world.events("calendar:rule:changed")
        assert event.event["change"] == str(submitted.change.id)

    async def test_may_be_asked_for_by_who_manages_periods_and_nobody_else(self, office: Office, world: World) -> None:
        fin = replace(world.eve, roles=frozenset({Role.FINANCE_CONTROLLER}))
        assert isinstance(await changes(world).rule(fin, BOOKS, JULY, expected=1, reason=WHY), Submitted)
        with pytest.raises(PermissionMissing):
            await changes(world).rule(world.ada, BOOKS, JULY, expected=1, reason=WHY)

    async def test_are_not_approved_by_who_asked(self, office: Office, world: World) -> None:
        both = await world.tenants.admit_principal(
            world.tenant, "fay", frozenset({Role.FINANCE_CONTROLLER}), issuer="tests", email="fay@example.test"
        )
        world.people["fay"] = both.actor
        submitted = await changes(world).rule(both.actor, BOOKS, JULY, expected=1, reason=WHY)
        assert isinstance(submitted, Submitted)
        with pytest.raises(SelfApproval):
            await world.vote("fay", submitted.approval.id)

    async def test_that_somebody_says_no_to_never_hold(self, office: Office, world: World) -> None:
        submitted = await ruled(world)
        await world.vote("bob", submitted.approval.id, Answer.REJECT)
        assert (await world.admit(submitted.rollout.id)).state is not State.RUNNING
        assert (await office.calendars.configuring.get(world.eve, BOOKS)).calendar.version == 1

    async def test_of_which_another_was_written_meanwhile_are_stale(self, office: Office, world: World) -> None:
        first, second = await ruled(world), await ruled(world, CalendarWish({"kind": "gregorian", "start_month": 4}))
        waiting = await approved(world, second)
        await succeeded(world, first)
        admission = await world.admit(waiting)
        assert (admission.state, admission.why) == (State.INVALIDATED, "base_version_moved")
        with pytest.raises(Stale):
            await ruled(world, expected=1)

    async def test_whose_years_were_made_meanwhile_are_not_valid_any_more(self, office: Office, world: World) -> None:
        waiting = await approved(world, await ruled(world))
        await office.calendars.making.make(world.root, BOOKS, 2027, YearWish(), WHY)
        admission = await world.admit(waiting)
        assert (admission.state, admission.why) == (State.INVALIDATED, "content_no_longer_valid")

    async def test_for_years_that_were_made_are_refused_before_anybody_is_asked(
        self, office: Office, world: World
    ) -> None:
        with pytest.raises(CalendarUsed):
            await ruled(world, replace(JULY, from_year=2026))
        assert await world.changes.page(world.eve, None, 9) == []

    async def test_that_say_what_holds_change_nothing(self, office: Office, world: World) -> None:
        await succeeded(world, await ruled(world))
        with pytest.raises(NothingChanges):
            await ruled(world, expected=2)

    async def test_of_a_new_calendar_make_it(self, office: Office, world: World) -> None:
        submitted = await ruled(world, place=Place("shops", "acme"), expected=0)
        assert submitted.rollout.key == "acme/shops"
        await succeeded(world, submitted)
        found = (await office.calendars.configuring.get(world.eve, Place("shops", "acme"))).calendar
        assert (found.version, found.entity) == (1, "acme")
        with pytest.raises(NothingLeft):
            await revert(world, submitted.change.id)

    async def test_go_back_for_the_years_that_nobody_has_made(self, office: Office, world: World) -> None:
        submitted = await ruled(world)
        await succeeded(world, submitted)
        await taken(world, await revert(world, submitted.change.id))
        found = (await office.calendars.configuring.get(world.eve, BOOKS)).calendar
        assert (found.version, found.rule["start_month"], found.from_year) == (3, 1, 2027)

    async def test_that_are_rolled_back_are_written_as_before(self, office: Office, world: World) -> None:
        rollout = await approved(world, await ruled(world))
        await world.admit(rollout)
        await world.progression.expose(world.step(rollout), 0)
        await world.progression.move(world.step(rollout), State.ROLLING_BACK, "asked")
        assert await world.back(world.step(rollout)) is State.ROLLED_BACK
        found = (await office.calendars.configuring.get(world.eve, BOOKS)).calendar
        assert (found.version, found.rule["start_month"]) == (3, 1)

    async def test_asked_for_twice_by_a_request_are_one_change(self, office: Office, world: World) -> None:
        asked = replace(world.root, request=uuid4())
        first, again = [
            await changes(world).rule(asked, BOOKS, JULY, expected=1, reason=WHY) for _ in range(2)
        ]  # fmt: skip
        assert isinstance(first, Submitted)
        assert isinstance(again, Submitted)
        assert first.change.id == again.change.id == asked.request


@pytest.mark.req("FP71")
class TestBooks:
    async def test_hold_with_the_last_yes_and_go_back(self, office: Office, world: World) -> None:
        submitted = await booked(world, calendar="books", late_entries=LateEntries.SWEEP, most_open=2)
        assert (submitted.change.target.kind, submitted.rollout.key) == (Kind.ENTITY_BOOKS, "acme")
        told = await world.changes.diff(world.eve, submitted.change.id)
        assert [line["path"] for line in told["changes"]] == ["/late_entries", "/most_open"]
        await succeeded(world, submitted)
        held = (await office.cases.books.get(world.eve, "acme")).books
        assert (held.version, held.late_entries, held.most_open) == (2, LateEntries.SWEEP, 2)
        *_, event = await world.events("period:books:changed")
        assert event.event["change"] == str(submitted.change.id)
        await taken(world, await revert(world, submitted.change.id))
        held = (await office.cases.books.get(world.eve, "acme")).books
        assert (held.version, held.late_entries, held.most_open) == (3, LateEntries.REJECT, None)

    async def test_of_an_entity_in_whose_periods_somebody_posts_keep_their_calendar(
        self, office: Office, world: World
    ) -> None:
        await succeeded(world, await ruled(world, place=Place("other"), expected=0))
        waiting = await approved(world, await booked(world, calendar="other"))
        await office.move(GateVerb.OPEN, "2026-01")
        admission = await world.admit(waiting)
        assert (admission.state, admission.why) == (State.INVALIDATED, "content_no_longer_valid")
        with pytest.raises(BooksInUse):
            await booked(world, calendar="other")

    async def test_that_moved_are_stale(self, office: Office, world: World) -> None:
        first = await booked(world, calendar="books", most_open=2)
        again = await booked(world, calendar="books", most_open=3)
        waiting = await approved(world, again)
        await succeeded(world, first)
        assert (await world.admit(waiting)).why == "base_version_moved"
        with pytest.raises(Stale):
            await booked(world, calendar="books", most_open=3)

    async def test_that_are_rolled_back_are_written_as_before(self, office: Office, world: World) -> None:
        rollout = await approved(world, await booked(world, calendar="books", most_open=2))
        await world.admit(rollout)
        await world.progression.expose(world.step(rollout), 0)
        await world.progression.move(world.step(rollout), State.ROLLING_BACK, "asked")
        assert await world.back(world.step(rollout)) is State.ROLLED_BACK
        assert (await office.cases.books.get(world.eve, "acme")).books.most_open is None

    async def test_hold_at_once_where_nobody_is_asked(self, world: World) -> None:
        await Office.furnished(world)
        done = await changes(world).books(world.root, "acme", BooksWish("books", most_open=2), expected=1, reason=WHY)
        assert isinstance(done, BooksView)
        assert done.books.most_open == 2
