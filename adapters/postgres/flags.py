"""Flags: the present version in one row, every version in another, and a revision for the whole set."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, func, insert, or_, select, true, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import flag, flag_set, flag_version
from application.ports.records import FlagSetRecord, StoredFlag
from domain.canonical import Json
from domain.environments import Environment
from domain.flags import BUCKETING, SHARED_RULES, WHOLE
from domain.flags.authoring import AUTHORING
from domain.flags.authoring.about import CONFLICTS
from domain.flags.lifecycle import ARCHIVED
from domain.flags.prerequisites import PREREQUISITE
from domain.flags.whole import bucketing_of
from domain.rollouts import StaleGeneration

_ARCHIVED = {"metadata": {ARCHIVED: True}}
_OF_ALL = flag.c.key.in_(WHOLE)
_LINKED = or_(
    # No text holds it in quotes, which are escaped there; a variant of that name is found as well, and does no harm.
    cast(flag.c.definition, Text).contains(f'"{PREREQUISITE}"', autoescape=True),
    func.jsonb_path_exists(flag.c.definition, cast(f"$.{AUTHORING}.prerequisites", JSONPATH)),
    func.jsonb_path_exists(flag.c.definition, cast(f"$.{AUTHORING}.{CONFLICTS}", JSONPATH)),
    func.jsonb_path_exists(flag.c.definition, cast(f"$.metadata.{CONFLICTS}", JSONPATH)),
)


class PostgresFlags:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def get(self, environment: Environment, key: str, *, lock: bool = False) -> StoredFlag | None:
        query = select(flag).where(flag.c.environment == environment, flag.c.key == key)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _stored(row) if row else None

    async def page(self, environment: Environment, after: str, limit: int) -> list[StoredFlag]:
        query = select(flag).where(flag.c.environment == environment, flag.c.key > after, ~_OF_ALL)
        return [_stored(row) for row in await self._session.execute(query.order_by(flag.c.key).limit(limit))]

    async def version(self, environment: Environment, key: str, version: int) -> Json | None:
        v = flag_version.c
        query = select(v.definition).where(v.environment == environment, v.key == key, v.version == version)
        return await self._session.scalar(query)

    async def versions(self, environment: Environment, key: str, before: int, limit: int) -> list[StoredFlag]:
        v = flag_version.c
        query = select(flag_version).where(v.environment == environment, v.key == key, v.version < before)
        rows = await self._session.execute(query.order_by(v.version.desc()).limit(limit))
        return [_stored(row) for row in rows]

    async def asked(self, request: UUID) -> StoredFlag | None:
        found = await self._session.execute(select(flag_version).where(flag_version.c.request == request))
        row = found.one_or_none()
        return _stored(row) if row else None

    async def made(self, environment: Environment, keys: Sequence[str]) -> dict[str, datetime]:
        v = flag_version.c
        query = select(v.key, v.written_at).where(v.environment == environment, v.key.in_(keys), v.version == 1)
        return {row.key: row.written_at for row in await self._session.execute(query)}

    async def put(self, stored: StoredFlag, *, expected: int) -> int:
        row = {
            "version": stored.version,
            "definition": stored.definition,
            "origin": stored.origin,
            "written_by": stored.written_by,
            "written_at": stored.written_at,
            "request": stored.request,
        }
        place = {"tenant_id": self._tenant, "environment": stored.environment, "key": stored.key}
        if expected == 0:
            written = await self._session.execute(
                upsert(flag).values(**place, **row).on_conflict_do_nothing().returning(flag.c.version)
            )
        else:
            written = await self._session.execute(
                update(flag)
                .where(flag.c.environment == stored.environment, flag.c.key == stored.key, flag.c.version == expected)
                .values(**row)
                .returning(flag.c.version)
            )
        if written.one_or_none() is None:
            raise StaleGeneration(key=stored.key, expected=expected)
        await self._session.execute(insert(flag_version).values(**place, **row))
        # Always after the flag's own row, never before it: writers of one environment cannot deadlock.
        raised = (
            update(flag_set)
            .where(flag_set.c.environment == stored.environment)
            .values(revision=flag_set.c.revision + 1)
        )
        return int(await self._session.scalar(raised.returning(flag_set.c.revision)) or 0)

    async def flag_set(self, environment: Environment) -> FlagSetRecord:
        return await self._those(environment, true())

    async def linked(self, environment: Environment, keys: Collection[str]) -> FlagSetRecord:
        return await self._those(environment, or_(flag.c.key.in_(keys), _OF_ALL, _LINKED))

    async def _those(self, environment: Environment, wanted: ColumnElement[bool]) -> FlagSetRecord:
        # One statement is one snapshot: a revision is never shown with the flags of another.
        s, f = flag_set.c, flag.c
        everything = (
            select(func.coalesce(func.jsonb_object_agg(f.key, f.definition), func.jsonb_build_object()))
            .where(f.environment == environment, or_(_OF_ALL, ~f.definition.contains(_ARCHIVED)), wanted)
            .scalar_subquery()
        )
        row = (
            await self._session.execute(
                select(s.revision, s.metadata, type_coerce(everything, JSONB).label("flags")).where(
                    s.environment == environment
                )
            )
        ).one()
        bucketing, evaluators = bucketing_of(row.flags.pop(BUCKETING, None)), row.flags.pop(SHARED_RULES, {})
        return FlagSetRecord(row.revision, bucketing.value, row.metadata, evaluators, row.flags)

    async def revision(self, environment: Environment) -> int:
        query = select(flag_set.c.revision).where(flag_set.c.environment == environment)
        return int(await self._session.scalar(query) or 0)


def _stored(row: Any) -> StoredFlag:
    return StoredFlag(
        environment=row.environment,
        key=row.key,
        version=row.version,
        definition=row.definition,
        origin=row.origin,
        written_by=row.written_by,
        written_at=row.written_at,
        request=row.request,
    )
