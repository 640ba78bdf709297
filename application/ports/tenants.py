"""Tenants as they are stored: from where a transaction is bound, itself and everything below can be seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.canonical import Json
from domain.environments import Environment
from domain.tenants import Quota, Status, Tenancy, Tier


@dataclass(frozen=True)
class TenantFilter:
    """Every field narrows; None does not. The status is a tenant's own."""

    status: Status | None = None
    tier: Tier | None = None


@dataclass(frozen=True)
class StoredTemplate:
    """One version of a template; `content` is as it was parsed and checked."""

    name: str
    version: int
    content: Json
    written_by: UUID | None
    written_at: datetime
    reason: str
    request: UUID | None = None


class Tenancies(Protocol):
    """The tree from one tenant downwards; what stands above or beside it does not exist here."""

    async def own(self, *, lock: bool = False) -> Tenancy: ...
    async def find(self, slug: str) -> Tenancy | None: ...
    async def page(self, narrow: TenantFilter, after: str, limit: int) -> list[Tenancy]:
        """By slug, the tenant itself among them."""
        ...

    async def found(self, tenancy: Tenancy) -> None:
        """A tenant below one that is seen from here, with room for flags and settings in every environment.

        TenantNameTaken when any tenant anywhere has the slug.
        """
        ...

    async def save(self, tenancy: Tenancy, request: UUID | None) -> None:
        """The next version of the tenant that the transaction is bound to."""
        ...

    async def asked(self, request: UUID) -> bool:
        """Whether this request wrote a version of the tenant that the transaction is bound to."""
        ...

    async def used(self) -> Mapping[Quota, int]:
        """How many there are, of each thing that is counted."""
        ...

    async def standing(self) -> Status:
        """With everything above it: one that is closed closes what is below."""
        ...


@dataclass(frozen=True)
class StoredLock:
    """One version of what a tenant says of a key for all below it; `lock` None was let go.

    Otherwise `lock` has `enforced`, and `value` and `constraint` where there are any.
    """

    environment: Environment
    key: str
    version: int
    lock: Json
    written_by: UUID | None
    written_at: datetime
    reason: str
    request: UUID | None = None


class TenantLocks(Protocol):
    """What one tenant says for all below it, every version; what that does to them stands there, as entries."""

    async def get(self, environment: Environment, key: str) -> StoredLock | None: ...
    async def standing(self, environment: Environment, after: str, limit: int) -> list[StoredLock]:
        """By key, without those that were let go."""
        ...

    async def put(self, lock: StoredLock) -> None:
        """AlreadyExists when somebody else wrote this version."""
        ...

    async def asked(self, request: UUID) -> StoredLock | None: ...


class TenantTemplates(Protocol):
    """Templates of one tenant and every version that they ever had."""

    async def get(self, name: str, version: int | None = None) -> StoredTemplate | None: ...
    async def page(self, after: str, limit: int) -> list[StoredTemplate]:
        """The newest version of each, by name."""
        ...

    async def versions(self, name: str, before: int, limit: int) -> list[StoredTemplate]: ...
    async def put(self, template: StoredTemplate) -> None:
        """AlreadyExists when somebody else wrote this version."""
        ...

    async def asked(self, request: UUID) -> StoredTemplate | None: ...
