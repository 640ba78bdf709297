"""Whoever writes to the journals, and however: what was posted in a closed period stays, and nothing joins it."""

from datetime import date
from typing import Any

import asyncpg
import pytest
from changegate import Conflict

from domain.periods import PeriodGate
from examples.ledger.entries import Entry, Module
from examples.ledger.refusals import AlreadyReversed, PostedStays
from tests.integration.ledger.bookkeeping import Bookkeeping, rent

MARCH, APRIL = date(2024, 3, 14), date(2024, 4, 9)
WAYS = {
    "cancelled": "UPDATE ledger.journal SET posted = false WHERE id = $1",
    "described anew": "UPDATE ledger.journal SET description = 'x' WHERE id = $1",
    "dated out of it": "UPDATE ledger.journal SET posting_date = '2024-05-02' WHERE id = $1",
    "called an adjustment": "UPDATE ledger.journal SET operation = 'adjustment' WHERE id = $1",
    "moved to another journal": "UPDATE ledger.journal SET module = 'PAY' WHERE id = $1",
    "given to nobody": "UPDATE ledger.journal SET entity = 'none' WHERE id = $1",
    "deleted": "DELETE FROM ledger.journal WHERE id = $1",
    "robbed of lines": "DELETE FROM ledger.line WHERE entry = $1",
    "given more lines": "INSERT INTO ledger.line SELECT tenant_id, module, entry, number + 10, entity, account, "
    "currency, debit, credit FROM ledger.line WHERE entry = $1",
}
INSERTED = """
    INSERT INTO ledger.journal (tenant_id, module, entity, posting_date, description, posted, operation, period)
    VALUES ($1, 'AP', 'acme', $2, 'x', true, $3, $4)
"""


async def run(line: asyncpg.Connection, books: Bookkeeping, statement: str, *values: Any) -> None:
    async with line.transaction():
        await line.execute("SELECT set_config('app.tenant_id', $1, true)", str(books.house.id))
        await line.execute("SELECT set_config('fiscal.actor', $1, true)", str(books.house.root.id))
        await line.execute(statement, *values)


async def refused(line: asyncpg.Connection, books: Bookkeeping, statement: str, *values: Any) -> str:
    """The SQLSTATE with which it was."""
    with pytest.raises(asyncpg.PostgresError) as raised:
        await run(line, books, statement, *values)
    return str(raised.value.sqlstate)


async def shut(books: Bookkeeping) -> Entry:
    """An entry of March, which is closed since."""
    entry = await books.posted(MARCH)
    await books.move("2024-03", PeriodGate.closed)
    return entry


@pytest.fixture(params=["writer", "owner"])
async def line(request: pytest.FixtureRequest, writer: asyncpg.Connection, superuser: asyncpg.Connection) -> Any:
    """The ledger's login, or whoever owns its tables."""
    if request.param == "writer":
        return writer
    await superuser.execute("SET ROLE ledger_owner")
    return superuser


@pytest.mark.req("FP40")
class TestClosed:
    @pytest.mark.parametrize("way", WAYS)
    async def test_is_not_changed(self, books: Bookkeeping, line: asyncpg.Connection, way: str) -> None:
        entry = await shut(books)
        before = await books.control(Module.AP, "2024-03")
        assert await refused(line, books, WAYS[way], entry.id) == "FP001"
        assert await books.control(Module.AP, "2024-03") == before

    async def test_takes_no_entry_that_is_dated_back(self, books: Bookkeeping, line: asyncpg.Connection) -> None:
        await shut(books)
        later = await books.posted(APRIL)
        back = "UPDATE ledger.journal SET posting_date = '2024-03-20' WHERE id = $1"
        assert await refused(line, books, back, later.id) == "FP001"

    async def test_takes_no_draft(self, books: Bookkeeping, line: asyncpg.Connection) -> None:
        await shut(books)
        draft = await books.ledger().draft(rent(MARCH))
        assert await refused(line, books, "UPDATE ledger.journal SET posted = true WHERE id = $1", draft.id) == "FP001"

    @pytest.mark.parametrize("operation", ["transaction", "adjustment"])
    async def test_takes_no_new_entry(self, books: Bookkeeping, line: asyncpg.Connection, operation: str) -> None:
        await shut(books)
        assert await refused(line, books, INSERTED, books.house.id, MARCH, operation, None) == "FP001"

    async def test_takes_no_report_for_an_entry(self, books: Bookkeeping, line: asyncpg.Connection) -> None:
        await shut(books)
        assert await refused(line, books, INSERTED, books.house.id, MARCH, "reporting", None) == "FP011"

    async def test_takes_no_closing_entry_without_a_close(self, books: Bookkeeping, line: asyncpg.Connection) -> None:
        assert await refused(line, books, INSERTED, books.house.id, MARCH, "closing", None) == "FP007"

    @pytest.mark.parametrize("table", ["journal", "journal_ap", "line", "journal, ledger.line"])
    async def test_is_not_emptied(self, books: Bookkeeping, superuser: asyncpg.Connection, table: str) -> None:
        await shut(books)
        before = await books.control(Module.AP, "2024-03")
        await superuser.execute("SET ROLE ledger_owner")
        with pytest.raises(asyncpg.PostgresError, match=r"is not emptied|is not rewritten"):
            await run(superuser, books, f"TRUNCATE ledger.{table} CASCADE")
        assert await books.control(Module.AP, "2024-03") == before

    async def test_is_reversed_in_a_later_period_only(self, books: Bookkeeping) -> None:
        entry = await shut(books)
        with pytest.raises(Conflict) as raised:
            await books.ledger().reverse(entry, "Billed twice")
        assert raised.value.kind == "period-closed"
        back = await books.ledger().reverse(entry, "Billed twice", on=APRIL)
        assert (back.on, back.period_id) == (APRIL, books.periods["2024-04"])

    async def test_leaves_other_scopes_open(self, books: Bookkeeping) -> None:
        await books.move("2024-03", PeriodGate.closed, Module.AP)
        await books.posted(MARCH, Module.AR)
        with pytest.raises(Conflict):
            await books.posted(MARCH, Module.AP)


class TestOpen:
    @pytest.mark.parametrize("way", WAYS)
    async def test_what_was_posted_stays_as_well(self, books: Bookkeeping, line: asyncpg.Connection, way: str) -> None:
        entry = await books.posted(MARCH)
        before = await books.control(Module.AP, "2024-03")
        assert await refused(line, books, WAYS[way], entry.id) in {"LG001", "FP009", "23503"}
        assert await books.control(Module.AP, "2024-03") == before

    async def test_an_entry_is_posted_and_reversed_once(self, books: Bookkeeping) -> None:
        entry = await books.posted(MARCH)
        with pytest.raises(PostedStays):
            await books.ledger().post(entry)
        await books.ledger().reverse(entry, "Billed twice")
        with pytest.raises(AlreadyReversed):
            await books.ledger().reverse(entry, "Billed twice")
        assert await books.ledger().balances(Module.AP, books.periods["2024-03"]) == []

    async def test_an_entry_without_lines_is_not_posted(self, books: Bookkeeping, writer: asyncpg.Connection) -> None:
        assert await refused(writer, books, INSERTED, books.house.id, MARCH, "transaction", None) == "LG003"

    async def test_a_line_is_not_rewritten(self, books: Bookkeeping, superuser: asyncpg.Connection) -> None:
        draft = await books.ledger().draft(rent(MARCH))
        await superuser.execute("SET ROLE ledger_owner")
        assert await refused(superuser, books, "UPDATE ledger.line SET debit = 1 WHERE entry = $1", draft.id) == "LG002"
