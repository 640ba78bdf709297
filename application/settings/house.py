"""Everything that one environment says of some keys, and what would hold at any scope of it at any instant."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from application.ports.settings import StoredDefinition, StoredEntry
from application.ports.store import Transaction
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Missing
from domain.settings import (
    Definition,
    Held,
    Level,
    Resolution,
    Rewrite,
    Scope,
    after,
    parse_setting_definition,
    resolve,
)
from domain.settings.scopes import BEYOND, chained

Shelves = dict[str, dict[str, tuple[Held, ...]]]
"""By key, then by the text of the scope."""


@dataclass
class House:
    """`entries` are those that hold or will; `write` shows what would be if more were written."""

    environment: Environment
    definitions: Mapping[str, Definition]
    shelves: Shelves = field(default_factory=dict)

    def held(self, key: str, scope: Scope) -> tuple[Held, ...]:
        return self._shelf(key).get(scope.text, ())

    def write(self, key: str, scope: Scope, rewrite: Rewrite) -> None:
        held = self.held(key, scope)
        continued = {each.entry.version: each.continues for each in (*held, *rewrite.puts)}
        self.shelves.setdefault(key, {})[scope.text] = tuple(
            Held(entry, continued.get(entry.version)) for entry in after(held, rewrite)
        )

    def resolved(self, key: str, scope: Scope, at: datetime) -> Resolution:
        return resolve(self.definitions[key], self.levels(key, scope.ancestors()), at)

    def levels(self, key: str, scopes: Iterable[Scope]) -> list[Level]:
        shelf = self._shelf(key)
        chain = chained((scope.text for scope in scopes), shelf)
        return [Level.at(text, tuple(each.entry for each in shelf.get(text, ()))) for text in chain]

    def image(self, keys: Collection[str], scope: Scope, at: datetime) -> dict[str, Json]:
        """The values in force of the keys that have one."""
        found = ((key, self.resolved(key, scope, at)) for key in keys if key in self.definitions)
        return {key: resolution.value for key, resolution in found if resolution.found}

    def leaves(self, keys: Collection[str], below: Collection[Scope]) -> Iterator[Scope]:
        """Each scope in `below`, and each within one of them where one of the keys says something."""
        broad = {scope.text for scope in below}
        for text in sorted(broad.union(*(self._shelf(key) for key in keys)) - BEYOND):
            scope = Scope(text)
            if any(above.text in broad for above in scope.ancestors()):
                yield scope

    def moments(self, keys: Collection[str], scope: Scope, at: datetime) -> list[datetime]:
        """`at`, and every later instant from which the keys may be otherwise at the scope."""
        levels = [level for key in keys for level in self.levels(key, scope.ancestors())]
        edges = {edge for level in levels for entry in level.entries for edge in (entry.since, entry.until)}
        return [at, *sorted(edge for edge in edges if edge is not None and edge > at)]

    def _shelf(self, key: str) -> dict[str, tuple[Held, ...]]:
        return self.shelves.get(key, {})


async def furnished(
    tx: Transaction,
    environment: Environment,
    keys: Collection[str],
    scopes: Collection[Scope] | None,
    at: datetime,
) -> House:
    """The house with what holds or will after `at` for these keys; None asks for every scope."""
    texts = None if scopes is None else [*BEYOND, *(scope.text for scope in scopes)]
    stored = await tx.settings.definitions_of(keys)
    entries = await tx.settings.entries(environment, keys, texts, at)
    return await asyncio.to_thread(_housed, environment, stored, entries)


async def furnished_around(
    tx: Transaction, environment: Environment, keys: Collection[str], scopes: Collection[Scope], at: datetime
) -> House:
    """The house with all that counts at these scopes and at each within them: the rest of it stays empty."""
    stored = await tx.settings.definitions_of(keys)
    entries = await tx.settings.around(environment, keys, {*BEYOND, *(scope.text for scope in scopes)}, at)
    return await asyncio.to_thread(_housed, environment, stored, entries)


def _housed(environment: Environment, stored: Mapping[str, StoredDefinition], entries: Iterable[StoredEntry]) -> House:
    definitions = {key: parse_setting_definition(each.definition) for key, each in stored.items()}
    shelves: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for each in entries:
        shelves[each.key, each.scope].append(Held(each.entry, continued(each)))
    house = House(environment, definitions)
    for (key, scope), held in shelves.items():
        house.shelves.setdefault(key, {})[scope] = tuple(held)
    return house


def known(house: House, key: str) -> None:
    if key not in house.definitions:
        raise Missing(kind_of_thing="setting", key=key)


CONTINUES = "continues:"


def continued(stored: StoredEntry) -> int | None:
    return int(stored.origin.removeprefix(CONTINUES)) if stored.origin.startswith(CONTINUES) else None


def origin_of(held: Held, otherwise: str) -> str:
    return otherwise if held.continues is None else f"{CONTINUES}{held.continues}"
