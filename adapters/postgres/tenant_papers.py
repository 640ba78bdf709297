"""Templates and locks of a tenant: written once, version by version."""

from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import tenant_lock, tenant_template
from application.ports.tenants import StoredLock, StoredTemplate
from domain.environments import Environment


class PostgresTenantTemplates:
    def __init__(self, session: AsyncSession, home: UUID) -> None:
        self._session = session
        self._home = home

    async def get(self, name: str, version: int | None = None) -> StoredTemplate | None:
        c = tenant_template.c
        query = select(tenant_template).where(c.name == name).order_by(c.version.desc()).limit(1)
        row = (
            await self._session.execute(query if version is None else query.where(c.version == version))
        ).one_or_none()  # fmt: skip
        return _template(row) if row else None

    async def page(self, after: str, limit: int) -> list[StoredTemplate]:
        c = tenant_template.c
        newest = select(tenant_template).ext(distinct_on(c.name)).order_by(c.name, c.version.desc())
        rows = await self._session.execute(newest.where(c.name > after).limit(limit))
        return [_template(row) for row in rows]

    async def versions(self, name: str, before: int, limit: int) -> list[StoredTemplate]:
        c = tenant_template.c
        query = select(tenant_template).where(c.name == name, c.version < before).order_by(c.version.desc())
        return [_template(row) for row in await self._session.execute(query.limit(limit))]

    async def put(self, template: StoredTemplate) -> None:
        await self._session.execute(
            insert(tenant_template).values(
                tenant_id=self._home,
                name=template.name,
                version=template.version,
                content=template.content,
                written_by=template.written_by,
                written_at=template.written_at,
                reason=template.reason,
                request=template.request,
            )
        )

    async def asked(self, request: UUID) -> StoredTemplate | None:
        query = select(tenant_template).where(tenant_template.c.request == request)
        row = (await self._session.execute(query)).one_or_none()
        return _template(row) if row else None


class PostgresTenantLocks:
    def __init__(self, session: AsyncSession, home: UUID) -> None:
        self._session = session
        self._home = home

    async def get(self, environment: Environment, key: str) -> StoredLock | None:
        c = tenant_lock.c
        query = select(tenant_lock).where(c.environment == environment, c.key == key)
        row = (await self._session.execute(query.order_by(c.version.desc()).limit(1))).one_or_none()
        return _lock(row) if row else None

    async def standing(self, environment: Environment, after: str, limit: int) -> list[StoredLock]:
        c = tenant_lock.c
        every = select(tenant_lock).ext(distinct_on(c.key)).where(c.environment == environment, c.key > after)
        newest = every.order_by(c.key, c.version.desc()).subquery()
        query = select(newest).where(newest.c.lock.is_not(None)).order_by(newest.c.key).limit(limit)
        return [_lock(row) for row in await self._session.execute(query)]

    async def put(self, lock: StoredLock) -> None:
        await self._session.execute(
            insert(tenant_lock).values(
                tenant_id=self._home,
                environment=lock.environment,
                key=lock.key,
                version=lock.version,
                lock=lock.lock,
                written_by=lock.written_by,
                written_at=lock.written_at,
                reason=lock.reason,
                request=lock.request,
            )
        )

    async def asked(self, request: UUID) -> StoredLock | None:
        row = (await self._session.execute(select(tenant_lock).where(tenant_lock.c.request == request))).one_or_none()
        return _lock(row) if row else None


def _template(row: Any) -> StoredTemplate:
    return StoredTemplate(
        row.name, row.version, row.content, row.written_by, row.written_at, row.reason, row.request
    )  # fmt: skip


def _lock(row: Any) -> StoredLock:
    return StoredLock(
        row.environment, row.key, row.version, row.lock, row.written_by, row.written_at, row.reason, row.request
    )
