"""A close over a journal of its own: what is certified stands in the table, and nothing is half done."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
import pytest_asyncio

from adapters.embedded.stack import Stack
from adapters.holidays.listed import ListedHolidays
from adapters.postgres.engine import connect
from adapters.postgres.store import PostgresStore
from application.closures.cases import ClosureCases
from application.closures.stand import Stand
from application.closures.starting import RunningClose
from domain.closures import Certificate, RunState
from domain.errors import Missing
from tests.closes import ENTITY, MARCH, Close
from tests.integration.postgres.posting import Line, Lines, bind, refused
from tests.world import Clock, world_in

JOURNAL = """
CREATE SCHEMA {name};
CREATE TABLE {name}.entry (
  id int PRIMARY KEY, tenant uuid, entity text, booked_on date, kind text, posted boolean, amount numeric,
  period_id uuid, epoch bigint);
CREATE FUNCTION {name}.control(t uuid, e text, p uuid) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$
  SELECT jsonb_build_object('entries', count(*), 'high_water', max(id)::text, 'digest', NULL, 'totals',
    CASE WHEN count(*) = 0 THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
      'currency', 'EUR', 'debit', sum(amount)::text, 'credit', sum(amount)::text)) END)
    FROM {name}.entry WHERE tenant = t AND entity = e AND period_id = p AND posted $$;
CREATE FUNCTION {name}.unposted(uuid, text, uuid) RETURNS jsonb LANGUAGE sql AS $$ SELECT '[]'::jsonb $$;
CREATE FUNCTION {name}.balances(uuid, text, uuid)
  RETURNS TABLE (account text, kind text, currency text, balance numeric)
  LANGUAGE sql AS $$ SELECT 'a', 'balance-sheet', 'EUR', 1.0 WHERE false $$;
GRANT USAGE ON SCHEMA {name} TO changegate_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.entry TO changegate_app;
"""
POSTERS = 6
COLUMNS = {
    "tenant": "tenant", "entity": "entity", "date": "booked_on", "operation": "kind", "posted": "posted",
    "period_id": "period_id", "epoch": "epoch",
}  # fmt: skip


@dataclass
class Journal:
    """Entries of March, written as the product's own login by whoever closes."""

    close: Close
    name: str

    async def post(self, line: Line, id_: int, kind: str = "transaction") -> None:
        async with line.transaction():
            await self.write(line, id_, kind)

    async def write(self, line: Line, id_: int, kind: str = "transaction") -> None:
        world = self.close.world
        await bind(line, world.tenant.id)
        await line.execute("SELECT set_config('fiscal.actor', $1, true)", str(world.fin.id))
        await line.execute(
            f"INSERT INTO {self.name}.entry (id, tenant, entity, booked_on, kind, posted, amount) "  # noqa: S608 -- ours
            "VALUES ($1, $2, $3, $4, $5, true, $6)",
            id_, world.tenant.id, ENTITY, date(2025, 3, 31), kind, Decimal("10.00"),
        )  # fmt: skip

    async def tried(self, lines: Lines, id_: int) -> bool:
        """Whether an adjustment was let in: it is not once the period is closed."""
        async with lines.another() as line:
            try:
                await self.post(line, id_, "adjustment")
            except asyncpg.PostgresError as error:
                assert error.sqlstate == "FP001"  # noqa: PT017 -- the class is of every refusal
                return False
            return True

    async def rows(self, line: Line) -> int:
        return int(await line.fetchval(f"SELECT count(*) FROM {self.name}.entry"))  # noqa: S608 -- ours

    def counted(self, certificate: Certificate) -> int:
        return next(each.entries for each in certificate.controls if each.module == self.name)


@pytest_asyncio.fixture
async def close(store: PostgresStore) -> Close:
    return await Close(await world_in(store, Clock())).settle()


