"""Flags are created, updated and disabled at once where policy asks for nobody's approval."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from application.definitions import checked_definition, put_checked
from application.events.telling import tell_flag
from application.locking.holding import check_free
from application.locking.rules import check_direct
from application.ports.records import StoredFlag
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import Json
from domain.changes import EVERYWHERE, ApprovalRequired, Kind, NothingChanges, difference
from domain.environments import Environment
from domain.errors import Conflict, Fault, Invalid, Missing, Stale
from domain.flags import Bucketing, check_key
from domain.flags.evaluators import references
from domain.flags.lifecycle import ARCHIVED, is_archived
from domain.flags.publishing import published
from domain.people import Actor, Permission


class FlagExists(Conflict):
    """A flag with this key exists in this environment already."""

    kind = "flag-exists"


@dataclass(frozen=True)
class PublishedFlag:
    """A flag in flagd's form, with the shared rules that it names, at a revision of its set."""

    environment: Environment
    key: str
    revision: int
    definition: Json
    evaluators: Mapping[str, Json]


class Flags:
    """Each raises PermissionMissing, Missing, Invalid, Stale, TargetBusy or ApprovalRequired where it applies.

    What is served changes by a rollout where the rollout policy forbids `direct`: StrategyNotAllowed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, actor: Actor, place: tuple[Environment, str], raw: Json, reason: str) -> StoredFlag:
        actor.require(Permission.FEATURES_MANAGE)
        environment, key = place
        check_key(key)
        async with self._store.transaction(actor.tenant) as tx:
            if written := await asked(tx, actor):
                return written
            definition = await checked_definition(tx, environment, key, raw)
            await check_ungoverned(tx, environment)
            if await tx.flags.get(environment, key) is not None:
                raise FlagExists(key=key, environment=environment.value)
            flag = StoredFlag(environment, key, 1, definition, "api", actor.id, tx.now, actor.request)
            await write(tx, flag, before=None, action=Action.FLAG_CREATED, actor=actor, reason=reason)
            return flag

    async def update(
        self, actor: Actor, place: tuple[Environment, str], raw: Json, *, expected: int, reason: str
    ) -> StoredFlag:
        actor.require(Permission.FEATURES_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            if written := await asked(tx, actor):
                return written
            definition = await checked_definition(tx, *place, raw)
            before = await writable(tx, place, expected)
            if not difference(before.definition, definition):
                raise NothingChanges([Fault("", "equals the present definition")])
            if is_archived(definition) and not is_archived(before.definition):
                raise Invalid([Fault(f"/metadata/{ARCHIVED}", "is set by archiving the flag")])
            flag = next_version(before, definition, "api", actor, tx)
            await write(tx, flag, before=before, action=Action.FLAG_UPDATED, actor=actor, reason=reason)
            return flag

    async def disable(self, actor: Actor, place: tuple[Environment, str], *, expected: int, reason: str) -> StoredFlag:
        actor.require(Permission.FEATURES_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            if written := await asked(tx, actor):
                return written
            before = await writable(tx, place, expected)
            if before.definition["state"] == "DISABLED":
                raise NothingChanges([Fault("/state", "is DISABLED already")])
            flag = next_version(before, {**before.definition, "state": "DISABLED"}, "api", actor, tx)
            await write(tx, flag, before=before, action=Action.FLAG_DISABLED, actor=actor, reason=reason)
            return flag

    async def get(self, actor: Actor, environment: Environment, key: str) -> StoredFlag:
        actor.require(Permission.FEATURES_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await existing(tx, environment, key)

    async def published(self, actor: Actor, place: tuple[Environment, str]) -> PublishedFlag:
        """What clients get; an archived flag is Missing here."""
        actor.require(Permission.FEATURES_READ)
        environment, key = place
        async with self._store.transaction(actor.tenant) as tx:
            stored = await tx.flags.flag_set(environment)
        if key not in stored.flags:
            raise Missing(kind_of_thing="flag", key=key, environment=environment.value)
        flags, shared = published(stored.flags, stored.evaluators, Bucketing(stored.bucketing))
        used = sorted(references(flags[key].get("targeting")))
        return PublishedFlag(environment, key, stored.revision, flags[key], {name: shared[name] for name in used})

    async def versions(self, actor: Actor, place: tuple[Environment, str], before: int, limit: int) -> list[StoredFlag]:
        actor.require(Permission.FEATURES_READ)
        async with self._store.transaction(actor.tenant) as tx:
            await existing(tx, *place)
            return await tx.flags.versions(*place, before, limit)


async def asked(tx: Transaction, actor: Actor) -> StoredFlag | None:
    """What this very request wrote when it was sent before and its answer was lost."""
    return await tx.flags.asked(actor.request) if actor.request else None


async def existing(tx: Transaction, environment: Environment, key: str, *, lock: bool = False) -> StoredFlag:
    flag = await tx.flags.get(environment, key, lock=lock)
    if flag is None:
        raise Missing(kind_of_thing="flag", key=key, environment=environment.value)
    return flag


async def writable(tx: Transaction, place: tuple[Environment, str], expected: int) -> StoredFlag:
    """The flag, locked, at the version that the writer saw, with nobody rolling it out."""
    environment, key = place
    before = await existing(tx, environment, key, lock=True)
    await check_ungoverned(tx, environment)
    await check_direct(tx, environment, Kind.FLAG)
    await check_unheld(tx, environment, key)
    if before.version != expected:
        raise Stale(version=before.version, expected=expected)
    return before


async def write(
    tx: Transaction, flag: StoredFlag, *, before: StoredFlag | None, action: Action, actor: Actor, reason: str
) -> None:
    """One version and its audit event; StaleGeneration when somebody else wrote in between."""
    await put_checked(tx, flag, expected=before.version if before else 0)
    await record(
        tx,
        action,
        ("flag", f"{flag.environment}/{flag.key}"),
        actor=actor,
        reason=reason,
        before={"version": before.version, "definition": before.definition} if before else None,
        after={"version": flag.version, "definition": flag.definition},
    )
    await tell_flag(tx, flag, action)


async def check_ungoverned(tx: Transaction, environment: Environment) -> None:
    policy = await tx.policies.get(environment, Kind.FLAG)
    levels = policy.decided(EVERYWHERE).levels
    if levels:
        raise ApprovalRequired(environment=environment.value, levels=len(levels))


async def check_unheld(tx: Transaction, environment: Environment, key: str) -> None:
    await check_free(tx, environment, Kind.FLAG, key)


def next_version(before: StoredFlag, definition: Json, origin: str, actor: Actor, tx: Transaction) -> StoredFlag:
    return replace(
        before,
        version=before.version + 1,
        definition=definition,
        origin=origin,
        written_by=actor.id,
        written_at=tx.now,
        request=actor.request,
    )
