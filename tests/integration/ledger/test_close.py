"""Changegate closes the ledger's periods: what is in the way is told, and what is certified is what the books have."""

from datetime import date
from decimal import Decimal

import asyncpg
import pytest
import pytest_asyncio
from changegate import Conflict
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.store import PostgresStore
from domain.closures import Certificate, Control, Mode, RunState
from examples.ledger.entries import Draft, Entry, Module, credit, debit
from examples.ledger.ledger import Ledger
from examples.ledger.sessions import Desk
from tests.closes import ENTITY, MARCH, Close
from tests.integration.ledger.bookkeeping import ACCOUNTS, named, rent
from tests.world import Clock, world_in

IDES, YEAR_END = date(2025, 3, 15), date(2025, 12, 31)


@pytest_asyncio.fixture
async def close(store: PostgresStore, ledger_url: str) -> Close:
    return await Close(await world_in(store, Clock())).settle()


@pytest_asyncio.fixture
async def ledger(close: Close, ledger_engine: AsyncEngine) -> Ledger:
    """As the controller works at it."""
    made = Ledger(ledger_engine, Desk(close.world.tenant.id, ENTITY, close.world.fin.id))
    await made.open_accounts(ACCOUNTS)
    return made


async def posted(ledger: Ledger, on: date = IDES, module: Module = Module.AP, amount: str = "119.00") -> Entry:
    return (await ledger.post(await ledger.draft(rent(on, module, amount)))).entry


async def control(close: Close, module: Module, period: str = MARCH) -> Control:
    place = await close.place(period)
    async with close.transaction() as tx:
        told: Control = await tx.modules.control(named(module), ENTITY, place.id)
    return told


async def certificate(close: Close) -> Certificate:
    made: Certificate | None = (await close.view()).run.certificate
    assert made is not None
    return made


class TestMonth:
    async def test_is_certified_as_the_books_have_it(self, close: Close, ledger: Ledger) -> None:
        await posted(ledger)
        await ledger.transfer(Module.AP, IDES)
        assert (await close.closed()).state is RunState.CLOSED
        certified = {each.module: each for each in (await certificate(close)).controls}
        for module in (Module.AP, Module.GL):
            assert certified[named(module)] == await control(close, module)
            assert certified[named(module)].entries == 1
        with pytest.raises(Conflict, match="is closed and cannot be modified"):
            await posted(ledger)

    @pytest.mark.req("FP47")
    async def test_waits_for_a_draft_that_is_posted_as_an_adjustment(self, close: Close, ledger: Ledger) -> None:
        draft = await ledger.draft(rent(IDES, Module.GL))
        await close.frozen()
        stand = await close.validate()
        assert (stand.state, stand.blockers) == (RunState.REMEDIATING, ("unposted",))
        assert {each.partition("@")[0] for each in (await close.stands()).values()} == {"open/adjust_only"}
        with pytest.raises(Conflict):
            await ledger.post(draft)
        await ledger.adjust(draft)
        await ledger.post(draft)
        assert (await close.validate()).blockers == ()

    async def test_waits_for_what_the_general_ledger_does_not_know(self, close: Close, ledger: Ledger) -> None:
        await posted(ledger)
        await close.frozen()
        assert (await close.validate()).blockers == ("untransferred",)

    async def test_waits_for_payments_that_nobody_matched(self, close: Close, ledger: Ledger) -> None:
        lines = (debit("1510", "12.30"), credit("1590", "12.30"))
        await ledger.post(await ledger.draft(Draft(Module.GL, IDES, "From whom?", lines)))
        await close.frozen()
        assert (await close.validate()).blockers == ("suspense",)

    @pytest.mark.req("FP48")
    async def test_is_not_closed_a_cent_out_of_balance(
        self, close: Close, ledger: Ledger, superuser: asyncpg.Connection
    ) -> None:
        entry = await posted(ledger, module=Module.GL)
        async with superuser.transaction():
            await superuser.execute("SET LOCAL session_replication_role = replica")  # no trigger fires
            await superuser.execute(
                "UPDATE ledger.line SET debit = debit + 0.01 WHERE entry = $1 AND debit > 0", entry.id
            )
        await close.frozen()
        assert (await close.validate()).blockers == ("trial-balance",)

    @pytest.mark.req("FP57")
    async def test_is_looked_at_anew_when_something_was_posted_since(self, close: Close, ledger: Ledger) -> None:
        await close.approved()
        late = await ledger.draft(rent(IDES, Module.GL))
        await ledger.adjust(late)
        await ledger.post(late)
        assert (await close.cases.closing.close(close.step())).state is not RunState.CLOSED
        assert (await control(close, Module.GL)).entries == 1
        assert set((await close.stands()).values()) == {"open/adjust_only@2"}


@pytest.mark.req("FP61")
class TestYear:
    async def test_is_closed_with_its_closing_entries(self, close: Close, ledger: Ledger) -> None:
        months = [f"2025-{number:02}" for number in range(3, 13)]
        await close.open(*months[1:])
        await posted(ledger, YEAR_END, Module.GL, "500.00")
        await posted(ledger, IDES, Module.GL, "20.05")
        await close.gates("closed", *months[:-1])
        await close.closed(period=months[-1], mode=Mode.YEAR_END)
        made = await certificate(close)
        assert made.retained_earnings == {"EUR": "-520.05"}
        assert next(each for each in made.controls if each.module == named(Module.GL)).entries == 2
        there = await ledger.balances(Module.GL, (await close.place("2025-12")).id)
        assert [(each.account, each.amount) for each in there] == [
            ("2000", Decimal("-520.05")),
            ("2920", Decimal("520.05")),
        ]
