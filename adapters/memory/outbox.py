"""What people asked for, what must go out and what was answered, in memory."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.rows import KeyRow, NoticeRow, Rows, Tick, as_stored
from application.ports.records import Intent, Notice, NoticeState
from application.ports.store import KeyClaim

MOST_ATTEMPTS = 20
LONGEST_PAUSE = 300
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
    def __init__(self, rows: Rows, now: datetime, tick: Tick) -> None:
        self._rows = rows
        self._now = now
        self._tick = tick

    async def add(self, notice: Notice) -> None:
        fresh = replace(notice, facts=dict(notice.facts), created_at=self._now, state=NoticeState.DUE, attempts=0)
        self._rows.notices.setdefault(notice.id, NoticeRow(fresh, self._now))

    async def claim(self, notice: UUID) -> Notice | None:
        row, now = self._rows.notices.get(notice), self._tick()
        if row is None or row.notice.state is not NoticeState.DUE or row.not_before > now:
            return None
        self._rows.notices[notice] = replace(row, not_before=now + LEASE)
        return row.notice

    async def delivered(self, notice: UUID) -> None:
        row = self._rows.notices.get(notice)
        if row is not None:
            self._rows.notices[notice] = replace(row, notice=replace(row.notice, state=NoticeState.DELIVERED))

    async def failed(self, notice: UUID, why: str, *, final: bool = False) -> bool:
        row = self._rows.notices.get(notice)
        if row is None:
            return True
        attempts = row.notice.attempts + 1
        state = NoticeState.FAILED if final or attempts >= MOST_ATTEMPTS else row.notice.state
        pause = timedelta(seconds=min(2 ** (attempts - 1), LONGEST_PAUSE))
        tried = replace(row.notice, attempts=attempts, state=state)
        self._rows.notices[notice] = NoticeRow(tried, self._tick() + pause, why[:500])
        return state is NoticeState.FAILED


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
