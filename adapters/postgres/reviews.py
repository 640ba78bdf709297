"""Reviews that are owed after a kill switch or an emergency."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import review
from application.ports.records import Review, ReviewCause

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('emergency/' || :tenant, 0))")


class PostgresReviews:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def open(self, owed: Review) -> None:
        await self._session.execute(
            insert(review).values(
                tenant_id=self._tenant,
                review_id=owed.id,
                environment=owed.environment,
                key=owed.key,
                opened_by=owed.opened_by,
                reason=owed.reason,
                due_at=owed.due_at,
                rollout=owed.rollout,
                cause=owed.cause.value,
                change=owed.change,
                incident=owed.incident,
            )
        )

    async def get(self, review_id: UUID, *, lock: bool = False) -> Review | None:
        query = select(review).where(review.c.review_id == review_id)
        row = (await self._session.execute(query.with_for_update() if lock else query)).one_or_none()
        return _review(row) if row else None

    async def all(self) -> list[Review]:
        rows = await self._session.execute(select(review).order_by(review.c.opened_at.desc()))
        return [_review(row) for row in rows]

    async def emergencies(self, within: timedelta) -> list[Review]:
        await self._session.execute(_ONE_AT_A_TIME, {"tenant": str(self._tenant)})
        r = review.c
        recent = (r.cause == ReviewCause.EMERGENCY.value, r.opened_at > func.now() - within)
        rows = await self._session.execute(select(review).where(*recent).order_by(r.opened_at))
        return [_review(row) for row in rows]

    async def close(self, review_id: UUID, by: UUID, finding: str) -> None:
        await self._set(review_id, closed_at=func.now(), closed_by=by, finding=finding)

    async def escalate(self, review_id: UUID, at: datetime) -> None:
        await self._set(review_id, escalated_at=at)

    async def _set(self, review_id: UUID, **values: Any) -> None:
        await self._session.execute(update(review).where(review.c.review_id == review_id).values(**values))


async def overdue(session: AsyncSession) -> list[tuple[UUID, UUID]]:
    rows = await session.execute(text("SELECT tenant_id, review_id FROM find_overdue_reviews()"))
    return [(row.tenant_id, row.review_id) for row in rows]


async def unheard(session: AsyncSession) -> list[UUID]:
    return list(await session.scalars(text("SELECT rollout_id FROM find_unheard_emergencies()")))


def _review(row: Any) -> Review:
    return Review(
        id=row.review_id,
        environment=row.environment,
        key=row.key,
        opened_by=row.opened_by,
        reason=row.reason,
        opened_at=row.opened_at,
        due_at=row.due_at,
        closed_at=row.closed_at,
        rollout=row.rollout,
        cause=ReviewCause(row.cause),
        change=row.change,
        incident=row.incident,
        finding=row.finding,
        closed_by=row.closed_by,
        escalated_at=row.escalated_at,
    )
