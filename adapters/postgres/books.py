"""Books and scopes, each written over the version before its own."""

from typing import Any
from uuid import UUID

from sqlalchemy import Table, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_periods import entity_books, entity_books_version, posting_scope
from application.ports.periods import EntityBooks
from domain.errors import Stale
from domain.periods import LateEntries, Scope

_B, _S = entity_books.c, posting_scope.c


class PostgresBooks:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def get(self, entity: str, *, lock: bool = False) -> EntityBooks | None:
        query = select(entity_books).where(_B.entity == entity)
        row = (await self._session.execute(query.with_for_update(key_share=True) if lock else query)).one_or_none()
        return _books(row) if row else None

    async def at(self, entity: str, version: int) -> EntityBooks | None:
        v = entity_books_version.c
        query = select(entity_books_version).where(v.entity == entity, v.version == version)
        row = (await self._session.execute(query)).one_or_none()
        return _books(row) if row else None

    async def all(self) -> list[EntityBooks]:
        return [_books(row) for row in await self._session.execute(select(entity_books).order_by(_B.entity))]

    async def put(self, books: EntityBooks) -> None:
        content = {
            "calendar_id": books.calendar,
            "late_entries": books.late_entries.value,
            "most_open": books.most_open,
            "opens_itself": books.opens_itself,
        }
        await self._put(entity_books, {"entity": books.entity}, content, books.version)

    async def scopes(self) -> list[Scope]:
        rows = await self._session.execute(select(posting_scope).order_by(_S.code))
        return [Scope(row.code, row.name, row.ledger, row.sequential, row.version) for row in rows]

    async def put_scope(self, scope: Scope) -> None:
        content = {"name": scope.name, "ledger": scope.ledger, "sequential": scope.sequential}
        await self._put(posting_scope, {"code": scope.code}, content, scope.version)

    async def _put(self, table: Table, key: dict[str, str], content: dict[str, Any], version: int) -> None:
        row = {**content, "version": version}
        if version == 1:
            new = insert(table).values(tenant_id=self._tenant, **key, **row).on_conflict_do_nothing()
            done = await self._session.scalar(new.returning(table.c.version))
        else:
            here = [table.c[name] == value for name, value in key.items()]
            raised = update(table).where(*here, table.c.version == version - 1).values(**row)
            done = await self._session.scalar(raised.returning(table.c.version))
        if done is None:
            raise Stale(expected=version - 1)


def _books(row: Any) -> EntityBooks:
    return EntityBooks(
        row.entity, row.calendar_id, LateEntries(row.late_entries), row.most_open, row.version, row.opens_itself
    )
