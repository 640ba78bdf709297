"""What the table of commands holds by itself, whoever writes SQL, and that it is read through its indexes."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import TextualSelect
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.command_rows import LEASE, LEASE_ALONE, LEASE_BY_TYPE
from adapters.postgres.commands import newest
from adapters.postgres.store import PostgresStore
from application.commands.cases import CommandCases
from application.ports.commands import CommandFilter
from domain.commands import CommandState
from tests.contract.homes import Home, moved_in
from tests.contract.ordering import POST, catalogued, journal

FILL = """
INSERT INTO command (tenant_id, domain, command_id, type, schema_version, payload, fingerprint, priority, correlation,
                     change_id, sent_at, seq, state, parked, epoch, attempt, crashes, due_at, rank, ended_at, version,
                     parked_at, error, error_fingerprint)
SELECT tenant, 'ledger', 'c' || n,
       CASE WHEN n % 10 = 0 THEN 'ledger.close-book' ELSE 'ledger.post-journal' END, 1, '{}',
       'sha256:' || repeat('0', 64), 5, gen_random_uuid(), CASE WHEN n % 100 = 0 THEN gen_random_uuid() END,
       '2026-01-01Z'::timestamptz + n * interval '1 second', nextval('command_seq'),
       CASE WHEN n % 50 = 0 THEN 'parked' ELSE 'completed' END, CASE WHEN n % 50 = 0 THEN 'permanent' END, 1, 1, 0,
       now(), now(), CASE WHEN n % 50 = 0 THEN NULL ELSE now() END, 1,
       CASE WHEN n % 50 = 0 THEN '2026-02-01Z'::timestamptz + n * interval '1 second' END,
       CASE WHEN n % 50 = 0 THEN '{"kind": "permanent", "code": "no", "message": "no", "details": null}'::jsonb END,
       CASE WHEN n % 50 = 0 THEN 'cause-' || n % 7 END
  FROM unnest($1::uuid[]) AS tenant, generate_series(1, $2) AS n
"""
QUEUE = """
INSERT INTO command (tenant_id, domain, command_id, type, schema_version, payload, fingerprint, priority, correlation,
                     sent_at, seq, state, epoch, attempt, crashes, due_at, rank, version)
SELECT $1, 'ledger', 'c' || n,
       CASE WHEN n <= $2 THEN 'ledger.post-journal' WHEN n % 2 = 0 THEN 'ledger.probe' ELSE 'ledger.close-book' END,
       1, '{}', 'sha256:' || repeat('0', 64), 5, gen_random_uuid(), '2026-01-01Z'::timestamptz, nextval('command_seq'),
       'pending', 1, 0, 0, '2026-01-01Z'::timestamptz + n * interval '1 second',
       '2026-01-01Z'::timestamptz + n * interval '1 second', 1
  FROM generate_series(1, $2 + 100) AS n
