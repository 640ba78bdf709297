"""Evaluations are added many at a time, always in the order of their keys, so that nobody waits in a ring."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_flag_usage import flag_given, flag_usage
from application.ports.flag_usage import Counted, Times
from domain.environments import Environment
from domain.flags.lifecycle import Given, Heard

_COUNTED = (
    " FROM unnest(CAST(:environments AS text[]), CAST(:keys AS text[]), CAST(:variants AS text[]),"
    " CAST(:reasons AS text[]), CAST(:at AS timestamptz[]), CAST(:times AS bigint[]))"
    " AS c (environment, key, variant, reason, at, times)"
    " JOIN flag f ON f.environment = CAST(c.environment AS environment) AND f.key = c.key"
)
_ADDED = text(
    "INSERT INTO flag_usage AS u (tenant_id, environment, key, hour, variant, reason, times)"
    " SELECT f.tenant_id, f.environment, f.key, date_trunc('hour', c.at, 'UTC'), c.variant, c.reason, sum(c.times)"
    f"{_COUNTED} GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 2, 3, 4, 5, 6"
    " ON CONFLICT (tenant_id, environment, key, hour, variant, reason) DO UPDATE SET times = u.times + excluded.times"
)
_GIVEN = text(
    "INSERT INTO flag_given AS g (tenant_id, environment, key, variant, first_at, last_at)"
    f" SELECT f.tenant_id, f.environment, f.key, c.variant, min(c.at), max(c.at){_COUNTED}"
    " WHERE c.reason <> 'ERROR' GROUP BY 1, 2, 3, 4 ORDER BY 2, 3, 4"
    " ON CONFLICT (tenant_id, environment, key, variant) DO UPDATE"
    " SET first_at = least(g.first_at, excluded.first_at), last_at = greatest(g.last_at, excluded.last_at)"
    # To the minute: a row for each flag would otherwise be written anew every few seconds.
    " WHERE excluded.first_at < g.first_at OR excluded.last_at >= g.last_at + interval '1 minute'"
)


class PostgresFlagUsage:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, counted: Sequence[Counted]) -> None:
        if not counted:
            return
        columns: dict[str, Any] = {
            "environments": [each.environment.value for each in counted],
            "keys": [each.key for each in counted],
            "variants": [each.variant for each in counted],
            "reasons": [each.reason for each in counted],
            "at": [each.at for each in counted],
            "times": [each.times for each in counted],
        }
        await self._session.execute(_ADDED, columns)
        await self._session.execute(_GIVEN, columns)

    async def times(self, environment: Environment, key: str, since: datetime) -> list[Times]:
        u = flag_usage.c
        wanted = select(u.variant, u.reason, func.sum(u.times)).where(
            u.environment == environment, u.key == key, u.hour >= func.date_trunc("hour", since, "UTC")
        )
        rows = await self._session.execute(wanted.group_by(u.variant, u.reason))
        return sorted(
            (Times(row[0], row[1], int(row[2])) for row in rows), key=lambda each: (each.variant, each.reason)
        )

    async def given(self, environment: Environment, keys: Sequence[str]) -> dict[str, list[Given]]:
        g = flag_given.c
        wanted = select(flag_given).where(g.environment == environment, g.key.in_(keys)).order_by(g.variant)
        found: dict[str, list[Given]] = {}
        for row in await self._session.execute(wanted):
            found.setdefault(row.key, []).append(Given(row.variant, row.first_at, row.last_at))
        return found

    async def heard(self, environment: Environment) -> Heard | None:
        g = flag_given.c
        wanted = select(func.min(g.first_at), func.max(g.last_at)).where(g.environment == environment)
        first, last = (await self._session.execute(wanted)).one()
        return Heard(first, last) if first else None

    async def forget(self, before: datetime) -> None:
        await self._session.execute(delete(flag_usage).where(flag_usage.c.hour < before))
