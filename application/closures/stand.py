"""What a close's workflow is told after each of its steps: ids and small facts, and never what was booked."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from application.asked import Asked
from domain.closures.refusals import NotTheirTask, SodViolation, TaskBlocked, WrongTaskState
from domain.closures.states import OVER, Act, RunState
from domain.closures.tasks import TaskState
from domain.errors import Missing

MOST_BLOCKERS = 20
"""So many checks are named; the database knows the others."""
ENDED = frozenset({TaskState.DONE, TaskState.WAIVED, TaskState.CANCELLED})
_REVIEWS = frozenset({Act.SIGN_OFF, Act.REJECT_TASK})
_OF_TASKS = _REVIEWS | {Act.COMPLETE_TASK, Act.WAIVE_TASK}


@dataclass(frozen=True)
class RunStep:
    """`name` is unique in the run and the same at every retry: a step that was done is not done again.

    `heard` is the revision of the tasks that the asker knows.
    """

    tenant: UUID
    run: UUID
    name: str
    at: datetime
    heard: int = 0


@dataclass(frozen=True)
class ClosureAct:
    """One act of a person, as the workflow passes it on; `step` names it once and for all."""

    tenant: UUID
    run: UUID
    verb: Act
    assertion: str
    step: str
    at: datetime
    heard: int = 0


@dataclass(frozen=True)
class TaskBrief:
    """One that is not `by_hand` is done by the close itself, as soon as the books let it."""

    id: UUID
    key: str
    state: TaskState
    owner: UUID
    reviewer: UUID | None = None
    after: tuple[str, ...] = ()
    due_at: datetime | None = None
    by_hand: bool = True

    @property
    def open(self) -> bool:
        return self.state not in ENDED

    def check(self, act: Act, actor: UUID) -> None:
        """What tells at a glance that it would be refused: TaskBlocked, WrongTaskState, SodViolation, NotTheirTask."""
        reviews, submitted = act in _REVIEWS, self.state is TaskState.SUBMITTED
        if reviews and actor == self.owner:
            raise SodViolation(task=self.key)
        if act is not Act.WAIVE_TASK and actor != (self.reviewer if reviews else self.owner):
            raise NotTheirTask(task=self.key)
        if act is Act.COMPLETE_TASK and self.state is TaskState.WAITING:
            raise TaskBlocked(task=self.key, after=list(self.after))
        if not self.open or (submitted if act is Act.COMPLETE_TASK else reviews and not submitted):
            raise WrongTaskState(task=self.key, state=self.state.value)

    @property
    def words(self) -> str:
        due = f", due {self.due_at.isoformat(timespec='minutes')}" if self.due_at is not None else ""
        return f"`{self.key}`: {self.state.value.replace('_', ' ')}{due}"


@dataclass(frozen=True)
class Stand:
    """What the database holds: enough to go on.

    `fences` have not been acknowledged, and `waits` says in words where the first of them stand; `blockers` are names
    of checks; `steps` is the highest number of a step.
    `revision` is that of the tasks. An answer has only those tasks that changed after the revision that was heard.
    """

    run: UUID
    state: RunState
    why: str = ""
    tasks: tuple[TaskBrief, ...] = ()
    blockers: tuple[str, ...] = ()
    fences: int = 0
    asked: Asked | None = None
    steps: int = 0
    revision: int = 0
    waits: tuple[str, ...] = ()

    def upon(self, known: "Stand") -> "Stand":
        """With every task: an answer, laid over what was known when it was asked for."""
        changed = {task.key: task for task in self.tasks}
        tasks = [changed.pop(task.key, task) for task in known.tasks]
        return replace(self, tasks=(*tasks, *changed.values()))

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def open_tasks(self) -> tuple[TaskBrief, ...]:
        return tuple(task for task in self.tasks if task.open)

    @property
    def waits_for_books(self) -> bool:
        return any(not task.by_hand and task.state is TaskState.READY for task in self.tasks)

    @property
    def work_done(self) -> bool:
        return not self.open_tasks

    def check(self, act: Act, task: str | None, actor: UUID | None) -> None:
        """Missing for a task that it has not, and the refusals of that task; silent where nothing can be told."""
        if act not in _OF_TASKS or task is None:
            return
        found = next((each for each in self.tasks if each.key == task), None)
        if found is None:
            raise Missing(kind_of_thing="closure task", id=task)
        if actor is not None:
            found.check(act, actor)