"""
TO_THE_DEAD = ("dead",)
FROM, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
QUESTIONS = {
    "nothing": CommandFilter(),
    "all": CommandFilter(CommandState.PARKED, "ledger", POST, FROM, UNTIL),
    "state": CommandFilter(CommandState.PARKED),
    "domain and type": CommandFilter(domain="ledger", type="ledger.close-book"),
    "state, domain and type": CommandFilter(CommandState.COMPLETED, "ledger", POST),
    "time": CommandFilter(since=FROM, until=UNTIL),
    "correlation": CommandFilter(correlation=UUID(int=1)),
    "change": CommandFilter(change=UUID(int=1)),
}


@pytest_asyncio.fixture
async def home(store: PostgresStore) -> Home:
    return await catalogued(await moved_in(store))


@pytest_asyncio.fixture(scope="module")
async def filled(store: PostgresStore, stack: Any) -> Home:
    """Three tenants with ten thousand commands each; one of them is asked."""
    homes = [await moved_in(store) for _ in range(3)]
    line = await asyncpg.connect(stack.endpoints.database_superuser_url)
    try:
        await line.execute(FILL, [each.tenant.id for each in homes], 10_000)
        await line.execute("ANALYZE command")
    finally:
        await line.close()
    return homes[1]


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for inner in plan.get("Plans", ()) for node in nodes(inner))]


class TestQuestions:
    @pytest.mark.req("CB-54")
    @pytest.mark.parametrize("asked", QUESTIONS)
    async def test_are_answered_through_an_index(
        self, filled: Home, engine: AsyncEngine, line: asyncpg.Connection, asked: str
    ) -> None:
        wanted, before = QUESTIONS[asked], (UNTIL, "ledger", "c300")
        for query in (newest(wanted, None, 50), newest(wanted, before, 50)):
            written = query.compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})
            async with line.transaction():
                await line.execute("SELECT set_config('app.tenant_id', $1, true)", str(filled.tenant.id))
                found = await line.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {written}")
            plan = nodes(json.loads(found)[0]["Plan"])
            assert "Seq Scan" not in {node["Node Type"] for node in plan}, found
            read = sum(
                node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in plan if "Index Name" in node
            )
            assert read <= 1000, found

    async def test_of_relays_go_from_lane_to_lane(self, filled: Home, store: PostgresStore) -> None:
        assert filled.tenant.id not in {tenant for tenant, _ in await store.due_commands()}


class TestLeases:
    @pytest.mark.req("CB-37", "CB-54")
    @pytest.mark.parametrize(
        ("asked", "alone"),
        [
            (LEASE, ()),
            (LEASE_BY_TYPE, ()),
            (LEASE, (POST,)),
            (LEASE_BY_TYPE, (POST,)),
            (LEASE_ALONE, ("ledger.probe",)),
            (LEASE_BY_TYPE, TO_THE_DEAD),
        ],
    )
    async def test_read_no_more_of_a_lane_than_they_take(
        self,
        store: PostgresStore,
        superuser: asyncpg.Connection,
        line: asyncpg.Connection,
        asked: TextualSelect,
        alone: tuple[str, ...],
    ) -> None:
        """Ten thousand of a type or to a receiver without room, or that go another way, lie before the others."""
        home = await moved_in(store)
        await superuser.execute(QUEUE, home.tenant.id, 10_000)
        promoted = "UPDATE command SET alone = true WHERE tenant_id = $1 AND type = ANY ($2)"
        await superuser.execute(promoted, home.tenant.id, alone)
        receivers = "UPDATE command SET dependency = $3 WHERE tenant_id = $1 AND type = $4 AND 'dead' = ANY ($2)"
        await superuser.execute(receivers, home.tenant.id, alone, "hooks:dead", POST)
        await superuser.execute("ANALYZE command")
        post = {"apart": "hooks", "each": 3} if alone == TO_THE_DEAD else {"most": 0}
        rooms = json.dumps([{"type": POST, **post}, {"type": "ledger.probe", "most": 1, "probes": "x"}])
        given: dict[str, Any] = {
            "tenant": home.tenant.id, "lease": uuid4(), "domain": "ledger", "most": 10, "ends_at": datetime.now(UTC),
            "rooms": rooms, "types": "{}", "only": False, "parts": json.dumps([{"part": "hooks:dead", "room": 0}]),
            "suspects": True, "together": 50,
        }  # fmt: skip
        written = asked.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
        query = str(written) % {name: f"${place}" for place, name in enumerate(written.params, 1)}
        async with line.transaction():
            await line.execute("SELECT set_config('app.tenant_id', $1, true)", str(home.tenant.id))
            values = [given[name] if name != "types" else [] for name in written.params]
            found = await line.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *values)
        plan = nodes(json.loads(found)[0]["Plan"])
        assert "Seq Scan" not in {node["Node Type"] for node in plan if node.get("Relation Name") == "command"}, found
        read = sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            for node in plan
            if "Index Name" in node
        )
        assert read <= 100, found
        ways = [node for node in plan if node.get("Relation Name") == "command" and "Filter" in node]
        assert not any("NOT w.alone" in node["Filter"] or "NOT alone" in node["Filter"] for node in ways), found


class TestCommands:
    async def test_are_never_rewritten_or_removed_by_the_product(self, home: Home, line: asyncpg.Connection) -> None:
        await CommandCases.over(home.store).sending.send(home.ada.actor, journal())
        await line.execute("SELECT set_config('app.tenant_id', $1, false)", str(home.tenant.id))
        for statement in (
            "UPDATE command SET payload = '{}'",
            "UPDATE command SET sender = NULL",
            "DELETE FROM command",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await line.execute(statement)

    @pytest.mark.parametrize(
        "wrong",
        ["state = 'running'", "state = 'parked'", "state = 'completed'", "lease = gen_random_uuid()", "state = 'x'"],
    )
    async def test_stand_somewhere_that_makes_sense(self, home: Home, line: asyncpg.Connection, wrong: str) -> None:
        await CommandCases.over(home.store).sending.send(home.ada.actor, journal())
        await line.execute("SELECT set_config('app.tenant_id', $1, false)", str(home.tenant.id))
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await line.execute(f"UPDATE command SET {wrong}")  # noqa: S608 -- what is wrong stands above

    async def test_that_are_over_stay_so(self, home: Home, line: asyncpg.Connection) -> None:
        await CommandCases.over(home.store).sending.send(home.ada.actor, journal())
        async with home.transaction() as tx:
            (record,) = await tx.commands.lease("ledger", 1, tx.now, uuid4())
            await tx.commands.save([record.lapsed(tx.now)])
        await line.execute("SELECT set_config('app.tenant_id', $1, false)", str(home.tenant.id))
        with pytest.raises(asyncpg.CheckViolationError, match="stays so"):
            await line.execute("UPDATE command SET state = 'pending', ended_at = NULL")

    async def test_are_seen_by_their_tenant_alone(self, home: Home, line: asyncpg.Connection) -> None:
        await CommandCases.over(home.store).sending.send(home.ada.actor, journal())
        assert await line.fetchval("SELECT count(*) FROM command") == 0
        await line.execute("SELECT set_config('app.tenant_id', $1, false)", str(uuid4()))
        assert await line.fetchval("SELECT count(*) FROM command") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await line.execute("SET ROLE changegate_relay")
