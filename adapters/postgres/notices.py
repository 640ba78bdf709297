"""Messages that must go out."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_external import notice
from application.ports.records import Notice, NoticeState


class PostgresNotices:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def add(self, notices: Sequence[Notice]) -> set[UUID]:
        if not notices:
            return set()
        rows = [self._row(each) for each in sorted(notices, key=lambda each: each.id)]  # nobody waits in a circle
        adding = upsert(notice).values(rows).on_conflict_do_nothing().returning(notice.c.notice_id)
        return set(await self._session.scalars(adding))

    async def get(self, notice_id: UUID) -> Notice | None:
        found = await self._session.execute(select(notice).where(notice.c.notice_id == notice_id))
        row = found.one_or_none()
        return _notice(row) if row else None

    async def delivered(self, notice_id: UUID) -> None:
        await self._settle(notice_id, state=NoticeState.DELIVERED.value, settled_at=func.clock_timestamp())

    async def failed(self, notice_id: UUID, why: str, *, last: bool) -> None:
        state = NoticeState.FAILED if last else NoticeState.DUE
        await self._settle(
            notice_id, attempts=notice.c.attempts + 1, last_error=why[:500], state=state.value,
            settled_at=func.clock_timestamp() if last else None,
        )  # fmt: skip

    async def _settle(self, notice_id: UUID, **values: Any) -> None:
        await self._session.execute(update(notice).where(notice.c.notice_id == notice_id).values(**values))

    def _row(self, message: Notice) -> dict[str, Any]:
        return {
            "tenant_id": self._tenant,
            "notice_id": message.id,
            "template": message.template,
            "recipient": message.recipient,
            "facts": message.facts,
            "link": message.link,
            "destination": message.destination,
            "place": message.place,
        }


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
