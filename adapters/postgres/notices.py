"""Messages that must go out, and reviews that are owed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, literal_column, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables import notice, review
from application.ports.records import Notice, NoticeState, Review

_MOST_ATTEMPTS = 20
_LONGEST_PAUSE = 300
_SECOND: ColumnElement[Any] = literal_column("interval '1 second'")


class PostgresNotices:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, message: Notice) -> None:
        await self._session.execute(
            upsert(notice)
            .values(
                tenant_id=self._tenant,
                notice_id=message.id,
                template=message.template,
                recipient=message.recipient,
                facts=message.facts,
                link=message.link,
            )
            .on_conflict_do_nothing()
        )

    async def due(self, notices: Sequence[UUID]) -> list[Notice]:
        n = notice.c
        query = select(notice).where(n.notice_id.in_(notices), n.state == NoticeState.DUE.value)
        # Whoever else delivers at this moment keeps its rows: nothing is sent twice while both are alive.
        return [_notice(row) for row in await self._session.execute(query.with_for_update(skip_locked=True))]

    async def delivered(self, notice_id: UUID) -> None:
        await self._settle(notice_id, state=NoticeState.DELIVERED.value, settled_at=func.clock_timestamp())

    async def failed(self, notice_id: UUID, why: str, *, final: bool = False) -> None:
        n = notice.c
        pause = func.least(func.power(2, n.attempts), _LONGEST_PAUSE) * _SECOND
        await self._settle(
            notice_id, attempts=n.attempts + 1, last_error=why[:500], not_before=func.clock_timestamp() + pause
        )
        last = true() if final else n.attempts >= _MOST_ATTEMPTS
        await self._session.execute(
            update(notice)
            .where(n.notice_id == notice_id, last)
            .values(state=NoticeState.FAILED.value, settled_at=func.clock_timestamp())
        )

    async def _settle(self, notice_id: UUID, **values: Any) -> None:
        await self._session.execute(update(notice).where(notice.c.notice_id == notice_id).values(**values))


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
            )
        )

    async def get(self, review_id: UUID) -> Review | None:
        found = await self._session.execute(select(review).where(review.c.review_id == review_id))
        row = found.one_or_none()
        return _review(row) if row else None

    async def all(self) -> list[Review]:
        rows = await self._session.execute(select(review).order_by(review.c.opened_at.desc()))
        return [_review(row) for row in rows]


def _review(row: Any) -> Review:
    return Review(
        row.review_id,
        row.environment,
        row.key,
        row.opened_by,
        row.reason,
        row.opened_at,
        row.due_at,
        row.closed_at,
        row.rollout,
    )


def _notice(row: Any) -> Notice:
    return Notice(
        id=row.notice_id,
        template=row.template,
        recipient=row.recipient,
        facts=row.facts,
        link=row.link,
        created_at=row.created_at,
        state=NoticeState(row.state),
        attempts=row.attempts,
    )
