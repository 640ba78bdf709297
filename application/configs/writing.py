"""Configs are written the way of every setting; the first one of a key defines it by the way."""

from dataclasses import dataclass
from datetime import datetime

from application.configs.naming import ROOT, ConfigName
from application.configs.shelf import repeated, shelf_of
from application.configs.sides import three_way
from application.ports.store import Store, Transaction
from application.settings.arriving import told_at
from application.settings.cases import SettingCases
from application.settings.definitions import write_definition
from application.settings.outcome import Outcome
from application.settings.rulebook import turn_everywhere
from application.settings.wishes import Order, Wish
from application.settings.writing import First
from domain.canonical import Json
from domain.errors import AlreadyExists, Fault, Invalid, Stale
from domain.people import Actor, Permission
from domain.settings import (
    Definition,
    DefinitionExists,
    Entry,
    EntryState,
    SettingType,
    parse_setting_definition,
    type_faults,
)


class ConfigMoved(Stale):
    """Someone else changed this config since you read it; its three versions stand side by side."""

    kind = "config-moved"


@dataclass(frozen=True)
class NewConfig:
    """`definition` is raw JSON without the key, and None for a key that is defined."""

    name: ConfigName
    value: Json
    definition: dict[str, Json] | None
    reason: str


@dataclass(frozen=True)
class Say:
    """What a config is to say over version `expected`, from `since` on and until `until`."""

    value: Json
    expected: int
    reason: str
    since: datetime | None = None
    until: datetime | None = None


class ConfigWrites:
    """Each raises what a write of settings raises; where policy asks for approval the outcome holds the change."""

    def __init__(self, store: Store, setting: SettingCases) -> None:
        self._store = store
        self._setting = setting

    async def create(self, actor: Actor, new: NewConfig) -> Outcome:
        """One that was deleted comes back so. Raises AlreadyExists, or DefinitionExists where the key means else."""
        actor.require(Permission.SETTINGS_MANAGE)
        name = new.name
        wanted = None if new.definition is None else _parsed({**new.definition, "key": name.key})
        async with self._store.transaction(actor.tenant) as tx:
            again = await repeated(tx, actor)
            shelf = await shelf_of(tx, name.environment, [name.key])
            stored = await tx.settings.definition(name.key)
        known = None if stored is None else parse_setting_definition(stored.definition)
        if known is None and wanted is None:
            raise Invalid([Fault("/definition", "expected one with a type: no setting with this key is defined")])
        if known is not None and new.definition is not None and not _agrees(known, new.definition):
            raise DefinitionExists(key=name.key)
        if not again and shelf.value(name.key) is not None:
            raise AlreadyExists(kind_of_thing="config", id=name.id)
        wish = Wish(name.key, ROOT, EntryState.SET, new.value, expected=shelf.latest.get(name.key, 0))
        order = Order(name.environment, (wish,), new.reason)
        if known is not None or wanted is None:
            return await self._created(actor, name, order)
        if wanted.type is SettingType.SECRET:
            return await self._secret(actor, name, order, wanted)

        async def first(tx: Transaction) -> None:
            await turn_everywhere(tx)
            meanwhile = await tx.settings.definition(name.key, lock=True)
            if meanwhile is None:
                await write_definition(tx, actor, wanted, None, new.reason)
            elif meanwhile.definition != wanted.to_json():
                raise DefinitionExists(key=name.key)

        return await self._created(actor, name, order, first)

    async def _created(self, actor: Actor, name: ConfigName, order: Order, first: First | None = None) -> Outcome:
        try:
            return await self._setting.writes.write(actor, order, first)
        except Stale:
            raise AlreadyExists(kind_of_thing="config", id=name.id) from None

    async def _secret(self, actor: Actor, name: ConfigName, order: Order, definition: Definition) -> Outcome:
        """A secret is sealed by what its definition says before its write begins, so that is written first."""
        faults = type_faults(SettingType.SECRET, order.wishes[0].value, "/items/0/value")
        if faults:
            raise Invalid(faults)
        await self._setting.definitions.create(actor, definition.to_json(), order.reason)
        return await self._created(actor, name, order)

    async def put(self, actor: Actor, name: ConfigName, say: Say) -> Outcome:
        """Another value; what is enforced or constrained here stays so. One that was deleted comes back."""
        actor.require(Permission.SETTINGS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            again = await repeated(tx, actor)
            shelf = await shelf_of(tx, name.environment, [name.key])
        if name.key not in shelf.latest and not again:
            raise name.missing
        present = shelf.entry(name.key)
        constraint = present.constraint if present else None
        wish = Wish(
            name.key, ROOT, EntryState.SET, say.value, bool(present and present.enforced),
            constraint.to_json() if constraint else None, say.expected, say.since, say.until,
        )  # fmt: skip
        return await self._setting.writes.write(actor, Order(name.environment, (wish,), say.reason))

    async def delete(self, actor: Actor, name: ConfigName, expected: int, reason: str) -> Outcome:
        """The key inherits again; every version stays, and any of them can be written again."""
        actor.require(Permission.SETTINGS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            again = await repeated(tx, actor)
            stored = (await shelf_of(tx, name.environment, [name.key])).value(name.key)
        if stored is None and not again:
            raise name.missing
        wish = Wish(name.key, ROOT, EntryState.UNSET, expected=expected)
        return await self._setting.writes.write(actor, Order(name.environment, (wish,), reason))

    async def roll_back(self, actor: Actor, name: ConfigName, to: int, *, expected: int, reason: str) -> Outcome:
        """What version `to` said, as a new version. ConfigMoved, with all three, where `expected` is not the newest."""
        try:
            return await self._setting.versions.roll_back(actor, name.spot, to, expected=expected, reason=reason)
        except Stale as refusal:
            facts = {**refusal.facts, "changes": await self._sides(actor, name, expected, to)}
            raise ConfigMoved(**facts) from refusal

    async def _sides(self, actor: Actor, name: ConfigName, seen: int, to: int) -> list[Json]:
        async with self._store.transaction(actor.tenant) as tx:
            stands = (await shelf_of(tx, name.environment, [name.key])).entry(name.key)
            return three_way(await version_of(tx, name, seen), stands, await version_of(tx, name, to))


async def version_of(tx: Transaction, name: ConfigName, version: int) -> Entry | None:
    """None for the version 0 of what nobody wrote."""
    found = await tx.settings.history(name.environment, name.key, ROOT.text, version + 1, 1)
    return found[0].entry if found and found[0].entry.version == version else None


def _parsed(raw: dict[str, Json]) -> Definition:
    with told_at([], otherwise="/definition"):
        return parse_setting_definition(raw)


def _agrees(known: Definition, raw: dict[str, Json]) -> bool:
    """Whether the definition says already what is asked for; what is not named may be as it is."""
    stored = known.to_json()
    return _parsed({**stored, **raw, "key": known.key}).to_json() == stored
