"""Two who work at the same books at once do not undo what each of them relies on."""

import asyncio
from datetime import date

import pytest
from sqlalchemy import text

from examples.ledger.entries import Module, Posted
from examples.ledger.refusals import AlreadyReversed, PostedStays, Unbalanced
from examples.ledger.sessions import work
from tests.integration.ledger.bookkeeping import Bookkeeping, rent

MARCH = date(2024, 3, 14)
ONE_MORE = text(
    """
    INSERT INTO ledger.line (tenant_id, module, entry, number, entity, account, currency, debit)
    VALUES (:tenant, 'AP', :entry, 9, 'acme', '6200', 'EUR', 1)
    """
)


class TestAtOnce:
    async def test_a_sub_ledger_is_transferred_once(self, books: Bookkeeping) -> None:
        await books.posted(MARCH)
        made = await asyncio.gather(*(books.ledger().transfer(Module.AP, MARCH) for _ in range(4)))
        assert sorted(len(each) for each in made) == [0, 0, 0, 1]
        assert (await books.control(Module.GL, "2024-03")).entries == 1

    async def test_a_draft_is_posted_once(self, books: Bookkeeping) -> None:
        draft = await books.ledger().draft(rent(MARCH))
        told = await asyncio.gather(*(books.ledger().post(draft) for _ in range(4)), return_exceptions=True)
        assert [type(each) for each in told if not isinstance(each, Posted)] == [PostedStays] * 3

    async def test_an_entry_is_reversed_once(self, books: Bookkeeping) -> None:
        entry = await books.posted(MARCH)
        told = await asyncio.gather(
            *(books.ledger().reverse(entry, "Billed twice") for _ in range(4)), return_exceptions=True
        )
        assert [type(each) for each in told if not isinstance(each, Posted)] == [AlreadyReversed] * 3

    async def test_a_line_that_is_being_added_counts_when_the_entry_is_posted(self, books: Bookkeeping) -> None:
        draft = await books.ledger().draft(rent(MARCH))
        async with work(books.engine, books.desk()) as at:
            await at.execute(ONE_MORE, {"tenant": books.house.id, "entry": draft.id})
            posting = asyncio.create_task(books.ledger().post(draft))
            done, _ = await asyncio.wait({posting}, timeout=0.5)
            assert not done
        with pytest.raises(Unbalanced):
            await posting

    async def test_a_line_that_comes_while_the_entry_is_posted_is_refused(self, books: Bookkeeping) -> None:
        draft = await books.ledger().draft(rent(MARCH))

        async def add() -> None:
            async with work(books.engine, books.desk()) as at:
                await at.execute(ONE_MORE, {"tenant": books.house.id, "entry": draft.id})

        async with work(books.engine, books.desk()) as at:
            await at.execute(text("UPDATE ledger.journal SET posted = true WHERE id = :id"), {"id": draft.id})
            adding = asyncio.create_task(add())
            done, _ = await asyncio.wait({adding}, timeout=0.5)
            assert not done
        with pytest.raises(PostedStays):
            await adding
        assert await books.rows("SELECT count(*) FROM ledger.line WHERE entry = :id", id=draft.id) == [(2,)]
