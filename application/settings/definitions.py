"""What a key means is versioned; a new version is tried against every value that is stored before it holds."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from application.events.telling import tell_definition
from application.policies import decided
from application.ports.settings import StoredDefinition, StoredEntry
from application.ports.store import Store, Transaction
from application.recording import record, reverted
from application.settings.drafting import drafted_before, drafted_meaning, meaning
from application.settings.driving import check_rest
from application.settings.house import furnished
from application.settings.reaching import moved_leaves, reach_over
from application.settings.rulebook import breaches, turn_everywhere
from application.settings.snapshots import SettingSnapshots, told_after
from domain.audit import Action
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, NothingChanges, Reach, difference
from domain.environments import Environment
from domain.errors import Fault, Missing, Stale
from domain.people import Actor, Permission
from domain.settings import (
    Definition,
    DefinitionExists,
    EntryState,
    IncompatibleDefinition,
    Sealed,
    incompatible,
    parse_rules,
    parse_setting_definition,
)

WORDS = frozenset({"description", "owner", "ui", "tags"})
"""Fields that change what people read and nothing that holds."""


class SettingDefinitions:
    """Each raises PermissionMissing, Missing, Invalid, Stale or IncompatibleDefinition."""

    def __init__(self, store: Store, snapshots: SettingSnapshots | None = None) -> None:
        self._store = store
        self._snapshots = snapshots

    async def create(self, actor: Actor, raw: Json, reason: str) -> StoredDefinition:
        actor.require(Permission.SETTINGS_MANAGE)
        definition = parse_setting_definition(raw)
        async with self._writing(actor) as tx:
            if written := await _asked(tx, actor):
                return written
            if await tx.settings.definition(definition.key) is not None:
                raise DefinitionExists(key=definition.key)
            return await write_definition(tx, actor, definition, None, reason)

    async def replace(
        self, actor: Actor, key: str, raw: Json, *, expected: int, reason: str, reverts: UUID | None = None
    ) -> StoredDefinition | ChangeSet:
        """The new version; or, where a policy asks for approval, the change that is to be submitted."""
        actor.require(Permission.SETTINGS_MANAGE)
        definition = parse_setting_definition({**raw, "key": key} if isinstance(raw, dict) else raw)
        async with self._writing(actor) as tx:
            at = await turn_everywhere(tx)
            if written := await _asked(tx, actor) or await drafted_before(tx, actor):
                return written
            before = await existing_definition(tx, key, lock=True)
            if before.version != expected:
                raise Stale(version=before.version, expected=expected)
            changed = {line["path"].split("/")[1] for line in difference(before.definition, definition.to_json())}
            if not changed:
                raise NothingChanges([Fault("", "equals the present definition")])
            old = parse_setting_definition(before.definition)
            await check_fits(tx, definition, old, at)
            if not changed <= WORDS:
                await check_rest(tx, [old])
                policy = await decided(
                    tx, Environment, Kind.SETTING, await reach_of_definition(tx, definition, old, at)
                )
                if policy.levels:
                    target = meaning(Kind.SETTING_DEFINITION, key, before.version, definition.to_json())
                    return await drafted_meaning(tx, actor, target, reason, reverts)
            if reverts is not None:
                await reverted(tx, actor, reverts, None, reason)
            return await write_definition(tx, actor, definition, before, reason)

    async def get(self, actor: Actor, key: str) -> StoredDefinition:
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await existing_definition(tx, key)

    async def page(self, actor: Actor, after: str, limit: int) -> list[StoredDefinition]:
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.settings.definitions(after, limit)

    async def versions(self, actor: Actor, key: str, before: int, limit: int) -> list[StoredDefinition]:
        actor.require(Permission.SETTINGS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            await existing_definition(tx, key)
            return await tx.settings.definition_versions(key, before, limit)

    @asynccontextmanager
    async def _writing(self, actor: Actor) -> AsyncIterator[Transaction]:
        async with told_after(self._snapshots, actor.tenant, *Environment), self._store.transaction(actor.tenant) as tx:
            yield tx


async def existing_definition(tx: Transaction, key: str, *, lock: bool = False) -> StoredDefinition:
    found = await tx.settings.definition(key, lock=lock)
    if found is None:
        raise Missing(kind_of_thing="setting", key=key)
    return found


async def _asked(tx: Transaction, actor: Actor) -> StoredDefinition | None:
    return await tx.settings.defined(actor.request) if actor.request else None


async def check_fits(tx: Transaction, definition: Definition, old: Definition, at: datetime) -> None:
    stored: list[StoredEntry] = []
    for environment in Environment:
        stored += await tx.settings.entries(environment, [definition.key], None, at)
    faults = incompatible(definition, _labelled(stored), old=old)
    if definition.drives_calendar is not None:
        faults += [
            Fault(f"/stored/{label}", "expected no time of its own: it drives a calendar")
            for label in _timed(stored, at)
        ]
    conflicts = [f"{fault.path}: {fault.message}" for fault in faults] or await _broken(tx, definition, at)
    if conflicts:
        raise IncompatibleDefinition(conflicts=conflicts)


async def _broken(tx: Transaction, definition: Definition, at: datetime) -> list[str]:
    """What another default, or another way to merge, does to the rules."""
    rules = [rule for rule in parse_rules((await tx.settings.rulebook()).rules) if definition.key in rule.keys]
    found = [await breaches(tx, environment, rules, at, definition) for environment in Environment if rules]
    return [f"{name} {sentence}" for each in found for name, sentence in each]


def _labelled(stored: list[StoredEntry]) -> Iterator[tuple[str, Json]]:
    for each in stored:
        if each.entry.state is EntryState.SET and Sealed.of(each.entry.value) is None:  # its type does not change
            yield f"{each.environment.value}/{each.scope}", each.entry.value


def _timed(stored: list[StoredEntry], at: datetime) -> Iterator[str]:
    for each in stored:
        if each.entry.since > at or each.entry.until is not None:
            yield f"{each.environment.value}/{each.scope}"


async def reach_of_definition(tx: Transaction, definition: Definition, old: Definition, at: datetime) -> Reach:
    """Of every environment at once: a definition holds in all of them."""
    leaves = set()
    for environment in Environment:
        house = await furnished(tx, environment, [old.key], None, at)
        after = replace(house, definitions={old.key: definition})
        leaves |= {f"{environment.value}/{leaf}" for leaf in moved_leaves(house, after, old.key, at)}
    return reach_over([old, definition], 1, leaves, wide=True)


async def write_definition(
    tx: Transaction,
    actor: Actor,
    definition: Definition,
    before: StoredDefinition | None,
    reason: str,
    change: UUID | None = None,
) -> StoredDefinition:
    version = before.version + 1 if before else 1
    after = StoredDefinition(definition.key, version, definition.to_json(), actor.id, tx.now, actor.request)
    await tx.settings.put_definition(after, expected=version - 1)
    await record(
        tx,
        Action.SETTING_DEFINED,
        ("setting_definition", definition.key),
        actor=actor,
        change=change,
        reason=reason,
        before={"version": before.version, "definition": before.definition} if before else None,
        after={"version": version, "definition": after.definition},
    )
    await tell_definition(tx, actor, definition.key, version)
    for environment in Environment:
        await tx.settings.bump(environment)
    return after
