"""An actor is a principal who acts in one tenant, with the roles that the database gives at this moment."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.errors import Forbidden
from domain.people.permissions import Permission, Role, permissions_of


class PrincipalKind(StrEnum):
    HUMAN = "human"
    SERVICE = "service"


class PermissionMissing(Forbidden):
    """Your roles in this tenant do not allow this."""

    kind = "permission-missing"


@dataclass(frozen=True)
class Actor:
    """Who acts: `id` is the principal's, `handle` the short name that people see in histories and tables.

    `request` names a request that may be sent again: whatever it asks for is done once. `groups` are those of now.
    """

    tenant: UUID
    id: UUID
    handle: str
    kind: PrincipalKind = PrincipalKind.HUMAN
    roles: frozenset[Role] = frozenset()
    request: UUID | None = None
    groups: frozenset[str] = frozenset()

    @property
    def permissions(self) -> frozenset[Permission]:
        return permissions_of(self.roles)

    def require(self, permission: Permission) -> None:
        if permission not in self.permissions:
            raise PermissionMissing(permission=permission.value)


@dataclass(frozen=True)
class Principal:
    """A person or a service in one tenant, as the tenant's directory knows it."""

    tenant: UUID
    id: UUID
    issuer: str
    subject: str
    handle: str
    kind: PrincipalKind = PrincipalKind.HUMAN
    email: str | None = None
    roles: frozenset[Role] = frozenset()
    groups: frozenset[str] = frozenset()

    @property
    def actor(self) -> Actor:
        return Actor(self.tenant, self.id, self.handle, self.kind, self.roles, groups=self.groups)
