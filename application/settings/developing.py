"""A picture becomes a snapshot a few rows at a time, and an older snapshot is brought up to date by what is new."""

import asyncio
import json
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from application.ports.settings import Picture, StoredEntry
from application.settings.claims import ORIGIN
from domain.canonical import Json
from domain.environments import Environment
from domain.settings import Definition, Entry, Level, Resolution, Scope, parse_setting_definition, resolve
from domain.settings.scopes import chained

Shelf = Mapping[str, tuple[Entry, ...]]
"""What every scope says of one key, by the text of the scope."""
_TURN = 200
Row = TypeVar("Row")


@dataclass(frozen=True)
class Snapshot:
    """What one environment says of `keys`, as of `epoch`. `line` is the line on which its end would be heard."""

    tenant: UUID
    line: int
    clock: Callable[[], datetime]
    read_at: datetime
    epoch: int
    mark: int
    stored: Mapping[str, Json] = field(repr=False)
    definitions: Mapping[str, Definition] = field(repr=False)
    entries: Mapping[str, Shelf] = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)
    size: int

    def now(self) -> datetime:
        """By this process' clock, but never before what is held here was written by the database's."""
        return max(self.clock(), self.read_at)

    def resolved(self, key: str, scope: Scope, at: datetime) -> Resolution:
        said = self.entries.get(key, {})
        chain = chained((each.text for each in scope.ancestors()), said)
        levels = [Level.at(text, _lasting(said.get(text, ()), at)) for text in chain]
        return resolve(self.definitions[key], levels, at)

    def picture(self, environment: Environment, keys: Collection[str]) -> Picture:
        """Of those of the keys that are defined."""
        known = [key for key in keys if key in self.stored]
        entries = [
            StoredEntry(environment, key, scope, entry, ORIGIN)
            for key in known
            for scope, said in self.entries.get(key, {}).items()
            for entry in said
        ]
        return Picture(self.read_at, self.epoch, {key: self.stored[key] for key in known}, entries, self.mark)

    def page(self, after: str, limit: int) -> tuple[str, ...]:
        start = bisect_right(self.keys, after)
        return self.keys[start : start + limit]


async def developed(tenant: UUID, picture: Picture, line: int, clock: Callable[[], datetime]) -> Snapshot:
    nothing = Snapshot(tenant, line, clock, picture.at, picture.epoch, picture.mark, {}, {}, {}, (), 0)
    return await brought_up(nothing, picture, line)


async def brought_up(present: Snapshot, written: Picture, line: int) -> Snapshot:
    """The present snapshot, with what was written since; it stays as it is for whoever holds it."""
    fresh = [key for key, raw in written.definitions.items() if present.stored.get(key) != raw]
    parsed = {key: _definition(present.tenant, json.dumps(written.definitions[key])) async for key in _in_turns(fresh)}
    definitions = {**present.definitions, **parsed} if parsed else present.definitions
    stored = {**present.stored, **{key: written.definitions[key] for key in fresh}} if fresh else present.stored
    keys = tuple(sorted(definitions)) if len(definitions) > len(present.keys) else present.keys
    entries, more = await _entries(present.entries, written.entries, written.at)
    size = present.size + more + len(definitions) - len(present.keys)
    return Snapshot(
        present.tenant,
        line,
        present.clock,
        written.at,
        written.epoch,
        written.mark,
        stored,
        definitions,
        entries,
        keys,
        size,
    )


def onward(present: Snapshot, line: int) -> Snapshot:
    """The same, heard of on another line."""
    return replace(present, line=line)


@lru_cache(maxsize=10_000)
def _definition(_tenant: UUID, text: str) -> Definition:
    """Every environment of a tenant has the same; reading one costs more than knowing it again."""
    return parse_setting_definition(json.loads(text))


async def _entries(
    present: Mapping[str, Shelf], written: Iterable[StoredEntry], at: datetime
) -> tuple[dict[str, Shelf], int]:
    """The entries with those that were written, and how many more they are; what has ended is left out there."""
    entries, copied, more = dict(present), dict[str, dict[str, tuple[Entry, ...]]](), 0
    async for each in _in_turns(written):
        if (shelf := copied.get(each.key)) is None:
            entries[each.key] = shelf = copied[each.key] = dict(entries.get(each.key, {}))
        before = shelf.get(each.scope, ())
        beside = tuple(one for one in before if one.version != each.entry.version)
        shelf[each.scope] = after = tuple(one for one in (*beside, each.entry) if _lasts(one, at))
        more += len(after) - len(before)
    return entries, more


async def _in_turns(rows: Iterable[Row]) -> AsyncIterator[Row]:
    """Each row; between some of them whoever asks is answered."""
    for place, row in enumerate(rows, start=1):
        if place % _TURN == 0:
            await asyncio.sleep(0)
        yield row


def _lasts(entry: Entry, at: datetime) -> bool:
    return entry.until is None or entry.until > max(at, entry.since)


def _lasting(entries: tuple[Entry, ...], at: datetime) -> tuple[Entry, ...]:
    """Those that the database would still show: not what has ended since the snapshot was read."""
    return tuple(each for each in entries if each.until is None or each.until > at)
