"""What is in force now is told from memory: one picture of each environment that somebody asked for, swapped whole."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import structlog

from application.ports.settings import Picture
from application.ports.store import News, Store
from domain.canonical import Json
from domain.environments import Environment
from domain.settings import Definition, Entry, Level, Resolution, Scope, parse_setting_definition, resolve

log = structlog.get_logger()

Place = tuple[UUID, Environment]


@dataclass(frozen=True)
class Snapshot:
    """Everything that one environment says, as of `epoch`. `line` is the line on which its end would be heard."""

    line: int
    clock: Callable[[], datetime]
    read_at: datetime
    epoch: int
    stored: Mapping[str, Json] = field(repr=False)
    definitions: Mapping[str, Definition] = field(repr=False)
    entries: Mapping[str, Mapping[str, tuple[Entry, ...]]] = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)

    def now(self) -> datetime:
        """By this process' clock, but never before what is held here was written by the database's."""
        return max(self.clock(), self.read_at)

    def resolved(self, key: str, scope: Scope, at: datetime) -> Resolution:
        said = self.entries.get(key, {})
        levels = [Level(each.text, _lasting(said.get(each.text, ()), at)) for each in scope.ancestors()]
        return resolve(self.definitions[key], levels, at)

    def page(self, after: str, limit: int) -> tuple[str, ...]:
        start = bisect_right(self.keys, after)
        return self.keys[start : start + limit]


class SettingSnapshots:
    """What is told from here is never older than what this process wrote, or has heard that another one wrote."""

    def __init__(self, store: Store, news: News, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._news = news
        self._clock = clock
        self._snapshots: dict[Place, Snapshot] = {}
        self._turns: dict[Place, asyncio.Lock] = {}

    async def get(self, tenant: UUID, environment: Environment) -> Snapshot | None:
        """None while nobody would say that it is out of date: ask the database."""
        if not self._news.alive:
            return None
        snapshot = self._snapshots.get((tenant, environment))
        if snapshot is None or snapshot.line != self._news.line:
            snapshot = await self._load((tenant, environment))
        return snapshot

    async def follow(self) -> None:
        """Runs as long as the process: news of one place re-reads it, doubt about the line re-reads them all."""
        async for place in self._news.listen():
            for known in [place] if place is not None else list(self._turns):
                await self.refresh(*known)

    async def refresh(self, tenant: UUID, *environments: Environment) -> None:
        """What is committed by now is told from now on. What cannot be read is forgotten, and read when asked for."""
        for place in [(tenant, environment) for environment in environments]:
            if place not in self._turns:
                continue
            try:
                await self._load(place)
            except Exception as error:  # noqa: BLE001 -- whoever asks next is told the reason; news must go on
                self._snapshots.pop(place, None)
                log.warning("settings.forgotten", tenant=str(tenant), environment=place[1], error=type(error).__name__)

    async def _load(self, place: Place) -> Snapshot:
        tenant, environment = place
        async with self._turns.setdefault(place, asyncio.Lock()):
            line, present = self._news.line, self._snapshots.get(place)
            async with self._store.transaction(tenant) as tx:
                if present is not None and present.epoch == await tx.settings.epoch(environment):
                    fresh = replace(present, line=line)
                else:
                    fresh = self._developed(await tx.settings.picture(environment), line, present)
            self._snapshots[place] = fresh
            return fresh

    def _developed(self, picture: Picture, line: int, present: Snapshot | None) -> Snapshot:
        definitions = _parsed(picture.definitions, present)
        entries: dict[str, dict[str, tuple[Entry, ...]]] = {}
        for each in picture.entries:
            said = entries.setdefault(each.key, {})
            said[each.scope] = (*said.get(each.scope, ()), each.entry)
        keys = tuple(sorted(definitions))
        return Snapshot(line, self._clock, picture.at, picture.epoch, picture.definitions, definitions, entries, keys)


@asynccontextmanager
async def told_after(
    snapshots: SettingSnapshots | None, tenant: UUID, *environments: Environment
) -> AsyncIterator[None]:
    """Around a transaction: once it is committed, the snapshots of its own process tell what it wrote."""
    yield
    if snapshots is not None:
        await snapshots.refresh(tenant, *environments)


def _parsed(stored: Mapping[str, Json], present: Snapshot | None) -> dict[str, Definition]:
    """A definition that is as before is not parsed again."""
    return {
        key: present.definitions[key]
        if present is not None and present.stored.get(key) == raw
        else parse_setting_definition(raw)
        for key, raw in stored.items()
    }


def _lasting(entries: tuple[Entry, ...], at: datetime) -> tuple[Entry, ...]:
    """Those that the database would still show: not what has ended since the snapshot was read."""
    return tuple(each for each in entries if each.until is None or each.until > at)
