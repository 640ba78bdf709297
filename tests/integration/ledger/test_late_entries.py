"""What becomes of an entry whose period no longer takes it is what its books say of late entries."""

from datetime import date

import asyncpg
import pytest
from changegate import Conflict

from domain.periods import LateEntries, PeriodGate
from examples.ledger.entries import Module
from tests.integration.ledger.bookkeeping import Bookkeeping, rent

MARCH, APRIL = date(2024, 3, 28), date(2024, 4, 1)


@pytest.mark.req("FP70")
class TestLateEntry:
    async def test_is_refused_with_the_next_open_day(self, books: Bookkeeping) -> None:
        await books.move("2024-03", PeriodGate.closed)
        draft = await books.ledger().draft(rent(MARCH))
        with pytest.raises(Conflict) as raised:
            await books.ledger().post_late(draft)
        assert raised.value.kind == "period-closed"
        assert raised.value.facts["next_open_date"] == "2024-04-01"

    async def test_is_swept_into_the_next_open_period_and_keeps_its_date(self, books: Bookkeeping) -> None:
        await books.room.late(LateEntries.SWEEP)
        await books.move("2024-03", PeriodGate.closed)
        draft = await books.ledger().draft(rent(MARCH))
        posted = await books.ledger().post_late(draft)
        assert (posted.on, posted.original_date, posted.period_id) == (APRIL, MARCH, books.periods["2024-04"])
        told = "SELECT original_date, posted_on, refusal, swept_by FROM ledger.late_entry WHERE entry = :id"
        assert await books.rows(told, id=draft.id) == [(MARCH, APRIL, "period-closed", books.house.ada.id)]

    async def test_is_swept_past_every_closed_period(self, books: Bookkeeping) -> None:
        await books.room.late(LateEntries.SWEEP)
        for code in ("2024-03", "2024-04"):
            await books.move(code, PeriodGate.closed)
        await books.move("2024-05", PeriodGate.soft_closed)
        posted = await books.ledger().post_late(await books.ledger().draft(rent(MARCH)))
        assert (posted.on, posted.original_date) == (date(2024, 6, 1), MARCH)

    async def test_that_is_not_late_stands_where_its_date_says(self, books: Bookkeeping) -> None:
        await books.room.late(LateEntries.SWEEP)
        posted = await books.ledger().post_late(await books.ledger().draft(rent(MARCH)))
        assert (posted.on, posted.original_date) == (MARCH, None)

    async def test_of_a_period_that_is_still_to_come_is_not_swept(self, books: Bookkeeping) -> None:
        await books.room.late(LateEntries.SWEEP)
        with pytest.raises(Conflict) as raised:
            await books.ledger().post_late(await books.ledger().draft(rent(date(2025, 2, 1))))
        assert raised.value.kind == "period-pending"

    async def test_has_nowhere_to_go_where_nothing_is_open(self, books: Bookkeeping) -> None:
        await books.room.late(LateEntries.SWEEP)
        await books.move("2024-12", PeriodGate.closed)
        with pytest.raises(Conflict) as raised:
            await books.ledger().post_late(await books.ledger().draft(rent(date(2024, 12, 30))))
        assert "next_open_date" not in raised.value.facts

    async def test_needs_a_live_exception_where_the_books_ask_for_one(self, books: Bookkeeping) -> None:
        await books.room.late(LateEntries.EXCEPTION)
        await books.move("2024-03", PeriodGate.closed)
        draft = await books.ledger().draft(rent(MARCH))
        await books.room.grant("2024-03", Module.AP, books.house.ada.id)
        with pytest.raises(Conflict):
            await books.ledger(books.house.bob).post_late(draft)
        posted = await books.ledger(books.house.ada).post_late(draft)
        assert (posted.on, posted.period_id) == (MARCH, books.periods["2024-03"])

    async def test_has_its_reason_kept(self, books: Bookkeeping, superuser: asyncpg.Connection) -> None:
        await books.room.late(LateEntries.SWEEP)
        await books.move("2024-03", PeriodGate.closed)
        draft = await books.ledger().draft(rent(MARCH))
        await books.ledger().post_late(draft)
        with pytest.raises(asyncpg.PostgresError, match="stays as it is"):
            await superuser.execute("DELETE FROM ledger.late_entry WHERE entry = $1", draft.id)
