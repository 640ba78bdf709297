"""Who manages a tenant manages those below it; what stands above or beside it does not exist for them."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from uuid import UUID

from application.ports.records import AuditFilter, AuditRow, Tenant
from application.ports.store import Place, Store, Transaction
from application.ports.tenants import TenantFilter
from application.recording import record
from application.tenancy.founding import Founding, found
from domain.audit import Action
from domain.errors import Missing, Stale
from domain.people import Actor, Permission
from domain.tenants import (
    Quota,
    Status,
    Tenancy,
    TenantNotBelow,
    Tier,
    check_profile,
    check_within,
)


@dataclass(frozen=True)
class Profile:
    """What may be changed of a tenant."""

    name: str
    tier: Tier
    quotas: Mapping[Quota, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Account:
    """A tenant with what it uses; `standing` counts what is above it, too."""

    tenancy: Tenancy
    used: Mapping[Quota, int]
    standing: Status


Move = Callable[[Tenancy, datetime], Tenancy]


class TenantTree:
    """Each raises PermissionMissing, or Missing for a tenant that is neither the actor's own nor below it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, actor: Actor, founding: Founding) -> Tenancy:
        """With its first administrator and what its template says; Invalid, TenantNameTaken or QuotaExceeded."""
        actor.require(Permission.TENANTS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await found(tx, actor, founding)

    async def get(self, actor: Actor, slug: str) -> Account:
        actor.require(Permission.TENANTS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            tenancy = await seen(tx, slug)
            async with tx.within(tenancy.id) as inside:
                return Account(tenancy, await inside.tenants.used(), await inside.tenants.standing())

    async def page(self, actor: Actor, narrow: TenantFilter, after: str, limit: int) -> list[Tenancy]:
        actor.require(Permission.TENANTS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.tenants.page(narrow, after, limit)

    async def change(self, actor: Actor, slug: str, profile: Profile, *, expected: int, reason: str) -> Tenancy:
        """Invalid, Stale, LifecycleConflict for one that is deleted, TenantNotBelow for the actor's own."""
        actor.require(Permission.TENANTS_MANAGE)
        check_profile(profile.name, profile.quotas, profile.labels)
        async with self._store.transaction(actor.tenant) as tx:
            parent = await _parent_of(tx, await _below(tx, slug))
            check_within(parent.limits, profile.tier, profile.quotas)
            move: Move = lambda before, _at: before.changed(  # noqa: E731 -- one of several moves, each in one line
                profile.name, profile.tier, profile.quotas, profile.labels
            )
            return await _moved(tx, actor, slug, move, Written(Action.TENANT_CHANGED, reason, expected))

    async def suspend(self, actor: Actor, slug: str, reason: str) -> Tenancy:
        """Its people, and those of every tenant below it, can change nothing from their next request on."""
        return await self._move(actor, slug, Tenancy.suspended, Written(Action.TENANT_SUSPENDED, reason))

    async def resume(self, actor: Actor, slug: str, reason: str) -> Tenancy:
        return await self._move(
            actor, slug, lambda before, _at: before.resumed(), Written(Action.TENANT_RESUMED, reason)
        )  # fmt: skip

    async def delete(self, actor: Actor, slug: str, *, expected: int, reason: str) -> Tenancy:
        """Nobody enters it, or a tenant below it, from the next request on; nothing in it is lost."""
        return await self._move(actor, slug, Tenancy.deleted, Written(Action.TENANT_DELETED, reason, expected))

    async def recover(self, actor: Actor, slug: str, reason: str) -> Tenancy:
        """As it was; RecoveryOver after 30 days."""
        return await self._move(actor, slug, Tenancy.recovered, Written(Action.TENANT_RECOVERED, reason))

    async def trail(
        self, actor: Actor, slug: str, wanted: AuditFilter, after: Place | None, limit: int
    ) -> list[AuditRow]:
        """The trail of a tenant, open or closed, newest first; the reading is an event in it and in the actor's own."""
        actor.require(Permission.AUDIT_READ)
        async with self._store.transaction(actor.tenant) as tx:
            tenancy = await seen(tx, slug)
            asked = {name: str(value) for name, value in asdict(wanted).items() if value is not None}
            async with tx.within(tenancy.id) as inside:
                rows = await inside.audit.page(wanted, after, limit)
                await record(inside, Action.AUDIT_READ, ("audit", "trail"), actor=actor, after=asked)
            if tenancy.id != actor.tenant:
                await record(tx, Action.AUDIT_READ, ("audit", slug), actor=actor, after=asked)
            return rows

    async def seen(self, actor: Actor, slug: str) -> Tenant:
        """The actor's own tenant, or an open one below it for whoever manages tenants; Missing."""
        async with self._store.transaction(actor.tenant) as tx:
            tenancy = await seen(tx, slug)
            if tenancy.id != actor.tenant and Permission.TENANTS_MANAGE not in actor.permissions:
                raise Missing(kind_of_thing="tenant", id=slug)
            async with tx.within(tenancy.id) as inside:
                if await inside.tenants.standing() is Status.DELETED:
                    raise Missing(kind_of_thing="tenant", id=slug)
        return Tenant(tenancy.id, tenancy.slug, tenancy.name)

    async def _move(self, actor: Actor, slug: str, move: Move, written: "Written") -> Tenancy:
        actor.require(Permission.TENANTS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await _moved(tx, actor, slug, move, written)


@dataclass(frozen=True)
class Written:
    """As what a move stands in the trail, and over which version it goes, where one was named."""

    action: Action
    reason: str
    expected: int | None = None


async def seen(tx: Transaction, slug: str) -> Tenancy:
    found_one = await tx.tenants.find(slug)
    if found_one is None:
        raise Missing(kind_of_thing="tenant", id=slug)
    return found_one


async def _below(tx: Transaction, slug: str) -> Tenancy:
    tenancy = await seen(tx, slug)
    if tenancy.id == tx.tenant:
        raise TenantNotBelow(tenant=slug)
    return tenancy


async def _parent_of(tx: Transaction, tenancy: Tenancy) -> Tenancy:
    async with tx.within(tenancy.ancestors[-1]) as above:
        return await above.tenants.own()


async def _moved(tx: Transaction, actor: Actor, slug: str, move: Move, written: Written) -> Tenancy:
    """The tenant after the move, which both trails tell; what the same request did before is done once."""
    target = await _below(tx, slug)
    async with _locked(tx, actor, target.id) as (inside, before):
        if inside is not None:
            if written.expected not in (None, before.version):
                raise Stale(version=before.version, expected=written.expected)
            after = move(before, tx.now)
            await inside.tenants.save(after, actor.request)
            await _told(inside, actor, slug, written, before, after)
    if inside is not None:
        await _told(tx, actor, slug, written, before, after)
    return await seen(tx, slug)


@asynccontextmanager
async def _locked(tx: Transaction, actor: Actor, target: UUID) -> AsyncIterator[tuple[Transaction | None, Tenancy]]:
    """The tenant, locked, and the transaction bound to it; none where this request was carried out before."""
    async with tx.within(target) as inside:
        before = await inside.tenants.own(lock=True)
        again = actor.request is not None and await inside.tenants.asked(actor.request)
        yield None if again else inside, before


async def _told(
    tx: Transaction, actor: Actor, slug: str, written: Written, before: Tenancy, after: Tenancy
) -> None:  # fmt: skip
    await record(tx, written.action, ("tenant", slug), actor=actor, reason=written.reason,
                 before=before.told(), after=after.told())  # fmt: skip
