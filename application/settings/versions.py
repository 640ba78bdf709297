"""Versions at one scope are compared, and any of them is written again as a new one."""

from dataclasses import dataclass

from application.ports.store import Store, Transaction
from application.settings.definitions import existing_definition
from application.settings.outcome import Outcome
from application.settings.sealing import Sealing
from application.settings.wishes import Order, Wish
from application.settings.writing import SettingWrites
from domain.canonical import Json
from domain.changes import difference
from domain.environments import Environment
from domain.errors import Missing
from domain.people import Actor, Permission
from domain.settings import Entry, EntryState, Scope, Sealed, shown


@dataclass(frozen=True)
class Spot:
    """One key at one scope of an environment."""

    environment: Environment
    key: str
    scope: Scope


class SettingVersions:
    """Each raises PermissionMissing, or Missing where there is no such version."""

    def __init__(self, store: Store, writes: SettingWrites, sealing: Sealing) -> None:
        self._store = store
        self._writes = writes
        self._sealing = sealing

    async def compare(self, actor: Actor, spot: Spot, one: int, other: int) -> list[Json]:
        """Lines of what was added, removed and changed, each at its JSON Pointer; of secrets only that they did."""
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            before, after = await _version(tx, spot, one), await _version(tx, spot, other)
        return entries_compared(before, after)

    async def roll_back(self, actor: Actor, spot: Spot, to: int, *, expected: int, reason: str) -> Outcome:
        """What version `to` said, as a new version over `expected`; as every write, it may need approval."""
        actor.require(Permission.SETTINGS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            entry = await _version(tx, spot, to)
        value = await self._sealing.plain(actor, spot.environment, spot.key, spot.scope, entry.value)
        constraint = entry.constraint.to_json() if entry.constraint else None
        wish = Wish(spot.key, spot.scope, entry.state, value, entry.enforced, constraint, expected)
        return await self._writes.write(actor, Order(spot.environment, (wish,), reason))


async def _version(tx: Transaction, spot: Spot, version: int) -> Entry:
    await existing_definition(tx, spot.key)
    found = await tx.settings.history(spot.environment, spot.key, spot.scope.text, version + 1, 1)
    if not found or found[0].entry.version != version:
        raise Missing(kind_of_thing="version", version=version)
    return found[0].entry


def entries_compared(before: Entry | None, after: Entry | None) -> list[Json]:
    """What the one says and the other does not, of secrets only that; None says nothing."""
    lines = difference(told(before), told(after))
    secret = any(each is not None and Sealed.of(each.value) is not None for each in (before, after))
    return [{"op": line["op"], "path": "/value"} if secret and _of_value(line) else line for line in lines]


def _of_value(line: Json) -> bool:
    return str(line["path"]).startswith("/value")


def told(entry: Entry | None) -> Json:
    """Only what it says: two versions that say the same are the same."""
    said: dict[str, Json] = {}
    if entry is None:
        return said
    if entry.state is EntryState.SET:
        said["value"] = shown(entry.value)
    if entry.enforced:
        said["enforced"] = True
    if entry.constraint is not None:
        said["constraint"] = entry.constraint.to_json()
    return said
