"""Only what is posted is judged: drafts stand anywhere, and find another day."""

from datetime import date

import pytest
from changegate import Conflict

from domain.periods import PeriodGate
from examples.ledger.entries import Module
from tests.integration.ledger.bookkeeping import Bookkeeping, rent

MARCH, APRIL = date(2024, 3, 14), date(2024, 4, 1)


class TestDraft:
    @pytest.mark.req("FP41")
    async def test_in_a_closed_period_is_dated_anew_and_posted_there(self, books: Bookkeeping) -> None:
        draft = await books.ledger().draft(rent(MARCH))
        await books.move("2024-03", PeriodGate.closed)
        await books.ledger().redate(draft, APRIL)
        posted = await books.ledger().post(draft)
        assert (posted.on, posted.period_id) == (APRIL, books.periods["2024-04"])

    @pytest.mark.req("FP41")
    async def test_in_a_closed_period_is_not_posted_as_it_is(self, books: Bookkeeping) -> None:
        draft = await books.ledger().draft(rent(MARCH))
        await books.move("2024-03", PeriodGate.closed)
        with pytest.raises(Conflict, match="is closed and cannot be modified"):
            await books.ledger().post(draft)
        assert await books.rows("SELECT posted, period_id, epoch FROM ledger.journal WHERE id = :id", id=draft.id) == [
            (False, None, None)
        ]

    async def test_may_be_written_into_a_closed_period_and_thrown_away(self, books: Bookkeeping) -> None:
        await books.move("2024-03", PeriodGate.closed)
        draft = await books.ledger().draft(rent(MARCH))
        assert await books.rows("DELETE FROM ledger.journal WHERE id = :id RETURNING posted", id=draft.id) == [(False,)]
        assert await books.rows("SELECT number FROM ledger.line WHERE entry = :id", id=draft.id) == []

    async def test_is_thrown_away_with_all_of_its_day_and_nothing_else(self, books: Bookkeeping) -> None:
        draft = await books.ledger().draft(rent(MARCH))
        posted = (await books.ledger().post(await books.ledger().draft(rent(MARCH)))).entry
        later = await books.ledger().draft(rent(APRIL))
        assert await books.ledger().discard(MARCH) == ["AP Rent of the warehouse"]
        there = {each for (each,) in await books.rows("SELECT id FROM ledger.journal")}
        assert there & {draft.id, posted.id, later.id} == {posted.id, later.id}


@pytest.mark.req("FP47")
class TestUnposted:
    async def test_are_told_until_they_are_posted_as_adjustments(self, books: Bookkeeping) -> None:
        draft = await books.ledger().draft(rent(MARCH))
        await books.move("2024-03", PeriodGate.soft_closed)
        (item,) = await books.unposted(Module.AP, "2024-03")
        assert (item.id, item.day, item.description) == (str(draft.id), MARCH, "Rent of the warehouse")
        with pytest.raises(Conflict) as raised:
            await books.ledger().post(draft)
        assert raised.value.kind == "adjustments-only"
        await books.ledger().adjust(draft)
        await books.ledger(books.house.root).post(draft)
        assert await books.unposted(Module.AP, "2024-03") == []

    async def test_are_those_of_the_period_and_the_module(self, books: Bookkeeping) -> None:
        year_end = date(2024, 12, 31)
        december = await books.ledger().draft(rent(year_end))
        adjusting = await books.ledger().draft(rent(year_end, Module.GL))
        await books.ledger().redate(adjusting, date(2024, 6, 3), period=13)
        assert [each.id for each in await books.unposted(Module.AP, "2024-12")] == [str(december.id)]
        assert [each.id for each in await books.unposted(Module.GL, "2024-13")] == [str(adjusting.id)]
        assert await books.unposted(Module.GL, "2024-06") == []
        assert await books.unposted(Module.AP, "2024-13") == []

    async def test_are_told_up_to_a_hundred(self, books: Bookkeeping) -> None:
        statement = """INSERT INTO ledger.journal (tenant_id, module, entity, posting_date, description)
          SELECT :tenant, 'AR', 'acme', DATE '2024-03-01', 'x' FROM generate_series(1, 101) RETURNING 1"""
        await books.rows(statement, tenant=books.house.id)
        assert len(await books.unposted(Module.AR, "2024-03")) == 100


class TestTransfers:
    async def test_are_told_until_the_general_ledger_has_them(self, books: Bookkeeping) -> None:
        entries = [await books.posted(MARCH, amount="100.10"), await books.posted(MARCH, amount="0.20")]
        items = await books.untransferred(Module.AP, "2024-03")
        assert [each.id for each in items] == [str(each.id) for each in entries]
        (into,) = await books.ledger().transfer(Module.AP, date(2024, 3, 31))
        assert await books.untransferred(Module.AP, "2024-03") == []
        amounts = await books.rows(
            "SELECT account, debit::text, credit::text FROM ledger.line WHERE entry = :id ORDER BY number",
            id=into.entry.id,
        )
        assert amounts == [("2000", "0.0000", "100.3000"), ("6200", "100.3000", "0.0000")]

    async def test_happen_once(self, books: Bookkeeping) -> None:
        await books.posted(MARCH)
        assert len(await books.ledger().transfer(Module.AP, MARCH)) == 1
        assert await books.ledger().transfer(Module.AP, MARCH) == []

    async def test_into_a_closed_general_ledger_leave_nothing_behind(self, books: Bookkeeping) -> None:
        await books.posted(MARCH)
        await books.move("2024-03", PeriodGate.closed, Module.GL)
        with pytest.raises(Conflict):
            await books.ledger().transfer(Module.AP, MARCH)
        assert len(await books.untransferred(Module.AP, "2024-03")) == 1
        assert await books.unposted(Module.GL, "2024-03") == []
