"""The tree of tenants in memory, and the copies that one transaction works on, of every tenant that it touches."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from adapters.memory.rows import Catalogue, Rows
from application.ports.tenants import TenantFilter
from domain.errors import Missing
from domain.flags import WHOLE
from domain.tenants import Quota, QuotaExceeded, Status, Tenancy, TenantNameTaken


@dataclass
class Stage:
    """`tenancies` and `rows` are copies; `before` is what is committed."""

    tenancies: dict[UUID, Tenancy]
    before: Mapping[UUID, Rows]
    rows: dict[UUID, Rows] = field(default_factory=dict)
    catalogue: Catalogue = field(default_factory=Catalogue)

    def rows_of(self, tenant: UUID) -> Rows:
        if tenant not in self.rows:
            self.rows[tenant] = self.before.get(tenant, Rows()).copied()
        return self.rows[tenant]

    def everybodys(self) -> list[Rows]:
        """Of every tenant, as they stand in this transaction."""
        return list({**self.before, **self.rows}.values())

    def changed(self) -> dict[UUID, Rows]:
        """What is to be committed; raises QuotaExceeded, or LookupError for rows of no tenant."""
        for tenant, rows in self.rows.items():
            if tenant not in self.tenancies and rows != self.before.get(tenant, Rows()):
                raise LookupError(f"there is no tenant {tenant}")
        for tenant, tenancy in self.tenancies.items():
            if tenant in self.rows:
                self._check(tenancy, self.rows[tenant])
        return {tenant: rows for tenant, rows in self.rows.items() if tenant in self.tenancies}

    def used(self, tenant: UUID) -> dict[Quota, int]:
        return _used(self.rows_of(tenant))

    def below(self, home: UUID, tenant: UUID) -> bool:
        """Whether a tenant is this one, or below it."""
        found = self.tenancies.get(tenant)
        return found is not None and home in (found.id, *found.ancestors)

    def standing(self, tenant: UUID) -> Status:
        own = self.tenancies[tenant]
        line = {self.tenancies[each].status for each in (*own.ancestors, tenant)}
        return next((status for status in (Status.DELETED, Status.SUSPENDED) if status in line), Status.ACTIVE)

    def closed(self, tenant: UUID) -> bool:
        return tenant in self.tenancies and self.standing(tenant) is not Status.ACTIVE

    def _check(self, tenancy: Tenancy, rows: Rows) -> None:
        before = _used(self.before.get(tenancy.id, Rows()))
        for quota, used in _used(rows).items():
            most = tenancy.limits.get(quota)
            if most is not None and used > most and used > before[quota]:
                raise QuotaExceeded(quota=quota.value, limit=most, used=before[quota])


def _used(rows: Rows) -> dict[Quota, int]:
    return {
        Quota.FLAGS: sum(key not in WHOLE for _, key in rows.flags),
        Quota.SETTING_DEFINITIONS: len(rows.setting_definitions),
        Quota.SETTING_VALUES: len({place[:3] for place in rows.entries}),
        Quota.PEOPLE: len(rows.principals),
        Quota.TENANTS: rows.children,
        Quota.TEMPLATES: len({name for name, _ in rows.templates}),
    }


class MemoryTenancies:
    def __init__(self, stage: Stage, home: UUID) -> None:
        self._stage = stage
        self._home = home

    async def own(self, *, lock: bool = False) -> Tenancy:
        del lock
        return self._shown(self._stage.tenancies[self._home])

    async def find(self, slug: str) -> Tenancy | None:
        return next((each for each in self._seen() if each.slug == slug), None)

    async def page(self, narrow: TenantFilter, after: str, limit: int) -> list[Tenancy]:
        found = [
            each
            for each in self._seen()
            if each.slug > after and narrow.status in (None, each.status) and narrow.tier in (None, each.tier)
        ]
        return sorted(found, key=lambda each: each.slug)[:limit]

    async def found(self, tenancy: Tenancy) -> None:
        if any(each.slug == tenancy.slug for each in self._stage.tenancies.values()):
            raise TenantNameTaken
        self._stage.tenancies[tenancy.id] = tenancy
        self._stage.rows_of(tenancy.id).tenant_requests.add(tenancy.id)
        self._stage.rows_of(tenancy.ancestors[-1]).children += 1

    async def save(self, tenancy: Tenancy, request: UUID | None) -> None:
        self._stage.tenancies[self._home] = replace(tenancy, parent=self._stage.tenancies[self._home].parent)
        if request is not None:
            self._stage.rows_of(self._home).tenant_requests.add(request)

    async def asked(self, request: UUID) -> bool:
        return request in self._stage.rows_of(self._home).tenant_requests

    async def used(self) -> Mapping[Quota, int]:
        return self._stage.used(self._home)

    async def standing(self) -> Status:
        return self._stage.standing(self._home) if self._home in self._stage.tenancies else Status.DELETED

    def sees(self, tenant: UUID) -> None:
        """Missing unless it is this one or below."""
        if tenant not in {each.id for each in self._seen()}:
            raise Missing(kind_of_thing="tenant")

    def _seen(self) -> list[Tenancy]:
        every = self._stage.tenancies.values()
        return [self._shown(each) for each in every if self._home in (each.id, *each.ancestors)]

    def _shown(self, tenancy: Tenancy) -> Tenancy:
        return replace(tenancy, parent=None) if tenancy.id == self._home else tenancy
