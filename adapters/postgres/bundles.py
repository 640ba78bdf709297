"""An environment leaves through one cursor, which is one snapshot, and thousands of flags come in by few statements."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Boolean, Integer, Text, delete, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import flag, flag_set, flag_version, moment, rollout
from adapters.postgres.tables_bundles import bundle_sync
from application.ports.bundles import Leaving, Sync
from application.ports.records import StoredFlag
from domain.environments import Environment
from domain.flags import BUCKETING, SHARED_RULES
from domain.rollouts import StaleGeneration, State
from domain.settings import EntryState, Line, Scope, Section, parse_constraint

_AT_ONCE = 500
_EVERYTHING = text(
    "SELECT * FROM (SELECT 0 AS section, key, definition AS content, CAST(NULL AS text) AS scope,"
    " CAST(NULL AS text) AS state, CAST(NULL AS jsonb) AS value, CAST(NULL AS boolean) AS enforced,"
    " CAST(NULL AS jsonb) AS narrowing, CAST(NULL AS timestamptz) AS since, CAST(NULL AS timestamptz) AS until"
    " FROM setting_definition"
    " UNION ALL SELECT CASE WHEN key = :shared THEN 1 ELSE 2 END, key, definition, NULL, NULL, NULL, NULL, NULL, NULL,"
    " NULL FROM flag WHERE environment = CAST(:environment AS environment) AND key <> :bucketing"
    " UNION ALL SELECT 3, key, NULL, scope, state, value, enforced, narrowing, since, upper(valid) FROM setting_entry"
    " WHERE environment = CAST(:environment AS environment) AND NOT isempty(valid)"
    " AND (upper(valid) IS NULL OR upper(valid) > statement_timestamp())) AS everything"
    ' ORDER BY section, key COLLATE "C", scope COLLATE "C", since'
).columns(
    section=Integer, key=Text, content=JSONB, scope=Text, state=Text, value=JSONB, enforced=Boolean, narrowing=JSONB,
    since=moment, until=moment,
)  # fmt: skip
_RAISED = text(
    "UPDATE flag AS f SET version = u.version, definition = CAST(u.definition AS jsonb), origin = u.origin,"
    " written_by = :written_by, written_at = :written_at, request = u.request"
    " FROM unnest(CAST(:keys AS text[]), CAST(:versions AS bigint[]), CAST(:definitions AS text[]),"
    " CAST(:origins AS text[]), CAST(:requests AS uuid[])) AS u (key, version, definition, origin, request)"
    " WHERE f.environment = CAST(:environment AS environment) AND f.key = u.key AND f.version = u.version - 1"
    " RETURNING f.key"
)


class PostgresBundles:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def leaving(self, environment: Environment) -> AsyncIterator[Sequence[Leaving]]:
        facts = {"environment": environment.value, "shared": SHARED_RULES, "bucketing": BUCKETING}
        rows = await self._session.stream(_EVERYTHING, facts, execution_options={"yield_per": _AT_ONCE})
        async for some in rows.partitions():
            yield [_leaving(row) for row in some]

    async def flags(self, environment: Environment) -> dict[str, StoredFlag]:
        rows = await self._session.execute(
            select(flag).where(flag.c.environment == environment, flag.c.key != BUCKETING)
        )
        return {row.key: _flag(row) for row in rows}

    async def held(self, environment: Environment, keys: Collection[str]) -> dict[str, UUID]:
        r = rollout.c
        query = select(r.key, r.rollout_id).where(r.environment == environment, r.kind == "flag", r.terminal.is_(False))
        rows = await self._session.execute(query.where(r.key == func.any(list(keys))))
        return {row.key: row.rollout_id for row in rows}

    async def put_flags(self, environment: Environment, *flags: StoredFlag) -> None:
        if not flags:
            return
        new = [self._row(each) for each in flags if each.version == 1]
        raised = [each for each in flags if each.version > 1]
        if new:
            await self._new(new)
        if raised:
            await self._raised(environment, raised)
        await self._session.execute(insert(flag_version), [self._row(each) for each in flags])
        # Always after the flags' own rows, never before them: writers of one environment cannot deadlock.
        await self._session.execute(
            update(flag_set).where(flag_set.c.environment == environment).values(revision=flag_set.c.revision + 1)
        )

    async def _new(self, rows: list[dict[str, Any]]) -> None:
        try:
            await self._session.execute(insert(flag), sorted(rows, key=lambda row: str(row["key"])))
        except IntegrityError as error:
            raise StaleGeneration(expected=0) from error

    async def _raised(self, environment: Environment, flags: Sequence[StoredFlag]) -> None:
        ordered = sorted(flags, key=lambda each: each.key)
        facts = {
            "environment": environment.value,
            "keys": [each.key for each in ordered],
            "versions": [each.version for each in ordered],
            "definitions": [orjson.dumps(each.definition).decode() for each in ordered],
            "origins": [each.origin for each in ordered],
            "requests": [each.request for each in ordered],
            "written_by": ordered[0].written_by,
            "written_at": ordered[0].written_at,
        }
        found = set(await self._session.scalars(_RAISED, facts))
        moved = [each.key for each in ordered if each.key not in found]
        if moved:
            raise StaleGeneration(key=moved[0])

    def _row(self, stored: StoredFlag) -> dict[str, Any]:
        return {
            "tenant_id": self._tenant,
            "environment": stored.environment,
            "key": stored.key,
            "version": stored.version,
            "definition": stored.definition,
            "origin": stored.origin,
            "written_by": stored.written_by,
            "written_at": stored.written_at,
            "request": stored.request,
        }

    async def sync(self, sync: Sync) -> None:
        s = bundle_sync.c
        counts = await self.synced(sync.environment)
        older = delete(bundle_sync).where(s.environment == sync.environment)
        await self._session.execute(older.where(s.sync_id != counts.id) if counts else older)
        row = {
            "tenant_id": self._tenant,
            "sync_id": sync.id,
            "environment": sync.environment,
            "checksum": sync.checksum,
            "content": sync.content,
            "change_id": sync.change,
            "synced_by": sync.by,
        }
        await self._session.execute(insert(bundle_sync).values(**row))

    async def synced(self, environment: Environment) -> Sync | None:
        s, r = bundle_sync.c, rollout.c
        counts = or_(s.change_id.is_(None), r.state == State.SUCCEEDED.value)
        query = select(bundle_sync).outerjoin(rollout, r.rollout_id == s.change_id).where(s.environment == environment)
        row = (await self._session.execute(query.where(counts).order_by(s.synced_at.desc()).limit(1))).one_or_none()
        if row is None:
            return None
        return Sync(
            row.sync_id, row.environment, row.checksum, bytes(row.content), row.synced_by, row.synced_at, row.change_id
        )


def _leaving(row: Any) -> Leaving:
    section = Section(row.section)
    if section is not Section.VALUES:
        return Leaving(section, row.key, row.content)
    constraint = None if row.narrowing is None else parse_constraint(row.narrowing)
    state = EntryState(row.state)
    value = row.value if state is EntryState.SET else None
    line = Line(row.key, Scope(row.scope), state, value, row.enforced, constraint, row.since, row.until)
    return Leaving(section, row.key, line=line)


def _flag(row: Any) -> StoredFlag:
    return StoredFlag(
        row.environment, row.key, row.version, row.definition, row.origin, row.written_by, row.written_at, row.request
    )
