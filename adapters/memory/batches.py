"""Batches in memory, beside the rows of their commands."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from adapters.memory.rows import Rows
from application.ports.batches import BatchMark
from domain.commands import CommandState, Key
from domain.commands.batches import Batch, Progress
from domain.errors import Stale


class MemoryBatches:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._batches = rows.command_batches
        self._parked = rows.command_batches_parked

    async def add(self, batch: Batch) -> Batch | None:
        there = self._batches.get(batch.id)
        self._batches.setdefault(batch.id, batch)
        return there

    async def hold(self, id_: str) -> Batch | None:
        return self._batches.get(id_)

    async def save(self, batch: Batch) -> Batch:
        if self._batches[batch.id].version != batch.version:
            raise Stale(kind_of_thing="command batch")
        after = self._batches[batch.id] = replace(batch, version=batch.version + 1)
        return after

    async def add_parked(self, id_: str, keys: Sequence[Key]) -> set[Key]:
        new = set(keys) - await self.parked(id_, keys)
        self._parked.update((id_, key) for key in new)
        return new

    async def parked(self, id_: str, keys: Collection[Key]) -> set[Key]:
        return {key for key in keys if (id_, key) in self._parked}

    async def get(self, id_: str) -> Progress | None:
        return next((each for each in self._all() if each.batch.id == id_), None)

    async def page(self, before: BatchMark | None, limit: int) -> list[Progress]:
        newest = sorted(self._all(), key=_mark, reverse=True)
        return [each for each in newest if before is None or _mark(each) < before][:limit]

    def _all(self) -> Iterable[Progress]:
        for batch in self._batches.values():
            waiting = [
                each
                for each in self._rows.commands.values()
                if each.batch == batch.id and each.state is CommandState.PARKED
            ]
            yield Progress(batch, len(waiting))


def _mark(progress: Progress) -> BatchMark:
    return progress.batch.created_at, progress.batch.id
