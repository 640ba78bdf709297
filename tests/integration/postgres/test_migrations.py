import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from adapters.postgres.schema import migrate
from domain.environments import Environment

Line: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
FIRST = "0001"
HELD = Path(__file__).with_name("earlier.sql").read_text()
COUNTS = (
    "SELECT (SELECT count(*) FROM flag), (SELECT count(*) FROM flag_version), (SELECT count(*) FROM delegation),"
    " (SELECT count(*) FROM review), (SELECT count(*) FROM principal)"
)


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

    async def test_is_migrated_once_however_often_it_is_asked_for(self, earlier: tuple[str, Line]) -> None:
        url, line = earlier
        await migrate(url)
        at = await line.fetchval("SELECT version_num FROM alembic_version")
        await migrate(url)
        assert await line.fetchval("SELECT version_num FROM alembic_version") == at != FIRST
