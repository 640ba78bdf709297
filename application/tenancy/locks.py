"""A tenant sets, enforces or narrows a setting for all tenants below it, and lets it go again."""

from dataclasses import dataclass

from application.ports.store import Store, Transaction
from application.ports.tenants import StoredLock, TenantFilter
from application.recording import record
from application.settings.definitions import existing_definition
from application.settings.house import furnished
from application.settings.snapshots import SettingSnapshots
from application.tenancy.binding import Lock, bind, lock_faults, parsed
from application.tenancy.tree import seen
from domain.audit import Action
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Fault, Invalid, Missing, Stale
from domain.people import Actor, Permission
from domain.settings import (
    Definition,
    EntryState,
    OutOfPolicy,
    Resolution,
    Scope,
    SettingEnforced,
    parse_constraint,
    resolve,
)
from domain.tenants import LockDoesNotFit, SubtreeTooLarge, Tenancy

MOST_BELOW = 1_000
_PAGE = 200


@dataclass(frozen=True)
class LockPlace:
    """Which tenant says something for all below it, of which key, in which environment."""

    slug: str
    environment: Environment
    key: str


@dataclass(frozen=True)
class Hidden:
    """A scope of a tenant whose own value is shadowed or clamped."""

    tenant: str
    scope: str
    how: str


@dataclass(frozen=True)
class Locked:
    """`tenants` are those below that it reaches; `hidden` their values that count no more, or not as written."""

    lock: StoredLock
    tenants: int
    hidden: tuple[Hidden, ...] = ()


class _OnlyAsked(Exception):
    """Nothing is wrong: it ends a transaction that is to leave nothing."""

    def __init__(self, would: Locked) -> None:
        super().__init__()
        self.would = would


