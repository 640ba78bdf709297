"""Tenants and their people; the first of them are admitted by whoever runs the installation."""

from dataclasses import replace
from uuid import UUID, uuid4, uuid5

from application.acting import done, remember
from application.external.systems import check_systems
from application.policies import SetPolicy, governs, set_policy
from application.ports.installation import Newcomer
from application.ports.records import Tenant
from application.ports.store import Store
from application.recording import record
from application.settings.snapshots import SettingSnapshots
from application.tenancy import TenantLockCases, TenantTemplateCases, TenantTree
from application.tenancy.founding import admit
from domain.audit import Action
from domain.changes import ApprovalRequired, Kind
from domain.environments import Environment
from domain.errors import Missing, Stale
from domain.people import Actor, Permission, Principal, PrincipalKind, Role

_NAMESPACE = UUID("6f6b4f3e-5a0e-4a53-9d3b-0d6e6b3c7a10")


class Tenants:
    def __init__(self, store: Store, snapshots: SettingSnapshots | None = None) -> None:
        self._store = store
        self.locks = TenantLockCases(store, snapshots)
        self.tree = TenantTree(store)
        self.templates = TenantTemplateCases(store)

    async def seen(self, actor: Actor, slug: str) -> Tenant:
        """The actor's own tenant, or an open one below it for whoever manages tenants; Missing."""
        return await self.tree.seen(actor, slug)

    async def admit_tenant(self, slug: str, name: str) -> Tenant:
        """The tenant with this slug, made if it is not there."""
        known = await self._store.tenant(slug)
        if known is not None:
            return known
        tenant = Tenant(uuid5(_NAMESPACE, slug), slug, name)
        await self._store.create_tenant(tenant)
        async with self._store.transaction(tenant.id) as tx:
            await record(tx, Action.TENANT_CREATED, ("tenant", slug), after={"name": name})
        return tenant

    async def admit_principal(
        self, tenant: Tenant, handle: str, roles: frozenset[Role], *, issuer: str,
        kind: PrincipalKind = PrincipalKind.HUMAN, email: str | None = None,
    ) -> Principal:  # fmt: skip
        """The principal with this handle, made if it is not there; the issuer knows it by the handle, too."""
        return await self.admit(tenant, Newcomer(handle, roles, kind, email), issuer)

    async def admit(self, tenant: Tenant, newcomer: Newcomer, issuer: str) -> Principal:
        """The principal with this handle, made if it is not there; `issuer` is for whoever names no other."""
        handle, kind, roles = newcomer.handle, newcomer.kind, newcomer.roles
        async with self._store.transaction(tenant.id) as tx:
            known = await tx.people.principal(handle)
            if known is not None:
                return known
            vouches, subject = newcomer.issuer or issuer, newcomer.subject or handle
            person = Principal(tenant.id, uuid4(), vouches, subject, handle, kind, newcomer.email, roles)
            await tx.people.admit(person)
            await record(tx, Action.PRINCIPAL_ADMITTED, ("principal", person.id),
                         after={"handle": handle, "kind": kind.value, "roles": _names(roles),
                                "issuer": vouches, "subject": subject})  # fmt: skip
            return person

    async def welcome(self, actor: Actor, newcomer: Newcomer, reason: str) -> Principal:
        """A person or a service comes in with roles, as their tokens name them; PersonKnown or QuotaExceeded."""
        actor.require(Permission.PEOPLE_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await admit(tx, actor, newcomer, reason)

    async def set_roles(self, actor: Actor, handle: str, roles: frozenset[Role], reason: str) -> Principal:
        """Effective at the next request, and for votes already given at the next preflight."""
        actor.require(Permission.PEOPLE_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            person = await tx.people.principal(handle)
            if person is None:
                raise Missing(kind_of_thing="principal", handle=handle)
            if person.roles == roles:
                return person
            await tx.people.set_roles(person.id, roles)
            await record(tx, Action.ROLES_CHANGED, ("principal", person.id), actor=actor, reason=reason,
                         before={"roles": _names(person.roles)}, after={"roles": _names(roles)})  # fmt: skip
            changed = await tx.people.principal(handle)
            return changed or person

    async def people(self, actor: Actor) -> list[Principal]:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.people.all()

    async def policy(self, actor: Actor, environment: Environment, kind: Kind = Kind.FLAG) -> SetPolicy:
        actor.require(Permission.CHANGE_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await set_policy(tx, environment, kind)

    async def set_policy(self, actor: Actor, wish: SetPolicy, reason: str) -> SetPolicy:
        """Over `wish.version`; raises Stale, or ApprovalRequired where the policy governs itself.

        Holds for what is submitted from now on: open requests keep theirs.
        """
        actor.require(Permission.POLICY_MANAGE)
        environment, kind, wanted = wish.environment, wish.kind, wish.policy.to_json()
        async with self._store.transaction(actor.tenant) as tx:
            before = await set_policy(tx, environment, kind)
            if await done(tx, actor):
                return before
            if before.version != wish.version:
                raise Stale(version=before.version, expected=wish.version)
            if governs(before):
                raise ApprovalRequired(environment=environment.value, kind=kind.value)
            if before.policy.to_json() == wanted:
                return before
            await check_systems(tx, wish.policy)
            version = await tx.policies.put(environment, kind, wish.policy, expected=wish.version)
            await remember(tx, actor, "set-policy")
            await record(tx, Action.POLICY_CHANGED, ("policy", f"{environment.value}/{kind.value}"), actor=actor,
                         reason=reason, before=before.policy.to_json(), after=wanted)  # fmt: skip
            return replace(wish, version=version)


def _names(roles: frozenset[Role]) -> list[str]:
    return sorted(role.value for role in roles)
