import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.engine import connect
from adapters.postgres.schema import migrate
from adapters.postgres.store import PostgresStore
from application.events.cases import relay
from application.notice_commands import delivering
from application.ports.records import Notice
from domain.commands import Options, fingerprint
from domain.environments import Environment

Line: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
FIRST = "0001"
HELD = Path(__file__).with_name("earlier.sql").read_text()
COUNTS = (
    "SELECT (SELECT count(*) FROM flag), (SELECT count(*) FROM flag_version), (SELECT count(*) FROM delegation),"
    " (SELECT count(*) FROM review), (SELECT count(*) FROM principal)"
)
RUNNING = """
  WITH change AS (
    INSERT INTO change_set (tenant_id, change_id, author, content, digest, reason, status)
    SELECT tenant_id, gen_random_uuid(), principal_id,
           '{"targets": [{"environment": "dev", "kind": "flag", "key": "checkout", "base_version": 2, "content": {}}]}',
           'd', 'because', 'SUBMITTED' FROM principal LIMIT 1
    RETURNING tenant_id, change_id, author)
  INSERT INTO rollout (tenant_id, rollout_id, environment, key, digest, requester, plan, state, terminal, base_version,
                       live_version)
  SELECT tenant_id, change_id, 'dev', 'checkout', 'd', author, '{}', $1, false, 2, $2 FROM change
"""
UNDERWAY = """
  WITH hook AS (
    INSERT INTO webhook (tenant_id, webhook_id, version, url, types, environments, prefix, enabled, description, sealed,
                         owner)
    SELECT tenant_id, gen_random_uuid(), 1, 'https://a.test/', '{}', '{}', '', true, '', 's', principal_id
      FROM principal LIMIT 1
    RETURNING tenant_id, webhook_id)
  INSERT INTO webhook_delivery (tenant_id, delivery_id, webhook_id, event_id, type, body)
  SELECT tenant_id, gen_random_uuid(), webhook_id, gen_random_uuid(), 'SettingDefined', '{}' FROM hook
"""
NOTICE = """
  INSERT INTO notice (tenant_id, notice_id, template, facts, link, state)
  SELECT tenant_id, $1, 'kill_switch', '{}', '/', $2 FROM tenant LIMIT 1
"""


@pytest_asyncio.fixture
async def earlier(stack: Any) -> AsyncIterator[tuple[str, Line]]:
    """The database of an installation of the first revision, with something in it."""
    whole = stack.endpoints.database_superuser_url
    name = f"earlier_{secrets.token_hex(4)}"
    server = await asyncpg.connect(whole)
    await server.execute(f"CREATE DATABASE {name}")
    url = urlunsplit(urlsplit(whole)._replace(path=f"/{name}"))
    await migrate(url, FIRST)
    line = await asyncpg.connect(url)
    await line.execute(HELD)
    try:
        yield url, line
    finally:
        await line.close()
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


