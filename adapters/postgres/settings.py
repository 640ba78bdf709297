"""Settings: entries hold for a range of time that the database keeps from overlapping, and only ever shortens."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Update, and_, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.later import Later
from adapters.postgres.setting_pictures import ends_after, entry_of, live, picture, written_since
from adapters.postgres.setting_places import in_turns, near, one_of
from adapters.postgres.setting_writes import ENDED, ENDED_LATER, PUT, ended_of, put_of
from adapters.postgres.tables import (
    setting_definition,
    setting_definition_version,
    setting_entry,
    setting_rulebook,
    setting_space,
)
from application.ports.settings import End, Picture, Rulebook, StoredDefinition, StoredEntry
from domain.environments import Environment
from domain.rollouts import StaleGeneration


class PostgresSettings:
    def __init__(self, session: AsyncSession, tenant: UUID, later: Later | None = None) -> None:
        self._session = session
        self._tenant = tenant
        self._later = later

    async def lock(self, environment: Environment) -> datetime:
        space = setting_space.c
        held = select(space.epoch).where(space.environment == environment).with_for_update().cte("held")
        waited = select(func.count()).select_from(held).subquery()  # the clock is read when the row is held
        at: datetime = (await self._session.execute(select(func.clock_timestamp()).select_from(waited))).scalar_one()
        return at

    async def enter(self, environment: Environment) -> tuple[datetime, int]:
        raised = _raised(environment).returning(func.clock_timestamp(), setting_space.c.epoch)
        at, epoch = (await self._session.execute(raised)).one()
        return at, epoch

    async def bump(self, environment: Environment) -> int:
        return int(await self._session.scalar(_raised(environment).returning(setting_space.c.epoch)) or 0)

    async def epoch(self, environment: Environment) -> int:
        space = setting_space.c
        return int(await self._session.scalar(select(space.epoch).where(space.environment == environment)) or 0)

    async def picture(self, environment: Environment, keys: Collection[str] | None = None) -> Picture:
        return await picture(self._session, environment, keys)

    async def written_since(self, environment: Environment, mark: int) -> Picture:
        return await written_since(self._session, environment, mark)

    async def definition(self, key: str, *, lock: bool = False) -> StoredDefinition | None:
        query = select(setting_definition).where(setting_definition.c.key == key)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _definition(row) if row else None

    async def definitions(self, after: str, limit: int) -> list[StoredDefinition]:
        query = select(setting_definition).where(setting_definition.c.key > after)
        rows = await self._session.execute(query.order_by(setting_definition.c.key).limit(limit))
        return [_definition(row) for row in rows]

    async def definitions_of(self, keys: Collection[str]) -> dict[str, StoredDefinition]:
        query = select(setting_definition).where(one_of(setting_definition.c.key, keys))
        return {row.key: _definition(row) for row in await self._session.execute(query)}

    async def definition_versions(self, key: str, before: int, limit: int) -> list[StoredDefinition]:
        v = setting_definition_version.c
        query = select(setting_definition_version).where(v.key == key, v.version < before)
        rows = await self._session.execute(query.order_by(v.version.desc()).limit(limit))
        return [_definition(row) for row in rows]

    async def put_definition(self, stored: StoredDefinition, *, expected: int) -> None:
        row = {
            "version": stored.version,
            "definition": stored.definition,
            "written_by": stored.written_by,
            "written_at": stored.written_at,
            "request": stored.request,
        }
        place = {"tenant_id": self._tenant, "key": stored.key}
        d = setting_definition.c
        if expected == 0:
            wanted: Any = upsert(setting_definition).values(**place, **row).on_conflict_do_nothing()
        else:
            wanted = update(setting_definition).where(d.key == stored.key, d.version == expected).values(**row)
        if (await self._session.execute(wanted.returning(d.version))).one_or_none() is None:
            raise StaleGeneration(key=stored.key, expected=expected)
        await self._session.execute(insert(setting_definition_version).values(**place, **row))

    async def defined(self, request: UUID) -> StoredDefinition | None:
        query = select(setting_definition_version).where(setting_definition_version.c.request == request)
        row = (await self._session.execute(query)).one_or_none()
        return _definition(row) if row else None

    async def rulebook(self, version: int | None = None) -> Rulebook:
        query = select(setting_rulebook).order_by(setting_rulebook.c.version.desc()).limit(1)
        if version is not None:
            query = query.where(setting_rulebook.c.version == version)
        row = (await self._session.execute(query)).one_or_none()
        if row is None:
            return Rulebook(0, [], None, None)
        return Rulebook(row.version, row.rules, row.written_by, row.written_at, row.request)

    async def put_rulebook(self, rulebook: Rulebook) -> None:
        await self._session.execute(
            insert(setting_rulebook).values(
                tenant_id=self._tenant,
                version=rulebook.version,
                rules=rulebook.rules,
                written_by=rulebook.written_by,
                written_at=rulebook.written_at,
                request=rulebook.request,
            )
        )

    async def entries(
        self,
        environment: Environment,
        keys: Collection[str] | None,
        scopes: Collection[str] | None,
        ending_after: datetime,
    ) -> list[StoredEntry]:
        return await self._among(environment, _keys_and_scopes(keys, scopes), ending_after)

    async def around(
        self, environment: Environment, keys: Collection[str], scopes: Collection[str], ending_after: datetime
    ) -> list[StoredEntry]:
        return await self._among(environment, [*_keys_and_scopes(keys, None), *near(scopes)], ending_after)

    async def _among(
        self, environment: Environment, wanted: Sequence[ColumnElement[bool]], ending_after: datetime
    ) -> list[StoredEntry]:
        e = setting_entry.c
        query = live(environment).where(ends_after(ending_after), *wanted).order_by(e.key, e.scope, e.version)
        return [entry_of(row) async for row in in_turns(await self._session.execute(query))]

    async def history(
        self, environment: Environment, key: str, scope: str, before: int, limit: int
    ) -> list[StoredEntry]:
        e = setting_entry.c
        query = select(setting_entry).where(e.environment == environment, e.key == key, e.scope == scope)
        rows = await self._session.execute(query.where(e.version < before).order_by(e.version.desc()).limit(limit))
        return [entry_of(row) for row in rows]

    async def underlying(self, environment: Environment, key: str, scope: str, at: datetime) -> list[StoredEntry]:
        e = setting_entry.c
        begun = and_(
            e.environment == environment, e.key == key, e.scope == scope, e.since <= at, ~func.isempty(e.valid)
        )
        bottom = select(func.max(e.since)).where(begun, e.meant_until.is_(None)).scalar_subquery()
        query = select(setting_entry).where(begun, e.meant_until.is_(None) | (e.meant_until > at))
        query = query.where(e.since >= func.coalesce(bottom, e.since)).order_by(e.version)
        return [entry_of(row) for row in await self._session.execute(query)]

    async def latest(
        self, environment: Environment, keys: Collection[str], scopes: Collection[str]
    ) -> dict[tuple[str, str], int]:
        e = setting_entry.c
        query = select(e.key, e.scope, func.max(e.version).label("version")).where(e.environment == environment)
        rows = await self._session.execute(query.where(*_keys_and_scopes(keys, scopes)).group_by(e.key, e.scope))
        return {(row.key, row.scope): row.version async for row in in_turns(rows)}

    async def put(self, *entries: StoredEntry) -> None:
        if entries and self._later is not None:
            self._later.add(PUT, [put_of(self._tenant, entries)])
        elif entries:
            await self._session.execute(PUT, put_of(self._tenant, entries))

    async def end(self, environment: Environment, *ends: End) -> None:
        if not ends:
            return
        if self._later is not None:
            self._later.add(ENDED_LATER, [{"tenant": self._tenant, **ended_of(environment.value, ends)}])
            return
        found = await self._session.execute(ENDED, ended_of(environment.value, ends))
        if len(found.all()) != len(ends):
            raise LookupError(f"of {len(ends)} versions to end some are not there")

    async def of_change(self, change: UUID) -> list[StoredEntry]:
        e = setting_entry.c
        query = select(setting_entry).where(e.change == change).order_by(e.key, e.scope, e.version)
        return [entry_of(row) for row in await self._session.execute(query)]

    async def written(self, request: UUID) -> list[StoredEntry]:
        e = setting_entry.c
        query = select(setting_entry).where(e.request == request).order_by(e.key, e.scope, e.version)
        return [entry_of(row) for row in await self._session.execute(query)]


def _raised(environment: Environment) -> Update:
    space = setting_space.c
    return update(setting_space).where(space.environment == environment).values(epoch=space.epoch + 1)


def _keys_and_scopes(keys: Collection[str] | None, scopes: Collection[str] | None) -> list[ColumnElement[bool]]:
    asked = ((setting_entry.c.key, keys), (setting_entry.c.scope, scopes))
    return [one_of(column, texts) for column, texts in asked if texts is not None]


def _definition(row: Any) -> StoredDefinition:
    return StoredDefinition(row.key, row.version, row.definition, row.written_by, row.written_at, row.request)
