from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.store import PostgresStore
from adapters.postgres.tables import metadata
from application.flags import Flags
from domain.environments import Environment
from tests.conftest import House

TENANTED = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
       EXISTS (SELECT FROM pg_policies p WHERE p.tablename = c.relname AND p.policyname = 'own_tenant') AS policied
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
   AND a.attname = 'tenant_id' AND NOT a.attisdropped
"""
OF_NOBODY = {
    "command_line": "whether anybody listens",
    "command_dependency": "on what types of commands depend, by the word of their handlers",
    "command_shared_breaker": "whether what all tenants depend on answers",
    "command_shared_bucket": "what is left of a limit over all tenants",
    "command_type": "what the code of workers takes",
    "process_type": "what the code of workers carries out",
}
BY_FUNCTIONS = {"command_purged"}
"""Into which functions of the database write, and no login."""
DEFINITION = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}


async def tables(line: asyncpg.Connection) -> list[str]:
    return [row["relname"] for row in await line.fetch(TENANTED)]


async def bind(line: asyncpg.Connection, tenant: UUID) -> None:
    await line.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant))


@pytest.mark.req("AU-16")
class TestEveryTable:
    async def test_is_enabled_forced_and_policied(self, line: asyncpg.Connection) -> None:
        rows = await line.fetch(TENANTED)
        assert {row["relname"] for row in rows} >= metadata.tables.keys() - OF_NOBODY.keys()
        assert [row["relname"] for row in rows if not all(list(row)[1:])] == []

    async def test_no_table_is_without_a_tenant(self, line: asyncpg.Connection) -> None:
        everything = await line.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
        assert {row["relname"] for row in everything} - set(await tables(line)) == {"alembic_version", *OF_NOBODY}

    async def test_no_view_looks_around_the_policies(self, line: asyncpg.Connection) -> None:
        views = await line.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace "
            "AND NOT coalesce(reloptions, '{}') @> '{security_invoker=true}'"
        )
        assert views == []

    async def test_is_empty_while_no_tenant_is_bound(self, line: asyncpg.Connection, house: House) -> None:
        for table in await tables(line):
            assert await line.fetchval(f"SELECT count(*) FROM {table}") == 0, table  # noqa: S608 -- names from pg_class

    async def test_shows_another_tenant_nothing(
        self, line: asyncpg.Connection, store: PostgresStore, house: House
    ) -> None:
        await Flags(store).create(house.ada, (Environment.DEV, "f"), DEFINITION, "because")
        for tenant, expected in ((house.id, True), (uuid4(), False)):
            async with line.transaction():
                await bind(line, tenant)
                counts = {t: await line.fetchval(f"SELECT count(*) FROM {t}") for t in await tables(line)}  # noqa: S608 -- names from pg_class
            assert any(counts.values()) is expected
            assert all((counts[table] > 0) is expected for table in ("tenant", "principal", "flag", "audit_event"))

    async def test_takes_no_row_of_another_tenant(self, line: asyncpg.Connection, house: House) -> None:
        for table in await tables(line):
            said = "permission denied" if table in BY_FUNCTIONS else "row-level security"
            for bound in (None, uuid4()):
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match=said):
                    await _copy_into(line, table, house.id, bound)

    async def test_lets_another_tenant_change_nothing(
        self, line: asyncpg.Connection, store: PostgresStore, house: House
    ) -> None:
        async with line.transaction():
            await bind(line, uuid4())
            assert await line.execute("UPDATE principal SET email = 'x'") == "UPDATE 0"
            assert await line.execute("UPDATE flag_set SET revision = 99") == "UPDATE 0"


class TestLogin:
    async def test_is_nobody_special(self, line: asyncpg.Connection) -> None:
        roles = await line.fetch(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles "
            "WHERE pg_has_role(current_user, oid, 'MEMBER') OR rolname LIKE 'changegate%'"
        )
        assert {row["rolname"] for row in roles} >= {"changegate_service", "changegate_app", "changegate_owner"}
        assert [row["rolname"] for row in roles if any(list(row)[1:])] == []

    async def test_owns_nothing_and_cannot_become_who_does(self, line: asyncpg.Connection) -> None:
        assert await line.fetchval("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole") == 0
        for role in ("changegate_owner", "changegate_relay"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await line.execute(f"SET ROLE {role}")

    async def test_makes_no_table_and_drops_no_guard(self, line: asyncpg.Connection) -> None:
        for statement in (
            "CREATE TABLE mine (x int)",
            "ALTER TABLE flag DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE audit_event DISABLE TRIGGER append_only",
            "DROP POLICY own_tenant ON flag",
            "CREATE OR REPLACE FUNCTION vote_is_allowed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await line.execute(statement)


class TestPool:
    async def test_a_connection_forgets_its_tenant(
        self, engine: AsyncEngine, store: PostgresStore, house: House
    ) -> None:
        async with store.transaction(house.id) as tx:
            assert await tx.people.all() != []
        async with engine.connect() as connection:
            for _ in range(3):
                bound = await connection.scalar(text("SELECT current_setting('app.tenant_id', true)"))
                assert not bound
                assert await connection.scalar(text("SELECT count(*) FROM principal")) == 0
                await connection.rollback()

    async def test_a_failed_transaction_forgets_it_too(self, store: PostgresStore, house: House) -> None:
        async def fail() -> None:
            async with store.transaction(house.id) as tx:
                await tx.people.all()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with store.transaction(uuid4()) as tx:
            assert await tx.people.all() == []


async def _copy_into(line: asyncpg.Connection, table: str, tenant: UUID, bound: UUID | None) -> None:
    """Insert a row of `tenant` with a made-up value in each column that needs one."""
    columns = await line.fetch(
        "SELECT attname, format_type(atttypid, NULL) AS type FROM pg_attribute WHERE attrelid = $1::regclass "
        "AND attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef AND attidentity = ''",
        table,
    )
    made = {
        "uuid": "gen_random_uuid()", "text": "'x'", "environment": "'dev'", "bigint": "1", "integer": "1",
        "jsonb": "'{}'", "boolean": "false", "bytea": "'x'", "timestamp with time zone": "now()", "uuid[]": "'{}'",
        "double precision": "1", "text[]": "'{}'", "double precision[]": "'{}'", "bigint[]": "'{}'",
        "integer[]": "'{}'",
        "tstzrange": "'empty'", "daterange": "'empty'",
    }  # fmt: skip
    values = {row["attname"]: made[row["type"]] for row in columns} | {"tenant_id": f"'{tenant}'"}
    async with line.transaction():
        if bound is not None:
            await bind(line, bound)
        await line.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})")  # noqa: S608 -- names from pg_class


async def test_functions_that_see_every_tenant_tell_no_content(line: asyncpg.Connection) -> None:
    """Ids, and what a loop goes by. Where a tenant asks about its own line, of others no person, reason or content."""
    rows = await line.fetch(
        "SELECT proname, pg_get_function_result(oid) AS result FROM pg_proc "
        "WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY proname"
    )
    assert {row["proname"]: row["result"] for row in rows} == {
        "count_commands": "TABLE(domain text, states jsonb, leases bigint, lag double precision)",
        "count_converged": "TABLE(live bigint, holding bigint)",
        "count_leased_commands": "TABLE(type text, leased bigint)",
        "count_sealed_keys": "TABLE(tenant_id uuid, kek text, found bigint)",
        "count_telemetry": (
            "TABLE(tenant_id uuid, instant integer, bound double precision, requests bigint, errors bigint)"
        ),
        "ancestors_are_true": "trigger",
        "announce_commands": "trigger",
        "find_due_alone": "TABLE(tenant_id uuid, domain text)",
        "find_due_commands": "TABLE(tenant_id uuid, domain text)",
        "find_ended_leases": "TABLE(tenant_id uuid, lease_id uuid)",
        "find_errands": "TABLE(kind text, tenant_id uuid, id uuid, lane text)",
        "find_event_work": "TABLE(kind text, tenant_id uuid, id uuid, webhook_id uuid)",
        "find_freezes": (
            "TABLE(tenant_id uuid, freeze_id uuid, kind text, environment environment, kinds text[], prefix text, "
            "tag text, starts timestamp with time zone, ends timestamp with time zone, running text)"
        ),
        "find_memberships": "TABLE(tenant_id uuid, slug text, name text, principal_id uuid, standing text)",
        "find_moved_books": "TABLE(tenant_id uuid, id uuid, seen pg_snapshot)",
        "find_old_commands": "TABLE(tenant_id uuid)",
        "find_old_flag_samples": "TABLE(tenant_id uuid)",
        "find_open_closures": "TABLE(tenant_id uuid, id uuid, entity text, period text)",
        "find_open_command_repairs": "TABLE(tenant_id uuid, id uuid)",
        "find_open_reopenings": "TABLE(tenant_id uuid, id uuid)",
        "find_open_rollouts": "TABLE(tenant_id uuid, id uuid)",
        "find_openings": "TABLE(tenant_id uuid, entity text, scope text)",
        "find_overdue_reviews": "TABLE(tenant_id uuid, review_id uuid)",
        "find_rivals": (
            "TABLE(tenant_id uuid, rollout_id uuid, environment environment, kind text, key text, scope text, "
            "priority integer, queued_at timestamp with time zone, token bigint, superseded_by uuid)"
        ),
        "find_tenant": "TABLE(tenant_id uuid, slug text, name text)",
        "find_turns": "TABLE(kind text, tenant_id uuid, id uuid)",
        "find_unheard_emergencies": "TABLE(rollout_id uuid)",
        "find_waiting": "TABLE(kind text, tenant_id uuid, id uuid)",
        "find_waiting_bulks": "TABLE(tenant_id uuid, id uuid)",
        "find_waiting_closures": "TABLE(tenant_id uuid, id uuid)",
        "find_waiting_imports": "TABLE(tenant_id uuid, id uuid)",
        "find_waiting_reopenings": "TABLE(tenant_id uuid, id uuid)",
        "find_waiting_sagas": "TABLE(tenant_id uuid, type text, process_id text, version bigint)",
        "find_waiting_series": "TABLE(tenant_id uuid, id uuid)",
        "forget_purged_commands": "integer",
        "purge_commands": "SETOF command_purged",
        "settle_growth": "trigger",
        "standing_of": "text",
    }
