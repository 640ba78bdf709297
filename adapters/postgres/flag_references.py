"""The places where sources name flags; the row of the scan is locked while they are replaced."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_flag_usage import flag_reference, flag_scan
from application.ports.flag_usage import StoredScan
from domain.environments import Environment
from domain.flags.references import Reference


class PostgresFlagReferences:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def put(self, scan: StoredScan, found: Sequence[Reference]) -> None:
        place = {"tenant_id": self._tenant, "environment": scan.environment, "repository": scan.repository}
        said = {"revision": scan.revision, "scanned_at": scan.scanned_at, "scanned_by": scan.scanned_by}
        written = upsert(flag_scan).values(**place, **said)
        await self._session.execute(
            written.on_conflict_do_update(index_elements=["tenant_id", "environment", "repository"], set_=said)
        )
        r = flag_reference.c
        mine = (r.environment == scan.environment, r.repository == scan.repository)
        await self._session.execute(delete(flag_reference).where(*mine))
        rows = [{**place, "key": each.key, "path": each.path, "lines": list(each.lines)} for each in found]
        if rows:
            await self._session.execute(insert(flag_reference), rows)

    async def scan(self, environment: Environment, repository: str) -> StoredScan | None:
        s = flag_scan.c
        wanted = select(flag_scan).where(s.environment == environment, s.repository == repository)
        row = (await self._session.execute(wanted)).one_or_none()
        return _stored(row) if row else None

    async def scans(self, environment: Environment) -> list[StoredScan]:
        s = flag_scan.c
        wanted = select(flag_scan).where(s.environment == environment).order_by(s.repository)
        return [_stored(row) for row in await self._session.execute(wanted)]

    async def places(self, environment: Environment, keys: Sequence[str]) -> dict[tuple[str, str], int]:
        r = flag_reference.c
        wanted = select(r.key, r.repository, func.sum(func.cardinality(r.lines))).where(
            r.environment == environment, r.key.in_(keys)
        )
        rows = await self._session.execute(wanted.group_by(r.key, r.repository))
        return {(key, repository): int(places) for key, repository, places in rows}

    async def page(
        self, environment: Environment, key: str, after: tuple[str, str], limit: int
    ) -> list[tuple[str, Reference]]:
        r = flag_reference.c
        wanted = select(flag_reference).where(
            r.environment == environment, r.key == key, tuple_(r.repository, r.path) > after
        )
        rows = await self._session.execute(wanted.order_by(r.repository, r.path).limit(limit))
        return [(row.repository, Reference(row.key, row.path, tuple(row.lines))) for row in rows]


def _stored(row: Any) -> StoredScan:
    return StoredScan(row.environment, row.repository, row.revision, row.scanned_at, row.scanned_by)
