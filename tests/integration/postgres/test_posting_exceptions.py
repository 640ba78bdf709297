"""Exceptions under load, and what modules may read of periods, in raw SQL."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from adapters.postgres.store import PostgresStore
from domain.periods import Scope
from tests.contract.books import Kept, kept
from tests.contract.homes import moved_in
from tests.integration.postgres.posting import Line, Lines, assert_postable, bind, close, granted, refused

ISOLATIONS = ["read_committed", "repeatable_read", "serializable"]
SECOND = timedelta(seconds=1)


@pytest_asyncio.fixture
async def books(store: PostgresStore) -> Kept:
    """March is open to all in AP."""
    books = await kept(await moved_in(store))
    await books.put("all", books.key())
    return books


@pytest.fixture
def lines(database_url: str) -> Lines:
    return Lines(database_url)


class TestExceptions:
    @pytest_asyncio.fixture
    async def shut(self, line: Line, books: Kept) -> Kept:
        await close(line, books, books.key())
        return books

    @pytest.mark.parametrize("isolation", ISOLATIONS)
    async def test_have_one_last_use(self, line: Line, lines: Lines, shut: Kept, isolation: Any) -> None:
        await granted(shut, most_entries=1)
        async with lines.another() as other:
            transaction = other.transaction(isolation=isolation)
            await transaction.start()
            async with line.transaction(isolation=isolation):
                await assert_postable(line, shut)
                second = asyncio.ensure_future(assert_postable(other, shut))
                await lines.until_it_waits(other)
            with refused("FP001" if isolation == "read_committed" else "40001"):
                await second
            await transaction.rollback()

    async def test_whose_last_user_gave_up_let_the_next_one_in(self, line: Line, lines: Lines, shut: Kept) -> None:
        await granted(shut, most_entries=1)
        async with lines.another() as other:
            transaction = line.transaction()
            await transaction.start()
            await assert_postable(line, shut)
            second = asyncio.ensure_future(assert_postable(other, shut))
            await lines.until_it_waits(other)
            await transaction.rollback()
            assert (await second)["epoch"] == 2

    @pytest.mark.req("FP36")
    async def test_are_revoked_once_whatever_they_let_in_has_ended(self, line: Line, lines: Lines, shut: Kept) -> None:
        exception = await granted(shut)
        async with lines.another() as other:
            async with line.transaction():
                await assert_postable(line, shut)
                revoking = asyncio.ensure_future(revoke(other, shut))
                await lines.until_it_waits(other)
                await assert_postable(line, shut)
            await revoking
        with refused("FP001"):
            await assert_postable(line, shut)
        async with shut.home.transaction() as tx:
            assert [use.exception for use in await tx.periods.uses(shut.key())] == [exception.id] * 2

    @pytest.mark.req("FP36")
    async def test_end_while_a_transaction_goes_on(self, line: Line, shut: Kept) -> None:
        """The clock of this moment decides, and not that of the transaction's beginning."""
        ends = datetime.now(UTC) + SECOND
        await granted(shut, ends=ends)
        async with line.transaction():
            await assert_postable(line, shut)
            await line.execute("SELECT pg_sleep_until($1)", ends)
            with refused("FP001"):
                await assert_postable(line, shut)


class TestReads:
    async def test_say_when_a_period_is(self, line: Line, books: Kept) -> None:
        found = await line.fetchrow("SELECT * FROM fiscal.period_v1($1, $2)", books.home.tenant.id, books.period(13))
        assert found is not None
        assert tuple(found) == (
            13, "adjusting", date(2024, 12, 31), date(2024, 12, 31), date(2024, 1, 1), date(2024, 12, 31),
        )  # fmt: skip
        with refused("FP008"):
            await line.fetchrow("SELECT * FROM fiscal.period_v1($1, $2)", uuid4(), books.period(13))

    @pytest.mark.req("FP70")
    async def test_say_where_a_late_entry_may_go(self, line: Line, books: Kept) -> None:
        await books.put("adjust_only", books.key(4))
        await books.put("all", books.key(5))
        ask = "SELECT * FROM fiscal.late_entry_v1($1, 'de', 'AP', $2, $3)"
        tenant = books.home.tenant.id
        for operation, day, expected in (
            ("transaction", date(2024, 3, 20), date(2024, 3, 20)),
            ("transaction", date(2024, 4, 20), date(2024, 5, 1)),
            ("adjustment", date(2024, 4, 20), date(2024, 4, 20)),
            ("transaction", date(2024, 6, 1), None),
        ):
            assert tuple(await line.fetchrow(ask, tenant, operation, day) or ()) == ("reject", expected)
        async with line.transaction():
            await bind(line, uuid4())
            with refused("FP012"):
                await line.fetchrow(ask, tenant, "transaction", date(2024, 3, 1))


class TestNews:
    async def test_tell_of_what_decides_postings_and_not_of_postings(self, line: Line, books: Kept) -> None:
        told: list[str] = []
        await line.add_listener("changegate_periods", lambda *heard: told.append(heard[-1]))

        async def heard() -> bool:
            await line.execute("SELECT 1")
            news, told[:] = list(told), []
            return str(books.home.tenant.id) in news

        async with books.home.transaction() as tx:
            entity = await tx.entities.get("de")
            await tx.entities.put(replace(entity, version=2, time_zone="Europe/Vienna"))
        assert await heard()
        async with books.home.transaction() as tx:
            await tx.books.put_scope(Scope("INV", "Inventory"))
        assert await heard()
        await books.put("closed", books.key(4))
        assert await heard()
        exception = await granted(books, 4)
        assert await heard()
        await books.ask(books.asked(number=4))
        await books.ask(books.asked())
        assert not await heard()
        async with books.home.transaction() as tx:
            await tx.periods.revoke(replace(exception, revoked_at=exception.begins, revoked_by=exception.granted_by))
        assert await heard()


async def revoke(line: Line, books: Kept) -> None:
    async with line.transaction():
        await bind(line, books.home.tenant.id)
        await line.execute("UPDATE posting_exception SET revoked_at = now(), revoked_by = granted_by")
