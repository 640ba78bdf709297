"""Tenants below tenants: made, changed, closed and opened by whoever manages one above them."""

from application.tenancy.founding import Founding
from application.tenancy.locks import Hidden, Locked, LockPlace, TenantLockCases
from application.tenancy.templates import TenantTemplateCases
from application.tenancy.tree import Account, Profile, TenantTree

__all__ = [
    "Account",
    "Founding",
    "Hidden",
    "LockPlace",
    "Locked",
    "Profile",
    "TenantLockCases",
    "TenantTemplateCases",
    "TenantTree",
]
