"""Commands in memory, where one transaction runs at a time."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.batches import MemoryBatches
from adapters.memory.command_bulks import MemoryCommandBulks
from adapters.memory.command_limits import MemoryCommandBreakers, MemoryCommandLimits, receiver_of, within
from adapters.memory.command_repairs import MemoryCommandRepairs
from adapters.memory.long_commands import MemoryLongCommands
from adapters.memory.parked_commands import MemoryParkedCommands
from adapters.memory.purged_commands import MemoryPurgedCommands
from adapters.memory.rows import Catalogue, ParkedNote, Rows, as_stored
from adapters.memory.undoing import put_back
from adapters.memory.unique_keys import MemoryUniqueKeys
from application.ports.commands import EVERY, SUSPECTS, CommandFilter, Mark, Types
from domain.commands import WAITING, CommandRecord, CommandState, CommandType, Key
from domain.errors import Stale


class MemoryCommands:
    def __init__(
        self,
        rows: Rows,
        catalogue: Catalogue,
        now: datetime,
        everybodys: Callable[[], Iterable[Rows]] = tuple,
        closed: Callable[[], bool] = bool,
    ) -> None:
        """While its tenant is `closed` nothing is leased."""
        self._rows = rows
        self._commands = rows.commands
        self._leases = rows.command_leases
        self._catalogue = catalogue
        self._now = now
        self._closed = closed
        self.parked = MemoryParkedCommands(rows, catalogue, now)
        self.unique = MemoryUniqueKeys(rows, now)
        self.purged = MemoryPurgedCommands(rows, now)
        self.repairs = MemoryCommandRepairs(rows, catalogue)
        self.bulks = MemoryCommandBulks(rows, self.parked, now)
        self.long = MemoryLongCommands(rows)
        self.limits = MemoryCommandLimits(rows, catalogue, now, everybodys)
        self.breakers = MemoryCommandBreakers(rows, catalogue)
        self.batches = MemoryBatches(rows)

    async def types(self, domain: str | None = None) -> list[CommandType]:
        known = self._catalogue.types
        return [known[key] for key in sorted(known) if domain in {None, known[key].domain}]

    async def add(self, records: Sequence[CommandRecord]) -> list[CommandRecord]:
        known = [there for each in records if (there := await self._known(each)) is not None]
        given = {each.key: each.fingerprint for each in records}
        same = all(each.fingerprint == given[each.key] for each in known)
        before = {each.key for each in known}
        for each in records if same else ():
            if each.key in before:
                continue
            stored = replace(each.command, payload=as_stored(each.command.payload))
            receiver = receiver_of(self._catalogue, each.command.type, stored.payload)
            self._commands.setdefault(each.key, replace(each, command=stored, dependency=receiver))
        return known

    async def _known(self, wished: CommandRecord) -> CommandRecord | None:
        purged = await self.purged.get(wished.key)
        return self._commands.get(wished.key) or (purged.as_sent(wished) if purged else None)

    async def get(self, key: Key, *, lock: bool = False) -> CommandRecord | None:
        del lock
        return self._commands.get(key)

    async def still(self, domain: str, ids: Sequence[str]) -> list[CommandRecord]:
        return [self._commands[key] for key in ((domain, each) for each in ids) if key in self._commands]

    async def page(self, wanted: CommandFilter, before: Mark | None, limit: int) -> list[CommandRecord]:
        found = [each for each in self._commands.values() if _fits(each, wanted)]
        newest = sorted(found, key=_mark, reverse=True)
        return [each for each in newest if before is None or _mark(each) < before][:limit]

    async def lease(
        self, domain: str, most: int, ends_at: datetime, lease: UUID, types: Types = EVERY
    ) -> list[CommandRecord]:
        if self._closed():
            return []
        free = [
            each for each in waiting(self._commands, self._now) if each.command.domain == domain and types.take(each)
        ]
        line = sorted(filter(self._foremost, free), key=lambda each: (each.rank, each.key))
        first = within(line, types.rooms, types.parts)[:most]
        suspects = [each for each in first if each.crashes][:SUSPECTS]
        taken = suspects if first[:1] == suspects[:1] else [each for each in first if not each.crashes]
        if taken:
            self._leases[lease] = (domain, ends_at)
        return [self._put(each.leased(lease)) for each in taken]

    async def hold(self, lease: UUID) -> datetime | None:
        return self._leases[lease][1] if lease in self._leases else None

    async def leased(self, lease: UUID) -> list[CommandRecord]:
        return sorted((each for each in self._commands.values() if each.lease == lease), key=lambda each: each.rank)

    async def extend(self, lease: UUID, ends_at: datetime) -> None:
        if lease in self._leases:
            self._leases[lease] = (self._leases[lease][0], ends_at)

    async def end(self, lease: UUID) -> None:
        self._leases.pop(lease, None)

    @asynccontextmanager
    async def attempt(self, *, undone: bool = True) -> AsyncIterator[None]:
        if not undone:
            yield None
            return
        before = self._rows.copied()
        try:
            yield None
        except Exception:
            put_back(self._rows, before)
            raise

    async def save(self, records: Sequence[CommandRecord]) -> list[CommandRecord]:
        for each in records:
            before = self._commands.get(each.key)
            if before is None or before.version != each.version:
                raise Stale(kind_of_thing="command")
        return [self._put(each) for each in records]

    def _put(self, record: CommandRecord) -> CommandRecord:
        after = replace(record, result=as_stored(record.result), version=record.version + 1)
        self._commands[after.key] = after
        if after.state is CommandState.PARKED or after.key in self._rows.parked_notes:
            self._note(after)
        return after

    def _note(self, record: CommandRecord) -> None:
        noted = self._rows.parked_notes.get(record.key, ParkedNote())
        parked = record.state is CommandState.PARKED
        still = noted.snoozed_until if parked else None
        self._rows.parked_notes[record.key] = ParkedNote(
            (noted.at or self._now) if parked else None, noted.assignee, still
        )  # fmt: skip

    def _foremost(self, record: CommandRecord) -> bool:
        """They lie in the order in which they were sent."""
        key = record.command.options.ordering_key
        line = (
            each
            for each in self._commands.values()
            if each.command.domain == record.command.domain and each.command.options.ordering_key == key
        )
        return key is None or next(each for each in line if not each.over).key == record.key


def waiting(commands: Mapping[Key, CommandRecord], now: datetime) -> Iterable[CommandRecord]:
    """What is due, though its turn may not have come."""
    return (each for each in commands.values() if each.state in WAITING and each.due_at <= now)


def _mark(record: CommandRecord) -> Mark:
    return record.sent_at, *record.key


def _fits(record: CommandRecord, wanted: CommandFilter) -> bool:
    pairs = (
        (wanted.state, record.state),
        (wanted.domain, record.command.domain),
        (wanted.type, record.command.type),
        (wanted.correlation, record.command.options.correlation),
        (wanted.change, record.command.options.change),
        (wanted.batch, record.batch),
    )
    if any(asked is not None and asked != found for asked, found in pairs):
        return False
    return (wanted.since is None or record.sent_at >= wanted.since) and (
        wanted.until is None or record.sent_at < wanted.until
    )
