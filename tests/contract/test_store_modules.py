"""What modules say of their books, from memory and from SQL functions of their own."""

import json
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from adapters.embedded.stack import Stack
from adapters.memory.modules import MemoryModules
from adapters.memory.rows import ModuleRow
from adapters.memory.store import MemoryStore
from adapters.postgres.store import PostgresStore
from application.ports.modules import Journal, ModuleAnswer, ModuleMissing, YearClosed
from application.ports.store import Transaction
from domain.canonical import Json
from domain.closures import AccountKind, Balance, Control, Entry, Item, PostedSince, Total
from tests.contract.homes import Home, moved_in

NOTHING = {"control": {"entries": 0, "totals": []}, "unposted": [], "untransferred": [], "balances": []}
NO_CLOSING: Json = {"entries": [], "retained_earnings": []}
CONTROL = {
    "entries": 2, "high_water": "e-2", "digest": "sha256:" + "ab" * 32,
    "totals": [{"currency": "USD", "debit": "7", "credit": "7.00"}, {"currency": "EUR", "debit": 10.10, "credit": 0}],
}  # fmt: skip
DRAFT = {"id": "d-1", "date": "2024-03-29", "description": None}
BALANCE = {"account": "4000", "kind": "profit-and-loss", "currency": "EUR", "balance": "-10.1000"}
ENTRIES = [
    {"id": name, "date": "2024-03-29", "amounts": [{"currency": "EUR", "amount": "10.10"}]} for name in ("e-1", "e-2")
]
POSTED = {"": {"count": 2, "entries": ENTRIES}, "e-1": {"count": 1, "entries": ENTRIES[1:]}}
"""By the entry after which they come."""
CLOSING = {"entries": ["c-1"], "retained_earnings": [{"currency": "EUR", "amount": "10.10"}]}

_SCHEMA = """
CREATE SCHEMA {schema};
GRANT USAGE ON SCHEMA {schema} TO changegate_app;
CREATE TABLE {schema}.journal
  (tenant uuid, entity text, day date, operation text, posted boolean, period uuid, epoch bigint);
CREATE TABLE {schema}.said (tenant uuid, entity text, period uuid, what text, answer jsonb);
CREATE TABLE {schema}.closing (tenant uuid, token uuid, actor uuid);
CREATE FUNCTION {schema}."Year's end"(t uuid, e text, p uuid, token uuid, actor uuid) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER AS $$
  INSERT INTO {schema}.closing VALUES (t, token, actor);
  WITH gone AS (
    DELETE FROM {schema}.said WHERE (tenant, entity, period, what) = (t, e, p, 'close_year') RETURNING answer)
  SELECT coalesce((SELECT answer FROM gone), '{none}');
$$;
CREATE FUNCTION {schema}.balances(t uuid, e text, p uuid)
RETURNS TABLE (account text, kind text, currency text, balance numeric) LANGUAGE sql SECURITY DEFINER AS $$
  SELECT r.* FROM {schema}.said s,
    jsonb_to_recordset(s.answer) AS r (account text, kind text, currency text, balance numeric)
   WHERE (s.tenant, s.entity, s.period, s.what) = (t, e, p, 'balances') $$;
"""
_SINCE = """
CREATE FUNCTION {schema}.posted_since(t uuid, e text, p uuid, high_water text) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER AS $$
  SELECT answer -> coalesce(high_water, '') FROM {schema}.said
   WHERE (tenant, entity, period, what) = (t, e, p, 'posted_since') $$
"""
_ANSWER = """
CREATE FUNCTION {schema}.{name}(t uuid, e text, p uuid) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
  SELECT coalesce((SELECT answer FROM {schema}.said WHERE (tenant, entity, period, what) = (t, e, p, '{name}')),
                  '{none}') $$
"""


@dataclass
class Books:
    """A module that says what it is told to say; `schema` is where its functions are, None in memory."""

    home: Home
    module: str
    schema: str | None = None
    connection: Any = None

    async def say(self, entity: str, period: UUID, tenant: UUID | None = None, **answers: Json) -> None:
        if self.schema is not None:
            for what, answer in answers.items():
                row = (tenant or self.home.tenant.id, entity, period, what, json.dumps(answer))
                await self.connection.execute("INSERT INTO said VALUES ($1, $2, $3, $4, $5)", *row)
            return
        async with self.home.store.transaction(tenant or self.home.tenant.id) as tx:
            books_of(tx).feed(self.module, _row(entity, period, answers))

    async def closers(self) -> list[tuple[UUID, UUID]]:
        """Under which token the year was closed, and for whom."""
        if self.schema is not None:
            return [tuple(row) for row in await self.connection.fetch("SELECT token, actor FROM closing")]
        async with self.home.transaction() as tx:
            return list(books_of(tx)._of(self.module).closed.values())


