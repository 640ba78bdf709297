"""Questions whether something may be posted, and what is told of each, on the wire."""

from datetime import date as local_date
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from api.schemas.books import ScopeCode
from api.schemas.common import Count, In, Key, Out
from application.periods.checking import MOST_QUESTIONS, Advice, Advised, Question
from application.periods.tables import MadePeriod
from domain.calendars import NoPeriod, PeriodKind
from domain.errors import Refusal
from domain.periods import LateEntries, Operation, Posting, Status

_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+$"


class PostingCheckIn(In):
    """On a `date` of the entity, or at an `instant` with its offset, which has the date that the entity's clocks show.

    `period` is the number of an adjusting period of that day's year.
    """

    entity: Key
    scope: ScopeCode
    operation: Operation
    date: Annotated[str, StringConstraints(pattern=_DAY)] | None = Field(None, examples=["2024-03-31"])
    instant: Annotated[str, StringConstraints(pattern=_INSTANT, max_length=40)] | None = Field(
        None, examples=["2024-04-01T03:30:00Z"]
    )
    period: Annotated[int, Field(strict=True, ge=1, le=99)] | None = None

    @model_validator(mode="after")
    def _one_day(self) -> Self:
        if (self.date is None) == (self.instant is None):
            raise ValueError("either a date or an instant")
        return self

    def question(self, place: int) -> Question:
        name = "date" if self.instant is None else "instant"
        on = getattr(self, name)
        return Question(self.entity, self.scope, self.operation, on, self.period, f"/checks/{place}/{name}")


class PostingChecksIn(In):
    """For you, or for the `person` on whose behalf a program posts, which takes `periods.manage`."""

    checks: list[PostingCheckIn] = Field(min_length=1, max_length=MOST_QUESTIONS)
    person: UUID | None = None

    def questions(self) -> list[Question]:
        return [each.question(place) for place, each in enumerate(self.checks)]


class CheckedPeriodOut(Out):
    """`code` is the year's and the number; both days are inside."""

    id: UUID
    code: str
    name: str
    kind: PeriodKind
    begins: local_date
    ends: local_date

    @classmethod
    def of(cls, found: MadePeriod) -> "CheckedPeriodOut":
        called = found.called
        return cls(
            id=found.id, code=f"{called.year}-{called.number:02}", name=called.name, kind=found.kind,
            begins=found.begins, ends=found.ends,
        )  # fmt: skip


class PostingAdviceOut(Out):
    """What the guard would say of it now, which is not `binding`: something else may be true when it is posted.

    `reason_code` is the kind of problem that the guard would refuse it with, `message` its sentence. `next_open_date`
    is the first day of the next period that takes it. `late_entries` is what the books do with those that come late:
    where they are swept, `post_on` is the day to post it on instead, and `date` is kept as its original date. `around`
    has the periods before and after a day that has none.
    """

    entity: str
    scope: str
    operation: Operation
    date: local_date | None
    allowed: bool
    binding: bool
    period: CheckedPeriodOut | None
    status: Status | None
    policy: Posting | None
    epoch: Count | None
    reason_code: str | None
    message: str | None
    next_open_date: local_date | None
    late_entries: LateEntries | None
    post_on: local_date | None
    around: dict[str, Any] | None

    @classmethod
    def of(cls, told: Advice) -> "PostingAdviceOut":
        asked, gate, refusal = told.question, told.gate, told.refusal
        return cls(
            entity=asked.entity, scope=asked.scope, operation=asked.operation, date=told.day,
            allowed=told.allowed, binding=False,
            period=CheckedPeriodOut.of(told.period) if told.period else None,
            status=gate.status if gate else None, policy=gate.posting if gate else None,
            epoch=gate.epoch if gate else None,
            reason_code=refusal.kind if refusal else None, message=str(refusal) if refusal else None,
            next_open_date=told.next_open, late_entries=told.late, post_on=told.post_on,
            around=_around(refusal),
        )  # fmt: skip


class PostingChecksOut(Out):
    """In the order of the questions. A change of the last `age` seconds may not have been heard of."""

    answers: list[PostingAdviceOut]
    age: float

    @classmethod
    def of(cls, told: Advised) -> "PostingChecksOut":
        return cls(answers=[PostingAdviceOut.of(each) for each in told.advices], age=round(told.age, 3))


def _around(refusal: Refusal | None) -> dict[str, Any] | None:
    return {name: refusal.facts[name] for name in ("before", "after")} if isinstance(refusal, NoPeriod) else None
