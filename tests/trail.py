"""What the tables of one tenant and its trail say of the same steps, compared by the database alone."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tests.conftest import House

_DISAGREE = """
WITH told AS (
  SELECT a.*, convert_from(a.canon, 'UTF8')::jsonb AS event FROM audit_event a WHERE a.tenant_id = :tenant
), steps AS (
  SELECT rollout_id::text AS rollout, step, to_state, cause, percent, actor
    FROM rollout_transition WHERE tenant_id = :tenant
), moves AS (
  SELECT resource AS rollout, event #>> '{after,step}' AS step, event #>> '{after,state}' AS to_state,
         event #>> '{after,cause}' AS cause, (event #>> '{after,percent}')::double precision AS percent, actor
    FROM told WHERE action = 'rollout:state:moved' AND outcome = 'success'
)
SELECT 'a step without a row' AS wrong, s::text AS what FROM (TABLE steps EXCEPT ALL TABLE moves) s
UNION ALL
SELECT 'a row without a step', m::text FROM (TABLE moves EXCEPT ALL TABLE steps) m
UNION ALL
SELECT 'a step of nobody', m::text FROM moves m
 WHERE m.actor IS NOT NULL
   AND NOT EXISTS (SELECT FROM principal p WHERE p.tenant_id = :tenant AND p.principal_id = m.actor)
UNION ALL
SELECT 'a column that says something else', t.event_id::text FROM told t
 WHERE (t.event_id::text, t.tenant_id::text, t.action, t.resource_type, t.resource, t.outcome, t.actor::text,
        t.change_id::text, t.occurred_at)
       IS DISTINCT FROM
       (event ->> 'id', event ->> 'tenant', event ->> 'action', event ->> 'resource_type', event ->> 'resource',
        event ->> 'outcome', event ->> 'actor', event ->> 'change', (event ->> 'occurred_at')::timestamptz)
UNION ALL
SELECT 'a leaf of something else', t.event_id::text FROM told t WHERE t.leaf <> sha256('\\x00'::bytea || t.canon)
"""


async def disagreements(connection: AsyncConnection, tenant: UUID) -> list[tuple[Any, ...]]:
    """Steps without exactly one row that says the same, rows without a step, and rows that contradict themselves."""
    return [tuple(row) for row in await connection.execute(text(_DISAGREE), {"tenant": tenant})]


@pytest_asyncio.fixture(name="house")
async def told(house: House, engine: AsyncEngine) -> AsyncIterator[House]:
    """Whatever a test does to its tenant, the trail says the same when it is over."""
    yield house
    async with engine.begin() as connection:
        await connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(house.id)})
        assert await disagreements(connection, house.id) == []
