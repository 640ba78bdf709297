"""What is in force for a key at a scope, at any instant, and why."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from application.ports.settings import StoredEntry
from application.ports.store import Store, Transaction
from application.settings.definitions import existing_definition
from application.settings.developing import Snapshot
from application.settings.house import furnished
from application.settings.snapshots import SettingSnapshots
from domain.environments import Environment
from domain.errors import Fault, Invalid, Missing
from domain.people import Actor, Permission
from domain.settings import Definition, Resolution, Scope

MOST_KEYS = 1_000


@dataclass(frozen=True)
class Effective:
    """The answer for one key; `epoch` is that of the environment as it was read."""

    definition: Definition
    resolution: Resolution
    epoch: int


@dataclass(frozen=True)
class Question:
    """Who asks stands at `scope`; `as_of` None is now."""

    environment: Environment
    scope: Scope
    as_of: datetime | None = None


class SettingReads:
    """Each raises PermissionMissing, or Missing where there is no such key.

    What is in force now is told by the snapshots, where there are any and they are sure; all else by the database.
    """

    def __init__(self, store: Store, snapshots: SettingSnapshots | None = None) -> None:
        self._store = store
        self._snapshots = snapshots

    async def effective(self, actor: Actor, question: Question, key: str) -> Effective:
        actor.require(Permission.SETTINGS_READ)
        if snapshot := await self._snapshot(actor, question, [key]):
            if key not in snapshot.definitions:
                raise Missing(kind_of_thing="setting", key=key)
            return _told(snapshot, question, [key])[0]
        async with self._store.transaction(actor.tenant) as tx:
            await existing_definition(tx, key)
            return (await _resolved(tx, question, [key]))[0]

    async def all_effective(self, actor: Actor, question: Question, after: str, limit: int) -> list[Effective]:
        """By key, `limit` of them after `after`."""
        actor.require(Permission.SETTINGS_READ)
        if snapshot := await self._snapshot(actor, question):
            return _told(snapshot, question, snapshot.page(after, limit))
        async with self._store.transaction(actor.tenant) as tx:
            keys = [each.key for each in await tx.settings.definitions(after, limit)]
            return await _resolved(tx, question, keys)

    async def some_effective(self, actor: Actor, question: Question, keys: Collection[str]) -> list[Effective]:
        """In the order of `keys`; what is not defined is left out. Invalid when there are too many."""
        actor.require(Permission.SETTINGS_READ)
        if len(keys) > MOST_KEYS:
            raise Invalid([Fault("/keys", f"at most {MOST_KEYS}")])
        if snapshot := await self._snapshot(actor, question, keys):
            return _told(snapshot, question, keys)
        async with self._store.transaction(actor.tenant) as tx:
            return await _resolved(tx, question, keys)

    async def stored(
        self, actor: Actor, environment: Environment, key: str, scope: Scope
    ) -> tuple[list[StoredEntry], int]:
        """What the scope itself says now and plans to, in order of time, and the newest version there, 0 for none."""
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            await existing_definition(tx, key)
            entries = await tx.settings.entries(environment, [key], [scope.text], tx.now)
            latest = await tx.settings.latest(environment, [key], [scope.text])
            return sorted(entries, key=lambda each: each.entry.since), latest.get((key, scope.text), 0)

    async def history(
        self, actor: Actor, environment: Environment, key: str, scope: Scope, before: int, limit: int
    ) -> list[StoredEntry]:
        """Every version at the scope, newest first, with what was cancelled before it began."""
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            await existing_definition(tx, key)
            return await tx.settings.history(environment, key, scope.text, before, limit)

    async def _snapshot(self, actor: Actor, question: Question, keys: Collection[str] | None = None) -> Snapshot | None:
        if self._snapshots is None or question.as_of is not None:
            return None
        return await self._snapshots.get(actor.tenant, question.environment, keys)


def _told(snapshot: Snapshot, question: Question, keys: Collection[str]) -> list[Effective]:
    at = snapshot.now()
    return [
        Effective(snapshot.definitions[key], snapshot.resolved(key, question.scope, at), snapshot.epoch)
        for key in keys
        if key in snapshot.definitions
    ]


async def _resolved(tx: Transaction, question: Question, keys: Collection[str]) -> list[Effective]:
    at = question.as_of or tx.now
    epoch = await tx.settings.epoch(question.environment)  # first: a cache may ask once too often, never too rarely
    house = await furnished(tx, question.environment, keys, question.scope.ancestors(), at)
    return [
        Effective(house.definitions[key], house.resolved(key, question.scope, at), epoch)
        for key in keys
        if key in house.definitions
    ]
