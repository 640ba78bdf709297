"""What commands depend on, on the wire."""

from datetime import datetime
from uuid import UUID

from api.schemas.common import In, Out
from api.schemas.parked_commands import Why
from application.commands.resting import Dependency
from domain.commands.breakers import BreakerAct, BreakerOperation, BreakerState
from domain.commands.limits import LimitScope


class BreakerActIn(In):
    """`operation_id` is the asker's own: asked again under it, the act is done once and answered as before."""

    operation_id: UUID
    reason: Why


class BreakerOut(Out):
    """While it is not closed, commands of these types wait as they are: none is tried and none is parked.

    `until` is when one of them is to see whether it answers, or by when that one is to be heard of; a person who opened
    it, `opened_by`, also closes it. One with the scope `everywhere` is shared by all tenants.
    """

    dependency: str
    scope: LimitScope
    state: BreakerState
    failures: int
    until: datetime | None
    since: datetime | None
    reason: str | None
    opened_by: UUID | None
    version: int
    types: list[str]

    @classmethod
    def of(cls, found: Dependency) -> "BreakerOut":
        said = {**vars(found.breaker), "opened_by": found.breaker.by, "types": list(found.types)}
        return cls(**{name: said[name] for name in cls.model_fields})


class BreakersOut(Out):
    items: list[BreakerOut]

    @classmethod
    def of(cls, found: list[Dependency]) -> "BreakersOut":
        return cls(items=[BreakerOut.of(each) for each in found])


class BreakerOperationOut(Out):
    """What was done; `state` and `version` are those of the breaker when it had been."""

    operation_id: UUID
    dependency: str
    act: BreakerAct
    actor: UUID
    reason: str
    state: BreakerState
    version: int
    at: datetime

    @classmethod
    def of(cls, done: BreakerOperation) -> "BreakerOperationOut":
        said = {**vars(done), "operation_id": done.id}
        return cls(**{name: said[name] for name in cls.model_fields})
