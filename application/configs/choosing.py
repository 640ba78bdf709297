"""Which configs are meant: by key, by how their key begins, or by a tag of their definition."""

import weakref
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from application.configs.naming import ROOT
from application.ports.store import Store, Transaction
from application.settings.developing import Snapshot
from application.settings.snapshots import SettingSnapshots
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.settings import EntryState
from domain.settings.scopes import ROOT_KIND

_PAGE = 500
_BEYOND = "\x7f"
"""Sorts after every character that a key may have."""


@dataclass(frozen=True)
class Choice:
    """`keys` None is every key; the rest narrows."""

    prefix: str = ""
    tag: str | None = None
    keys: tuple[str, ...] | None = None

    def has(self, key: str, definition: Json) -> bool:
        """`definition` is as it is stored: there are thousands of them."""
        wanted = key.startswith(self.prefix) and (self.tag is None or self.tag in definition.get("tags", ()))
        return wanted and ROOT_KIND in definition["scopes"]


@dataclass(frozen=True)
class _Index:
    """The keys that say something at the tenant, in order, all of them and by tag; `active` of them have a value."""

    keys: tuple[str, ...]
    active: int
    tagged: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        said = {key: shelf[ROOT.text] for key, shelf in snapshot.entries.items() if ROOT.text in shelf}
        active = sum(any(each.state is EntryState.SET for each in entries) for entries in said.values())
        index = cls(tuple(sorted(said)), active)
        for key in index.keys:
            for tag in snapshot.definitions[key].tags:
                index.tagged[tag].append(key)
        return index

    def page(self, choice: Choice, after: str, limit: int) -> list[str]:
        keys = self.keys if choice.tag is None else self.tagged.get(choice.tag, ())
        start = max(bisect_right(keys, after), bisect_left(keys, choice.prefix))
        end = bisect_left(keys, choice.prefix + _BEYOND) if choice.prefix else len(keys)
        return list(keys[start : min(start + limit, end)]) if start < end else []


class Catalogue:
    """Keys of one environment in order: from memory while it is sure, and otherwise from the definitions.

    An index is made once for each snapshot and goes with it, so a page costs what is on it.
    """

    def __init__(self, store: Store, snapshots: SettingSnapshots | None) -> None:
        self._store = store
        self._snapshots = snapshots
        self._indexes: dict[int, _Index] = {}

    async def page(self, tenant: UUID, environment: Environment, choice: Choice, after: str, limit: int) -> list[str]:
        """The next `limit` keys after `after` that say something at the tenant, or did."""
        snapshot = None if self._snapshots is None else await self._snapshots.get(tenant, environment)
        if snapshot is not None:
            return self._index(snapshot).page(choice, after, limit)
        async with self._store.transaction(tenant) as tx:
            return await _page(tx, environment, choice, after, limit)

    def active(self) -> dict[str, int]:
        """By environment, of all that this process holds in memory."""
        counts = dict.fromkeys((each.value for each in Environment), 0)
        for environment, snapshot in self._snapshots.held() if self._snapshots else ():
            counts[environment.value] += self._index(snapshot).active
        return counts

    def _index(self, snapshot: Snapshot) -> _Index:
        known = self._indexes.get(id(snapshot))
        if known is None:
            known = self._indexes[id(snapshot)] = _Index.of(snapshot)
            weakref.finalize(snapshot, self._indexes.pop, id(snapshot), None)
        return known


async def chosen(tx: Transaction, choice: Choice) -> dict[str, Json]:
    """The definitions that are meant, by key and as they are stored; Invalid where a key that is named has none."""
    if choice.keys is None:
        return {key: each async for key, each in _definitions(tx) if choice.has(key, each)}
    stored = await tx.settings.definitions_of(choice.keys)
    found = {key: each.definition for key, each in stored.items()}
    faults = [
        Fault(f"/keys/{place}", "no config can have this key")
        for place, key in enumerate(choice.keys)
        if key not in found or not choice.has(key, found[key])
    ]
    if faults:
        raise Invalid(faults)
    return found


async def _page(tx: Transaction, environment: Environment, choice: Choice, after: str, limit: int) -> list[str]:
    keys: list[str] = []
    meant: list[str] = []
    async for key, definition in _definitions(tx, after):
        if choice.has(key, definition):
            meant.append(key)
        if len(meant) == limit:
            keys += await _said(tx, environment, meant)
            meant = []
        if len(keys) >= limit:
            return keys[:limit]
    return (keys + await _said(tx, environment, meant))[:limit]


async def _said(tx: Transaction, environment: Environment, keys: list[str]) -> list[str]:
    latest = await tx.settings.latest(environment, keys, [ROOT.text])
    return [key for key in keys if (key, ROOT.text) in latest]


async def _definitions(tx: Transaction, after: str = "") -> AsyncIterator[tuple[str, Json]]:
    while page := await tx.settings.definitions(after, _PAGE):
        for each in page:
            yield each.key, each.definition
        after = page[-1].key
