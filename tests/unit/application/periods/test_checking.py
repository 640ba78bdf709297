"""Advice on postings says what the guard would say, and which day would do instead."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from application.periods.checking import Question
from domain.calendars import NaiveInstant
from domain.errors import Invalid, Missing
from domain.people import PermissionMissing, Role
from domain.periods import LateEntries, Operation
from tests.unit.application.periods.advising import Adviser
from tests.world import World

MARCH, APRIL, MAY = "2024-03", "2024-04", "2024-05"


@pytest.fixture
async def here(world: World) -> Adviser:
    adviser = Adviser(world)
    await adviser.books.furnish(2024)
    return adviser


def question(on: str, entity: str = "acme", pointer: str = "/here") -> Question:
    return Question(entity, "AP", Operation.TRANSACTION, on, None, pointer)


class TestAdvice:
    @pytest.mark.req("FP31", "FP32", "FP33", "FP34")
    @pytest.mark.parametrize(
        ("state", "transaction", "adjustment", "closing"),
        [
            ("pending", "period-pending", "period-pending", "period-pending"),
            ("open", "", "", "run-token-missing"),
            ("soft", "adjustments-only", "adjustment-forbidden", "run-token-missing"),
            ("frozen", "not-adjustable", "not-adjustable", "run-token-missing"),
            ("closed", "period-closed", "period-closed", "period-closed"),
            ("locked", "period-locked", "period-locked", "period-locked"),
        ],
    )
    async def test_is_what_the_gate_allows(
        self, here: Adviser, state: str, transaction: str, adjustment: str, closing: str
    ) -> None:
        await here.books.stand(MARCH, "AP", state)
        told = [await here.told(operation=each) for each in ("transaction", "adjustment", "closing", "reporting")]
        assert told == [transaction, adjustment, closing, ""]

    async def test_names_the_period_and_where_its_gate_stands(self, here: Adviser) -> None:
        gate = await here.books.stand(MARCH, "AP", "closed")
        told = await here.ask()
        assert told.period is not None
        assert (told.period.id, told.period.called.name, told.gate) == (gate.key.period, "FY2024 P03", gate)
        assert str(told.refusal) == "Period 'FY2024 P03' is closed and cannot be modified."

    async def test_lets_adjust_whoever_may(self, here: Adviser) -> None:
        await here.books.stand(MARCH, "AP", "soft")
        controller = replace(here.world.eve, roles=frozenset({Role.FINANCE_CONTROLLER}))
        told = [await here.told(operation="adjustment", by=each) for each in (here.world.eve, controller)]
        assert told == ["adjustment-forbidden", ""]

    @pytest.mark.req("FP35")
    async def test_is_of_one_scope(self, here: Adviser) -> None:
        await here.books.stand(MARCH, "AP", "closed")
        await here.books.stand(MARCH, "AR", "open")
        assert [await here.told(scope=each) for each in ("AP", "AR", "GL")] == ["period-closed", "", "period-pending"]

    async def test_of_an_adjusting_period_is_asked_for_by_number(self, here: Adviser) -> None:
        await here.books.stand("2024-12", "GL", "closed")
        await here.books.stand("2024-13", "GL", "open")
        asked: dict[str, Any] = {"on": "2024-12-31", "scope": "GL"}
        assert await here.told(**asked) == "period-closed"
        assert await here.told(**asked, period=13) == ""
        assert [await here.told(**asked, period=each) for each in (12, 14)] == ["no-period", "no-period"]

    @pytest.mark.req("FP31")
    async def test_of_a_day_without_period_names_those_around_it(self, here: Adviser) -> None:
        told = await here.ask(on="2025-01-01")
        assert told.refusal is not None
        assert (told.refusal.kind, told.refusal.facts["after"], told.allowed) == ("no-period", None, False)
        assert told.refusal.facts["before"] == {
            "year": "2024", "number": 12, "name": "FY2024 P12", "begins": "2024-12-01", "ends": "2024-12-31",
        }  # fmt: skip

    async def test_of_what_is_not_there_says_so(self, here: Adviser) -> None:
        assert await here.told(scope="FA") == "scope-missing"
        assert await here.told(entity="nobody") == "books-missing"
        assert (await here.ask(entity="nobody", on="2024-03-31T10:00:00Z")).day is None

    @pytest.mark.req("FP36")
    async def test_honours_an_exception_until_it_ends(self, here: Adviser) -> None:
        five = datetime(2026, 3, 2, 17, tzinfo=UTC)
        world = here.world
        await here.books.stand(MARCH, "AP", "closed")
        await here.books.grant(MARCH, "AP", world.eve.id, begins=world.clock(), ends=five)
        world.clock.now = five - timedelta(seconds=1)
        assert [await here.told(by=each) for each in (world.eve, world.bob)] == ["", "period-closed"]
        world.clock.now = five
        assert await here.told() == "period-closed"

    async def test_honours_an_exception_of_a_role(self, here: Adviser) -> None:
        await here.books.stand(MARCH, "AP", "closed")
        await here.books.grant(MARCH, "AP", Role.APPROVER.value)
        assert [await here.told(by=each) for each in (here.world.eve, here.world.bob)] == ["period-closed", ""]


class TestDay:
    @pytest.mark.req("FP27", "FP28")
    @pytest.mark.parametrize(
        ("zone", "instant", "day"),
        [
            ("America/New_York", "2024-04-01T03:30:00Z", "2024-03-31"),
            ("Asia/Kuala_Lumpur", "2024-03-31T16:30:00Z", "2024-04-01"),
            ("UTC", "2024-03-31T23:59:59.999999Z", "2024-03-31"),
            ("Pacific/Kiritimati", "2024-12-30T10:00:00Z", "2024-12-31"),
        ],
    )
    async def test_of_an_instant_is_that_of_the_clocks_of_the_entity(
        self, world: World, zone: str, instant: str, day: str
    ) -> None:
        here = Adviser(world)
        await here.books.furnish(2024, zone=zone)
        assert (await here.ask(on=instant)).day == date.fromisoformat(day)

    @pytest.mark.req("FP30")
    async def test_is_a_date_of_the_entity_where_it_is_said_as_one(self, world: World) -> None:
        here = Adviser(world)
        await here.books.furnish(2024, zone="Pacific/Apia")
        assert (await here.ask(on="2024-03-31")).day == date(2024, 3, 31)

    @pytest.mark.req("FP30")
    async def test_that_is_not_one_leaves_all_unanswered(self, here: Adviser) -> None:
        asked = [question("2024-03-31"), question("2024-02-30", pointer="/1"), question("x", "nobody", pointer="/2")]
        with pytest.raises(Invalid) as refused:
            await here.checks.ask(here.world.eve, asked)
        assert [each.path for each in refused.value.faults] == ["/1", "/2"]
        with pytest.raises(NaiveInstant):
            await here.checks.ask(here.world.eve, [question("2024-03-31T12:00:00", "nobody")])


class TestPerson:
    async def test_is_somebody_else_where_the_asker_manages_periods(self, here: Adviser) -> None:
        world = here.world
        await here.books.stand(MARCH, "AP", "closed")
        await here.books.grant(MARCH, "AP", world.eve.id)
        assert await here.told(by=world.root) == "period-closed"
        assert await here.told(by=world.root, person=world.eve.id) == ""
        assert await here.told(by=world.eve, person=world.eve.id) == ""
        with pytest.raises(PermissionMissing):
            await here.ask(by=world.bob, person=world.eve.id)
        with pytest.raises(Missing):
            await here.ask(by=world.root, person=uuid4())

    async def test_without_a_role_is_told_nothing(self, here: Adviser) -> None:
        with pytest.raises(PermissionMissing):
            await here.ask(by=replace(here.world.eve, roles=frozenset()))


@pytest.mark.req("FP70")
class TestLateEntry:
    @pytest.fixture
    async def late(self, here: Adviser) -> Adviser:
        await here.books.stand(MARCH, "AP", "closed")
        await here.books.stand(APRIL, "AP", "open")
        return here

    async def test_is_told_the_next_day_that_takes_it(self, late: Adviser) -> None:
        told = await late.ask()
        assert (told.allowed, told.late, told.next_open, told.post_on) == (
            False, LateEntries.REJECT, date(2024, 4, 1), None,
        )  # fmt: skip

    async def test_is_swept_where_the_books_say_so(self, late: Adviser) -> None:
        await late.books.late(LateEntries.SWEEP)
        told = await late.ask()
        assert (told.allowed, told.day, told.post_on) == (False, date(2024, 3, 15), date(2024, 4, 1))

    async def test_needs_an_exception_where_the_books_say_so(self, late: Adviser) -> None:
        await late.books.late(LateEntries.EXCEPTION)
        told = await late.ask()
        assert (told.allowed, told.late, told.post_on) == (False, LateEntries.EXCEPTION, None)
        await late.books.grant(MARCH, "AP", late.world.eve.id)
        late.wire.line += 1
        assert (await late.ask()).allowed

    async def test_passes_over_what_does_not_take_it_either(self, late: Adviser) -> None:
        await late.books.move(APRIL, "AP", "soft_closed")
        assert (await late.ask()).next_open is None
        await late.books.stand(MAY, "AP", "open")
        late.wire.line += 1
        assert (await late.ask()).next_open == date(2024, 5, 1)
        assert (await late.ask(operation="adjustment", by=late.world.root)).next_open == date(2024, 4, 1)

    async def test_is_not_what_is_early(self, here: Adviser) -> None:
        await here.books.late(LateEntries.SWEEP)
        await here.books.stand(APRIL, "AP", "open")
        told = await here.ask()
        assert (told.late, told.post_on, told.next_open) == (None, None, date(2024, 4, 1))

    async def test_is_no_report_and_no_closing_entry(self, late: Adviser) -> None:
        await late.books.late(LateEntries.SWEEP)
        assert (await late.ask(operation="closing")).post_on is None
        assert (await late.ask(operation="reporting")).allowed
