"""What the database itself holds of bulk operations, and how many commands one of them may hold."""

from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres import command_bulks
from adapters.postgres.store import PostgresStore
from application.ports.parked import ParkedFilter
from domain.commands.bulk import Bulk, BulkState, TooManyParked
from domain.commands.operations import Act
from tests.contract.homes import LONG_AGO, Home, moved_in
from tests.integration.postgres.posting import Line, bind

DIGEST = "sha256:" + "0" * 64
FILL = """
INSERT INTO command (tenant_id, domain, command_id, type, schema_version, payload, fingerprint, priority, correlation,
                     sent_at, seq, state, parked, epoch, attempt, crashes, due_at, rank, version, parked_at, error,
                     error_fingerprint)
SELECT $1, 'ledger', 'c' || n, 'ledger.post-journal', 1, '{}', 'sha256:' || repeat('0', 64), 5, gen_random_uuid(),
       '2026-01-01Z', nextval('command_seq'), 'parked', 'permanent', 1, 1, 0, now(), now(), 1,
       '2026-02-01Z'::timestamptz + n * interval '1 second',
       '{"kind": "permanent", "code": "no", "message": "", "details": null}', 'f-no'
  FROM generate_series(1, $2) AS n
"""


@pytest_asyncio.fixture
async def home(store: PostgresStore) -> Home:
    return await moved_in(store)


async def filled(line: Line, home: Home, many: int) -> Home:
    async with line.transaction():
        await bind(line, home.tenant.id)
        await line.execute(FILL, home.tenant.id, many)
    return home


async def frozen(home: Home) -> Bulk:
    asked = Bulk(
        uuid4(), home.tenant.id, Act.RETRY, uuid4(), "the account is there", DIGEST, {"domain": "ledger"}, LONG_AGO
    )
    async with home.transaction() as tx:
        bulk: Bulk = await tx.commands.bulks.add(asked, ParkedFilter(domain="ledger"))
        return bulk


async def run(line: Line, home: Home, statement: str) -> str:
    async with line.transaction():
        await bind(line, home.tenant.id)
        return await line.execute(statement)


@pytest.mark.req("CB-46")
class TestBulk:
    async def test_what_is_over_does_not_change(self, line: Line, home: Home) -> None:
        bulk = await frozen(await filled(line, home, 2))
        async with home.transaction() as tx:
            await tx.commands.bulks.save(bulk.moved(BulkState.ABORTED))
        for change in ("state = 'running'", "stage = 3", "total = 7"):
            with pytest.raises(asyncpg.CheckViolationError):
                await run(line, home, f"UPDATE command_bulk SET {change}")  # noqa: S608 -- ours

    async def test_a_command_is_decided_about_once(self, line: Line, home: Home) -> None:
        await frozen(await filled(line, home, 3))
        touch = "UPDATE command_bulk_item SET outcome = '{}', stage = 0, epoch = 2 WHERE place = {}"
        for place, outcome in ((1, "done"), (2, "skipped"), (3, "retried")):
            await run(line, home, touch.format(outcome, place))
            for other in ("retried", "skipped"):
                with pytest.raises(asyncpg.CheckViolationError):
                    await run(line, home, touch.format(other, place))
        await run(line, home, touch.format("failed", 3))

    async def test_what_it_is_about_is_not_named_otherwise_and_not_removed(self, line: Line, home: Home) -> None:
        await frozen(await filled(line, home, 1))
        for statement in (
            "UPDATE command_bulk_item SET command_id = 'other'", "UPDATE command_bulk_item SET version = 9",
            "UPDATE command_bulk SET reason = 'another reason'", "UPDATE command_bulk SET wanted = '{}'",
            "DELETE FROM command_bulk_item", "DELETE FROM command_bulk", "DELETE FROM command_bulk_act",
        ):  # fmt: skip
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await run(line, home, statement)


@pytest.mark.req("CB-46")
class TestLarge:
    async def test_as_many_are_frozen_as_one_may_hold_and_no_more(
        self, line: Line, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(command_bulks, "MOST_ITEMS", 1000)
        bulk = await frozen(await filled(line, home, 1000))
        assert (bulk.total, bulk.sizes) == (1000, (1, 10, 100, 889))
        async with home.transaction() as tx:
            taken = await tx.commands.bulks.take(bulk.id, 500)
        assert [item.key[1] for item, _ in taken] == [f"c{number}" for number in range(1, 501)]
        async with line.transaction():
            await bind(line, home.tenant.id)
            await line.execute(FILL.replace("'c' || n", "'d' || n"), home.tenant.id, 1)
        with pytest.raises(TooManyParked):
            await frozen(home)
