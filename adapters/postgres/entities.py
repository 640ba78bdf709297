"""Legal entities; where one stands in its group is written once."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_calendars import legal_entity
from application.ports.calendars import LegalEntity
from domain.errors import Stale

_E = legal_entity.c
_MOVING = ("name", "time_zone", "country", "subdivision", "version")


class PostgresEntities:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def get(self, code: str, *, lock: bool = False) -> LegalEntity | None:
        query = select(legal_entity).where(_E.code == code)
        row = (await self._session.execute(query.with_for_update(key_share=True) if lock else query)).one_or_none()
        return _entity(row) if row else None

    async def page(self, after: str, limit: int) -> list[LegalEntity]:
        query = select(legal_entity).where(_E.code > after).order_by(_E.code).limit(limit)
        return [_entity(row) for row in await self._session.execute(query)]

    async def put(self, entity: LegalEntity) -> None:
        if entity.version == 1:
            new = insert(legal_entity).values(tenant_id=self._tenant, **vars(entity))
            wanted: Any = new.on_conflict_do_nothing()
        else:
            old = (_E.code == entity.code, _E.version == entity.version - 1)
            wanted = update(legal_entity).where(*old).values({name: getattr(entity, name) for name in _MOVING})
        if await self._session.scalar(wanted.returning(_E.version)) is None:
            raise Stale(expected=entity.version - 1)


def _entity(row: Any) -> LegalEntity:
    return LegalEntity(row.code, row.name, row.time_zone, row.parent, row.version, row.country, row.subdivision)
