"""Exceptions to gates, on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.books import ScopeCode
from api.schemas.common import Handle, In, Instant, Out, Reason
from application.periods.exceptions import ExceptionView, ExceptionWish
from application.ports.periods import ExceptionUse
from domain.people import Role
from domain.periods import Grantee, Operation

MOST_ENTRIES = 1_000_000


class ExceptionIn(In):
    """For a `person` or for a `role`, until just before `ends`, and for so many entries at most."""

    scope: ScopeCode
    person: Handle | None = None
    role: Role | None = None
    operations: Annotated[frozenset[Operation], Field(min_length=1)] = Field(examples=[["adjustment"]])
    begins: Instant | None = None
    ends: Instant
    most_entries: Annotated[int, Field(strict=True, ge=1, le=MOST_ENTRIES)] | None = None
    reason: Reason

    def wish(self) -> ExceptionWish:
        return ExceptionWish(
            self.scope, self.operations, self.ends, self.reason, self.person, self.role, self.begins,
            self.most_entries,
        )  # fmt: skip


class ExceptionOut(Out):
    """`holds`: it lets in now. `used` counts the entries that it let in."""

    id: UUID
    entity: str
    period: str
    scope: str
    person: str | None
    role: str | None
    operations: list[Operation]
    begins: datetime
    ends: datetime
    most_entries: int | None
    used: int
    holds: bool
    granted_by: UUID
    granted_at: datetime
    revoked_at: datetime | None
    revoked_by: UUID | None
    reason: str

    @classmethod
    def of(cls, view: ExceptionView) -> "ExceptionOut":
        found = view.exception
        return cls(
            id=found.id, entity=found.key.entity, period=view.period.code, scope=found.key.scope, person=view.handle,
            role=found.who if found.grantee is Grantee.ROLE else None, operations=sorted(found.operations),
            begins=found.begins, ends=found.ends, most_entries=found.most_entries, used=found.used, holds=view.holds,
            granted_by=found.granted_by, granted_at=found.granted_at, revoked_at=found.revoked_at,
            revoked_by=found.revoked_by, reason=found.reason,
        )  # fmt: skip


class ExceptionPage(Out):
    items: list[ExceptionOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[ExceptionView], str | None]) -> "ExceptionPage":
        return cls(items=[ExceptionOut.of(each) for each in page[0]], next_cursor=page[1])


class UseOut(Out):
    """An entry that it let in; `epoch` is that of the gate."""

    used_at: datetime
    actor: UUID
    operation: Operation
    epoch: int


class ExceptionDetailOut(Out):
    exception: ExceptionOut
    uses: list[UseOut]

    @classmethod
    def of(cls, found: tuple[ExceptionView, list[ExceptionUse]]) -> "ExceptionDetailOut":
        uses = [UseOut(used_at=use.used_at, actor=use.actor, operation=use.operation, epoch=use.epoch)
                for use in found[1]]  # fmt: skip
        return cls(exception=ExceptionOut.of(found[0]), uses=uses)
