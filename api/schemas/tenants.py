"""Tenants on the wire: the id is the slug that the Changegate-Tenant header names."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from api.schemas.common import LARGEST, Handle, In, Mail, Out, Reason
from application.ports.installation import Newcomer
from application.tenancy import Account, Founding, Profile
from domain.people import Role
from domain.tenants import Quota, Status, Tenancy, Tier

SLUG = r"^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$"
Slug = Annotated[str, Field(pattern=SLUG, examples=["acme-eu"])]
Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Acme Europe"])]
Most = Annotated[int, Field(strict=True, ge=0, le=10**12)]
Quotas = Annotated[dict[Quota, Most], Field(description="Numbers in the place of those of the tier.")]
Labels = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,62}$")], Annotated[str, Field(min_length=1, max_length=200)]
    ],
    Field(max_length=20, examples=[{"region": "eu"}]),
]
TEMPLATE = r"^[a-z0-9][a-z0-9_.-]{0,62}$"
TemplateName = Annotated[str, Field(pattern=TEMPLATE, examples=["subsidiary"])]


class AdminIn(In):
    """The first administrator, as their tokens name them."""

    handle: Handle
    issuer: Annotated[str, Field(min_length=1, max_length=500, examples=["https://id.example.com"])]
    subject: Annotated[str, Field(min_length=1, max_length=500)]
    email: Mail | None = None


class TenantIn(In):
    """`parent` is the id of a tenant below the caller's own; without it the caller's own is the parent."""

    id: Slug
    name: Name
    tier: Tier
    admin: AdminIn
    reason: Reason
    quotas: Quotas = Field(default_factory=dict)
    labels: Labels = Field(default_factory=dict)
    parent: Slug | None = None
    template: TemplateName | None = None

    def founding(self) -> Founding:
        who = self.admin
        admin = Newcomer(
            who.handle, frozenset({Role.ADMIN}), email=who.email, issuer=who.issuer, subject=who.subject
        )  # fmt: skip
        return Founding(
            self.id, self.name, self.tier, admin, self.reason, self.quotas, self.labels, self.parent, self.template
        )


class ProfileIn(In):
    """All of it: what is left out is empty."""

    name: Name
    tier: Tier
    reason: Reason
    quotas: Quotas = Field(default_factory=dict)
    labels: Labels = Field(default_factory=dict)

    def profile(self) -> Profile:
        return Profile(self.name, self.tier, self.quotas, self.labels)


class TenantOut(Out):
    """`parent` is null for the caller's own tenant; `status` is the tenant's own."""

    id: str
    name: str
    tier: Tier
    quotas: dict[Quota, int]
    labels: dict[str, str]
    status: Status
    parent: str | None
    created_at: datetime
    suspended_at: datetime | None
    deleted_at: datetime | None
    version: Annotated[int, Field(ge=1, le=LARGEST)]

    @classmethod
    def of(cls, tenancy: Tenancy) -> "TenantOut":
        return cls(**_told(tenancy))


class UseOut(Out):
    """`limit` null: as many as you like."""

    limit: int | None
    used: int


class AccountOut(TenantOut):
    """`standing` counts what is above it: a tenant below one that is suspended is suspended, too."""

    standing: Status
    usage: dict[Quota, UseOut]

    @classmethod
    def of_account(cls, account: Account) -> "AccountOut":
        limits = account.tenancy.limits
        usage = {quota: UseOut(limit=limits.get(quota), used=account.used.get(quota, 0)) for quota in Quota}
        return cls(**_told(account.tenancy), standing=account.standing, usage=usage)


class TenantPage(Out):
    items: list[TenantOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Tenancy], str | None]) -> "TenantPage":
        return cls(items=[TenantOut.of(each) for each in page[0]], next_cursor=page[1])


def _told(tenancy: Tenancy) -> dict[str, Any]:
    return {
        "id": tenancy.slug,
        "name": tenancy.name,
        "tier": tenancy.tier,
        "quotas": dict(tenancy.quotas),
        "labels": dict(tenancy.labels),
        "status": tenancy.status,
        "parent": tenancy.parent,
        "created_at": tenancy.created_at,
        "suspended_at": tenancy.suspended_at,
        "deleted_at": tenancy.deleted_at,
        "version": tenancy.version,
    }
