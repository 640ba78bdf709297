"""What people asked for, what must go out and what was answered, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.rows import KeyRow, NoticeRow, Rows, as_stored
from application.ports.records import Intent, Notice, NoticeProgress, NoticeState
from application.ports.store import KeyClaim

LEASE = timedelta(seconds=60)


class MemoryIntents:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def add(self, intent: Intent) -> None:
        self._rows.intents.setdefault(intent.id, replace(intent, body=as_stored(intent.body)))

    async def get(self, intent: UUID) -> Intent | None:
        return self._rows.intents.get(intent)

    async def done(self, intent: UUID) -> None:
        if intent in self._rows.intents:
            self._rows.intents[intent] = replace(self._rows.intents[intent], done=True)


class MemoryNotices:
    def __init__(self, rows: Rows, now: datetime) -> None:
        self._rows = rows
        self._now = now

    async def add(self, notices: Sequence[Notice]) -> set[UUID]:
        new = {each.id for each in notices} - self._rows.notices.keys()
        for each in notices:
            fresh = replace(each, facts=dict(each.facts), created_at=self._now, state=NoticeState.DUE, attempts=0)
            self._rows.notices.setdefault(each.id, NoticeRow(fresh))
        return new

    async def get(self, notice: UUID) -> Notice | None:
        row = self._rows.notices.get(notice)
        return row.notice if row else None

    async def delivered(self, notice: UUID) -> None:
        row = self._rows.notices.get(notice)
        if row is not None:
            self._rows.notices[notice] = replace(row, notice=replace(row.notice, state=NoticeState.DELIVERED))

    async def follow(self, moves: Sequence[NoticeProgress]) -> None:
        for each in moves:
            row = self._rows.notices.get(each.notice)
            if row is not None and row.notice.state is not NoticeState.DELIVERED:
                moved = replace(row.notice, attempts=each.attempts, state=each.state)
                self._rows.notices[each.notice] = NoticeRow(moved, each.last_error)


class MemoryIdempotency:
    def __init__(self, rows: Rows, now: datetime) -> None:
        self._rows = rows
        self._now = now

    async def claim(self, principal: UUID, key: str, fingerprint: str) -> KeyClaim:
        known = self._rows.keys.get((principal, key))
        if known is not None and not self._dead(known, fingerprint):
            return known.claim
        self._rows.keys[principal, key] = KeyRow(KeyClaim(False, fingerprint), self._now)
        return KeyClaim(True, fingerprint)

    async def answer(self, principal: UUID, key: str, status: int, body: bytes) -> None:
        known = self._rows.keys.get((principal, key))
        if known is not None:
            self._rows.keys[principal, key] = replace(known, claim=replace(known.claim, status=status, body=body))

    async def release(self, principal: UUID, key: str) -> None:
        known = self._rows.keys.get((principal, key))
        if known is not None and known.claim.status is None:
            del self._rows.keys[principal, key]

    def _dead(self, row: KeyRow, fingerprint: str) -> bool:
        unanswered = row.claim.status is None and row.claim.fingerprint == fingerprint
        return unanswered and row.claimed_at < self._now - LEASE
