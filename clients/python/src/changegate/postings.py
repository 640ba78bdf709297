"""Whether something may be posted is asked before a person types it; the guard in the ledger's database decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Day  # noqa: N812 -- `date` is a field
from datetime import datetime
from uuid import UUID

from changegate.models import Json, instant, parsed
from changegate.wire import Call


@dataclass(frozen=True)
class PostingCheck:
    """`on` is a date of the entity, or an instant, which has the date that the entity's clocks show at it.

    `operation` is transaction, adjustment, closing or reporting; `period` the number of an adjusting period.
    """

    entity: str
    scope: str
    operation: str
    on: Day | datetime
    period: int | None = None

    def to_json(self) -> dict[str, Json]:
        said = {"entity": self.entity, "scope": self.scope, "operation": self.operation, "period": self.period}
        if isinstance(self.on, datetime):
            return {**said, "instant": instant(self.on)}
        return {**said, "date": self.on.isoformat()}


@dataclass(frozen=True)
class CheckedPeriod:
    """`code` is that of its year and its number, as 2025-03; both days are inside."""

    id: UUID
    code: str
    name: str
    kind: str
    begins: Day
    ends: Day


@dataclass(frozen=True)
class PostingAdvice:
    """What the guard would say of it now; `reason_code` is the kind of its refusal, `message` the sentence of it.

    Never `binding`: the gate may move before it is posted. `post_on` is the day to post a late entry on instead, where
    the books sweep those, and `date` its original date then.
    """

    entity: str
    scope: str
    operation: str
    date: Day | None
    allowed: bool
    binding: bool
    period: CheckedPeriod | None
    status: str | None
    policy: str | None
    epoch: int | None
    reason_code: str | None
    message: str | None
    next_open_date: Day | None
    late_entries: str | None
    post_on: Day | None
    around: Json


@dataclass(frozen=True)
class PostingAnswers:
    """In the order of the questions; a change of the last `age` seconds may not have been heard of."""

    answers: tuple[PostingAdvice, ...]
    age: float


def check(checks: Sequence[PostingCheck], person: UUID | str | None) -> Call[PostingAnswers]:
    body = {"checks": [each.to_json() for each in checks], "person": str(person) if person else None}
    return Call("POST", "/posting-checks", lambda found: parsed(PostingAnswers, found), {}, body)
