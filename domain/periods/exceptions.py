"""An exception lets a person or a role post where a gate would not, for a while; it is honoured until it ends."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.people import Role
from domain.periods.gate import GateKey
from domain.periods.status import Operation

EXCEPTABLE = frozenset({Operation.TRANSACTION, Operation.ADJUSTMENT})
"""A report needs none, and closing entries are the close's own."""


class Grantee(StrEnum):
    PERSON = "person"
    ROLE = "role"


@dataclass(frozen=True)
class PostingException:
    """From `begins` until just before `ends`. `who` is the id of a person or the name of a role.

    `used` counts the entries that it let in, of `most_entries` where that is not None.
    """

    id: UUID
    key: GateKey
    grantee: Grantee
    who: str
    operations: frozenset[Operation]
    reason: str
    granted_by: UUID
    granted_at: datetime
    begins: datetime
    ends: datetime
    most_entries: int | None = None
    used: int = 0
    revoked_at: datetime | None = None
    revoked_by: UUID | None = None

    def holds(self, operation: Operation, person: UUID, roles: Collection[Role], at: datetime) -> bool:
        return (
            operation in self.operations & EXCEPTABLE
            and self._is_for(person, roles)
            and self.revoked_at is None
            and self.begins <= at < self.ends
            and (self.most_entries is None or self.used < self.most_entries)
        )

    def _is_for(self, person: UUID, roles: Collection[Role]) -> bool:
        if self.grantee is Grantee.PERSON:
            return self.who == str(person)
        return self.who in {role.value for role in roles}
