"""Who posts beneath a close leaves a mark of their own, and waits for nobody because of it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from application.ports.moved_books import MovedBooks
from domain.closures import ClosureRun
from tests.contract.books import Kept, kept
from tests.contract.homes import moved_in
from tests.contract.test_store_moved_books import beneath
from tests.integration.postgres.posting import Line, Lines, assert_postable, bind
from tests.integration.postgres.test_posting_backstop import JOURNAL, MARCH, Journal, register

ISOLATIONS = ("read_committed", "repeatable_read", "serializable")
POSTERS, EACH = 6, 25
ONE = "INSERT INTO {} (id, tenant, entity, booked_on, kind, posted) VALUES ($1, $2, 'de', $3, 'adjustment', true)"
MANY = "INSERT INTO entry SELECT n, $1, 'de', $2, 'adjustment', true FROM generate_series(1, 500) AS n"


@pytest_asyncio.fixture
async def books(store: PostgresStore) -> Kept:
    """March takes adjustments only."""
    books = await kept(await moved_in(store))
    await books.put("adjust_only", books.key())
    return books


@pytest_asyncio.fixture
async def run(books: Kept) -> ClosureRun:
    return await beneath(books)


@pytest_asyncio.fixture
async def journal(superuser: Line, line: Line, books: Kept) -> AsyncIterator[Journal]:
    name = f"journal_{secrets.token_hex(4)}"
    await superuser.execute(JOURNAL.format(name=name))
    await register(superuser, name)
    yield Journal(line, name, books)
    await superuser.execute("DELETE FROM fiscal.journal WHERE module = $1", name)
    await superuser.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def lines(database_url: str) -> Lines:
    return Lines(database_url)


@pytest_asyncio.fixture
async def hasty(lines: Lines) -> AsyncIterator[Line]:
    """Whoever would wait for a lock fails at once."""
    async with lines.another() as line:
        await line.execute("SET lock_timeout = '1ms'")
        yield line


async def marks(line: Line, books: Kept) -> list[UUID]:
    async with line.transaction():
        await bind(line, books.home.tenant.id)
        return [row["run_id"] for row in await line.fetch("SELECT run_id FROM moved_books")]


async def adjust(line: Line, books: Kept) -> None:
    await assert_postable(line, books, operation="adjustment", actor=books.people["fin"].id)


async def seen(store: PostgresStore, books: Kept) -> MovedBooks:
    """Where many wait a look tells of some."""
    while True:
        found = await mine(store, books)
        if found:
            return found[0]


@pytest.mark.req("FP49")
class TestMarks:
    async def test_are_one_for_a_transaction_however_many_rows_it_writes(
        self, journal: Journal, line: Line, run: ClosureRun
    ) -> None:
        books, fin = journal.books, journal.books.people["fin"].id
        await journal.run(MANY, books.home.tenant.id, MARCH, by=fin)
        assert await marks(line, books) == [run.id]
        await journal.run("DELETE FROM entry WHERE id = 1", by=fin)
        await journal.run("UPDATE entry SET amount = 9 WHERE id = 2", by=fin)
        assert await marks(line, books) == [run.id] * 3

    async def test_are_gone_with_what_was_not_posted(self, line: Line, books: Kept, run: ClosureRun) -> None:
        transaction = line.transaction()
        await transaction.start()
        await adjust(line, books)
        await transaction.rollback()
        assert await marks(line, books) == []

    async def test_are_left_by_nobody_else(self, line: Line, books: Kept, run: ClosureRun) -> None:
        async with line.transaction():
            await bind(line, books.home.tenant.id)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await line.execute("SELECT fiscal.tell_close($1, 'de', $2, 'adjustment')", run.tenant, run.period)


@pytest.mark.req("FP49")
class TestNobodyWaits:
    @pytest.mark.parametrize("isolation", ISOLATIONS)
    async def test_for_another_who_posts(
        self, line: Line, hasty: Line, books: Kept, run: ClosureRun, isolation: Any
    ) -> None:
        """Neither while the first has not ended nor afterwards, and both are committed."""
        async with line.transaction(isolation=isolation):
            await adjust(line, books)
            async with hasty.transaction(isolation=isolation):
                await adjust(hasty, books)
            async with hasty.transaction(isolation=isolation):
                await adjust(hasty, books)
        assert await marks(line, books) == [run.id] * 3

    async def test_for_the_close_or_for_whoever_takes_the_marks_away(
        self, line: Line, hasty: Line, books: Kept, run: ClosureRun
    ) -> None:
        await adjust(line, books)
        async with line.transaction():
            await bind(line, books.home.tenant.id)
            await line.execute("SELECT FROM closure_run WHERE run_id = $1 FOR UPDATE", run.id)
            await line.execute("DELETE FROM moved_books")
            async with hasty.transaction():
                await adjust(hasty, books)
        assert await marks(line, books) == [run.id]


@pytest.mark.req("FP49")
class TestTakenAway:
    async def test_is_what_was_seen_and_not_what_was_committed_since(
        self, line: Line, lines: Lines, store: PostgresStore, books: Kept, run: ClosureRun
    ) -> None:
        """The mark that began first is committed last."""
        async with lines.another() as slow:
            posting = slow.transaction()
            await posting.start()
            await adjust(slow, books)
            await adjust(line, books)
            moved = await seen(store, books)
            await posting.commit()
        await store.moved_books_told(moved)
        assert await marks(line, books) == [run.id]
        await store.moved_books_told(await seen(store, books))
        assert await marks(line, books) == []


@pytest.mark.req("FP49")
class TestRace:
    async def test_after_the_last_posting_somebody_looks(
        self, journal: Journal, lines: Lines, store: PostgresStore, run: ClosureRun
    ) -> None:
        """Marks are taken away after the look that they led to, however many commit meanwhile."""
        posting = [asyncio.create_task(post_often(lines, journal, first)) for first in range(0, POSTERS * EACH, EACH)]
        looked = 0
        while not all(each.done() for each in posting) or await mine(store, journal.books):
            for moved in await mine(store, journal.books):
                looked = len(await journal.rows())
                await store.moved_books_told(moved)
        await asyncio.gather(*posting)
        assert looked == POSTERS * EACH


async def post_often(lines: Lines, journal: Journal, first: int) -> None:
    """Each in a transaction of its own, that goes on for a while after it was let in."""
    fin = journal.books.people["fin"].id
    async with lines.another() as line:
        own = Journal(line, journal.name, journal.books)
        for id_ in range(first, first + EACH):
            async with line.transaction():
                await own.act(fin)
                await line.execute(ONE.format(own.table), id_, journal.books.home.tenant.id, MARCH)
                await line.execute("SELECT pg_sleep(random() / 100)")


async def mine(store: PostgresStore, books: Kept) -> list[MovedBooks]:
    return [each for each in await store.moved_books() if each.tenant == books.home.tenant.id]