@pytest_asyncio.fixture(params=["memory", "postgres"])
async def books(request: pytest.FixtureRequest, store: PostgresStore, stack: Stack) -> AsyncIterator[Books]:
    name = f"books-{secrets.token_hex(4)}"
    if request.param == "memory":
        kept = Books(await moved_in(MemoryStore()), name)
        async with kept.home.transaction() as tx:
            books_of(tx).feed(name, ModuleRow("AP"))
        yield kept
        return
    connection = await asyncpg.connect(stack.endpoints.database_superuser_url)
    schema = f'"{name}"'
    await connection.execute(_SCHEMA.format(schema=schema, none=json.dumps(NO_CLOSING)))
    for what in ("control", "unposted", "untransferred"):
        await connection.execute(_ANSWER.format(schema=schema, name=what, none=json.dumps(NOTHING[what])))
    await connection.execute(_SINCE.format(schema=schema))
    functions = {what: f"{schema}.{what}" for what in (*NOTHING, "posted_since")} | {
        "close_year": f'{schema}."Year\'s end"'
    }
    await register(connection, name, schema, functions)
    await connection.execute(f"SET search_path = {schema}")
    yield Books(await moved_in(store), name, schema, connection)
    await connection.execute("DELETE FROM fiscal.journal WHERE module = $1", name)
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


def books_of(tx: Transaction) -> MemoryModules:
    assert isinstance(tx.modules, MemoryModules)
    return tx.modules


async def register(connection: Any, module: str, schema: str, functions: dict[str, str]) -> None:
    names = ("tenant", "entity", "operation", "posted", "epoch")
    columns = {name: name for name in names} | {"date": "day", "period_id": "period"}
    await connection.execute(
        "SELECT fiscal.register_journal_v1($1, 'AP', $2::text::regclass, $3, $4)",
        module, f"{schema}.journal", json.dumps(columns), json.dumps(functions),
    )  # fmt: skip


def _row(entity: str, period: UUID, answers: dict[str, Json]) -> ModuleRow:
    """What the same answers are in memory."""
    place, row = (entity, period), ModuleRow("AP")
    made: dict[str, Callable[[], ModuleRow]] = {
        "control": lambda: replace(row, controls={place: read_control()}),
        "unposted": lambda: replace(row, unposted={place: (read_item(),)}),
        "untransferred": lambda: replace(row, untransferred={place: (read_item(),)}),
        "balances": lambda: replace(row, balances={place: (read_balance(),)}),
        "posted_since": lambda: replace(row, posted={place: tuple((each.id, each) for each in read_entries())}),
        "close_year": lambda: replace(row, closings={place: read_closing()}),
    }
    for what in answers:
        row = made[what]()
    return row


def read_control(module: str = "") -> Control:
    totals = (Total("EUR", Decimal("10.1"), Decimal(0)), Total("USD", Decimal(7), Decimal(7)))
    return Control(module, "AP", 2, "e-2", totals, "sha256:" + "ab" * 32)


def read_item() -> Item:
    return Item("d-1", date(2024, 3, 29))


def read_balance() -> Balance:
    return Balance("4000", AccountKind.PROFIT_AND_LOSS, "EUR", Decimal("-10.1"))


def read_entries() -> tuple[Entry, ...]:
    return tuple(Entry(name, date(2024, 3, 29), {"EUR": Decimal("10.1")}) for name in ("e-1", "e-2"))


def read_closing() -> YearClosed:
    return YearClosed(("c-1",), {"EUR": Decimal("10.1")})


