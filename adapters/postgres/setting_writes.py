"""What scopes say of settings is written, and ended, by one statement however much it is."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from application.ports.settings import End, StoredEntry
from domain.canonical import Json
from domain.settings import EntryState

PUT = text(
    "INSERT INTO setting_entry (tenant_id, environment, key, scope, version, state, value, enforced, narrowing, since,"
    " valid, meant_until, origin, change, reason, written_by, written_at, request)"
    " SELECT CAST(:tenant AS uuid), CAST(u.environment AS environment), u.key, u.scope, u.version, u.state,"
    " CAST(u.value AS jsonb), u.enforced, CAST(u.narrowing AS jsonb), u.since, tstzrange(u.since, u.until),"
    " u.meant_until, u.origin, u.change, u.reason, u.written_by, u.written_at, u.request"
    " FROM unnest(CAST(:environment AS text[]), CAST(:key AS text[]), CAST(:scope AS text[]),"
    " CAST(:version AS bigint[]), CAST(:state AS text[]), CAST(:value AS text[]), CAST(:enforced AS boolean[]),"
    " CAST(:narrowing AS text[]), CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[]),"
    " CAST(:meant_until AS timestamptz[]), CAST(:origin AS text[]), CAST(:change AS uuid[]), CAST(:reason AS text[]),"
    " CAST(:written_by AS uuid[]), CAST(:written_at AS timestamptz[]), CAST(:request AS uuid[]))"
    " AS u (environment, key, scope, version, state, value, enforced, narrowing, since, until, meant_until, origin,"
    " change, reason, written_by, written_at, request)"
    " WHERE set_config('app.tenant_id', CAST(CAST(:tenant AS uuid) AS text), true) IS NOT NULL"
)
"""Entries as arrays, one for each column: of many statements most of the time would go into the statements."""

ENDED = text(
    "UPDATE setting_entry AS e"
    " SET valid = CASE WHEN u.at IS NULL THEN CAST('empty' AS tstzrange) ELSE tstzrange(e.since, u.at) END"
    " FROM unnest(CAST(:keys AS text[]), CAST(:scopes AS text[]), CAST(:versions AS bigint[]),"
    " CAST(:ats AS timestamptz[])) AS u (key, scope, version, at)"
    " WHERE e.environment = CAST(:at AS environment) AND e.key = u.key AND e.scope = u.scope AND e.version = u.version"
    " RETURNING e.version"
)
"""Ends many entries at once; one without an instant never holds."""

ENDED_LATER = text(
    "SELECT end_settings(CAST(:tenant AS uuid), CAST(:at AS environment), CAST(:keys AS text[]),"
    " CAST(:scopes AS text[]), CAST(:versions AS bigint[]), CAST(:ats AS timestamptz[]))"
)
"""The same as by whoever is bound to the tenant."""


def put_of(tenant: UUID, entries: Sequence[StoredEntry]) -> dict[str, Any]:
    rows = [_row(each) for each in entries]
    return {"tenant": tenant} | {name: [row[name] for row in rows] for name in rows[0]}


def ended_of(environment: str, ends: Iterable[End]) -> dict[str, Any]:
    keys, scopes, versions, ats = zip(*ends, strict=True)
    return {"at": environment, "keys": keys, "scopes": scopes, "versions": versions, "ats": ats}


def _row(stored: StoredEntry) -> dict[str, Any]:
    """No value is SQL's null, and one that is null is JSON's."""
    entry = stored.entry
    return {
        "environment": stored.environment.value,
        "key": stored.key,
        "scope": stored.scope,
        "version": entry.version,
        "state": entry.state.value,
        "value": _json(entry.value) if entry.state is EntryState.SET else None,
        "enforced": entry.enforced,
        "narrowing": None if entry.constraint is None else _json(entry.constraint.to_json()),
        "since": entry.since,
        "until": entry.until,
        "meant_until": entry.meant_until,
        "origin": stored.origin,
        "change": entry.change,
        "reason": entry.reason,
        "written_by": entry.written_by,
        "written_at": entry.written_at,
        "request": stored.request,
    }


def _json(value: Json) -> str:
    return orjson.dumps(value).decode()
