"""Emergencies and their reviews on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from api.schemas.common import In, Out
from application.bypassing import LEAST_REASON, LONGEST_INCIDENT, Emergency
from application.ports.records import Review, ReviewCause
from application.reviewing import LEAST_FINDING
from domain.environments import Environment


class BreakGlassIn(In):
    """`incident` is its id where incidents are kept; `reason` says why nobody can be asked."""

    reason: Annotated[str, StringConstraints(min_length=LEAST_REASON, max_length=2000, strip_whitespace=True)]
    incident: Annotated[
        str,
        StringConstraints(min_length=1, max_length=LONGEST_INCIDENT, strip_whitespace=True),
        Field(examples=["INC-4711"]),
    ]

    def emergency(self) -> Emergency:
        return Emergency(self.incident, self.reason)


class CloseIn(In):
    finding: Annotated[str, StringConstraints(min_length=LEAST_FINDING, max_length=2000, strip_whitespace=True)]


class ReviewOut(Out):
    """`change` is the one that went past its approval, for `incident`; a kill switch has neither."""

    id: UUID
    cause: ReviewCause
    environment: Environment
    key: str
    change: UUID | None
    incident: str | None
    reason: str
    opened_by: UUID
    opened_at: datetime
    due_at: datetime
    escalated_at: datetime | None
    closed_by: UUID | None
    closed_at: datetime | None
    finding: str | None

    @classmethod
    def of(cls, review: Review) -> "ReviewOut":
        return cls(
            id=review.id, cause=review.cause, environment=review.environment, key=review.key, change=review.change,
            incident=review.incident, reason=review.reason, opened_by=review.opened_by, opened_at=review.opened_at,
            due_at=review.due_at, escalated_at=review.escalated_at, closed_by=review.closed_by,
            closed_at=review.closed_at, finding=review.finding,
        )  # fmt: skip


class ReviewsOut(Out):
    items: list[ReviewOut]

    @classmethod
    def of(cls, reviews: list[Review]) -> "ReviewsOut":
        return cls(items=[ReviewOut.of(review) for review in reviews])
