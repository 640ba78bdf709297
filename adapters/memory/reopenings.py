"""Reopenings of periods in memory; what the tables refuse is refused here."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from adapters.memory.rows import Rows
from application.ports.closures import Place
from domain.closures.refusals import ReopeningOver
from domain.closures.windows import Reopening
from domain.errors import AlreadyExists
from domain.periods import GateKey


class MemoryReopenings:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._kept = rows.reopenings

    async def add(self, reopening: Reopening) -> None:
        here = (reopening.entity, reopening.period)
        if reopening.id in self._kept or any(
            (each.entity, each.period) == here and not each.over for each in self._kept.values()
        ):
            raise AlreadyExists
        self._kept[reopening.id] = reopening

    async def get(self, reopening: UUID, *, lock: bool = False) -> Reopening | None:
        del lock
        return self._kept.get(reopening)

    async def running(self, entity: str) -> list[Reopening]:
        found = (each for each in self._kept.values() if each.entity == entity and not each.over)
        return sorted(found, key=_place)

    async def page(self, entity: str, period: UUID | None, before: Place | None, limit: int) -> list[Reopening]:
        wanted = [
            each
            for each in self._kept.values()
            if each.entity == entity and period in (None, each.period) and (before is None or _place(each) < before)
        ]
        return sorted(wanted, key=_place, reverse=True)[:limit]

    async def save(self, reopening: Reopening) -> None:
        if self._kept[reopening.id].over:
            raise ReopeningOver(state=self._kept[reopening.id].state.value)
        self._kept[reopening.id] = reopening

    async def mark_started(self, reopening: UUID, *, started: bool = True) -> None:
        (self._rows.reopenings_started.add if started else self._rows.reopenings_started.discard)(reopening)

    async def open(self, reopening: Reopening, keys: Collection[GateKey]) -> None:
        for key in keys:
            self._rows.reopened_gates[key] = (reopening.id, reopening.open_until or reopening.wish.ends)
        if reopening.wish.most_entries is not None:
            self._rows.window_entries[reopening.id] = 0

    async def shut(self, reopening: Reopening) -> None:
        for key in await self.gates(reopening.id):
            self._rows.reopened_gates[key] = (reopening.id, reopening.open_until or reopening.wish.ends)

    async def gates(self, reopening: UUID) -> list[GateKey]:
        return sorted(key for key, (opened_by, _) in self._rows.reopened_gates.items() if opened_by == reopening)

    async def entries(self, reopening: UUID) -> int:
        return self._rows.window_entries.get(reopening, 0)

    async def windows(self, entity: str) -> dict[GateKey, datetime]:
        opened = self._rows.reopened_gates.items()
        return {key: self._until(by, until) for key, (by, until) in opened if key.entity == entity}

    def _until(self, reopening: UUID, until: datetime) -> datetime:
        return (used_up(self._rows, reopening) and self._kept[reopening].opened_at) or until


def used_up(rows: Rows, reopening: UUID) -> bool:
    entries = rows.window_entries.get(reopening)
    return entries is not None and entries == rows.reopenings[reopening].wish.most_entries


def _place(reopening: Reopening) -> Place:
    return reopening.asked_at, reopening.id


def spend(rows: Rows, reopening: UUID) -> None:
    """An entry, where they are counted."""
    if reopening in rows.window_entries:
        rows.window_entries[reopening] += 1
