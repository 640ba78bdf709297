"""Tenants: whoever is bound to one sees its row and those below it, and writes only to its own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from sqlalchemy import and_, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import (
    flag_set,
    setting_space,
    tenant,
    tenant_use,
    tenant_version,
)
from application.ports.tenants import TenantFilter
from domain.environments import Environment
from domain.errors import Missing
from domain.tenants import Quota, Status, Tenancy, Tier

_BIND = text("SELECT set_config('app.tenant_id', :tenant, true)")
_STEP = text(
    "SELECT set_config('app.tenant_id', CAST(t.tenant_id AS text), true) FROM tenant t WHERE t.tenant_id = :to"
)
"""Looks and steps at once: a tenant that is not seen from here is not stepped into."""


@asynccontextmanager
async def bound(session: AsyncSession, home: UUID, to: UUID) -> AsyncIterator[None]:
    """The session's transaction is bound to a tenant below `home`, and then to `home` again; Missing."""
    if (await session.execute(_STEP, {"to": to})).one_or_none() is None:
        raise Missing(kind_of_thing="tenant")
    try:
        yield
    finally:
        with suppress(DBAPIError):  # of a transaction that has failed nothing more is heard
            await bind(session, home)


async def bind(session: AsyncSession, tenant: UUID) -> None:
    """Without a look."""
    await session.execute(_BIND, {"tenant": str(tenant)})


class PostgresTenancies:
    def __init__(self, session: AsyncSession, home: UUID) -> None:
        self._session = session
        self._home = home

    async def own(self, *, lock: bool = False) -> Tenancy:
        if lock:
            row = tenant.c.tenant_id == self._home
            await self._session.execute(select(tenant.c.version).where(row).with_for_update())
        return _tenancy((await self._session.execute(_seen().where(tenant.c.tenant_id == self._home))).one())

    async def find(self, slug: str) -> Tenancy | None:
        row = (await self._session.execute(_seen().where(tenant.c.slug == slug))).one_or_none()
        return _tenancy(row) if row else None

    async def page(self, narrow: TenantFilter, after: str, limit: int) -> list[Tenancy]:
        c = tenant.c
        wanted = _seen().where(c.slug > after)
        if narrow.tier is not None:
            wanted = wanted.where(c.tier == narrow.tier.value)
        statuses = {
            Status.DELETED: c.deleted_at.is_not(None),
            Status.SUSPENDED: and_(c.deleted_at.is_(None), c.suspended_at.is_not(None)),
            Status.ACTIVE: and_(c.deleted_at.is_(None), c.suspended_at.is_(None)),
        }
        if narrow.status is not None:
            wanted = wanted.where(statuses[narrow.status])
        return [_tenancy(row) for row in await self._session.execute(wanted.order_by(c.slug).limit(limit))]

    async def found(self, new: Tenancy) -> None:
        await self._session.execute(_BIND, {"tenant": str(new.id)})
        row = {**_columns(new), "slug": new.slug, "created_at": new.created_at, "parent": new.ancestors[-1]}
        await self._session.execute(
            insert(tenant).values(tenant_id=new.id, ancestors=list(new.ancestors), **row)
        )  # fmt: skip
        places = [{"tenant_id": new.id, "environment": environment} for environment in Environment]
        sets = [{**place, "revision": 0} for place in places]
        await self._session.execute(insert(flag_set), sets)
        await self._session.execute(insert(setting_space), places)
        await self._limit(new)
        await self._remember(new, new.id)
        await self._session.execute(_BIND, {"tenant": str(self._home)})

    async def save(self, tenancy: Tenancy, request: UUID | None) -> None:
        await self._session.execute(update(tenant).where(tenant.c.tenant_id == self._home).values(**_columns(tenancy)))
        await self._limit(tenancy)
        await self._remember(tenancy, request)

    async def asked(self, request: UUID) -> bool:
        query = select(tenant_version.c.version).where(tenant_version.c.request == request)
        return (await self._session.execute(query)).one_or_none() is not None

    async def used(self) -> Mapping[Quota, int]:
        rows = await self._session.execute(select(tenant_use.c.quota, tenant_use.c.used))
        return {Quota(row.quota): row.used for row in rows}

    async def standing(self) -> Status:
        found = await self._session.scalar(text("SELECT standing_of(:tenant)"), {"tenant": self._home})
        return Status(found) if found else Status.DELETED

    async def _limit(self, tenancy: Tenancy) -> None:
        for quota in Quota:
            row = and_(tenant_use.c.tenant_id == tenancy.id, tenant_use.c.quota == quota.value)
            await self._session.execute(update(tenant_use).where(row).values(most=tenancy.limits.get(quota)))

    async def _remember(self, tenancy: Tenancy, request: UUID | None) -> None:
        await self._session.execute(
            insert(tenant_version).values(
                tenant_id=tenancy.id, version=tenancy.version, record=tenancy.told(), request=request
            )
        )


def _seen() -> Any:
    above = tenant.alias("above")
    joined = tenant.outerjoin(above, above.c.tenant_id == tenant.c.parent)
    return select(tenant, above.c.slug.label("parent_slug")).select_from(joined)


def _columns(tenancy: Tenancy) -> dict[str, Any]:
    """What may change."""
    return {
        "name": tenancy.name,
        "tier": tenancy.tier.value,
        "quotas": {quota.value: most for quota, most in tenancy.quotas.items()},
        "labels": dict(tenancy.labels),
        "suspended_at": tenancy.suspended_at,
        "deleted_at": tenancy.deleted_at,
        "version": tenancy.version,
    }


def _tenancy(row: Any) -> Tenancy:
    return Tenancy(
        id=row.tenant_id,
        slug=row.slug,
        name=row.name,
        created_at=row.created_at,
        tier=Tier(row.tier),
        quotas={Quota(quota): most for quota, most in row.quotas.items()},
        labels=row.labels,
        parent=row.parent_slug,
        ancestors=tuple(row.ancestors),
        suspended_at=row.suspended_at,
        deleted_at=row.deleted_at,
        version=row.version,
    )
