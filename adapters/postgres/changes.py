"""Change sets, whose content is written once."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import change_set
from application.ports.store import Place
from domain.canonical import Json
from domain.changes import ChangeSet, ChangeStatus, Content, Kind, Reach, Target
from domain.environments import Environment


class PostgresChanges:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, change: ChangeSet) -> bool:
        result = await self._session.execute(
            insert(change_set)
            .values(
                tenant_id=self._tenant,
                change_id=change.id,
                author=change.author,
                contributors=list(change.contributors),
                content=change.content.to_json(),
                digest=change.digest,
                reason=change.reason,
                ticket=change.ticket,
                supersedes=change.supersedes,
                reverts=change.reverts,
                reach=change.reach.to_json() if change.reach else None,
                status=change.status.value,
                revision=change.revision,
                created_at=change.created_at,
            )
            .on_conflict_do_nothing()
            .returning(change_set.c.change_id)
        )
        return result.one_or_none() is not None

    async def get(self, change: UUID, *, lock: bool = False) -> ChangeSet | None:
        query = select(change_set).where(change_set.c.change_id == change)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _change(row) if row else None

    async def page(self, before: Place | None, limit: int) -> list[ChangeSet]:
        place = tuple_(change_set.c.created_at, change_set.c.change_id)
        query = select(change_set).order_by(change_set.c.created_at.desc(), change_set.c.change_id.desc()).limit(limit)
        if before is not None:
            query = query.where(place < tuple_(*before))
        return [_change(row) for row in await self._session.execute(query)]

    async def save_status(self, change: ChangeSet) -> None:
        values: dict[str, Any] = {"status": change.status.value, "revision": change.revision}
        if change.reach is not None:
            values["reach"] = change.reach.to_json()
        await self._session.execute(update(change_set).where(change_set.c.change_id == change.id).values(**values))


def _change(row: Any) -> ChangeSet:
    return ChangeSet(
        id=row.change_id,
        tenant=row.tenant_id,
        author=row.author,
        content=_content(row.content),
        digest=row.digest,
        reason=row.reason,
        created_at=row.created_at,
        ticket=row.ticket,
        contributors=tuple(row.contributors),
        supersedes=row.supersedes,
        reverts=row.reverts,
        reach=Reach.of(row.reach) if row.reach is not None else None,
        status=ChangeStatus(row.status),
        revision=row.revision,
    )


def _content(raw: Json) -> Content:
    targets = tuple(
        Target(Environment(each["environment"]), Kind(each["kind"]), each["key"], each["base_version"], each["content"])
        for each in raw["targets"]
    )
    return Content(targets, raw["plan"], raw["gates"], raw["metrics"], raw.get("tenants"))
