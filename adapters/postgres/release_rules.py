"""Freezes, which end or are lifted, and rules, which are written version by version."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_locks import freeze, release_rule
from application.ports.locks import RuleKind, StoredRule
from domain.changes import Kind
from domain.environments import Environment
from domain.locks import Cover, Freeze, FreezeKind, Reach, WhileRunning

_OVER = text("SELECT * FROM find_freezes(:at)")


class PostgresFreezes:
    def __init__(self, session: AsyncSession, home: UUID) -> None:
        self._session = session
        self._home = home

    async def add(self, new: Freeze) -> bool:
        row = {
            "tenant_id": self._home,
            "freeze_id": new.id,
            "kind": new.kind.value,
            "environment": new.reach.environment,
            "kinds": [kind.value for kind in new.reach.kinds],
            "prefix": new.reach.prefix,
            "tag": new.reach.tag,
            "starts": new.starts,
            "ends": new.ends,
            "running": new.running.value,
            "owner": new.owner,
            "reason": new.reason,
            "created_by": new.created_by,
            "created_at": new.created_at,
        }
        added = upsert(freeze).values(**row).on_conflict_do_nothing().returning(freeze.c.freeze_id)
        return (await self._session.execute(added)).one_or_none() is not None

    async def get(self, wanted: UUID, *, lock: bool = False) -> Freeze | None:
        query = select(freeze).where(freeze.c.freeze_id == wanted)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _freeze(row) if row else None

    async def page(self, kind: FreezeKind, before: tuple[datetime, UUID] | None, limit: int) -> list[Freeze]:
        c = freeze.c
        query = select(freeze).where(c.kind == kind.value)
        query = query.order_by(c.created_at.desc(), c.freeze_id.desc()).limit(limit)
        if before is not None:
            query = query.where(tuple_(c.created_at, c.freeze_id) < tuple_(*before))
        return [_freeze(row) for row in await self._session.execute(query)]

    async def over(self, at: datetime) -> list[Cover]:
        return [Cover(**_cover(row)) for row in await self._session.execute(_OVER, {"at": at})]

    async def lift(self, wanted: UUID, at: datetime, by: UUID) -> None:
        lifted = update(freeze).where(freeze.c.freeze_id == wanted).values(lifted_at=at, lifted_by=by)
        await self._session.execute(lifted)


class PostgresReleaseRules:
    def __init__(self, session: AsyncSession, home: UUID) -> None:
        self._session = session
        self._home = home

    async def get(self, kind: RuleKind, name: str) -> StoredRule | None:
        c = release_rule.c
        query = select(release_rule).where(c.kind == kind.value, c.name == name).order_by(c.version.desc()).limit(1)
        row = (await self._session.execute(query)).one_or_none()
        return _rule(row) if row else None

    async def at(self, kind: RuleKind, name: str, version: int) -> StoredRule | None:
        c = release_rule.c
        query = select(release_rule).where(c.kind == kind.value, c.name == name, c.version == version)
        row = (await self._session.execute(query)).one_or_none()
        return _rule(row) if row else None

    async def page(self, kind: RuleKind, after: str, limit: int) -> list[StoredRule]:
        c = release_rule.c
        newest = select(release_rule).ext(distinct_on(c.name)).order_by(c.name, c.version.desc())
        rows = await self._session.execute(newest.where(c.kind == kind.value, c.name > after).limit(limit))
        return [_rule(row) for row in rows]

    async def put(self, rule: StoredRule) -> None:
        row = {**vars(rule), "kind": rule.kind.value, "tenant_id": self._home}
        await self._session.execute(insert(release_rule).values(**row))

    async def asked(self, request: UUID) -> StoredRule | None:
        query = select(release_rule).where(release_rule.c.request == request)
        row = (await self._session.execute(query)).one_or_none()
        return _rule(row) if row else None


def _freeze(row: Any) -> Freeze:
    return Freeze(
        **_cover(row),
        owner=row.owner,
        reason=row.reason,
        created_by=row.created_by,
        created_at=row.created_at,
        lifted_at=row.lifted_at,
        lifted_by=row.lifted_by,
    )


def _cover(row: Any) -> dict[str, Any]:
    environment = Environment(row.environment) if row.environment else None
    return {
        "id": row.freeze_id,
        "tenant": row.tenant_id,
        "kind": FreezeKind(row.kind),
        "reach": Reach(environment, tuple(map(Kind, row.kinds)), row.prefix, row.tag),
        "starts": row.starts,
        "ends": row.ends,
        "running": WhileRunning(row.running),
    }


def _rule(row: Any) -> StoredRule:
    return StoredRule(
        RuleKind(row.kind), row.name, row.version, row.content, row.written_by, row.written_at, row.reason, row.request
    )
