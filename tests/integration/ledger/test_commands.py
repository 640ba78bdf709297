"""The ledger posts what it is commanded to, once, in the transaction that says so."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest_asyncio

from adapters.embedded.stack import Stack
from application.commands.executing import Executing
from application.commands.handling import Handlers
from application.commands.sending import send_in
from domain.commands import Command, CommandRecord, CommandState, ParkedKind
from domain.periods import PeriodGate
from examples.ledger.commands import post_journal
from examples.ledger.entries import Module
from examples.ledger.installing import let_write
from tests.integration.ledger.bookkeeping import ENTITY, Bookkeeping

LOGIN = "changegate_service"
MARCH = date(2024, 3, 14)
S = CommandState


@pytest_asyncio.fixture(autouse=True)
async def allowed(stack: Stack, superuser: asyncpg.Connection) -> AsyncIterator[None]:
    await let_write(stack.endpoints.database_superuser_url, LOGIN)
    yield
    await superuser.execute(f"REVOKE ledger_writer FROM {LOGIN}")


def rent(debit: str = "119.00", credit: str = "119.00") -> dict[str, Any]:
    lines = [{"account": "6200", "debit": debit}, {"account": "2000", "credit": credit}]
    return {"entity": ENTITY, "module": "AP", "on": MARCH.isoformat(), "description": "Rent", "lines": lines}


async def told(books: Bookkeeping, **payloads: dict[str, Any]) -> dict[str, CommandRecord]:
    """By their names, once all were sent by ada and executed in one lease."""
    handlers, lease = Handlers(post_journal), uuid4()
    commands = [Command("ledger.post-journal", name, payload) for name, payload in payloads.items()]
    store: Any = books.store
    await store.put_command_types(handlers.types())
    async with books.store.transaction(books.house.id) as tx:
        await send_in(tx, commands, books.house.ada)
    async with books.store.transaction(books.house.id) as tx:
        await tx.commands.lease("ledger", 100, tx.now + timedelta(minutes=1), lease)
    await Executing(books.store, handlers).execute(books.house.id, lease)
    async with books.store.transaction(books.house.id) as tx:
        found = [await tx.commands.get(each.key) for each in commands]
    return {each.command.id: each for each in found if each is not None}


async def posted(books: Bookkeeping) -> list[tuple[object, ...]]:
    return await books.rows("SELECT id::text, posted_by FROM ledger.journal WHERE description = 'Rent' AND posted")


class TestPostJournal:
    async def test_the_entry_is_posted_by_whoever_sent_it(self, books: Bookkeeping) -> None:
        done = await told(books, first=rent(), second=rent())
        assert {each.state for each in done.values()} == {S.COMPLETED}
        entries = sorted(each.result["entry"] for each in done.values())
        assert sorted(await posted(books)) == [(each, books.house.ada.id) for each in entries]

    async def test_one_that_does_not_balance_is_parked_and_the_others_are_posted(self, books: Bookkeeping) -> None:
        done = await told(books, even=rent(), odd=rent(credit="100.00"))
        assert (done["even"].state, done["odd"].parked) == (S.COMPLETED, ParkedKind.PERMANENT)
        assert done["odd"].error is not None
        assert done["odd"].error.code == "Unbalanced"
        assert len(await posted(books)) == 1

    async def test_into_a_closed_period_nothing_is_posted(self, books: Bookkeeping) -> None:
        await books.move("2024-03", PeriodGate.frozen, Module.AP)
        done = await told(books, late=rent())
        assert done["late"].parked is ParkedKind.PERIOD_CLOSED
        assert await posted(books) == []
