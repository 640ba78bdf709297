"""Who may do what, in one table."""

from domain.people.actors import Actor, PermissionMissing, Principal, PrincipalKind
from domain.people.permissions import GRANTS, Permission, Role, permissions_of

__all__ = [
    "GRANTS",
    "Actor",
    "Permission",
    "PermissionMissing",
    "Principal",
    "PrincipalKind",
    "Role",
    "permissions_of",
]
