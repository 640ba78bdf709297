"""Bulk operations in memory, beside the rows of all commands."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.parked_commands import MemoryParkedCommands
from adapters.memory.rows import Rows
from application.ports.bulks import HELD, BulkPreview
from application.ports.closures import Place
from application.ports.parked import ParkedFilter
from domain.commands import OVER, CommandRecord, CommandState
from domain.commands.bulk import MOST_ITEMS, Bulk, BulkActEntry, BulkItem, BulkState, ItemOutcome, TooManyParked
from domain.commands.bulk_gate import StageCount
from domain.commands.operations import Parked

_O = ItemOutcome
_AT_WORK = frozenset({BulkState.AWAITING_APPROVAL, BulkState.RUNNING, BulkState.ABORTING})
_LONG = timedelta(minutes=1)


class MemoryCommandBulks:
    def __init__(self, rows: Rows, parked: MemoryParkedCommands, now: datetime) -> None:
        self._rows = rows
        self._parked = parked
        self._now = now

    async def preview(self, wanted: ParkedFilter, sample: int) -> BulkPreview:
        found = await self._fitting(wanted)
        types = Counter(each.record.command.type for each in found)
        return BulkPreview(len(found), dict(sorted(types.items())), tuple(found[:sample]))

    async def add(self, bulk: Bulk, wanted: ParkedFilter) -> Bulk:
        found = await self._fitting(wanted)
        if len(found) > MOST_ITEMS:
            raise TooManyParked(most=MOST_ITEMS)
        for place, each in enumerate(found, 1):
            error = each.record.error
            item = BulkItem(place, each.record.key, each.record.version, error.fingerprint if error else None)
            self._rows.bulk_items[bulk.id, place] = item
        whole = replace(bulk, total=len(found))
        await self.save(whole)
        return whole

    async def get(self, bulk: UUID, *, lock: bool = False) -> Bulk | None:
        del lock
        return self._rows.bulks.get(bulk)

    async def page(self, before: Place | None, limit: int) -> list[Bulk]:
        wanted = [each for each in self._rows.bulks.values() if before is None or _place(each) < before]
        return sorted(wanted, key=_place, reverse=True)[:limit]

    async def save(self, bulk: Bulk) -> None:
        self._rows.bulks[bulk.id] = bulk
        self._rows.bulks_changed[bulk.id] = self._now

    async def mark_started(self, bulk: UUID, *, started: bool = True) -> None:
        (self._rows.bulks_started.add if started else self._rows.bulks_started.discard)(bulk)
        self._rows.bulks_changed[bulk] = self._now

    async def take(self, bulk: UUID, most: int) -> list[tuple[BulkItem, CommandRecord]]:
        waiting = [each for each in self._of(bulk) if each.outcome is _O.WAITING]
        held = {each.key for each in self._rows.command_repairs.values() if not each.over}
        return [
            (replace(each, why=HELD if each.key in held else ""), self._rows.commands[each.key])
            for each in waiting[:most]
        ]

    async def touch(self, bulk: UUID, items: Sequence[BulkItem]) -> None:
        for each in items:
            self._rows.bulk_items[bulk, each.place] = each

    async def settle(self, bulk: UUID) -> int:
        settled = [self._settled(each) for each in self._of(bulk) if each.outcome is _O.RETRIED]
        found = [each for each in settled if each.outcome is not _O.RETRIED]
        await self.touch(bulk, found)
        return len(found)

    async def count(self, bulk: UUID, stage: int | None = None) -> StageCount:
        there = (each for each in self._of(bulk) if stage is None or each.stage == stage)
        retried = [each for each in there if each.outcome in {_O.RETRIED, _O.DONE, _O.FAILED}]
        going = [each for each in retried if each.outcome is _O.RETRIED]
        again = [each for each in going if self._rows.commands[each.key].state is CommandState.RETRY_WAIT]
        failed = [each for each in retried if each.outcome is _O.FAILED]
        same = [each for each in failed if each.same] + [each for each in again if self._same(each)]
        return StageCount(len(retried), len(failed) + len(again), len(same), len(going) - len(again), len(again))

    async def outcomes(self, bulk: UUID) -> dict[ItemOutcome, int]:
        return dict(Counter(each.outcome for each in self._of(bulk)))

    async def items(self, bulk: UUID, outcome: ItemOutcome | None, after: int, limit: int) -> list[BulkItem]:
        wanted = [each for each in self._of(bulk) if each.place > after and outcome in {None, each.outcome}]
        return [replace(each, state=self._rows.commands[each.key].state) for each in wanted[:limit]]

    async def act(self, operation: UUID) -> BulkActEntry | None:
        return self._rows.bulk_acts.get(operation)

    async def add_act(self, entry: BulkActEntry) -> bool:
        return self._rows.bulk_acts.setdefault(entry.id, entry) is entry

    async def _fitting(self, wanted: ParkedFilter) -> list[Parked]:
        """The longest parked first."""
        newest = await self._parked.page(wanted, None, len(self._rows.commands))
        return newest[::-1]

    def _of(self, bulk: UUID) -> list[BulkItem]:
        places = sorted(place for of, place in self._rows.bulk_items if of == bulk)
        return [self._rows.bulk_items[bulk, place] for place in places]

    def _settled(self, item: BulkItem) -> BulkItem:
        record = self._rows.commands[item.key]
        if record.epoch > (item.epoch or 0):
            return replace(item, outcome=_O.FAILED, why="decided-again")
        code = record.error.code if record.error else ""
        if record.state is CommandState.PARKED:
            return replace(item, outcome=_O.FAILED, why=code, same=self._same(item))
        if record.state in OVER:
            return replace(item, outcome=_O.DONE, why="" if record.state is CommandState.COMPLETED else code)
        return item

    def _same(self, item: BulkItem) -> bool:
        error = self._rows.commands[item.key].error
        return error is not None and error.fingerprint == item.cause


def _place(bulk: Bulk) -> Place:
    return bulk.asked_at, bulk.id


def waiting_bulks(rows: Rows, now: datetime, grace: timedelta) -> list[UUID]:
    """What never reached a process, and what nobody has moved for long."""

    def late(bulk: UUID) -> bool:
        return rows.bulks_changed[bulk] < now - (_LONG if bulk in rows.bulks_started else grace)

    return [each.id for each in rows.bulks.values() if each.state in _AT_WORK and late(each.id)]
