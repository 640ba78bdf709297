"""What is posted beneath a close reaches it within seconds: nobody's signature or vote is about books that moved."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg
import orjson
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from application.closures.moved_books import TellingOfBooks
from application.closures.starting import start_waiting_closure
from application.ports.moved_books import MovedBooks
from domain.approvals import Standing
from domain.closures import Act, ClosureRun, RunState, TaskState
from tests.conftest import House
from tests.integration.postgres.test_closing_transaction import COLUMNS, JOURNAL
from tests.workflow.office import Office
from tests.workflow.theatre import seen

JANUARY = date(2025, 1, 31)
BALANCES = {"statement_balance": "10.00", "book_balance": "10.00"}


class Own(PostgresStore):
    """Finds what moved in this house, and not what other tests have left."""

    house: UUID

    async def moved_books(self) -> list[MovedBooks]:
        return [each for each in await super().moved_books() if each.tenant == self.house]


@dataclass
class Ledger:
    """The general ledger of an office whose January is being closed; ada signs for it and bob reviews that."""

    office: Office
    line: "asyncpg.Connection[asyncpg.Record]"
    name: str

    async def adjust(self) -> None:
        house = self.office.house
        async with self.line.transaction():
            await self.line.execute("SELECT set_config('fiscal.actor', $1, true)", str(house.root.id))
            await self.line.execute(
                f"INSERT INTO {self.name}.entry (id, tenant, entity, booked_on, kind, posted, amount) "  # noqa: S608 -- ours
                "VALUES (1, $1, $2, $3, 'adjustment', true, 10)",
                house.id, self.office.entity, JANUARY,
            )  # fmt: skip

    async def sign(self, run: ClosureRun) -> None:
        await self.office.act(self.office.house.ada, run, Act.COMPLETE_TASK, "bank", **BALANCES)
        await self.office.act(self.office.house.bob, run, Act.SIGN_OFF, "bank")

    async def voted_on(self) -> ClosureRun:
        office = self.office
        await office.template(office.task("bank", kind="reconciliation", reviewer="bob"))
        run = await office.start(template="monthly")
        await office.until(run, RunState.TASKS)
        await self.sign(run)
        await office.vote(run, office.house.cyd)
        return run

    async def rests(self, run: ClosureRun, approval: UUID) -> None:
        """The signature is kept and asked for again, and the vote is void."""
        await self.office.until(run, RunState.TASKS)
        view = await self.office.view(run)
        assert [(task.state, len(task.signoffs)) for task in view.tasks] == [(TaskState.SUSPENDED, 2)]
        async with self.office.store.transaction(run.tenant) as tx:
            voted = await tx.approvals.get(approval)
            assert voted is not None
            assert voted.standing is Standing.INVALIDATED


@pytest_asyncio.fixture
async def ledger(house: House, engine: AsyncEngine, client: Client, stack: Stack) -> AsyncIterator[Ledger]:
    store = Own(engine)
    store.house = house.id
    office = Office(house, store, client, f"q-{secrets.token_hex(4)}")
    await office.settle_in()
    line = await asyncpg.connect(stack.endpoints.database_superuser_url)
    name = f"moved_{secrets.token_hex(4)}"
    await line.execute(JOURNAL.format(name=name))
    functions = {each: f"{name}.{each}" for each in ("control", "unposted", "balances")}
    await line.execute(
        "SELECT fiscal.register_journal_v1($1, 'GL', $2::text::regclass, $3, $4)",
        name, f"{name}.entry", orjson.dumps(COLUMNS).decode(), orjson.dumps(functions).decode(),
    )  # fmt: skip
    telling = asyncio.create_task(TellingOfBooks(store, office.processes, pause=0.1).run())
    yield Ledger(office, line, name)
    telling.cancel()
    with suppress(asyncio.CancelledError):
        await telling
    await line.execute("DELETE FROM fiscal.journal WHERE module = $1", name)
    await line.execute(f"DROP SCHEMA {name} CASCADE")
    await line.close()
    await office.replayed()


@pytest.mark.req("FP49")
class TestPostedBeneath:
    async def test_a_vote_is_void_and_what_was_signed_is_signed_again(self, ledger: Ledger) -> None:
        office = ledger.office
        async with office.worker():
            run = await ledger.voted_on()
            approval = await office.asked(run)
            await ledger.adjust()
            await ledger.rests(run, approval)
            await ledger.sign(run)
            await office.vote(run, office.house.cyd, office.house.dee)
            assert await office.end(run) is RunState.CLOSED
        certificate = (await office.view(run)).run.certificate
        assert certificate is not None
        # A journal serves all tenants, and those of other tests have their scope as well.
        assert {each.module: each.entries for each in certificate.controls}[ledger.name] == 1

    async def test_so_it_is_when_the_close_had_no_process_to_hear_it(self, ledger: Ledger) -> None:
        office = ledger.office
        async with office.worker():
            run = await ledger.voted_on()
            approval = await office.asked(run)
            await office.handle(run).terminate("by hand")
            await ledger.adjust()

            async def told() -> bool:
                return await office.store.moved_books() == []

            await seen(told)
            assert (await office.view(run)).run.state is RunState.AWAITING_APPROVAL
            await start_waiting_closure(office.store, office.processes, run.tenant, run.id)
            await ledger.rests(run, approval)
            await office.act(office.house.root, run, Act.ABORT)
            assert await office.end(run) is RunState.ABORTED
