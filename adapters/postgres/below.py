"""What stands in many tenants below is reached in one statement, each as by whoever is bound to it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, column, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.setting_pictures import entry_of
from adapters.postgres.tables import flag_version, setting_entry
from adapters.postgres.tenants import bind
from application.ports.parts import Spot
from application.ports.records import StoredFlag
from application.ports.settings import StoredEntry
from domain.canonical import Json
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
_HELD = text(
    "SELECT b.place, f.version, v.definition"
    " FROM (SELECT u.*, set_config('app.tenant_id', CAST(u.tenant AS text), true) AS bound"
    "  FROM unnest(CAST(:tenants AS uuid[]), CAST(:keys AS text[]), CAST(:bases AS bigint[]))"
    "  WITH ORDINALITY AS u (tenant, key, base, place)) AS b"
    " CROSS JOIN LATERAL (SELECT version FROM flag WHERE tenant_id = CAST(b.bound AS uuid)"
    "  AND environment = CAST(:environment AS environment) AND key = b.key FOR UPDATE) AS f"
    " CROSS JOIN LATERAL (SELECT definition FROM flag_version WHERE tenant_id = CAST(b.bound AS uuid)"
    "  AND environment = CAST(:environment AS environment) AND key = b.key AND version = b.base LIMIT 1) AS v"
).columns(column("place", BigInteger), column("version", BigInteger), flag_version.c.definition)
_PUT_BACK = text(
    "SELECT restore_flag(u.tenant, CAST(:environment AS environment), u.key, u.version, CAST(u.definition AS jsonb),"
    " u.origin, u.at) FROM unnest(CAST(:tenants AS uuid[]), CAST(:keys AS text[]), CAST(:versions AS bigint[]),"
    " CAST(:definitions AS text[]), CAST(:origins AS text[]), CAST(:ats AS timestamptz[]))"
    " AS u (tenant, key, version, definition, origin, at)"
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
    await _check(session, {each.tenant for each in spots})
    found: dict[Spot, list[StoredEntry]] = {each: [] for each in spots}
    for row in (await session.execute(_VALUES, {**_asked(environment, spots), "most": most})).all():
        found[spots[row.place - 1]].append(entry_of(row))
    await bind(session, home)
    return {spot: sorted(each, key=lambda one: -one.entry.version) for spot, each in found.items()}


async def hold(
    session: AsyncSession, home: UUID, environment: Environment, bases: Mapping[Spot, int]
) -> dict[Spot, tuple[int, Json]]:
    spots = list(bases)
    await _check(session, {each.tenant for each in spots})
    asked = {**_asked(environment, spots), "bases": list(bases.values())}
    rows = (await session.execute(_HELD, asked)).all()
    await bind(session, home)
    return {spots[row.place - 1]: (row.version, row.definition) for row in rows}


async def put_back(session: AsyncSession, home: UUID, flags: Sequence[tuple[UUID, StoredFlag]]) -> list[int]:
    if not flags:
        return []
    await _check(session, {tenant for tenant, _ in flags})
    asked = {
        "environment": flags[0][1].environment.value,
        "tenants": [tenant for tenant, _ in flags],
        "keys": [flag.key for _, flag in flags],
        "versions": [flag.version for _, flag in flags],
        "definitions": [orjson.dumps(flag.definition).decode() for _, flag in flags],
        "origins": [flag.origin for _, flag in flags],
        "ats": [flag.written_at for _, flag in flags],
    }
    revisions = list(await session.scalars(_PUT_BACK, asked))
    await bind(session, home)
    return revisions


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
