"""Messages that must go out."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam, case, func, null, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.tables_external import notice
from application.ports.records import Notice, NoticeProgress, NoticeState

_FOLLOW = (
    update(notice)
    .where(notice.c.notice_id == bindparam("id"), notice.c.state != NoticeState.DELIVERED.value)
    .values(
        state=bindparam("to"),
        attempts=bindparam("tried"),
        last_error=bindparam("why"),
        settled_at=case((bindparam("to", type_=Text) == NoticeState.DUE.value, null()), else_=func.clock_timestamp()),
    )
)


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
        settled = {"state": NoticeState.DELIVERED.value, "settled_at": func.clock_timestamp()}
        await self._session.execute(update(notice).where(notice.c.notice_id == notice_id).values(settled))

    async def follow(self, moves: Sequence[NoticeProgress]) -> None:
        rows = [
            {"id": each.notice, "to": each.state.value, "tried": each.attempts, "why": each.last_error}
            for each in sorted(moves, key=lambda each: each.notice)  # so that nobody waits for who waits for them
        ]
        await self._session.execute(_FOLLOW, rows)

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
