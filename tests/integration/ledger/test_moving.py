"""Cash is in the books of both entities, or in the end as if it had never been moved, on the real Temporal."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from activities.sagas import SagaActivities
from adapters.embedded.stack import Stack
from adapters.temporal.client import always, connect, prepare
from adapters.temporal.sagas import TemporalSagas, saga_worker
from application.commands.executing import Executing
from application.commands.handling import Handlers
from application.sagas.acts import SagaActs
from application.sagas.carrying import CarryingSagas
from application.sagas.declaring import ProcessBook
from application.sagas.relaying import SagaRelay
from application.sagas.starting import Starting
from domain.sagas import Saga, SagaState, Wish
from domain.sagas.operations import SagaAct, SagaDecision
from examples.ledger.commands import post_journal, reverse_journal
from examples.ledger.installing import let_write
from examples.ledger.ledger import Ledger
from examples.ledger.moving import move_cash
from examples.ledger.sessions import Desk
from tests.gatekeeping import Bookroom
from tests.integration.ledger.bookkeeping import ACCOUNTS, ENTITY, Bookkeeping
from tests.sagas import OwnSagas, stood
from worker import ended

LOGIN = "changegate_service"
TYPE, OTHER = "ledger.move-cash", "kit"
S = SagaState


@pytest_asyncio.fixture(autouse=True)
async def allowed(stack: Stack, superuser: asyncpg.Connection) -> AsyncIterator[None]:
    await let_write(stack.endpoints.database_superuser_url, LOGIN)
    yield
    await superuser.execute(f"REVOKE ledger_writer FROM {LOGIN}")


@dataclass
class Treasury:
    books: Bookkeeping
    room: Bookroom

    async def move(self, target: str) -> None:
        data = {"source": ENTITY, "target": target, "on": "2024-03-14", "amount": "250.00"}
        await Starting(self.books.store).start(self.books.house.ada, Wish(TYPE, "move-42", data))

    async def until(self, *states: SagaState) -> Saga:
        async with asyncio.timeout(60):
            while True:
                async with self.books.store.transaction(self.books.house.id) as tx:
                    found = await tx.sagas.get((TYPE, "move-42"))
                assert found is not None
                if found.state in states:
                    return found
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        seen, decision = await self.until(S.WAITING_FOR_TSQ), SagaDecision(SagaAct.CANCEL, "the entity was sold")
        await SagaActs(self.books.store).decide(self.books.house.olu, seen.key, seen.version, uuid4(), decision)

    async def cash(self, entity: str) -> list[Decimal]:
        """What was booked to the bank, entry by entry."""
        statement = (
            "SELECT l.debit - l.credit FROM ledger.line l JOIN ledger.journal j"
            " ON (j.tenant_id, j.module, j.id) = (l.tenant_id, l.module, l.entry)"
            " WHERE l.entity = :entity AND l.account = '1510' AND j.posted ORDER BY j.posting_no"
        )
        return [Decimal(str(row[0])) for row in await self.books.rows(statement, entity=entity)]


@pytest_asyncio.fixture
async def treasury(books: Bookkeeping, stack: Stack) -> AsyncIterator[Treasury]:
    house, store = books.house, books.store
    room = Bookroom(store, house.id, house.root.id, OTHER)
    await room.furnish(2024)
    await Ledger(books.engine, Desk(house.id, OTHER, house.ada.id)).open_accounts(ACCOUNTS)
    handlers, book, lanes = Handlers(post_journal, reverse_journal), ProcessBook(move_cash), _lanes(books)
    await lanes.store.put_command_types(handlers.types())
    await lanes.put_process_types(book.types())
    client = await connect(stack.endpoints.temporal_address)
    await prepare(client)
    runs = TemporalSagas(always(client), f"q-{secrets.token_hex(4)}")
    loops = (SagaRelay(lanes, runs, book, pause=0.05).run(), _executed(books, Executing(store, handlers)))
    async with saga_worker(client, SagaActivities(CarryingSagas(store, book)), runs.queue("ledger")):
        tasks = [asyncio.create_task(each) for each in loops]
        yield Treasury(books, room)
        for each in tasks:
            await ended(each)


def _lanes(books: Bookkeeping) -> Any:
    return OwnSagas(books.store, books.house.id)


async def _executed(books: Bookkeeping, executing: Executing) -> None:
    while True:
        lease = uuid4()
        async with books.store.transaction(books.house.id) as tx:
            await tx.commands.lease("ledger", 100, tx.now + timedelta(minutes=1), lease)
        await executing.execute(books.house.id, lease)
        await asyncio.sleep(0.05)


class TestMoveCash:
    @pytest.mark.req("S057")
    async def test_it_is_in_both_books(self, treasury: Treasury) -> None:
        await treasury.room.stand("2024-03", "GL", "open")
        await treasury.move(OTHER)
        done = await treasury.until(S.COMPLETED, S.WAITING_FOR_TSQ)
        assert stood(done) == {"take-out": "completed", "bring-in": "completed"}
        assert await treasury.cash(ENTITY) == [Decimal(-250)]
        assert await treasury.cash(OTHER) == [Decimal(250)]

    @pytest.mark.req("S062")
    async def test_what_the_other_books_do_not_take_is_reversed_once_a_person_has_stopped_it(
        self, treasury: Treasury
    ) -> None:
        await treasury.room.stand("2024-03", "GL", "closed")
        await treasury.move(OTHER)
        await treasury.stop()
        back = await treasury.until(S.COMPENSATED, S.COMPENSATION_FAILED)
        assert stood(back) == {"take-out": "undone", "bring-in": "failed"}
        assert await treasury.cash(ENTITY) == [Decimal(-250), Decimal(250)]
        assert await treasury.cash(OTHER) == []
