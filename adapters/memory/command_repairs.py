"""Decisions that wait for another person, and what was made of payloads, in memory."""

from dataclasses import replace
from uuid import UUID

from adapters.memory.command_limits import receiver_of
from adapters.memory.rows import Catalogue, Rows, as_stored
from domain.commands import Key
from domain.commands.operations import Decision
from domain.commands.repairs import Edit, Repair


class MemoryCommandRepairs:
    def __init__(self, rows: Rows, catalogue: Catalogue) -> None:
        self._rows = rows
        self._catalogue = catalogue

    async def add(self, repair: Repair) -> bool:
        if repair.id in self._rows.command_repairs or await self.held(repair.key):
            return False
        decision = Decision.of(as_stored(repair.decision.to_json()))
        self._rows.command_repairs[repair.id] = replace(repair, decision=decision)
        return True

    async def get(self, id_: UUID, *, lock: bool = False) -> Repair | None:
        del lock
        return self._rows.command_repairs.get(id_)

    async def held(self, key: Key) -> Repair | None:
        return next((each for each in await self.of(key) if not each.over), None)

    async def of(self, key: Key) -> list[Repair]:
        found = [each for each in self._rows.command_repairs.values() if each.key == key]
        return sorted(found, key=lambda each: (each.asked_at, each.id))

    async def end(self, repair: Repair) -> None:
        self._rows.command_repairs[repair.id] = repair

    async def edit(self, edit: Edit) -> None:
        stored = replace(edit, patch=as_stored(edit.patch), payload=as_stored(edit.payload))
        self._rows.command_edits[*edit.key, edit.epoch] = stored
        record = self._rows.commands[edit.key]
        receiver = receiver_of(self._catalogue, record.command.type, stored.payload)
        self._rows.commands[edit.key] = replace(record, edited=stored.payload, dependency=receiver)

    async def edits(self, key: Key) -> list[Edit]:
        found = [each for each in self._rows.command_edits.values() if each.key == key]
        return sorted(found, key=lambda each: each.epoch)
