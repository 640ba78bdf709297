"""Tenants stand in trees: what each may have, and who above it may open and close it."""

from domain.tenants.quotas import DEFAULTS, Quota, QuotaExceeded, Tier, check_within, limits_of
from domain.tenants.refusals import (
    LifecycleConflict,
    LockDoesNotFit,
    RecoveryOver,
    SubtreeTooLarge,
    TenantNameTaken,
    TenantNotBelow,
    TenantSuspended,
    TreeTooDeep,
)
from domain.tenants.tenancy import KEPT, MOST_ABOVE, Status, Tenancy, check_profile, check_slug

__all__ = [
    "DEFAULTS",
    "KEPT",
    "MOST_ABOVE",
    "LifecycleConflict",
    "LockDoesNotFit",
    "Quota",
    "QuotaExceeded",
    "RecoveryOver",
    "Status",
    "SubtreeTooLarge",
    "Tenancy",
    "TenantNameTaken",
    "TenantNotBelow",
    "TenantSuspended",
    "Tier",
    "TreeTooDeep",
    "check_profile",
    "check_slug",
    "check_within",
    "limits_of",
]