@pytest_asyncio.fixture
async def journal(close: Close, stack: Stack, database_url: str) -> AsyncIterator[Journal]:
    superuser = await asyncpg.connect(stack.endpoints.database_superuser_url)
    name = f"closed_{secrets.token_hex(4)}"
    await superuser.execute(JOURNAL.format(name=name))
    functions = {each: f"{name}.{each}" for each in ("control", "unposted", "balances")}
    await superuser.execute(
        "SELECT fiscal.register_journal_v1($1, 'GL', $2::text::regclass, $3, $4)",
        name, f"{name}.entry", orjson.dumps(COLUMNS).decode(), orjson.dumps(functions).decode(),
    )  # fmt: skip
    yield Journal(close, name)
    await superuser.execute("DELETE FROM fiscal.journal WHERE module = $1", name)
    await superuser.execute(f"DROP SCHEMA {name} CASCADE")
    await superuser.close()


@pytest_asyncio.fixture
async def doors(close: Close, database_url: str) -> AsyncIterator[list[ClosureCases]]:
    """Two processes."""
    engine = connect(database_url)
    started: Any = close.started
    verifier = close.world.assertions
    yield [close.cases, ClosureCases.over(PostgresStore(engine), started, verifier, ListedHolidays())]
    await engine.dispose()


class TestAClose:
    @pytest.mark.req("FP34", "FP40")
    async def test_certifies_what_stands_in_the_table_and_lets_nothing_in(
        self, close: Close, journal: Journal, line: Line
    ) -> None:
        await journal.post(line, 1)
        await journal.post(line, 2)
        stand = await close.closed()
        found = await close.cases.looking.certificate(close.world.eve, close.run_id)
        assert (stand.state, journal.counted(found)) == (RunState.CLOSED, 2)
        assert found.digest == Certificate.of_json(found.to_json()).digest
        for kind in ("transaction", "adjustment"):
            with refused("FP001"):
                await journal.post(line, 3, kind)

    @pytest.mark.req("FP47")
    async def test_lets_adjustments_in_until_it_is_asked_about(
        self, close: Close, journal: Journal, line: Line
    ) -> None:
        await close.frozen()
        with refused("FP004"):
            await journal.post(line, 1)
        await journal.post(line, 2, "adjustment")
        await close.validate()
        stand = await close.cases.validating.ask(close.step())
        await close.vote(stand)
        await close.cases.closing.close(close.step())
        found = await close.cases.looking.certificate(close.world.eve, close.run_id)
        assert journal.counted(found) == 1

    @pytest.mark.req("FP57", "FP38")
    async def test_waits_for_a_posting_under_way_and_is_not_of_other_books(
        self, close: Close, journal: Journal, database_url: str
    ) -> None:
        await close.approved()
        lines = Lines(database_url)
        async with lines.another() as poster:
            posting = poster.transaction()
            await posting.start()
            await journal.write(poster, 1, "adjustment")
            closing = asyncio.create_task(close.cases.closing.close(close.step()))
            await blocked_by(lines, poster)
            await posting.commit()
        stand = await closing
        assert (stand.state, stand.why) == (RunState.VALIDATING, "snapshot_moved")
        assert set((await close.stands()).values()) == {"open/adjust_only@2"}

    @pytest.mark.req("FP56")
    async def test_at_once_from_two_processes_is_one(self, close: Close, doors: list[ClosureCases]) -> None:
        await close.approved()
        steps = [close.step() for _ in range(6)]
        stands: list[Stand] = await asyncio.gather(
            *(door.closing.close(step) for door, step in zip(doors * 3, steps, strict=True))
        )
        assert {each.state for each in stands} == {RunState.NOTIFYING}
        assert set((await close.stands()).values()) == {"closed/none@3"}
        assert len(await close.cases.looking.certificates(close.world.eve, ENTITY, MARCH)) == 1
        assert len(await close.world.events("closure:certificate:issued")) == 1

    @pytest.mark.req("FP56")
    async def test_that_breaks_off_leaves_nothing(self, close: Close, monkeypatch: pytest.MonkeyPatch) -> None:
        await close.approved()
        told = await close.world.events()

        async def died(*_args: Any, **_facts: Any) -> None:
            raise ConnectionError

        with monkeypatch.context() as patched:
            patched.setattr("application.closures.closing.record", died)
            with pytest.raises(Exception, match="does not answer"):
                await close.cases.closing.close(close.step())
        assert set((await close.stands()).values()) == {"open/adjust_only@2"}
        assert await close.world.events() == told
        assert await close.state() is RunState.AWAITING_APPROVAL
        assert (await close.cases.closing.close(close.step())).state is RunState.NOTIFYING

    @pytest.mark.req("FP58")
    async def test_that_is_ended_at_the_same_time_is_closed_or_taken_back(
        self, close: Close, doors: list[ClosureCases]
    ) -> None:
        await close.approved()
        closing, ending = doors[0].closing, doors[1].compensating
        await asyncio.gather(
            *(closing.close(close.step()) for _ in range(3)),
            *(ending.end(close.step(), RunState.ABORTED, "aborted") for _ in range(3)),
        )
        ends = {RunState.NOTIFYING: ({"closed/none@3"}, 1), RunState.ABORTED: ({"open/all@3"}, 0)}
        chain = await close.cases.looking.certificates(close.world.eve, ENTITY, MARCH)
        assert (set((await close.stands()).values()), len(chain)) == ends[await close.state()]


