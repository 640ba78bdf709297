"""The client's guard speaks to the real one, over a session or a connection, awaited or not."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from uuid import UUID, uuid4

import pytest
from changegate import Conflict, Invalid, NotAllowed, NotFound
from changegate.guard import (
    _REFUSALS,
    _SENTENCES,
    Operation,
    Postable,
    Posting,
    acting,
    assert_postable,
    assert_postable_async,
    refusals,
)
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session

from adapters.postgres.posting_refusals import posting_refusal
from adapters.postgres.store import PostgresStore
from api.problems import status_of
from domain.periods import GateKey, PeriodGate
from examples.ledger.entries import Module
from tests.conftest import housed
from tests.integration.ledger.bookkeeping import ENTITY, Bookkeeping, rent

MARCH = date(2024, 3, 14)
Ask = Callable[[AsyncEngine, Posting], Awaitable[Postable]]


def asked(books: Bookkeeping, operation: Operation = "transaction", on: date = MARCH) -> Posting:
    return {
        "tenant": books.house.id, "entity": ENTITY, "scope": "AP", "operation": operation, "on": on,
        "actor": books.house.ada.id,
    }  # fmt: skip


async def by_session(engine: AsyncEngine, posting: Posting) -> Postable:
    async with async_sessionmaker(engine)() as session:
        return await assert_postable_async(session, **posting)


async def by_connection(engine: AsyncEngine, posting: Posting) -> Postable:
    async with engine.connect() as connection:
        return await assert_postable_async(connection, **posting)


async def by_plain_session(engine: AsyncEngine, posting: Posting) -> Postable:
    def ask(session: Session) -> Postable:
        return assert_postable(session, **posting)

    async with AsyncSession(engine) as session:
        return await session.run_sync(ask)


async def by_plain_connection(engine: AsyncEngine, posting: Posting) -> Postable:
    def ask(connection: Connection) -> Postable:
        return assert_postable(connection, **posting)

    async with engine.connect() as connection:
        return await connection.run_sync(ask)


@pytest.mark.parametrize("ask", [by_session, by_connection, by_plain_session, by_plain_connection])
class TestEachWay:
    async def test_says_which_period_at_which_epoch(self, books: Bookkeeping, ask: Ask) -> None:
        assert await ask(books.engine, asked(books)) == Postable(books.periods["2024-03"], 1)

    async def test_refuses_with_kind_and_facts(self, books: Bookkeeping, ask: Ask) -> None:
        await books.move("2024-03", PeriodGate.closed)
        with pytest.raises(Conflict) as raised:
            await ask(books.engine, asked(books))
        assert raised.value.kind == "period-closed"
        assert raised.value.facts["gate"] == "closed"
        assert raised.value.facts["period"]["number"] == 3


class TestRefusals:
    async def test_of_adjustments_ask_for_the_right_to_them(self, books: Bookkeeping) -> None:
        await books.move("2024-03", PeriodGate.soft_closed)
        with pytest.raises(NotAllowed):
            await by_session(books.engine, asked(books, "adjustment"))
        await by_session(books.engine, {**asked(books, "adjustment"), "actor": books.house.root.id})

    async def test_of_days_that_no_period_has(self, books: Bookkeeping) -> None:
        with pytest.raises(NotFound) as raised:
            await by_session(books.engine, asked(books, on=date(2030, 1, 1)))
        assert raised.value.kind == "no-period"

    async def test_of_operations_that_nobody_knows(self, books: Bookkeeping) -> None:
        unknown: Operation = "guess"  # type: ignore[assignment]  # what is refused
        with pytest.raises(Invalid):
            await by_session(books.engine, asked(books, unknown))

    @pytest.mark.req("FP43")
    async def test_of_another_tenant_are_like_those_of_none(self, books: Bookkeeping, store: PostgresStore) -> None:
        strangers = await housed(store)
        async with books.engine.connect() as at:
            await at.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(strangers.id)})
            with pytest.raises(NotFound):
                await assert_postable_async(at, **asked(books))

    async def test_of_the_backstop_are_told_in_the_same_words(self, books: Bookkeeping) -> None:
        draft = await books.ledger().draft(rent(MARCH))
        await books.move("2024-03", PeriodGate.closed)
        async with books.engine.connect() as at:
            await bound(at, books.house.id, books.house.ada.id)
            with pytest.raises(Conflict) as raised, refusals():
                await at.execute(text("UPDATE ledger.journal SET posted = true WHERE id = :id"), {"id": draft.id})
        assert raised.value.kind == "period-closed"

    async def test_within_a_savepoint_leave_the_transaction_alive(self, books: Bookkeeping) -> None:
        await books.move("2024-03", PeriodGate.closed)
        async with books.engine.connect() as at:
            with pytest.raises(Conflict):
                async with at.begin_nested():
                    await assert_postable_async(at, **asked(books))
            assert (await assert_postable_async(at, **asked(books, on=date(2024, 4, 1)))).epoch == 1

    @pytest.mark.parametrize("state", sorted(_REFUSALS))
    def test_are_called_as_the_api_calls_them(self, state: str) -> None:
        ours = posting_refusal(state, '{"missing": ["actor"]}')
        assert ours is not None
        assert _REFUSALS[state][1:] == (status_of(ours), ours.kind)
        assert _SENTENCES.get(state, str(ours)) == str(ours)


class TestActing:
    async def test_lasts_until_the_transaction_ends(self, books: Bookkeeping) -> None:
        somebody = uuid4()
        shown = text("SELECT current_setting('fiscal.actor', true)")
        async with books.engine.connect() as at:
            await at.execute(acting(somebody))
            assert await at.scalar(shown) == str(somebody)
            await at.rollback()
            assert not await at.scalar(shown)


class TestSerialization:
    @pytest.mark.req("FP37")
    @pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
    async def test_fails_where_the_gate_moved_since_the_transaction_began(self, books: Bookkeeping, level: str) -> None:
        async with books.engine.connect() as at:
            await at.execution_options(isolation_level=level)
            await bound(at, books.house.id, books.house.ada.id)
            await books.move("2024-03", PeriodGate.closed)
            with pytest.raises(DBAPIError) as raised:
                await assert_postable_async(at, **asked(books))
        assert getattr(raised.value.orig, "sqlstate", "") == "40001"

    @pytest.mark.req("FP38")
    async def test_waits_for_a_close_that_came_first(self, books: Bookkeeping) -> None:
        key = GateKey(ENTITY, books.periods["2024-03"], Module.AP)
        async with books.store.transaction(books.house.id) as tx:
            held = await tx.periods.hold([key])
            posting = asyncio.create_task(by_session(books.engine, asked(books)))
            done, _ = await asyncio.wait({posting}, timeout=0.5)
            assert not done
            await tx.periods.move([held[key].closed(books.house.root.id, tx.now, "because")])
        with pytest.raises(Conflict):
            await posting


async def bound(at: AsyncConnection, tenant: UUID, actor: UUID) -> None:
    await at.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(tenant)})
    await at.execute(acting(actor))
