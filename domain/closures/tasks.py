"""A task of a close is done when its owner did it and, where there is a reviewer, somebody else has looked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.canonical import Json
from domain.closures.amounts import told
from domain.closures.refusals import (
    EvidenceMissing,
    NotByHand,
    NotTheirTask,
    SodViolation,
    TaskBlocked,
    WrongTaskState,
)
from domain.closures.signoffs import Seen, Signer, SignOff, signed, superseded, suspended
from domain.errors import Fault, Invalid


class TaskKind(StrEnum):
    """`AUTOMATIC`: its owner is a program elsewhere that is told when its turn comes, and answers as a person does.

    `MILESTONE`: it marks that what is before it is done.
    """

    MANUAL = "manual"
    AUTOMATIC = "automatic"
    CHECK = "check"
    RECONCILIATION = "reconciliation"
    MILESTONE = "milestone"


class TaskState(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    DONE = "done"
    WAIVED = "waived"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"


BY_HAND = frozenset({TaskKind.MANUAL, TaskKind.RECONCILIATION, TaskKind.AUTOMATIC})
"""Not by the close itself."""
SETTLED = frozenset({TaskState.DONE, TaskState.WAIVED})
"""What comes after may begin."""
_TO_DO = frozenset({TaskState.READY, TaskState.IN_PROGRESS, TaskState.REJECTED, TaskState.SUSPENDED})


@dataclass(frozen=True)
class TaskPlan:
    """`due_offset_days` are business days after the last day of the period; `check` is the one that a check runs."""

    key: str
    name: str
    kind: TaskKind
    owner: UUID
    reviewer: UUID | None = None
    after: tuple[str, ...] = ()
    effort_hours: Decimal = Decimal(1)
    due_offset_days: int = 0
    check: str | None = None
    instructions: str = ""
    needs_evidence: bool = False

    def to_json(self) -> Json:
        return {
            "key": self.key,
            "name": self.name,
            "kind": self.kind.value,
            "owner": str(self.owner),
            "reviewer": str(self.reviewer) if self.reviewer else None,
            "after": list(self.after),
            "effort_hours": told(self.effort_hours),
            "due_offset_days": self.due_offset_days,
            "check": self.check,
            "instructions": self.instructions,
            "needs_evidence": self.needs_evidence,
        }


@dataclass(frozen=True)
class ClosureTask:
    """`returns` counts how often it was given back, `ready_at` to `ended_at` are its times for the measures."""

    id: UUID
    run: UUID
    plan: TaskPlan
    state: TaskState = TaskState.WAITING
    due_at: datetime | None = None
    evidence: tuple[UUID, ...] = ()
    signoffs: tuple[SignOff, ...] = ()
    ready_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    returns: int = 0
    waived_by: UUID | None = None
    remark: str = ""
    """Why it was rejected or waived."""

    @property
    def settled(self) -> bool:
        return self.state in SETTLED

    @property
    def live(self) -> tuple[SignOff, ...]:
        return tuple(each for each in self.signoffs if each.live)

    def started(self, by: UUID, at: datetime) -> "ClosureTask":
        self._check_owner(by)
        self._check_to_do()
        return replace(self, state=TaskState.IN_PROGRESS, started_at=self.started_at or at)

    def attached(self, evidence: UUID, by: UUID) -> "ClosureTask":
        """By its owner or its reviewer. Raises NotTheirTask, WrongTaskState."""
        if by not in {self.plan.owner, self.plan.reviewer}:
            raise NotTheirTask(task=self.plan.key)
        if self.state in {*SETTLED, TaskState.CANCELLED}:
            raise WrongTaskState(task=self.plan.key, state=self.state.value)
        return replace(self, evidence=(*self.evidence, evidence))

    def complete(self, by: UUID, at: datetime, seen: Seen) -> "ClosureTask":
        """Raises NotByHand, NotTheirTask, TaskBlocked, WrongTaskState, EvidenceMissing, Invalid."""
        if self.plan.kind not in BY_HAND:
            raise NotByHand(task=self.plan.key, task_kind=self.plan.kind.value)
        self._check_owner(by)
        self._check_to_do()
        if self.plan.needs_evidence and not self.evidence:
            raise EvidenceMissing(task=self.plan.key)
        self._check_balances(seen)
        return self._signed(by, at, seen)

    def performed(self, by: UUID, at: datetime, seen: Seen) -> "ClosureTask":
        """The close itself came to a milestone or ran a check, for `by`. Raises TaskBlocked, WrongTaskState."""
        if self.plan.kind in BY_HAND:
            raise WrongTaskState(task=self.plan.key, task_kind=self.plan.kind.value)
        self._check_to_do()
        return self._signed(by, at, seen)

    def approve(self, by: UUID, at: datetime, seen: Seen) -> "ClosureTask":
        """The reviewer looked, and it is done. Raises SodViolation, NotTheirTask, WrongTaskState."""
        self._check_review(by)
        if any(each.basis != seen.basis for each in self.live):
            raise WrongTaskState(task=self.plan.key, state=self.state.value, why="its basis moved")
        with_review = (*self.signoffs, signed(Signer.REVIEWER, by, at, seen))
        return replace(self, state=TaskState.DONE, signoffs=with_review, ended_at=at, remark="")

    def reject(self, by: UUID, at: datetime, reason: str) -> "ClosureTask":
        """The reviewer gives it back. Raises SodViolation, NotTheirTask, WrongTaskState, Invalid."""
        self._check_review(by)
        why, signoffs = needed(reason), superseded(self.signoffs, at)
        return replace(self, state=TaskState.REJECTED, signoffs=signoffs, returns=self.returns + 1, remark=why)

    def suspend(self, basis: str, at: datetime) -> "ClosureTask":
        """What was signed for anything but `basis` holds no more, and is asked for anew; nothing is lost."""
        after = suspended(self.signoffs, basis, at)
        if after == self.signoffs or self.state not in {TaskState.SUBMITTED, TaskState.DONE}:
            return self
        return replace(self, state=TaskState.SUSPENDED, signoffs=after, ended_at=None, returns=self.returns + 1)

    def waive(self, by: UUID, at: datetime, reason: str, requester: UUID) -> "ClosureTask":
        """It need not be done, says neither who should have done it nor who asked for the close.

        Raises SodViolation, WrongTaskState, Invalid.
        """
        if by in {requester, self.plan.owner, *self._signers(Signer.PREPARER)}:
            raise SodViolation(task=self.plan.key, rule="who asked for the close or should do a task does not waive it")
        if self.state in {*SETTLED, TaskState.CANCELLED}:
            raise WrongTaskState(task=self.plan.key, state=self.state.value)
        return replace(self, state=TaskState.WAIVED, waived_by=by, remark=needed(reason), ended_at=at)

    def cancel(self, at: datetime) -> "ClosureTask":
        """With the run; what is done stays done."""
        return self if self.settled else replace(self, state=TaskState.CANCELLED, ended_at=at)

    def _signed(self, by: UUID, at: datetime, seen: Seen) -> "ClosureTask":
        signoffs = (*superseded(self.signoffs, at), signed(Signer.PREPARER, by, at, seen))
        state, ended = (TaskState.SUBMITTED, None) if self.plan.reviewer else (TaskState.DONE, at)
        began = self.started_at or at
        return replace(self, state=state, signoffs=signoffs, remark="", started_at=began, ended_at=ended)

    def _check_owner(self, by: UUID) -> None:
        if by != self.plan.owner:
            raise NotTheirTask(task=self.plan.key)

    def _check_to_do(self) -> None:
        if self.state is TaskState.WAITING:
            raise TaskBlocked(task=self.plan.key, after=list(self.plan.after))
        if self.state not in _TO_DO:
            raise WrongTaskState(task=self.plan.key, state=self.state.value)

    def _check_review(self, by: UUID) -> None:
        if by in {self.plan.owner, *self._signers(Signer.PREPARER)}:
            raise SodViolation(task=self.plan.key, rule="who prepares does not review")
        if by != self.plan.reviewer:
            raise NotTheirTask(task=self.plan.key)
        if self.state is not TaskState.SUBMITTED:
            raise WrongTaskState(task=self.plan.key, state=self.state.value)

    def _check_balances(self, seen: Seen) -> None:
        named = {"statement_balance": seen.statement_balance, "book_balance": seen.book_balance}
        missing = [name for name, value in named.items() if value is None]
        if self.plan.kind is TaskKind.RECONCILIATION and missing:
            raise Invalid([Fault(f"/{name}", "the balance that was reconciled") for name in missing])

    def _signers(self, role: Signer) -> frozenset[UUID]:
        return frozenset(each.who for each in self.live if each.role is role)


def settled(tasks: Sequence[ClosureTask], at: datetime) -> tuple[ClosureTask, ...]:
    """The same tasks: what is to do and has something open before it waits, and is ready when it has not."""
    over = {each.plan.key for each in tasks if each.settled}
    return tuple(_placed(each, over, at) for each in tasks)


def ready(tasks: Iterable[ClosureTask]) -> tuple[ClosureTask, ...]:
    return tuple(each for each in tasks if each.state in _TO_DO)


def authors(requester: UUID, tasks: Iterable[ClosureTask]) -> frozenset[UUID]:
    """Who asked for the close or did a part of it, and so does not approve it."""
    owners = {each.plan.owner for each in tasks if each.state is not TaskState.WAIVED}
    return frozenset({requester, *owners})


def needed(reason: str, path: str = "/reason") -> str:
    """Invalid without a reason."""
    if not reason.strip():
        raise Invalid([Fault(path, "why")])
    return reason.strip()


def _placed(task: ClosureTask, over: set[str], at: datetime) -> ClosureTask:
    if task.state not in {TaskState.WAITING, *_TO_DO}:
        return task
    if not over >= set(task.plan.after):
        return replace(task, state=TaskState.WAITING)
    if task.state is TaskState.WAITING:
        return replace(task, state=TaskState.READY, ready_at=task.ready_at or at)
    return task
