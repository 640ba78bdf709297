"""Commands that wait for a person, and what people decide about them, on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from api.schemas.commands import CommandOut
from api.schemas.common import Digest, Handle, In, Instant, Object, Out
from domain.commands import CommandState, ParkedKind, name_of
from domain.commands.operations import (
    LEAST_REASON,
    MOST_REASON,
    Act,
    Cause,
    Decision,
    Operation,
    Parked,
    Standing,
)

Why = Annotated[
    str,
    StringConstraints(min_length=LEAST_REASON, max_length=MOST_REASON, strip_whitespace=True),
    Field(examples=["The bank answers again."]),
]


class DecisionIn(In):
    """`operation_id` is the asker's own: asked again under it, the decision is made once and answered as before."""

    operation_id: UUID
    reason: Why

    def decision(self, act: Act) -> Decision:
        return Decision(act, self.reason)


class RetryIn(DecisionIn):
    """`alone`: by a workflow of its own from now on, or not any more; null leaves it as it is."""

    alone: bool | None = None

    def decision(self, act: Act) -> Decision:
        return Decision(act, self.reason, alone=self.alone)


class CompletionIn(DecisionIn):
    """`result` is what its handler would have given; `evidence` the digest of what proves that it was done."""

    result: Object | None = None
    evidence: Digest

    def decision(self, act: Act) -> Decision:
        return Decision(act, self.reason, result=self.result, evidence=self.evidence)


class SnoozeIn(DecisionIn):
    until: Instant

    def decision(self, act: Act) -> Decision:
        return Decision(act, self.reason, until=self.until)


class AssignmentIn(DecisionIn):
    """`person` may operate commands; null takes it from whoever looked at it."""

    person: Handle | None

    def decision(self, act: Act) -> Decision:
        return Decision(act, self.reason, person=self.person)


class OperationOut(Out):
    """A decision; `state`, `epoch` and `version` are those of its command when it had been made.

    While it is `awaiting-approval` they are those of now, and `approval` is the request that another person answers.
    `why` says what it came to nothing by.
    """

    operation_id: UUID
    command: str
    act: Act
    actor: UUID
    reason: str
    state: CommandState
    epoch: int
    version: int
    at: datetime
    cause: str | None
    evidence: str | None
    standing: Standing
    approval: UUID | None
    why: str

    @classmethod
    def of(cls, made: Operation) -> "OperationOut":
        said = {**vars(made), "operation_id": made.id, "command": name_of(made.key)}
        return cls(**{name: said[name] for name in cls.model_fields})


class ParkedOut(Out):
    """`command` waits since `parked_at`. Who may not decide about it sees the shape of what it carries."""

    command: CommandOut
    parked_at: datetime
    assignee: UUID | None
    snoozed_until: datetime | None

    @classmethod
    def of(cls, parked: Parked) -> "ParkedOut":
        return cls(
            command=CommandOut.of(parked.record), parked_at=parked.at, assignee=parked.assignee,
            snoozed_until=parked.snoozed_until,
        )  # fmt: skip


class ParkedPage(Out):
    items: list[ParkedOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Parked], str | None]) -> "ParkedPage":
        return cls(items=[ParkedOut.of(each) for each in page[0]], next_cursor=page[1])


class CauseOut(Out):
    """Commands parked with errors of one `fingerprint`; `type`, `kind`, `code` and `message` are the newest one's.

    `owner` and `runbook` come with its type; `last_resolution` is how one of them stopped being parked.
    """

    fingerprint: str
    count: int
    first_parked_at: datetime
    last_parked_at: datetime
    type: str
    kind: ParkedKind
    code: str
    message: str
    owner: str | None
    runbook: str | None
    last_resolution: OperationOut | None

    @classmethod
    def of(cls, cause: Cause) -> "CauseOut":
        last = OperationOut.of(cause.last) if cause.last else None
        said = {
            **vars(cause),
            "first_parked_at": cause.first_at,
            "last_parked_at": cause.last_at,
            "last_resolution": last,
        }
        return cls(**{name: said[name] for name in cls.model_fields})


class CausePage(Out):
    items: list[CauseOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[Cause], str | None]) -> "CausePage":
        return cls(items=[CauseOut.of(each) for each in page[0]], next_cursor=page[1])
