"""Two environments, or two tenants, beside each other: where their configs differ, by JSON Pointer."""

from dataclasses import dataclass
from heapq import merge
from uuid import UUID

from application.configs.choosing import Catalogue, Choice
from application.configs.promoting import said
from application.configs.shelf import Shelf, shelf_of
from application.ports.store import Store
from application.settings.versions import entries_compared
from application.tenancy import TenantTree
from domain.canonical import Json
from domain.environments import Environment
from domain.people import Actor, Permission
from domain.settings import Op


@dataclass(frozen=True)
class Pair:
    """`right_tenant` is the slug of another tenant, None the actor's own."""

    left: Environment
    right: Environment
    choice: Choice
    right_tenant: str | None = None


@dataclass(frozen=True)
class Beside:
    """`op` is what makes the right out of the left; a version is None where nothing is said."""

    key: str
    op: Op
    changes: list[Json]
    left_version: int | None
    right_version: int | None


class Comparisons:
    def __init__(self, store: Store, catalogue: Catalogue, tree: TenantTree) -> None:
        self._store = store
        self._tree = tree
        self._catalogue = catalogue

    async def page(self, actor: Actor, pair: Pair, after: str, limit: int) -> tuple[list[Beside], str | None]:
        """What differs among the next `limit` keys that either side has, and the last of them if there may be more.

        Raises PermissionMissing, or Missing where the other tenant is not for the actor to see.
        """
        actor.require(Permission.SETTINGS_READ)
        other = await self._tenant(actor, pair.right_tenant)
        left_keys = await self._catalogue.page(actor.tenant, pair.left, pair.choice, after, limit)
        right_keys = await self._catalogue.page(other, pair.right, pair.choice, after, limit)
        keys = list(dict.fromkeys(merge(left_keys, right_keys)))[:limit]
        left = await self._shelf(actor.tenant, pair.left, keys)
        right = await self._shelf(other, pair.right, keys)
        found = [beside for beside in (_beside(key, left, right) for key in keys) if beside is not None]
        return found, keys[-1] if len(keys) == limit else None

    async def _shelf(self, tenant: UUID, environment: Environment, keys: list[str]) -> Shelf:
        async with self._store.transaction(tenant) as tx:
            return await shelf_of(tx, environment, keys)

    async def _tenant(self, actor: Actor, slug: str | None) -> UUID:
        """The actor's own, another to which the same person belongs and where they may read, or one below it."""
        if slug is None:
            return actor.tenant
        there = await self._in(actor, slug)
        if there is None:
            return (await self._tree.seen(actor, slug)).id
        there.require(Permission.SETTINGS_READ)
        return there.tenant

    async def _in(self, actor: Actor, slug: str) -> Actor | None:
        """The same person in another tenant."""
        async with self._store.transaction(actor.tenant) as tx:
            people = await tx.people.by_ids([actor.id])
        places = await self._store.memberships(people[0].issuer, people[0].subject) if people else []
        for tenant, principal in places:
            if tenant.slug == slug:
                async with self._store.transaction(tenant.id) as tx:
                    return await tx.people.actor(principal)
        return None


def _beside(key: str, left: Shelf, right: Shelf) -> Beside | None:
    before, after = said(left.entry(key)), said(right.entry(key))
    changes = entries_compared(before, after)
    if not changes:
        return None
    op = Op.ADDED if before is None else Op.REMOVED if after is None else Op.CHANGED
    return Beside(key, op, changes, before.version if before else None, after.version if after else None)
