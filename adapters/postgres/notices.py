"""Messages that must go out."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_external import notice
from application.ports.outward import LEASE
from application.ports.records import Notice, NoticeState

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
                destination=message.destination,
                place=message.place,
            )
            .on_conflict_do_nothing()
        )

    async def claim(self, notice_id: UUID) -> Notice | None:
        n, now = notice.c, func.clock_timestamp()
        query = select(notice).where(n.notice_id == notice_id, n.state == NoticeState.DUE.value, n.not_before <= now)
        row = (await self._session.execute(query.with_for_update(skip_locked=True))).one_or_none()
        if row is not None:  # put off while it is tried: nothing is sent twice while both who deliver are alive
            await self._settle(notice_id, not_before=now + LEASE)
        return _notice(row) if row else None

    async def delivered(self, notice_id: UUID) -> None:
        await self._settle(notice_id, state=NoticeState.DELIVERED.value, settled_at=func.clock_timestamp())

    async def failed(self, notice_id: UUID, why: str, *, final: bool = False) -> bool:
        n = notice.c
        pause = func.least(func.power(2, n.attempts), _LONGEST_PAUSE) * _SECOND
        await self._settle(
            notice_id, attempts=n.attempts + 1, last_error=why[:500], not_before=func.clock_timestamp() + pause
        )
        last = true() if final else n.attempts >= _MOST_ATTEMPTS
        ended = await self._session.execute(
            update(notice)
            .where(n.notice_id == notice_id, last)
            .values(state=NoticeState.FAILED.value, settled_at=func.clock_timestamp())
            .returning(n.notice_id)
        )
        return ended.one_or_none() is not None

    async def _settle(self, notice_id: UUID, **values: Any) -> None:
        await self._session.execute(update(notice).where(notice.c.notice_id == notice_id).values(**values))


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
        destination=row.destination,
        place=row.place,
    )
