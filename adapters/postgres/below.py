"""What stands at many places of tenants below is read in one statement, each as by whoever is bound to its tenant."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tenants import bind
from application.ports.parts import Spot
from domain.environments import Environment
from domain.errors import Missing

_NEWEST = text(
    "SELECT b.place, CASE b.kind"
    "  WHEN 'flag' THEN (SELECT f.version FROM flag AS f WHERE f.tenant_id = CAST(b.bound AS uuid)"
    "   AND f.environment = CAST(:environment AS environment) AND f.key = b.key)"
    "  ELSE (SELECT max(e.version) FROM setting_entry AS e WHERE e.tenant_id = CAST(b.bound AS uuid)"
    "   AND e.environment = CAST(:environment AS environment) AND e.key = b.key AND e.scope = b.scope)"
    " END AS version"
    " FROM (SELECT u.*, set_config('app.tenant_id', CAST(u.tenant AS text), true) AS bound"
    "  FROM unnest(CAST(:tenants AS uuid[]), CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:scopes AS text[]))"
    "  WITH ORDINALITY AS u (tenant, kind, key, scope, place)) AS b"
)
"""A look needs what its row is bound to, and so comes after the binding."""
_SEEN = text("SELECT count(*) FROM tenant WHERE tenant_id = ANY (CAST(:tenants AS uuid[]))")


async def newest(
    session: AsyncSession, home: UUID, environment: Environment, spots: Sequence[Spot]
) -> dict[Spot, int]:  # fmt: skip
    """Missing where a tenant is not to be seen from `home`."""
    tenants = {each.tenant for each in spots}
    if await session.scalar(_SEEN, {"tenants": list(tenants)}) != len(tenants):
        raise Missing(kind_of_thing="tenant")
    asked = {
        "environment": environment.value,
        "tenants": [each.tenant for each in spots],
        "kinds": [each.kind.value for each in spots],
        "keys": [each.key for each in spots],
        "scopes": [each.scope for each in spots],
    }
    rows = (await session.execute(_NEWEST, asked)).all()
    await bind(session, home)
    return {spots[row.place - 1]: row.version for row in rows if row.version}