class TestPosters:
    @pytest.mark.req("FP37", "FP57")
    async def test_at_the_moment_of_the_close_are_counted_or_refused(
        self, close: Close, journal: Journal, database_url: str
    ) -> None:
        """Whoever is first: either the books are others, and nothing is closed, or the posting is refused."""
        await close.frozen()
        lines, ids, let_in = Lines(database_url), count(1), 0
        stand = await close.validate()
        for posters in (*range(POSTERS, 0, -1), 0):
            if stand.state is RunState.NOTIFYING:
                break
            await close.vote(await close.cases.validating.ask(close.step()))
            posts = [asyncio.create_task(journal.tried(lines, next(ids))) for _ in range(posters)]
            stand = await close.cases.closing.close(close.step())
            done = await asyncio.gather(*posts)
            let_in += sum(done)
            assert (stand.state is RunState.NOTIFYING) == (not any(done))
            if stand.state is not RunState.NOTIFYING:
                assert stand.why == "snapshot_moved"
                stand = await close.validate()
        found = await close.cases.looking.certificate(close.world.eve, close.run_id)
        async with lines.another() as line:
            assert await journal.rows(line) == journal.counted(found) == let_in


class TestAttempts:
    @pytest.mark.req("FP45")
    async def test_asked_for_at_once_are_one(self, close: Close, doors: list[ClosureCases]) -> None:
        answers = await asyncio.gather(*(asked(close, door) for door in doors * 3), return_exceptions=True)
        refusals = [each for each in answers if isinstance(each, RunningClose)]
        (begun,) = (each for each in answers if not isinstance(each, BaseException))
        assert len(refusals) == len(answers) - 1
        assert {each.facts["run"] for each in refusals} == {str(begun)}

    @pytest.mark.req("FP45")
    async def test_sent_again_is_the_same(self, close: Close, doors: list[ClosureCases]) -> None:
        wish = uuid4()
        answers = await asyncio.gather(*(asked(close, door, wish) for door in doors * 2), return_exceptions=True)
        assert set(answers) == {wish}

    @pytest.mark.req("FP43")
    async def test_of_another_tenant_are_missing(self, close: Close, store: PostgresStore) -> None:
        run = await close.ask()
        stranger = await world_in(store, Clock())
        with pytest.raises(Missing):
            await close.cases.looking.get(stranger.root, run.id)
        assert await close.cases.looking.page(stranger.root, None, None, 9) == []


async def asked(close: Close, door: ClosureCases, wish: Any = None) -> Any:
    other = Close.__new__(Close)
    other.__dict__.update({**close.__dict__, "cases": door})
    return (await other.ask(id=wish or uuid4())).id


async def blocked_by(lines: Lines, holder: Line) -> None:
    """Until somebody waits for what `holder` holds."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))"
    async with lines.another() as watcher:
        while not await watcher.fetchval(waits, holder.get_server_pid()):
            await watcher.execute("SELECT pg_sleep(0.01)")
