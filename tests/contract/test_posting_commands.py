"""A command that posts is executed while its period takes it, and else waits for a person, by either store."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import pytest_asyncio

from application.commands.sending import send_in
from domain.commands import Command, CommandState, Options, ParkedKind
from domain.errors import Invalid
from tests.contract.books import ENTITY, kept
from tests.contract.homes import Home
from tests.contract.payables import MARCH, PAID, Office, opened

S = CommandState


@pytest_asyncio.fixture
async def office(home: Home) -> Office:
    return await opened(await kept(home))


class TestPosting:
    @pytest.mark.req("CB-50")
    async def test_waits_for_a_person_once_its_period_is_closed_and_goes_on_when_it_is_open_again(
        self, office: Office
    ) -> None:
        await office.pay("1")
        await office.close()
        assert await office.execute() == {"parked": 1}
        record = await office.stand("1")
        assert (record.parked, office.payables.paid) == (ParkedKind.PERIOD_CLOSED, [])
        await office.reopen()
        await office.retry("1")
        assert await office.execute() == {"completed": 1}
        assert office.payables.paid == ["payables/1:2"]

    async def test_is_not_retried_alone(self, office: Office) -> None:
        await office.pay("1")
        await office.close()
        await office.execute()
        with pytest.raises(Invalid) as refused:
            await office.retry("1", alone=True)
        assert [each.path for each in refused.value.faults] == ["/alone"]
        await office.retry("1", alone=False)

    @pytest.mark.req("CB-50")
    async def test_says_which_period_it_was_and_nothing_of_what_it_carries(self, office: Office) -> None:
        await office.pay("1")
        await office.close()
        await office.execute()
        error = (await office.stand("1")).error
        assert error is not None
        assert (error.kind, error.code) == ("period-closed", "period-closed")
        told = {name: error.details[name] for name in ("entity", "scope", "effective_date", "gate")}
        assert told == {"entity": ENTITY, "scope": "AP", "effective_date": "2024-03-15", "gate": "closed"}
        assert error.details["period"]["number"] == 3
        assert PAID not in repr(error)

    @pytest.mark.req("CB-50")
    @pytest.mark.parametrize("day", [date(2024, 4, 15), date(2024, 3, 31)])
    async def test_is_asked_of_its_own_day_and_those_beside_it_are_executed(self, office: Office, day: date) -> None:
        """April is pending."""
        await office.pay("1")
        await office.pay("2", effective_date=day)
        await office.send("3", "payables.remind")
        await office.execute()
        stands = [(await office.stand(name)).state for name in ("1", "2", "3")]
        assert stands == [S.COMPLETED, S.COMPLETED if day.month == MARCH.month else S.PARKED, S.COMPLETED]

    async def test_of_a_day_without_a_period_is_no_matter_of_opening_one(self, office: Office) -> None:
        await office.pay("1", effective_date=date(1999, 1, 1))
        await office.pay("2", entity="nowhere")
        assert await office.execute() == {"parked": 2}
        records = [await office.stand(name) for name in ("1", "2")]
        assert {each.parked for each in records} == {ParkedKind.PERMANENT}
        assert [each.error.code for each in records if each.error] == ["no-period", "books-missing"]

    async def test_is_one_entry_of_an_exception_when_it_is_done_and_none_when_it_is_not(self, office: Office) -> None:
        await office.close()
        books = office.books
        granted = books.exception(books.key())
        async with books.home.transaction() as tx:
            await tx.periods.grant(granted)
        await office.pay("1", "2")
        office.payables.bounces = "1"
        assert await office.execute() == {"parked": 1, "completed": 1}
        async with books.home.transaction() as tx:
            uses = await tx.periods.uses(books.key())
        assert [each.actor for each in uses] == [books.people["viv"].id]

    async def test_by_nobody_is_not_posted(self, office: Office) -> None:
        whole = Options(entity=ENTITY, effective_date=MARCH)
        async with office.books.home.transaction() as tx:
            await send_in(tx, [Command("payables.pay", "1", {}, options=whole)])
        assert await office.execute() == {"parked": 1}
        record = await office.stand("1")
        assert (record.parked, office.payables.paid) == (ParkedKind.PERMANENT, [])


class TestSending:
    async def test_keeps_whose_books_and_which_day(self, office: Office) -> None:
        await office.pay("1")
        asked = (await office.stand("1")).command.options
        assert (asked.entity, asked.effective_date) == (ENTITY, MARCH)
        sent = await office.send("2", "payables.remind")
        assert replace(sent.command.options, correlation=None) == Options()

    @pytest.mark.parametrize(
        ("kind", "given", "path"),
        [
            ("payables.pay", {"entity": ENTITY}, "/effective_date"),
            ("payables.pay", {"effective_date": MARCH}, "/entity"),
            ("payables.remind", {"entity": ENTITY}, "/entity"),
            ("payables.remind", {"effective_date": MARCH}, "/effective_date"),
            ("payables.pay", {"entity": ENTITY, "effective_date": MARCH, "alone": True}, "/alone"),
        ],
    )
    async def test_asks_for_them_where_the_type_posts_and_only_there(
        self, office: Office, kind: str, given: dict[str, Any], path: str
    ) -> None:
        with pytest.raises(Invalid) as refused:
            await office.send("1", kind, **given)
        assert [each.path for each in refused.value.faults] == [path]
