"""The books of modules, as somebody else told them: what a module says is what it was last given to say."""

from dataclasses import replace
from uuid import UUID

from adapters.memory.rows import ModuleRow, Rows
from application.ports.modules import Journal, ModuleMissing, YearClosed
from domain.closures import Balance, Control, Item, PostedSince
from domain.closures.controls import MOST_LISTED


class MemoryModules:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows.modules

    async def journals(self) -> list[Journal]:
        return [Journal(module, self._rows[module].scope) for module in sorted(self._rows)]

    async def control(self, module: str, entity: str, period: UUID) -> Control:
        row = self._of(module)
        return row.controls.get((entity, period)) or Control(module, row.scope, 0)

    async def unposted(self, module: str, entity: str, period: UUID) -> list[Item]:
        return list(self._of(module).unposted.get((entity, period), ()))

    async def untransferred(self, module: str, entity: str, period: UUID) -> list[Item]:
        return list(self._of(module).untransferred.get((entity, period), ()))

    async def balances(self, module: str, entity: str, period: UUID) -> list[Balance]:
        return list(self._of(module).balances.get((entity, period), ()))

    async def posted_since(self, module: str, entity: str, period: UUID, high_water: str | None) -> PostedSince | None:
        posted = self._of(module).posted.get((entity, period))
        if posted is None:
            return None
        marks = [mark for mark, _ in posted]
        since = posted[marks.index(high_water) + 1 if high_water in marks else 0 :]
        return PostedSince(len(since), tuple(entry for _, entry in since[:MOST_LISTED]))

    async def close_year(self, module: str, entity: str, period: UUID, token: UUID, actor: UUID) -> YearClosed:
        """What it was given to answer; asked again, nothing is left to close."""
        row, place = self._of(module), (entity, period)
        if place in row.closed:
            return YearClosed()
        self._rows[module] = replace(row, closed={**row.closed, place: (token, actor)})
        return row.closings.get(place, YearClosed())

    def feed(self, module: str, row: ModuleRow) -> None:
        """From now on the module says this."""
        self._rows[module] = row

    def _of(self, module: str) -> ModuleRow:
        if module not in self._rows:
            raise ModuleMissing(module=module)
        return self._rows[module]
