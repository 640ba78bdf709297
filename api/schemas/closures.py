"""Closes of periods on the wire: what is asked for, how it stands, and what proves that it was done."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from api.schemas.books import ScopeCode
from api.schemas.common import In, Instant, Key, Object, Out, Reason
from api.schemas.fences import AwaitedOut
from application.closures.desk import ActWish
from application.closures.looking import Checked, CheckedBy, RunView
from application.closures.prechecking import DryRun, DryWish
from application.closures.starting import StartWish
from application.ports.closures import RunLine
from domain.closures import Act, CheckResult, ClosureRun, ClosureTask, Mode, RunState, SignOff, TaskKind, TaskState

PeriodCode = Annotated[str, Field(pattern=r"^(19|2[0-9])[0-9]{2}T?-[0-9]{2}$", examples=["2025-03"])]
Amount = Annotated[str, Field(pattern=r"^-?[0-9]{1,100}(\.[0-9]{1,50})?$", examples=["1204.50"])]
Note = Annotated[str, StringConstraints(max_length=2000)]


class DryRunIn(In):
    """`scopes` are all that the entity has, unless said."""

    entity: Key
    period: PeriodCode
    mode: Mode = Mode.HARD
    scopes: Annotated[list[ScopeCode], Field(min_length=1, max_length=50)] | None = None

    def wish(self) -> DryWish:
        return DryWish(self.entity, self.period, self.mode, tuple(self.scopes) if self.scopes else None)


class ClosureIn(DryRunIn):
    """`template` names the tasks that belong to such a close; without one there are none."""

    template: Key | None = None
    due_at: Instant | None = None
    reason: Reason

    def start(self, new: UUID) -> StartWish:
        scopes = tuple(self.scopes) if self.scopes else None
        return StartWish(new, self.entity, self.period, self.mode, scopes, self.template, self.due_at, self.reason)


class DeadlineIn(In):
    """Of `task`, or of all that are open."""

    due_at: Instant
    task: Key | None = None
    reason: Reason

    def wish(self) -> ActWish:
        return ActWish(Act.EXTEND_DEADLINE, self.reason, self.task, due_at=self.due_at)


class ReleaseIn(In):
    change: UUID
    reason: Reason


class CompletionIn(In):
    """Both balances where the task is a reconciliation."""

    reason: Note = ""
    statement_balance: Amount | None = None
    book_balance: Amount | None = None

    def wish(self, task: str) -> ActWish:
        return ActWish(
            Act.COMPLETE_TASK, self.reason, task,
            statement_balance=self.statement_balance, book_balance=self.book_balance,
        )  # fmt: skip


class SignOffIn(In):
    reason: Note = ""


class CheckOut(Out):
    """`measured` is what was found; `blocks` says whether it is in the way still."""

    check: str
    severity: str
    ok: bool
    blocks: bool
    measured: Any
    waived_by: UUID | None
    waiver_reason: str | None
    acknowledged_by: UUID | None

    @classmethod
    def of(cls, found: CheckResult) -> "CheckOut":
        return cls(**{**vars(found), "severity": found.severity.value}, blocks=found.blocks)


class CheckedOut(Out):
    """`again`: somebody has asked to check anew, and that goes on, or comes once the tasks are done."""

    by: CheckedBy
    at: datetime
    again: bool

    @classmethod
    def of(cls, checked: Checked) -> "CheckedOut":
        return cls(**vars(checked))


class SignOffOut(Out):
    role: str
    who: UUID
    at: datetime
    basis: str = Field(description="The digest of what was seen.")
    statement_balance: str | None
    book_balance: str | None
    suspended_at: datetime | None
    superseded_at: datetime | None

    @classmethod
    def of(cls, each: SignOff) -> "SignOffOut":
        named = {name: _told(vars(each)[name]) for name in ("statement_balance", "book_balance")}
        return cls(**{**vars(each), **named, "role": each.role.value})


class TaskOut(Out):
    key: str
    name: str
    kind: TaskKind
    state: TaskState
    owner: UUID
    reviewer: UUID | None
    after: list[str]
    due_at: datetime | None
    instructions: str
    needs_evidence: bool
    evidence: list[UUID]
    signoffs: list[SignOffOut]
    waived_by: UUID | None
    remark: str

    @classmethod
    def of(cls, task: ClosureTask) -> "TaskOut":
        plan = task.plan
        return cls(
            key=plan.key, name=plan.name, kind=plan.kind, state=task.state, owner=plan.owner, reviewer=plan.reviewer,
            after=list(plan.after), due_at=task.due_at, instructions=plan.instructions,
            needs_evidence=plan.needs_evidence, evidence=list(task.evidence),
            signoffs=[SignOffOut.of(each) for each in task.signoffs], waived_by=task.waived_by, remark=task.remark,
        )  # fmt: skip


class ClosureOut(Out):
    """`approval` is the change whose votes decide; `supersedes` the close whose certificate this one follows."""

    id: UUID
    entity: str
    period: str
    scopes: list[str]
    mode: Mode
    attempt: int
    requester: UUID
    state: RunState
    template: str | None
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    approval: UUID | None
    supersedes: UUID | None

    @classmethod
    def of(cls, run: ClosureRun) -> "ClosureOut":
        return cls(
            id=run.id, entity=run.entity, period=run.period_code, scopes=list(run.scopes), mode=run.mode,
            attempt=run.attempt, requester=run.requester, state=run.state, template=run.template,
            opened_at=run.opened_at, due_at=run.due_at, closed_at=run.closed_at, approval=run.approval,
            supersedes=run.supersedes,
        )  # fmt: skip


class StepOut(Out):
    step: str
    from_state: RunState | None
    to_state: RunState
    cause: str
    at: datetime
    actor: UUID | None
    reason: str | None

    @classmethod
    def of(cls, line: RunLine) -> "StepOut":
        return cls(
            step=line.step, from_state=line.from_state, to_state=line.to_state, cause=line.cause, at=line.at,
            actor=line.actor, reason=line.reason,
        )  # fmt: skip


class ClosureDetailOut(ClosureOut):
    """With its tasks, what was checked last and when, every step that it took, and the handles of who is named.

    `waits` are the modules elsewhere that have not acknowledged, each with the reason.
    """

    tasks: list[TaskOut]
    checks: list[CheckOut]
    checked: CheckedOut | None
    timeline: list[StepOut]
    handles: dict[UUID, str]
    waits: list[AwaitedOut]

    @classmethod
    def whole(cls, view: RunView) -> "ClosureDetailOut":
        return cls(
            **dict(ClosureOut.of(view.run)),
            tasks=[TaskOut.of(task) for task in view.tasks],
            checks=[CheckOut.of(each) for each in view.results],
            checked=CheckedOut.of(view.checked) if view.checked else None,
            timeline=[StepOut.of(line) for line in view.timeline],
            handles=view.handles,
            waits=[AwaitedOut.of(each) for each in view.waits],
        )


class ClosurePage(Out):
    items: list[ClosureOut]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[ClosureRun], str | None]) -> "ClosurePage":
        return cls(items=[ClosureOut.of(each) for each in page[0]], next_cursor=page[1])


class DryRunOut(Out):
    """`blockers` are the checks that would be in the way now."""

    blockers: list[str]
    checks: list[CheckOut]

    @classmethod
    def of(cls, found: DryRun) -> "DryRunOut":
        checks = [CheckOut.of(each) for each in found.results]
        return cls(blockers=[each.check for each in checks if each.blocks], checks=checks)


class CertificateOut(Out):
    """`digest` is the SHA-256 of the canonical JSON (RFC 8785) of `certificate`; the next one names it."""

    digest: str
    certificate: Object


def _told(amount: Any) -> str | None:
    return None if amount is None else format(amount, "f")