class TestModules:
    async def test_are_known_by_their_journals(self, books: Books) -> None:
        async with books.home.transaction() as tx:
            assert Journal(books.module, "AP") in await tx.modules.journals()

    async def test_say_what_is_posted_and_what_is_not(self, books: Books) -> None:
        march = uuid4()
        await books.say("de", march, control=CONTROL, unposted=[DRAFT], untransferred=[DRAFT], balances=[BALANCE])
        async with books.home.transaction() as tx:
            asked = (books.module, "de", march)
            found = await tx.modules.control(*asked)
            assert replace(found, module="") == read_control()
            assert found.module in {books.module, ""}
            assert await tx.modules.unposted(*asked) == [read_item()]
            assert await tx.modules.untransferred(*asked) == [read_item()]
            assert await tx.modules.balances(*asked) == [read_balance()]

    @pytest.mark.req("FP68")
    async def test_say_what_was_posted_after_an_entry(self, books: Books) -> None:
        march = uuid4()
        await books.say("de", march, posted_since=POSTED)
        async with books.home.transaction() as tx:
            asked = (books.module, "de", march)
            assert await tx.modules.posted_since(*asked, None) == PostedSince(2, read_entries())
            assert await tx.modules.posted_since(*asked, "e-1") == PostedSince(1, read_entries()[1:])

    async def test_say_nothing_of_other_periods_entities_and_tenants(self, books: Books) -> None:
        march, other = uuid4(), await moved_in(books.home.store)
        await books.say("de", march, control=CONTROL, unposted=[DRAFT])
        async with books.home.transaction() as tx:
            for asked in ((books.module, "de", uuid4()), (books.module, "at", march)):
                assert (await tx.modules.control(*asked)).entries == 0
                assert await tx.modules.unposted(*asked) == []
        await books.say("at", march, tenant=other.tenant.id, unposted=[DRAFT])
        async with other.transaction() as tx:
            assert (await tx.modules.control(books.module, "de", march)).entries == 0

    async def test_close_a_year_once_under_the_token_of_the_close(self, books: Books) -> None:
        december, token = uuid4(), uuid4()
        await books.say("de", december, close_year=CLOSING)
        asked = (books.module, "de", december, token, books.home.ada.id)
        async with books.home.transaction() as tx:
            assert await tx.modules.close_year(*asked) == read_closing()
        assert (token, books.home.ada.id) in await books.closers()
        async with books.home.transaction() as tx:
            assert await tx.modules.close_year(*asked) == YearClosed()

    async def test_that_are_none_are_missing(self, books: Books) -> None:
        async with books.home.transaction() as tx:
            with pytest.raises(ModuleMissing):
                await tx.modules.control("no such", "de", uuid4())
        async with books.home.transaction() as tx:
            with pytest.raises(ModuleMissing):
                await tx.modules.unposted('x"; DROP TABLE audit_event; --', "de", uuid4())


@pytest.mark.parametrize("books", ["postgres"], indirect=True)
class TestAnswers:
    @pytest.mark.parametrize(
        "wrong",
        [
            None,
            [],
            {"entries": "many", "totals": []},
            {"entries": 1},
            {"entries": 1, "totals": [], "digest": "md5:" + "ab" * 16},
            {"entries": 1, "totals": [], "digest": 7},
            {"entries": 1, "totals": [{"currency": "EUR", "debit": "NaN", "credit": "0"}]},
            {"entries": 1, "totals": [{"currency": "EUR", "debit": "1", "credit": "1"}] * 2},
        ],
    )
    async def test_that_are_no_control_are_refused(self, books: Books, wrong: Json) -> None:
        march = uuid4()
        await books.say("de", march, control=wrong)
        async with books.home.transaction() as tx:
            with pytest.raises(ModuleAnswer) as refused:
                await tx.modules.control(books.module, "de", march)
        assert refused.value.facts == {"module": books.module, "function": "control"}

    async def test_hold_digests_of_one_form(self, books: Books) -> None:
        march = uuid4()
        await books.say("de", march, control={**CONTROL, "digest": "ab" * 32})
        async with books.home.transaction() as tx:
            assert (await tx.modules.control(books.module, "de", march)).digest == read_control().digest

    async def test_that_are_no_drafts_or_balances_are_refused(self, books: Books) -> None:
        march = uuid4()
        wrong_balance = {**BALANCE, "kind": "off-balance-sheet"}
        await books.say("de", march, unposted=[{"id": "d-1"}], balances=[wrong_balance], untransferred={"id": 1})
        asked = (books.module, "de", march)
        async with books.home.transaction() as tx:
            for refused in (tx.modules.unposted(*asked), tx.modules.balances(*asked), tx.modules.untransferred(*asked)):
                with pytest.raises(ModuleAnswer):
                    await refused

    @pytest.mark.parametrize(
        "wrong", [None, {"count": 1}, {"count": 0, "entries": ENTRIES}, {"count": 1, "entries": [{}]}]
    )
    async def test_that_are_no_list_of_entries_are_refused(self, books: Books, wrong: Json) -> None:
        march = uuid4()
        await books.say("de", march, posted_since={"": wrong})
        async with books.home.transaction() as tx:
            with pytest.raises(ModuleAnswer) as refused:
                await tx.modules.posted_since(books.module, "de", march, None)
        assert refused.value.facts == {"module": books.module, "function": "posted_since"}

    async def test_are_asked_of_no_function_that_is_gone(self, books: Books) -> None:
        """A module that lost its function must not look like one that has no drafts."""
        await books.connection.execute(f"DROP FUNCTION {books.schema}.unposted")
        async with books.home.transaction() as tx:
            with pytest.raises(ModuleAnswer):
                await tx.modules.unposted(books.module, "de", uuid4())

    async def test_are_none_of_what_a_module_need_not_do(self, books: Books) -> None:
        assert books.schema is not None
        needed = {what: f"{books.schema}.{what}" for what in ("control", "unposted", "balances")}
        await register(books.connection, books.module, books.schema, needed)
        async with books.home.transaction() as tx:
            asked = (books.module, "de", uuid4())
            assert await tx.modules.untransferred(*asked) == []
            assert await tx.modules.posted_since(*asked, None) is None
            assert await tx.modules.close_year(*asked, uuid4(), uuid4()) == YearClosed()
