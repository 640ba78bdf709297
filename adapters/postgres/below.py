"""What stands in many tenants below is reached in one statement, each as by whoever is bound to it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, column, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.setting_pictures import entry_of
from adapters.postgres.tables import setting_entry
from adapters.postgres.tenants import bind
from application.ports.parts import Spot
from application.ports.settings import StoredEntry
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
"""A look needs what its row is bound to, and so comes after the binding; nothing may put the rows in order before."""
_VALUES = text(
    "SELECT b.place, e.* FROM (SELECT u.*, set_config('app.tenant_id', CAST(u.tenant AS text), true) AS bound"
    "  FROM unnest(CAST(:tenants AS uuid[]), CAST(:keys AS text[]), CAST(:scopes AS text[]))"
    "  WITH ORDINALITY AS u (tenant, key, scope, place)) AS b"
    " CROSS JOIN LATERAL (SELECT * FROM setting_entry WHERE tenant_id = CAST(b.bound AS uuid)"
    "  AND environment = CAST(:environment AS environment) AND key = b.key AND scope = b.scope"
    "  ORDER BY version DESC LIMIT :most) AS e"
).columns(column("place", BigInteger), *setting_entry.c)
_ENTERED = text(
    "SELECT t.tenant, e.at, e.epoch FROM unnest(CAST(:tenants AS uuid[])) AS t (tenant)"
    " CROSS JOIN LATERAL enter_settings(t.tenant, CAST(:environment AS environment)) AS e"
)
_SEEN = text("SELECT count(*) FROM tenant WHERE tenant_id = ANY (CAST(:tenants AS uuid[]))")


async def newest(
    session: AsyncSession, home: UUID, environment: Environment, spots: Sequence[Spot]
) -> dict[Spot, int]:  # fmt: skip
    await _check(session, {each.tenant for each in spots})
    asked = {**_asked(environment, spots), "kinds": [each.kind.value for each in spots]}
    rows = (await session.execute(_NEWEST, asked)).all()
    await bind(session, home)
    return {spots[row.place - 1]: row.version for row in rows if row.version}


async def enter(
    session: AsyncSession, home: UUID, environment: Environment, tenants: Sequence[UUID]
) -> dict[UUID, tuple[datetime, int]]:
    await _check(session, tenants)
    rows = (await session.execute(_ENTERED, {"tenants": tenants, "environment": environment.value})).all()
    await bind(session, home)
    return {row.tenant: (row.at, row.epoch) for row in rows}


async def values(
    session: AsyncSession, home: UUID, environment: Environment, spots: Sequence[Spot], most: int
) -> dict[Spot, list[StoredEntry]]:
    found: dict[Spot, list[StoredEntry]] = {each: [] for each in spots}
    for row in (await session.execute(_VALUES, {**_asked(environment, spots), "most": most})).all():
        found[spots[row.place - 1]].append(entry_of(row))
    await bind(session, home)
    return {spot: sorted(each, key=lambda one: -one.entry.version) for spot, each in found.items()}


async def _check(session: AsyncSession, tenants: Collection[UUID]) -> None:
    """Missing where one is not to be seen from where the session is bound."""
    if await session.scalar(_SEEN, {"tenants": list(tenants)}) != len(tenants):
        raise Missing(kind_of_thing="tenant")


def _asked(environment: Environment, spots: Sequence[Spot]) -> dict[str, Any]:
    return {
        "environment": environment.value,
        "tenants": [each.tenant for each in spots],
        "keys": [each.key for each in spots],
        "scopes": [each.scope for each in spots],
    }
