"""Named groups of people."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_approvals import people_group
from application.ports.records import Group
from domain.errors import Stale


class PostgresGroups:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def get(self, name: str) -> Group | None:
        row = (await self._session.execute(select(people_group).where(people_group.c.name == name))).one_or_none()
        return _group(row) if row else None

    async def all(self) -> list[Group]:
        rows = await self._session.execute(select(people_group).order_by(people_group.c.name))
        return [_group(row) for row in rows]

    async def put(self, group: Group) -> None:
        g, values = people_group.c, {"members": list(group.members), "version": group.version}
        if group.version == 1:
            new = insert(people_group).values(tenant_id=self._tenant, name=group.name, **values)
            wanted: Any = new.on_conflict_do_nothing()
        else:
            wanted = update(people_group).where(g.name == group.name, g.version == group.version - 1).values(**values)
        if await self._session.scalar(wanted.returning(g.version)) is None:
            raise Stale(expected=group.version - 1)


def _group(row: Any) -> Group:
    return Group(row.name, tuple(row.members), row.version)