class TestAnEarlierInstallation:
    async def test_keeps_what_it_has(self, earlier: tuple[str, Line]) -> None:
        url, line = earlier
        await migrate(url)
        assert [tuple(row) for row in await line.fetch(COUNTS)] == [(1, 1, 1, 1, 2)]
        assert await line.fetchval("SELECT request FROM flag_version") is None

    async def test_has_room_for_settings_in_every_environment(self, earlier: tuple[str, Line]) -> None:
        url, line = earlier
        await migrate(url)
        rooms = await line.fetch("SELECT tenant.slug, environment FROM setting_space JOIN tenant USING (tenant_id)")
        assert sorted(tuple(row) for row in rooms) == sorted(("acme", each.value) for each in Environment)
        assert await line.fetchval("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'tenant'")

    @pytest.mark.req("FR-CFG-001")
    async def test_is_at_the_top_without_limits_and_counted(self, earlier: tuple[str, Line]) -> None:
        url, line = earlier
        await migrate(url)
        tenant = await line.fetchrow("SELECT tier, parent, ancestors, quotas, version FROM tenant")
        assert tenant is not None
        assert tuple(tenant) == ("enterprise", None, [], "{}", 1)
        used = {row["quota"]: row["used"] for row in await line.fetch("SELECT quota, used, most FROM tenant_use")}
        nothing = dict.fromkeys(["setting_definitions", "setting_values", "tenants", "templates"], 0)
        assert used == {"flags": 1, "people": 2, **nothing}
        forced = await line.fetch("SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity")
        assert forced == []

    @pytest.mark.parametrize(("state", "live", "part"), [("RUNNING", 4, "applied"), ("RUNNING", 2, "pending")])
    async def test_has_a_part_for_the_target_of_each_rollout_that_runs(
        self, earlier: tuple[str, Line], state: str, live: int, part: str
    ) -> None:
        url, line = earlier
        await line.execute(RUNNING, state, live)
        await migrate(url)
        (found,) = await line.fetch("SELECT slug, kind, key, base_version, live_version, state FROM rollout_part")
        assert tuple(found) == ("acme", "flag", "checkout", 2, live, part)

    @pytest.mark.req("I3")
    @pytest.mark.parametrize(("state", "held"), [("RUNNING", True), ("AWAITING_APPROVAL", False)])
    async def test_has_a_lock_for_what_runs_and_a_claim_for_what_waits(
        self, earlier: tuple[str, Line], state: str, *, held: bool
    ) -> None:
        url, line = earlier
        await line.execute(RUNNING, state, 2)
        await migrate(url)
        (found,) = await line.fetch("SELECT environment, kind, key, scope, token IS NOT NULL AS held FROM target_lock")
        assert tuple(found)[1:] == ("flag", "checkout", "", held)

    @pytest.mark.req("CB-01")
    async def test_sends_a_command_for_each_message_that_is_due_and_for_those_that_older_processes_write(
        self, earlier: tuple[str, Line]
    ) -> None:
        url, line = earlier
        await line.execute(NOTICE, uuid4(), "delivered")
        await line.execute(NOTICE, due := uuid4(), "due")
        await migrate(url)
        await line.execute(NOTICE, later := uuid4(), "due")
        rows = await line.fetch("SELECT *, payload ->> 'receiver' AS receiver FROM command ORDER BY seq")
        assert [(row["command_id"], row["receiver"], row["dependency"]) for row in rows] == [
            (str(due), "webhook", "receiver:webhook"),
            (str(later), "webhook", "receiver:webhook"),
        ]
        for row, id_ in zip(rows, (due, later), strict=True):
            notice = Notice(id_, "kill_switch", None, {}, "/", row["sent_at"])
            assert row["fingerprint"] == fingerprint(delivering(notice, Options()))
            events = await line.fetch("SELECT action FROM audit_event WHERE resource = $1", f"changegate/{id_}")
            assert [each["action"] for each in events] == ["command:record:sent"]
        forced = await line.fetch("SELECT relname FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity")
        assert forced == []

    async def test_is_migrated_once_however_often_it_is_asked_for(self, earlier: tuple[str, Line]) -> None:
        url, line = earlier
        await migrate(url)
        at = await line.fetchval("SELECT version_num FROM alembic_version")
        await migrate(url)
        assert await line.fetchval("SELECT version_num FROM alembic_version") == at != FIRST

    @pytest.mark.parametrize("handed_out", ["0043", "head"])
    async def test_delivers_by_commands_what_the_release_before_handed_out(
        self, earlier: tuple[str, Line], handed_out: str
    ) -> None:
        """Before it was migrated, or since."""
        url, line = earlier
        await migrate(url, handed_out)
        await line.execute(UNDERWAY)
        await migrate(url)
        engine = connect(url)
        for _ in range(2):
            await relay(PostgresStore(engine), 7).round()
        await engine.dispose()
        sent = "SELECT c.type, c.dependency = 'webhook:' || d.webhook_id FROM command c JOIN webhook_delivery d"
        rows = await line.fetch(
            f"{sent} ON d.command = c.command_id AND c.payload ->> 'delivery' = d.delivery_id::text"
        )
        assert [tuple(row) for row in rows] == [("changegate.deliver-event", True)]
