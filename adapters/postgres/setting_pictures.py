"""A picture of an environment is one statement, hence one snapshot; so is what was written after another picture."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, false, func, literal_column, or_, select, text, true
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.setting_places import in_turns, one_of
from adapters.postgres.tables import setting_definition, setting_entry, setting_space
from application.ports.settings import LOCKED, Picture, StoredEntry
from domain.canonical import Json
from domain.environments import Environment
from domain.settings import Entry, EntryState, parse_constraint

_MARK = "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"
"""Every transaction before this one had ended, and is in the picture; whatever is not in it comes from a later one."""
_AFTER = "age({}.xmin) <= age(CAST(CAST(CAST(:mark AS text) AS xid8) AS xid))"
"""True of all that was inserted or updated since, and of some that was not; a row's age is known modulo 2^32."""


async def picture(session: AsyncSession, environment: Environment, keys: Collection[str] | None) -> Picture:
    entries = live(environment).where(ends_after(func.now()))
    definitions = select(setting_definition.c.key.label("defined"), setting_definition.c.definition)
    if keys is not None:
        entries = entries.where(one_of(setting_entry.c.key, keys))
        definitions = definitions.where(one_of(setting_definition.c.key, keys))
    return await _taken(session, environment, definitions, entries)


async def written_since(session: AsyncSession, environment: Environment, mark: int) -> Picture:
    entries = select(setting_entry).where(setting_entry.c.environment == environment, _after("setting_entry", mark))
    definitions = select(setting_definition.c.key.label("defined"), setting_definition.c.definition)
    definitions = definitions.where(_after("setting_definition", mark))
    return await _taken(session, environment, definitions, entries)


def live(environment: Environment) -> Select[Any]:
    e = setting_entry.c
    return select(setting_entry).where(e.environment == environment, ~func.isempty(e.valid))


def ends_after(at: Any) -> ColumnElement[bool]:
    end = func.upper(setting_entry.c.valid)
    return or_(end.is_(None), end > at)


def entry_of(row: Any) -> StoredEntry:
    """An entry that was cancelled before it began ends where it was to begin."""
    valid: Range[datetime] = row.valid
    entry = Entry(
        version=row.version,
        state=EntryState(row.state),
        value=row.value,
        enforced=row.enforced,
        constraint=None if row.narrowing is None else parse_constraint(row.narrowing),
        since=row.since,
        until=row.since if valid.isempty else valid.upper,
        written_by=row.written_by,
        written_at=row.written_at,
        change=row.change,
        reason=row.reason,
        meant_until=row.meant_until,
        above=row.origin.removeprefix(LOCKED) if row.origin.startswith(LOCKED) else None,
    )
    return StoredEntry(row.environment, row.key, row.scope, entry, row.origin, row.request)


async def _taken(
    session: AsyncSession, environment: Environment, defined: Select[Any], entries: Select[Any]
) -> Picture:
    """Its rows are the definitions and then the entries, beside each other's nulls; the first has the instant."""
    d, e = defined.subquery(), entries.subquery()
    both = select(*d.c, *e.c).select_from(d.join(e, false(), full=True)).subquery()
    space = setting_space.c
    query = select(func.clock_timestamp().label("at"), space.epoch, literal_column(_MARK).label("mark"), *both.c)
    query = query.select_from(setting_space.outerjoin(both, true())).where(space.environment == environment)
    head: Any = None
    definitions: dict[str, Json] = {}
    found: list[StoredEntry] = []
    async for row in in_turns(await session.execute(query)):
        head = head or row
        if row.defined is not None:
            definitions[row.defined] = row.definition
        if row.version is not None:
            found.append(entry_of(row))
    if head is None:
        raise LookupError(f"the environment {environment} has no room for settings")
    return Picture(head.at, head.epoch, definitions, found, head.mark)


def _after(table: str, mark: int) -> Any:
    return text(_AFTER.format(table)).bindparams(bindparam("mark", str(mark)))
