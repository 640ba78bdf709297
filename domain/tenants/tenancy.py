"""A tenant is active, suspended or deleted; a deleted one comes back for 30 days as it was."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from domain.errors import Fault, Invalid
from domain.tenants.quotas import Quota, Tier, limits_of
from domain.tenants.refusals import LifecycleConflict, RecoveryOver

KEPT = timedelta(days=30)
"""How long a deleted tenant can come back."""
MOST_ABOVE = 8
MOST_LABELS, MOST_NAME, MOST_LIMIT = 20, 200, 10**12
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{1,48}[a-z0-9]")
_LABEL = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
_LABELLED = 200


class Status(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


@dataclass(frozen=True)
class Tenancy:
    """`ancestors` come from broad to narrow, the parent last, and never change; `parent` is its slug.

    `quotas` are the tenant's own numbers, in the place of its tier's.
    """

    id: UUID
    slug: str
    name: str
    created_at: datetime
    tier: Tier = Tier.ENTERPRISE
    quotas: Mapping[Quota, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    ancestors: tuple[UUID, ...] = ()
    suspended_at: datetime | None = None
    deleted_at: datetime | None = None
    version: int = 1

    @property
    def status(self) -> Status:
        """Its own; one above it that is suspended or deleted closes it as well."""
        if self.deleted_at is not None:
            return Status.DELETED
        return Status.ACTIVE if self.suspended_at is None else Status.SUSPENDED

    @property
    def limits(self) -> dict[Quota, int]:
        return limits_of(self.tier, self.quotas)

    def suspended(self, at: datetime) -> "Tenancy":
        self._expect(Status.ACTIVE)
        return self._next(suspended_at=at)

    def resumed(self) -> "Tenancy":
        self._expect(Status.SUSPENDED)
        return self._next(suspended_at=None)

    def deleted(self, at: datetime) -> "Tenancy":
        self._expect(Status.ACTIVE, Status.SUSPENDED)
        return self._next(deleted_at=at)

    def recovered(self, at: datetime) -> "Tenancy":
        """As it was: who was suspended is suspended again."""
        self._expect(Status.DELETED)
        if self.deleted_at is not None and at >= self.deleted_at + KEPT:
            raise RecoveryOver(tenant=self.slug, deleted_at=self.deleted_at.isoformat())
        return self._next(deleted_at=None)

    def changed(
        self, name: str, tier: Tier, quotas: Mapping[Quota, int], labels: Mapping[str, str]
    ) -> "Tenancy":  # fmt: skip
        self._expect(Status.ACTIVE, Status.SUSPENDED)
        return self._next(name=name, tier=tier, quotas=dict(quotas), labels=dict(labels))

    def told(self) -> dict[str, object]:
        """What a person with the trail must know of it."""
        return {
            "name": self.name,
            "tier": self.tier.value,
            "quotas": {quota.value: most for quota, most in sorted(self.quotas.items())},
            "labels": dict(sorted(self.labels.items())),
            "status": self.status.value,
            "version": self.version,
        }

    def _expect(self, *statuses: Status) -> None:
        if self.status not in statuses:
            raise LifecycleConflict(tenant=self.slug, tenant_status=self.status.value)

    def _next(self, **fields: object) -> "Tenancy":
        return replace(self, version=self.version + 1, **fields)  # type: ignore[arg-type]  # by the callers above


def check_slug(slug: str) -> None:
    if SLUG.fullmatch(slug) is None:
        raise Invalid([Fault("/id", "3 to 50 characters: small letters, digits, and hyphens between them")])


def check_profile(name: str, quotas: Mapping[Quota, int], labels: Mapping[str, str]) -> None:
    """Invalid with every fault."""
    faults = list(_faults(name, quotas, labels))
    if faults:
        raise Invalid(faults)


def _faults(name: str, quotas: Mapping[Quota, int], labels: Mapping[str, str]) -> Iterator[Fault]:
    if not 1 <= len(name.strip()) <= MOST_NAME:
        yield Fault("/name", f"1 to {MOST_NAME} characters")
    for quota, most in quotas.items():
        if not 0 <= most <= MOST_LIMIT:
            yield Fault(f"/quotas/{quota.value}", f"a whole number from 0 to {MOST_LIMIT}")
    if len(labels) > MOST_LABELS:
        yield Fault("/labels", f"at most {MOST_LABELS}")
    for label, text in labels.items():
        if _LABEL.fullmatch(label) is None or not 1 <= len(text) <= _LABELLED:
            yield Fault("/labels", f"names like {_LABEL.pattern}, each with 1 to {_LABELLED} characters")
