"""Locks on targets: whoever takes, waits or looks before it takes does so in one order, over the whole tree."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Sequence, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import tenant
from adapters.postgres.tables_locks import target_lock
from domain.changes import Kind
from domain.environments import Environment
from domain.locks import Claim, Place, rivals_of

_IN_TURN = text("SELECT pg_advisory_xact_lock(number) FROM unnest(CAST(:numbers AS bigint[])) AS number")
_RIVALS = text(
    "SELECT * FROM find_rivals(CAST(:environments AS environment[]), CAST(:kinds AS text[]), CAST(:keys AS text[]))"
)
_TOKEN = Sequence("target_lock_token")


class PostgresTargetLocks:
    def __init__(self, session: AsyncSession, home: UUID) -> None:
        self._session = session
        self._home = home

    async def in_turn(self, places: Iterable[Place]) -> None:
        own = select(tenant.c.ancestors).where(tenant.c.tenant_id == self._home)
        root = ([*(await self._session.execute(own)).scalar_one(), self._home])[0]
        numbers = sorted({_number(root, place) for place in places})
        await self._session.execute(_IN_TURN, {"numbers": numbers})

    async def claim(self, rollout: UUID, places: Iterable[Place], priority: int) -> None:
        rows = [
            {
                "tenant_id": self._home,
                "rollout_id": rollout,
                "environment": place.environment,
                "kind": place.kind.value,
                "key": place.key,
                "scope": place.scope,
                "priority": priority,
            }
            for place in places
        ]
        await self._session.execute(insert(target_lock), rows)

    async def of(self, rollout: UUID) -> list[Claim]:
        rows = await self._session.execute(select(target_lock).where(target_lock.c.rollout_id == rollout))
        return sorted((_claim(row) for row in rows), key=lambda each: each.place)

    async def rivals(self, rollout: UUID) -> list[Claim]:
        places = [each.place for each in await self.of(rollout)]
        return rivals_of(rollout, places, await self.at(places))

    async def at(self, places: Iterable[Place]) -> list[Claim]:
        wanted = list(places)
        asked = {
            "environments": [each.environment.value for each in wanted],
            "kinds": [each.kind.value for each in wanted],
            "keys": [each.key for each in wanted],
        }
        found = [_claim(row) for row in await self._session.execute(_RIVALS, asked)]
        return [each for each in found if any(each.place.meets(place) for place in wanted)]

    async def queue(self, rollout: UUID, since: datetime | None, priority: int) -> None:
        await self._update(rollout, queued_at=since, priority=priority)

    async def take(self, rollout: UUID) -> int:
        token = (await self._session.execute(select(func.nextval(_TOKEN.name)))).scalar_one()
        await self._update(rollout, token=token, taken_at=func.now(), queued_at=None)
        return int(token)

    async def let_go(self, rollout: UUID) -> None:
        await self._update(rollout, token=None, taken_at=None, queued_at=None, superseded_by=None)

    async def supersede(self, rollout: UUID, by: UUID) -> None:
        await self._update(rollout, superseded_by=by)

    async def drop(self, rollout: UUID) -> None:
        await self._session.execute(delete(target_lock).where(target_lock.c.rollout_id == rollout))

    async def holders(self, environment: Environment) -> list[UUID]:
        c = target_lock.c
        query = select(c.rollout_id).distinct().where(c.environment == environment, c.token.is_not(None))
        return sorted((await self._session.execute(query)).scalars())

    async def _update(self, rollout: UUID, **values: Any) -> None:
        await self._session.execute(update(target_lock).where(target_lock.c.rollout_id == rollout).values(**values))


def _number(root: UUID, place: Place) -> int:
    """Scopes share it, and so do all tenants of one tree: they may meet."""
    name = f"{root}/{place.environment.value}/{place.kind.value}/{place.key}"
    return int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)


def _claim(row: Any) -> Claim:
    return Claim(
        row.rollout_id,
        row.tenant_id,
        Place(Environment(row.environment), Kind(row.kind), row.key, row.scope),
        row.priority,
        row.queued_at,
        row.token,
        row.superseded_by,
    )
