"""Of sampled contexts those with the smallest marks are kept; who writes holds the choice of what is kept meanwhile."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_flag_samples import flag_sample, flag_sampling
from application.ports.flag_samples import Sampled, StoredSampling
from domain.environments import Environment
from domain.flags.sampling import Sample, Sampling
from domain.rollouts import StaleGeneration

_OLD = text("SELECT tenant_id FROM find_old_flag_samples(:before)")
_HOUR: Final = timedelta(hours=1)


class PostgresFlagSamples:
    def __init__(self, session: AsyncSession, home: UUID, now: datetime) -> None:
        self._session = session
        self._home = home
        self._now = now

    async def sampling(self, environment: Environment, *, lock: bool = False) -> StoredSampling | None:
        query = select(flag_sampling).where(flag_sampling.c.environment == environment)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _stored(row) if row else None

    async def put_sampling(self, stored: StoredSampling, *, keep: bool) -> None:
        row = {
            "version": stored.version,
            "plain": sorted(stored.sampling.plain),
            "hashed": sorted(stored.sampling.hashed),
            "capacity": stored.sampling.capacity,
            "secret": stored.secret,
            "written_by": stored.written_by,
            "written_at": stored.written_at,
            "request": stored.request,
        }
        c, place = flag_sampling.c, {"tenant_id": self._home, "environment": stored.environment}
        put = insert(flag_sampling).values(**place, **row)
        over = put.on_conflict_do_update(
            index_elements=[c.tenant_id, c.environment], set_=row, where=c.version == stored.version - 1
        )
        if (await self._session.execute(over.returning(c.version))).one_or_none() is None:
            raise StaleGeneration(key="flag-sampling", expected=stored.version - 1)
        await self._cut(stored.environment, stored.sampling.capacity if keep else 0)

    async def add(self, stored: StoredSampling, samples: Sequence[Sample]) -> None:
        c, capacity = flag_sample.c, stored.sampling.capacity
        bound = await self._mark_at(stored.environment, capacity - 1)
        wanted = {each.mark: each for each in samples if bound is None or each.mark <= bound}
        rows = [
            {"tenant_id": self._home, "environment": stored.environment, "mark": mark,
             "context": dict(wanted[mark].context), "seen_at": self._now}
            for mark in sorted(wanted)
        ]  # fmt: skip
        if not rows:
            return
        put = insert(flag_sample)
        again = put.on_conflict_do_update(
            index_elements=[c.tenant_id, c.environment, c.mark],
            set_={"seen_at": put.excluded.seen_at},
            where=c.seen_at <= self._now - _HOUR,  # to the hour: each row would otherwise be written every few seconds
        )
        await self._session.execute(again, rows)
        await self._cut(stored.environment, capacity)

    async def samples(self, environment: Environment, since: datetime) -> list[Sample]:
        c = flag_sample.c
        query = select(c.mark, c.context).where(c.environment == environment, c.seen_at >= since).order_by(c.mark)
        return [Sample(row.mark, row.context) for row in await self._session.execute(query)]

    async def sampled(self, environment: Environment) -> Sampled:
        c = flag_sample.c
        query = select(func.count(), func.min(c.seen_at)).where(c.environment == environment)
        return Sampled(*(await self._session.execute(query)).one())

    async def forget(self, before: datetime) -> None:
        await self._session.execute(delete(flag_sample).where(flag_sample.c.seen_at < before))

    async def _mark_at(self, environment: Environment, place: int) -> bytes | None:
        c = flag_sample.c
        query = select(c.mark).where(c.environment == environment).order_by(c.mark).offset(place).limit(1)
        mark: bytes | None = await self._session.scalar(query)
        return mark

    async def _cut(self, environment: Environment, capacity: int) -> None:
        first = await self._mark_at(environment, capacity)
        if first is not None:
            c = flag_sample.c
            await self._session.execute(delete(flag_sample).where(c.environment == environment, c.mark >= first))


async def tenants_of_old_samples(session: AsyncSession, before: datetime) -> list[UUID]:
    return list(await session.scalars(_OLD, {"before": before}))


def _stored(row: Any) -> StoredSampling:
    return StoredSampling(
        environment=row.environment,
        version=row.version,
        sampling=Sampling(frozenset(row.plain), frozenset(row.hashed), row.capacity),
        secret=row.secret,
        written_by=row.written_by,
        written_at=row.written_at,
        request=row.request,
    )
