"""Events in memory: one numbering at a time, because a transaction has the whole store to itself."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.rows import EventRow, Rows, Tick
from adapters.memory.webhooks import uncarried
from application.ports.events import Line, Work, WorkKind
from application.ports.settings import StoredEntry
from domain.events import Event

_KEPT_DELIVERIES = timedelta(days=30)


class MemoryEvents:
    def __init__(self, rows: Rows, tick: Tick) -> None:
        self._rows = rows
        self._tick = tick

    async def add(self, *events: Event) -> None:
        for each in events:
            self._rows.told[each.id] = EventRow(each, self._tick())

    async def number(self, limit: int) -> list[Event]:
        now = self._tick()
        due = [row for row in self._rows.told.values() if row.event.position is None and row.event.at <= now]
        for row in due:
            if row.event.at > row.written_at and not self._still_planned(row.event):
                del self._rows.told[row.event.id]
        held = [row for row in due if row.event.id in self._rows.told]
        held.sort(key=lambda row: max(row.event.at, row.written_at))
        line = await self.line()
        numbered = [
            replace(row.event, position=line.position + place, epoch=self._epoch(row.event))
            for place, row in enumerate(held[:limit], 1)
        ]
        for event in numbered:
            self._rows.told[event.id] = replace(self._rows.told[event.id], event=event, told_at=now)
        self._rows.line = replace(line, position=line.position + len(numbered))
        return numbered

    async def line(self) -> Line:
        return self._rows.line

    async def after(self, position: int, limit: int) -> list[Event]:
        told = [row.event for row in self._rows.told.values() if (row.event.position or 0) > position]
        return sorted(told, key=lambda event: event.position or 0)[:limit]

    async def forget(self, keep: timedelta) -> int:
        now = self._tick()
        old = [row.event for row in self._rows.told.values() if row.told_at is not None and row.told_at < now - keep]
        for event in old:
            del self._rows.told[event.id]
        highest = max((event.position or 0 for event in old), default=0)
        self._rows.line = replace(self._rows.line, forgotten=max(self._rows.line.forgotten, highest))
        for each in list(self._rows.deliveries.values()):
            if each.settled_at is not None and each.settled_at < now - max(keep, _KEPT_DELIVERIES):
                del self._rows.deliveries[each.id]
        return len(old)

    def _still_planned(self, event: Event) -> bool:
        place = (event.environment, event.subject.key, event.subject.scope)
        entries = [each for each in self._rows.entries.values() if (each.environment, each.key, each.scope) == place]
        return any(_begins_or_ends(each, event.at) for each in entries)

    def _epoch(self, event: Event) -> int | None:
        if event.environment is None:
            return None
        if event.type.of_flags:
            head = self._rows.sets.get(event.environment)
            return head.revision if head else 0
        return self._rows.epochs.get(event.environment, 0)


def _begins_or_ends(stored: StoredEntry, at: datetime) -> bool:
    entry = stored.entry
    return entry.until != entry.since and at in (entry.since, entry.until)


def work_of(tenant: UUID, rows: Rows, now: datetime, keep: timedelta) -> list[Work]:
    """What is to be done for one tenant."""
    told = rows.told.values()
    found = [Work(WorkKind.UNTOLD, tenant)] * any(row.told_at is None and row.event.at <= now for row in told)
    found += [Work(WorkKind.UNCARRIED, tenant)] * bool(uncarried(rows))
    return found + [Work(WorkKind.OLD, tenant)] * any(
        row.told_at is not None and row.told_at < now - keep for row in told
    )
