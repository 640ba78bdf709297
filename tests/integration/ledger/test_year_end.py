"""A year ends with nothing left in profit and loss, and the next one opens with what it closed with."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from application.ports.modules import YearClosed
from domain.periods import GateKey, PeriodGate
from examples.ledger.entries import AccountKind, Draft, Module, credit, debit
from examples.ledger.trial_balance import read
from tests.integration.ledger.bookkeeping import ENTITY, Bookkeeping, named

TAKEN_OVER = Path(__file__).parents[3] / "examples" / "ledger" / "data" / "trial_balance_2024.csv"
YEAR_END = date(2024, 12, 31)
EARNED = {"EUR": Decimal("107694.77"), "USD": Decimal("89830.02")}


async def closed(books: Bookkeeping) -> YearClosed:
    """As a close does it: the gate held, under a token of its own."""
    key = GateKey(ENTITY, books.periods["2024-13"], Module.GL)
    async with books.store.transaction(books.house.id) as tx:
        await tx.periods.hold([key])
        token = await tx.periods.put_token(uuid4(), [key])
        told = await tx.modules.close_year(named(Module.GL), ENTITY, key.period, token, books.house.root.id)
        await tx.periods.drop_token(token)
        return told


async def taken_over(books: Bookkeeping) -> None:
    balance = read(TAKEN_OVER.read_text(encoding="utf-8"))
    await books.ledger().take_over(balance, YEAR_END, "Taken over from the old system")


async def balances(books: Bookkeeping, code: str) -> dict[tuple[str, str], Decimal]:
    there = await books.ledger().balances(Module.GL, books.periods[code])
    return {(each.account, each.currency): each.amount for each in there}


@pytest.mark.req("FP61")
class TestClosingEntries:
    async def test_leave_nothing_in_profit_and_loss(self, books: Bookkeeping) -> None:
        await taken_over(books)
        told = await closed(books)
        assert dict(told.retained_earnings) == EARNED
        assert len(told.entries) == 1
        after = await books.ledger().balances(Module.GL, books.periods["2024-13"])
        assert {each.kind for each in after} == {AccountKind.BALANCE_SHEET}
        assert sum(each.amount for each in after) == 0

    async def test_put_the_sum_into_retained_earnings(self, books: Bookkeeping) -> None:
        await taken_over(books)
        before = await balances(books, "2024-12")
        await closed(books)
        after = await balances(books, "2024-13")
        for currency, earned in EARNED.items():
            assert after["2920", currency] == before["2920", currency] - earned

    async def test_stand_in_the_adjusting_period_and_not_before(self, books: Bookkeeping) -> None:
        await taken_over(books)
        before = await balances(books, "2024-12")
        (entry,) = (await closed(books)).entries
        assert await balances(books, "2024-12") == before
        rows = await books.rows(
            "SELECT operation, posting_date, period, period_id FROM ledger.journal WHERE id = CAST(:id AS uuid)",
            id=entry,
        )
        assert rows == [("closing", YEAR_END, 13, books.periods["2024-13"])]

    async def test_count_what_came_in_the_adjusting_period(self, books: Bookkeeping) -> None:
        await taken_over(books)
        lines = (debit("6500", "1000.00"), credit("2200", "1000.00"))
        audit = await books.ledger().draft(Draft(Module.GL, YEAR_END, "Audit fee", lines, "adjustment", period=13))
        await books.ledger(books.house.root).post(audit)
        told = await closed(books)
        assert told.retained_earnings["EUR"] == EARNED["EUR"] - 1000

    async def test_are_posted_once(self, books: Bookkeeping) -> None:
        await taken_over(books)
        await closed(books)
        again = await closed(books)
        assert (again.entries, dict(again.retained_earnings)) == ((), {})
        assert await books.rows("SELECT count(*) FROM ledger.journal WHERE operation = 'closing'") == [(1,)]

    async def test_are_none_where_nothing_was_earned(self, books: Bookkeeping) -> None:
        assert (await closed(books)).entries == ()

    async def test_of_a_loss_are_a_debit(self, books: Bookkeeping) -> None:
        await books.posted(YEAR_END, Module.GL, "50.00")
        told = await closed(books)
        assert dict(told.retained_earnings) == {"EUR": Decimal(-50)}
        assert (await balances(books, "2024-13"))["2920", "EUR"] == 50

    async def test_need_the_token_of_a_close(self, books: Bookkeeping) -> None:
        await books.posted(YEAR_END, Module.GL, "50.00")
        key = books.periods["2024-13"]
        async with books.store.transaction(books.house.id) as tx:
            with pytest.raises(Exception, match="posted by the close itself"):
                await tx.modules.close_year(named(Module.GL), ENTITY, key, uuid4(), books.house.root.id)

    async def test_are_not_for_the_ledgers_own_login(self, books: Bookkeeping, writer: asyncpg.Connection) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await writer.execute("SELECT ledger.close_year_gl(NULL, NULL, NULL, NULL, NULL)")


@pytest.mark.req("FP61")
class TestNextYear:
    async def test_opens_with_what_the_year_closed_with(self, books: Bookkeeping) -> None:
        await taken_over(books)
        await closed(books)
        assert await balances(books, "2025-01") == await balances(books, "2024-13")

    async def test_opens_the_same_before_the_year_is_closed(self, books: Bookkeeping) -> None:
        await taken_over(books)
        opening = await balances(books, "2025-01")
        assert sum(opening.values()) == 0
        await closed(books)
        assert await balances(books, "2025-01") == opening

    async def test_has_a_profit_and_loss_of_its_own(self, books: Bookkeeping) -> None:
        await taken_over(books)
        await books.move("2025-01", PeriodGate.opened)
        await books.posted(date(2025, 1, 10), Module.GL, "70.00")
        there = await books.ledger().balances(Module.GL, books.periods["2025-01"])
        earned = [each for each in there if each.kind is AccountKind.PROFIT_AND_LOSS]
        assert [(each.account, each.amount) for each in earned] == [("6200", Decimal(70))]
