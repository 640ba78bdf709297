"""People, their roles and approval policies on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.common import Handle, In, Mail, Object, Out, Reason
from application.policies import SetPolicy
from application.ports.installation import Newcomer
from domain.changes import Kind
from domain.environments import Environment
from domain.people import Actor, Permission, Principal, PrincipalKind, Role


class RolesIn(In):
    roles: Annotated[list[Role], Field(max_length=len(Role))]
    reason: Reason


class NewcomerIn(In):
    """As their tokens name them; a service never votes."""

    handle: Handle
    issuer: Annotated[str, Field(min_length=1, max_length=500, examples=["https://id.example.com"])]
    subject: Annotated[str, Field(min_length=1, max_length=500)]
    roles: Annotated[list[Role], Field(max_length=len(Role))]
    reason: Reason
    kind: PrincipalKind = PrincipalKind.HUMAN
    email: Mail | None = None

    def newcomer(self) -> Newcomer:
        return Newcomer(self.handle, frozenset(self.roles), self.kind, self.email, self.issuer, self.subject)


class PolicyIn(In):
    policy: Object
    reason: Reason


class PersonOut(Out):
    id: UUID
    handle: str
    kind: PrincipalKind
    roles: list[Role]

    @classmethod
    def of(cls, person: Principal) -> "PersonOut":
        return cls(id=person.id, handle=person.handle, kind=person.kind, roles=sorted(person.roles))


class PeopleOut(Out):
    items: list[PersonOut]

    @classmethod
    def of(cls, people: list[Principal]) -> "PeopleOut":
        return cls(items=[PersonOut.of(person) for person in people])


class MeOut(Out):
    tenant: UUID
    id: UUID
    handle: str
    kind: PrincipalKind
    roles: list[Role]
    permissions: list[Permission]

    @classmethod
    def of(cls, actor: Actor) -> "MeOut":
        return cls(
            tenant=actor.tenant, id=actor.id, handle=actor.handle, kind=actor.kind, roles=sorted(actor.roles),
            permissions=sorted(actor.permissions),
        )  # fmt: skip


class PolicyOut(Out):
    """`version` is 0 where the default holds."""

    environment: Environment
    kind: Kind
    policy: Object
    version: int

    @classmethod
    def of(cls, found: SetPolicy) -> "PolicyOut":
        return cls(
            environment=found.environment, kind=found.kind, policy=found.policy.to_json(), version=found.version
        )  # fmt: skip