class TenantLockCases:
    """Each raises PermissionMissing, or Missing for a tenant that is neither the actor's own nor below it."""

    def __init__(self, store: Store, snapshots: SettingSnapshots | None = None) -> None:
        self._store = store
        self._snapshots = snapshots

    async def set(self, actor: Actor, place: LockPlace, says: Json, *, expected: int, reason: str) -> Locked:
        """Invalid, Stale, SettingEnforced, OutOfPolicy, LockDoesNotFit or SubtreeTooLarge; all below have it, or none.

        `says` has `enforced`, and `value` and `constraint` where there are any.
        """
        return await self._write(actor, place, says, expected, reason)

    async def tried(self, actor: Actor, place: LockPlace, says: Json, *, expected: int, reason: str) -> Locked:
        """What `set` would do, or refuse; nothing is written."""
        try:
            await self._write(actor, place, says, expected, reason, only_asked=True)
        except _OnlyAsked as asked:
            return asked.would
        raise AssertionError("a question ends its transaction")

    async def release(self, actor: Actor, place: LockPlace, *, expected: int, reason: str) -> Locked:
        """What tenants below said themselves counts again."""
        return await self._write(actor, place, None, expected, reason)

    async def get(self, actor: Actor, place: LockPlace) -> StoredLock:
        actor.require(Permission.TENANTS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            top = await seen(tx, place.slug)
            async with tx.within(top.id) as inside:
                lock = await inside.tenant_locks.get(place.environment, place.key)
        if lock is None or lock.lock is None:
            raise Missing(kind_of_thing="lock", key=place.key)
        return lock

    async def page(
        self, actor: Actor, slug: str, environment: Environment, after: str, limit: int
    ) -> list[StoredLock]:  # fmt: skip
        """Those that stand, by key."""
        actor.require(Permission.TENANTS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            top = await seen(tx, slug)
            async with tx.within(top.id) as inside:
                return await inside.tenant_locks.standing(environment, after, limit)

    async def _write(
        self, actor: Actor, place: LockPlace, says: Json, expected: int, reason: str, *, only_asked: bool = False
    ) -> Locked:
        actor.require(Permission.TENANTS_MANAGE)
        reached: list[Tenancy] = []
        hidden: tuple[Hidden, ...] = ()
        async with self._store.transaction(actor.tenant) as tx:
            top = await seen(tx, place.slug)
            async with tx.within(top.id) as inside:
                stored, lock = await _kept(inside, actor, place, (top, says, reason), expected)
            if lock is not None:
                hidden = await _reach(tx, actor, lock, top, reached)
            else:
                reached = await _below(tx, top)
            if only_asked:
                raise _OnlyAsked(Locked(stored, len(reached), hidden))
        if self._snapshots is not None:
            for each in reached:
                await self._snapshots.refresh(each.id, place.environment)
        return Locked(stored, len(reached), hidden)


async def _kept(
    inside: Transaction, actor: Actor, place: LockPlace, wanted: tuple[Tenancy, Json, str], expected: int
) -> tuple[StoredLock, Lock | None]:
    """The next version of the lock, and what is to be done below; nothing where this request did it before."""
    top, says, reason = wanted
    at = await inside.settings.lock(place.environment)  # whoever makes a tenant below waits here, and sees it
    if actor.request and (written := await inside.tenant_locks.asked(actor.request)):
        return written, None
    definition = parsed(await existing_definition(inside, place.key))
    before = await inside.tenant_locks.get(place.environment, place.key)
    version = before.version if before else 0
    if version != expected:
        raise Stale(version=version, expected=expected)
    lock = Lock(place.environment, definition, says, top.slug, len(top.ancestors), reason)
    if says is not None:
        _check_form(lock, definition)
        house = await furnished(inside, place.environment, [place.key], [Scope()], at)
        _check_above(lock, resolve(definition, house.levels(place.key, ()), at))
    elif before is None or before.lock is None:
        raise Missing(kind_of_thing="lock", key=place.key)
    stored = StoredLock(
        place.environment, place.key, version + 1, says, actor.id, inside.now, reason, actor.request
    )  # fmt: skip
    await inside.tenant_locks.put(stored)
    await record(inside, Action.SETTING_UNLOCKED if says is None else Action.SETTING_LOCKED,
                 ("tenant_lock", f"{place.environment.value}/{place.key}"), actor=actor, reason=reason,
                 before=before.lock if before else None, after=says)  # fmt: skip
    return stored, lock


def _check_form(lock: Lock, definition: Definition) -> None:
    says = lock.says
    if "value" not in says and "constraint" not in says:
        raise Invalid([Fault("/value", "expected a value, a constraint, or both")])
    if "constraint" in says:
        try:
            parse_constraint(says["constraint"])
        except Invalid as refusal:
            refusal.faults = tuple(Fault(f"/constraint{each.path}", each.message) for each in refusal.faults)
            raise
    faults = list(lock_faults(lock, definition))
    if faults:
        raise Invalid(faults)


def _check_above(lock: Lock, above: Resolution) -> None:
    """What a tenant further up says holds for this one as well."""
    if lock.wish.state is not EntryState.SET:
        return
    line = above.enforced_by
    if line is not None and line.entry is not None:
        raise SettingEnforced(key=lock.definition.key, by=line.label, since=line.entry.since.isoformat(),
                              actor=str(line.entry.written_by), reason=line.entry.reason)  # fmt: skip
    faults = [] if above.constraint is None else above.constraint.faults(lock.wish.value, "/value")
    if faults:
        raise OutOfPolicy(faults, key=lock.definition.key)


async def _reach(
    tx: Transaction, actor: Actor, lock: Lock, top: Tenancy, reached: list[Tenancy]
) -> tuple[Hidden, ...]:  # fmt: skip
    """Every tenant below, those above first; while one's turn is taken no other can come below it."""
    refused: dict[str, list[str]] = {}
    hidden: list[Hidden] = []
    while fresh := [each for each in await _below(tx, top) if each not in reached]:
        for each in sorted(fresh, key=lambda tenancy: (len(tenancy.ancestors), tenancy.slug)):
            async with tx.within(each.id) as below:
                effect = await bind(below, actor, lock)
            if effect.faults:
                refused[each.slug] = [f"{fault.path}: {fault.message}" for fault in effect.faults]
            hidden += (Hidden(each.slug, scope, how) for scope, how in effect.hidden)
            reached.append(each)
    if refused:
        raise LockDoesNotFit(key=lock.definition.key, tenants=refused)
    return tuple(hidden)


async def _below(tx: Transaction, top: Tenancy) -> list[Tenancy]:
    found: list[Tenancy] = []
    async with tx.within(top.id) as inside:
        after = ""
        while page := await inside.tenants.page(TenantFilter(), after, _PAGE):
            found += [each for each in page if each.id != top.id]
            after = page[-1].slug
            if len(found) > MOST_BELOW:
                raise SubtreeTooLarge(most=MOST_BELOW)
    return found
